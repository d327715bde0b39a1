//! Unix sockets, as the crates for many connections use them.
use mio::net::{UnixListener, UnixStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn path(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("{name}-{}", std::process::id()))
}

#[test]
fn mio_accepts_and_answers_at_a_unix_socket() {
    let path = path("mio");
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut listener = UnixListener::bind(&path).unwrap();
    poll.registry().register(&mut listener, Token(0), Interest::READABLE).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
    assert!(events.iter().any(|event| event.token() == Token(0) && event.is_readable()));
    let (mut server, _) = listener.accept().unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    poll.registry().register(&mut server, Token(1), Interest::READABLE).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.write_all(b"hello").unwrap();
    loop {
        poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
        if events.iter().any(|event| event.token() == Token(1) && event.is_readable()) {
            break;
        }
        assert!(!events.is_empty(), "nothing was told");
    }
    let mut bytes = [0; 5];
    server.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"hello");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn tokio_serves_many_connections_at_a_unix_socket() {
    let path = path("tokio");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let server = tokio::spawn(async move {
            let mut served = Vec::new();
            for _ in 0..20 {
                let (mut stream, _) = listener.accept().await.unwrap();
                served.push(tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    stream.read_to_end(&mut bytes).await.unwrap();
                    bytes.reverse();
                    stream.write_all(&bytes).await.unwrap();
                }));
            }
            for one in served {
                one.await.unwrap();
            }
        });
        let mut clients = Vec::new();
        for number in 0..20u8 {
            let path = path.clone();
            clients.push(tokio::spawn(async move {
                let mut stream = tokio::net::UnixStream::connect(path).await.unwrap();
                let sent: Vec<u8> = (0..5000u32).map(|at| at as u8 ^ number).collect();
                stream.write_all(&sent).await.unwrap();
                stream.shutdown().await.unwrap();
                let mut back = Vec::new();
                stream.read_to_end(&mut back).await.unwrap();
                back.reverse();
                assert_eq!(back, sent);
            }));
        }
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
    });
    std::fs::remove_file(path).unwrap();
}

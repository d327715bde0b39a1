//! Crates that wait for many things at once, as far as they know Redox.
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, mpsc, oneshot};

#[test]
fn mio_tells_which_pipe_is_readable_and_times_out() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let pipes: Vec<_> = (0..3).map(|_| std::io::pipe().unwrap()).collect();
    for (index, (reader, _)) in pipes.iter().enumerate() {
        let fd = reader.as_raw_fd();
        poll.registry().register(&mut SourceFd(&fd), Token(index), Interest::READABLE).unwrap();
    }
    let begun = Instant::now();
    poll.poll(&mut events, Some(Duration::from_millis(20))).unwrap();
    assert!(events.is_empty() && begun.elapsed() >= Duration::from_millis(19));
    (&pipes[1].1).write_all(b"x").unwrap();
    poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
    let ready: Vec<usize> = events.iter().map(|event| event.token().0).collect();
    assert_eq!(ready, [1]);
    (&pipes[1].0).read_exact(&mut [0; 1]).unwrap();
}

#[test]
fn a_mio_waker_ends_a_wait_from_another_thread() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let waker = Arc::new(Waker::new(poll.registry(), Token(7)).unwrap());
    let other = Arc::clone(&waker);
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(5));
        other.wake().unwrap();
    });
    poll.poll(&mut events, None).unwrap();
    assert!(events.iter().any(|event| event.token() == Token(7)));
    thread.join().unwrap();
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap()
}

#[test]
fn tokio_runs_tasks_on_several_threads() {
    let sum = runtime().block_on(async {
        let total = Arc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let total = Arc::clone(&total);
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    *total.lock().await += number;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        *total.lock().await
    });
    assert_eq!(sum, 4950);
}

#[test]
fn tokio_sleeps_times_out_and_selects() {
    runtime().block_on(async {
        let begun = Instant::now();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(begun.elapsed() >= Duration::from_millis(20));
        let (never, unanswered) = oneshot::channel::<()>();
        let patience = Duration::from_millis(10);
        assert!(tokio::time::timeout(patience, unanswered).await.is_err());
        assert!(never.is_closed());
        let (to, mut from) = mpsc::channel(4);
        tokio::spawn(async move {
            for number in 0..10 {
                to.send(number).await.unwrap();
            }
        });
        let mut got = Vec::new();
        loop {
            tokio::select! {
                number = from.recv() => match number {
                    Some(number) => got.push(number),
                    None => break,
                },
                () = tokio::time::sleep(Duration::from_secs(10)) => panic!("nothing came"),
            }
        }
        assert_eq!(got, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn tokio_reads_and_writes_files() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = tokio::fs::File::create(&path).await.unwrap();
        file.write_all(b"hello").await.unwrap();
        file.flush().await.unwrap();
        let mut text = String::new();
        tokio::fs::File::open(&path).await.unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        let mut names = tokio::fs::read_dir(folder.path()).await.unwrap();
        assert_eq!(names.next_entry().await.unwrap().unwrap().file_name(), "a");
        assert!(names.next_entry().await.unwrap().is_none());
    });
}

//! Sockets against what they are supposed to be: bytes and messages that arrive once and in order,
//! handles that are never lost, and nobody who waits for something that has happened.
use clavis_unix::hub::BACKLOG;
use clavis_unix::queue::Keep;
use clavis_unix::{ASSURED, BYTES, Credentials, HANDLES, Half, Hub, Kind, SHARED, SOCKETS};
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use syscall::error::{
    EADDRINUSE, EAGAIN, ECONNREFUSED, EDESTADDRREQ, EINVAL, EISCONN, EMSGSIZE, ENOTCONN, EPIPE,
    EPROTOTYPE, Result,
};

const ONE: Credentials = Credentials { process: 1, badge: 7 };
const TWO: Credentials = Credentials { process: 2, badge: 9 };

/// A handle that counts how many there are.
#[derive(Debug)]
struct Counted(Rc<Cell<usize>>, u32);

impl Counted {
    fn new(count: &Rc<Cell<usize>>, number: u32) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count), number)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

type Sockets = Hub<Counted>;

fn errno<T: std::fmt::Debug>(result: Result<T>) -> i32 {
    result.expect_err("an error").errno
}

fn send(hub: &mut Sockets, id: usize, data: &[u8]) -> Result<usize> {
    hub.send(id, data, &mut Vec::new(), None)
}

fn receive(hub: &mut Sockets, id: usize, room: usize) -> Result<Vec<u8>> {
    let mut out = vec![0; room];
    let received = hub.receive(id, &mut out, Keep::Nothing)?;
    out.truncate(received.count);
    Ok(out)
}

fn pair(hub: &mut Sockets, kind: Kind) -> (usize, usize) {
    let one = hub.create(kind, ONE).unwrap();
    let other = hub.pair(one, TWO).unwrap();
    (one, other)
}

fn listener(hub: &mut Sockets, kind: Kind, key: &[u8], backlog: usize) -> usize {
    let id = hub.create(kind, ONE).unwrap();
    hub.bind(id, key, b"address").unwrap();
    hub.listen(id, backlog, 1).unwrap();
    id
}

#[test]
fn a_stream_carries_bytes_in_order_and_ends_when_the_other_end_is_gone() {
    let mut hub = Sockets::default();
    let (one, other) = pair(&mut hub, Kind::Stream);
    assert_eq!(errno(receive(&mut hub, other, 5)), EAGAIN);
    send(&mut hub, one, b"hello ").unwrap();
    send(&mut hub, one, b"world").unwrap();
    assert_eq!(receive(&mut hub, other, 8).unwrap(), b"hello wo");
    hub.close(one);
    assert_eq!(receive(&mut hub, other, 8).unwrap(), b"rld");
    assert_eq!(receive(&mut hub, other, 8).unwrap(), b"");
    assert_eq!(errno(send(&mut hub, other, b"x")), EPIPE);
    assert_eq!(hub.readiness(other), Ok((true, true)));
}

#[test]
fn a_stream_takes_what_there_is_room_for_and_wakes_who_waits() {
    let mut hub = Sockets::default();
    let (one, other) = pair(&mut hub, Kind::Stream);
    let much = vec![1; BYTES + 10];
    assert_eq!(send(&mut hub, one, &much), Ok(BYTES));
    assert_eq!(errno(send(&mut hub, one, b"x")), EAGAIN);
    assert_eq!(hub.readiness(one), Ok((false, false)));
    hub.changed();
    receive(&mut hub, other, 1).unwrap();
    assert!(hub.changed().contains(&one));
    assert_eq!(hub.readiness(one), Ok((false, true)));
    assert_eq!(send(&mut hub, one, &much), Ok(1));
}

#[test]
fn messages_keep_their_ends_and_what_does_not_fit_is_lost() {
    for kind in [Kind::Datagram, Kind::Packets] {
        let mut hub = Sockets::default();
        let (one, other) = pair(&mut hub, kind);
        for message in [&b"first"[..], b"", b"third"] {
            send(&mut hub, one, message).unwrap();
        }
        let mut out = [0; 3];
        let received = hub.receive(other, &mut out, Keep::Nothing).unwrap();
        assert_eq!((received.count, received.length, &out), (3, 5, b"fir"));
        assert_eq!(receive(&mut hub, other, 9).unwrap(), b"");
        assert_eq!(hub.readiness(other), Ok((true, true)));
        assert_eq!(receive(&mut hub, other, 9).unwrap(), b"third");
        assert_eq!(errno(send(&mut hub, one, &[0; BYTES + 1])), EMSGSIZE);
        let mut count = 0;
        while send(&mut hub, one, b"").is_ok() {
            count += 1;
        }
        assert!(count < 4096, "empty messages are bounded: {count}");
    }
}

#[test]
fn who_connects_is_accepted_with_names_and_credentials() {
    let mut hub = Sockets::default();
    let server = listener(&mut hub, Kind::Stream, b"key", 2);
    let client = hub.create(Kind::Stream, ONE).unwrap();
    assert_eq!(errno(receive(&mut hub, client, 1)), ENOTCONN);
    assert_eq!(errno(hub.connect(client, b"other", 2)), ECONNREFUSED);
    hub.connect(client, b"key", 2).unwrap();
    assert_eq!(errno(hub.connect(client, b"key", 2)), EISCONN);
    // What is sent before it was accepted is there.
    send(&mut hub, client, b"early").unwrap();
    assert_eq!(hub.readiness(server), Ok((true, false)));
    let made = hub.accept(server).unwrap();
    assert_eq!(errno(hub.accept(server)), EAGAIN);
    assert_eq!(receive(&mut hub, made, 9).unwrap(), b"early");
    assert_eq!(hub.peer_credentials(made).unwrap(), Credentials { process: 2, ..ONE });
    assert_eq!(hub.peer_credentials(client).unwrap(), ONE);
    assert_eq!(hub.peer_address(client).unwrap(), b"address");
    assert_eq!(hub.peer_address(made).unwrap(), b"");
    assert_eq!(errno(hub.peer_address(server).map(<[u8]>::to_vec)), ENOTCONN);
}

#[test]
fn a_full_backlog_lets_who_connects_wait_and_a_listener_that_ends_refuses_all() {
    let mut hub = Sockets::default();
    let server = listener(&mut hub, Kind::Packets, b"key", 0);
    let clients: Vec<_> = (0..3).map(|_| hub.create(Kind::Packets, TWO).unwrap()).collect();
    hub.connect(clients[0], b"key", 2).unwrap();
    assert_eq!(errno(hub.connect(clients[1], b"key", 2)), EAGAIN);
    assert_eq!(hub.readiness(clients[1]), Ok((false, false)));
    hub.changed();
    hub.accept(server).unwrap();
    assert!(hub.changed().contains(&clients[1]));
    hub.connect(clients[1], b"key", 2).unwrap();
    assert_eq!(errno(hub.connect(clients[2], b"key", 2)), EAGAIN);
    hub.close(server);
    assert_eq!(receive(&mut hub, clients[1], 1).unwrap(), b"", "it was never accepted");
    assert_eq!(errno(hub.connect(clients[2], b"key", 2)), ECONNREFUSED);
    let again = listener(&mut hub, Kind::Packets, b"key", usize::MAX);
    for _ in 0..BACKLOG {
        let client = hub.create(Kind::Packets, TWO).unwrap();
        hub.connect(client, b"key", 2).unwrap();
    }
    assert_eq!(errno(hub.connect(clients[2], b"key", 2)), EAGAIN);
    hub.close(again);
}

#[test]
fn datagrams_go_to_names_and_carry_the_senders_address() {
    let mut hub = Sockets::default();
    let one = hub.create(Kind::Datagram, ONE).unwrap();
    let other = hub.create(Kind::Datagram, TWO).unwrap();
    hub.bind(one, b"one", b"/one").unwrap();
    hub.bind(other, b"other", b"/other").unwrap();
    assert_eq!(errno(hub.bind(other, b"x", b"")), EINVAL);
    hub.send(one, b"hi", &mut Vec::new(), Some(b"other")).unwrap();
    let received = hub.receive(other, &mut [0; 9], Keep::Nothing).unwrap();
    assert_eq!(received.from, b"/one");
    assert_eq!(errno(send(&mut hub, one, b"x")), ENOTCONN);
    hub.connect(one, b"other", 1).unwrap();
    send(&mut hub, one, b"x").unwrap();
    let stream = hub.create(Kind::Stream, ONE).unwrap();
    assert_eq!(errno(hub.bind(stream, b"other", b"")), EADDRINUSE);
    assert_eq!(errno(hub.connect(stream, b"other", 1)), EPROTOTYPE);
    assert_eq!(errno(hub.listen(stream, 1, 1)), EDESTADDRREQ);
    hub.close(other);
    assert_eq!(errno(send(&mut hub, one, b"x")), ECONNREFUSED);
    assert_eq!(errno(hub.send(one, b"x", &mut Vec::new(), Some(b"other"))), ECONNREFUSED);
}

#[test]
fn a_sender_of_datagrams_waits_for_the_one_that_is_full() {
    let mut hub = Sockets::default();
    let sink = hub.create(Kind::Datagram, ONE).unwrap();
    hub.bind(sink, b"sink", b"").unwrap();
    let source = hub.create(Kind::Datagram, ONE).unwrap();
    let mut fill = || loop {
        match hub.send(source, &[0; 1000], &mut Vec::new(), Some(b"sink")) {
            Ok(_) => {}
            Err(error) => break error.errno,
        }
    };
    assert_eq!(fill(), EAGAIN);
    assert_eq!(hub.readiness(source), Ok((false, false)));
    receive(&mut hub, sink, 9).unwrap();
    assert_eq!(hub.readiness(source), Ok((false, true)));
    hub.close(sink);
    assert_eq!(hub.readiness(source), Ok((false, true)));
}

#[test]
fn handles_come_with_the_bytes_they_were_sent_with_and_die_with_who_never_took_them() {
    let count = Rc::new(Cell::new(0));
    let mut hub = Sockets::default();
    let (one, other) = pair(&mut hub, Kind::Stream);
    send(&mut hub, one, b"before").unwrap();
    let mut handles = vec![Counted::new(&count, 1), Counted::new(&count, 2)];
    hub.send(one, b"with", &mut handles, None).unwrap();
    assert!(handles.is_empty());
    send(&mut hub, one, b"after").unwrap();
    let mut out = [0; 64];
    let first = hub.receive(other, &mut out, Keep::Nothing).unwrap();
    assert_eq!((first.count, first.handles.len()), (6, 0));
    let looked = hub.receive(other, &mut out, Keep::Message).unwrap();
    assert_eq!((looked.count, looked.handles.len()), (9, 0));
    let with = hub.receive(other, &mut out[..2], Keep::Nothing).unwrap();
    assert_eq!((with.count, with.handles.len()), (2, 2));
    assert_eq!(with.handles[1].1, 2);
    drop(with);
    assert_eq!(receive(&mut hub, other, 64).unwrap(), b"thafter");
    for _ in 0..HANDLES {
        hub.send(one, b"x", &mut vec![Counted::new(&count, 0)], None).unwrap();
    }
    let mut more = vec![Counted::new(&count, 0)];
    assert_eq!(errno(hub.send(one, b"x", &mut more, None)), EAGAIN);
    assert_eq!((more.len(), hub.handles()), (1, HANDLES));
    drop(more);
    hub.close(other);
    assert_eq!((count.get(), hub.handles()), (0, 0));
}

/// Fills a socket; what it took.
fn fill(hub: &mut Sockets, id: usize, size: usize) -> usize {
    let mut taken = 0;
    while let Ok(count) = send(hub, id, &vec![1; size]) {
        taken += count.max(1);
    }
    taken
}

#[test]
fn who_fills_many_sockets_takes_nobodys_room() {
    for (kind, size) in [(Kind::Stream, 9000), (Kind::Packets, 3000), (Kind::Datagram, 0)] {
        let mut hub = Sockets::default();
        let (one, other) = pair(&mut hub, kind);
        let mut flood = Vec::new();
        while flood.len() < SOCKETS - 4 {
            let (from, to) = pair(&mut hub, kind);
            fill(&mut hub, from, size);
            flood.extend([from, to]);
        }
        assert!(hub.cost() <= SHARED + flood.len() / 2 * ASSURED * 2, "{} wait", hub.cost());
        assert_eq!(hub.readiness(one), Ok((false, true)));
        assert_eq!(send(&mut hub, one, &[2; ASSURED / 2]), Ok(ASSURED / 2));
        assert_eq!(receive(&mut hub, other, ASSURED).unwrap(), [2; ASSURED / 2]);
        let (big, end) = pair(&mut hub, Kind::Packets);
        assert_eq!(errno(send(&mut hub, big, &[3; 60_000])), EAGAIN);
        assert_eq!(hub.readiness(big), Ok((false, false)));
        hub.changed();
        flood.into_iter().for_each(|id| hub.close(id));
        assert!(hub.changed().contains(&big));
        assert_eq!(hub.readiness(big), Ok((false, true)));
        assert_eq!(send(&mut hub, big, &[3; 60_000]), Ok(60_000));
        assert_eq!(receive(&mut hub, end, 60_000).unwrap().len(), 60_000);
        assert_eq!(hub.cost(), 0);
    }
}

#[test]
fn a_shut_direction_is_over_for_both_ends_and_the_other_goes_on() {
    let mut hub = Sockets::default();
    let (one, other) = pair(&mut hub, Kind::Stream);
    send(&mut hub, one, b"last").unwrap();
    hub.shutdown(one, Half::Write).unwrap();
    assert_eq!(errno(send(&mut hub, one, b"x")), EPIPE);
    assert_eq!(receive(&mut hub, other, 9).unwrap(), b"last");
    assert_eq!(receive(&mut hub, other, 9).unwrap(), b"");
    send(&mut hub, other, b"back").unwrap();
    assert_eq!(receive(&mut hub, one, 9).unwrap(), b"back");
    hub.shutdown(one, Half::Read).unwrap();
    assert_eq!(errno(send(&mut hub, other, b"x")), EPIPE);
    let alone = hub.create(Kind::Stream, ONE).unwrap();
    assert_eq!(errno(hub.shutdown(alone, Half::Read)), ENOTCONN);
}

#[test]
fn any_order_of_calls_loses_no_byte_no_handle_and_no_wake_up() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let count = Rc::new(Cell::new(0));
    let mut hub = Sockets::default();
    let mut open: Vec<usize> = Vec::new();
    // What is on its way through two streams that nobody closes.
    let ends = [pair(&mut hub, Kind::Stream), pair(&mut hub, Kind::Stream)];
    let mut flowing = [VecDeque::new(), VecDeque::new()];
    let mut next = 0u8;
    let keys: [&[u8]; 3] = [b"a", b"b", b"c"];
    for _ in 0..100_000 {
        let which = random.usize(..2);
        let (from, to) = ends[which];
        match random.u8(0..12) {
            0 | 1 => {
                let data: Vec<u8> = (0..random.usize(..3000))
                    .map(|_| {
                        next = next.wrapping_add(1);
                        next
                    })
                    .collect();
                let carried = if random.u8(..4) == 0 { 1 } else { 0 };
                let mut handles: Vec<_> = (0..carried).map(|_| Counted::new(&count, 0)).collect();
                if let Ok(sent) = hub.send(from, &data, &mut handles, None) {
                    flowing[which].extend(&data[..sent]);
                }
            }
            2 | 3 => {
                let mut out = vec![0; random.usize(1..4000)];
                match hub.receive(to, &mut out, Keep::Nothing) {
                    Ok(received) => {
                        let expected: Vec<u8> = flowing[which].drain(..received.count).collect();
                        assert_eq!(out[..received.count], expected);
                    }
                    Err(error) => {
                        assert_eq!(error.errno, EAGAIN);
                        assert!(flowing[which].is_empty());
                    }
                }
            }
            4 if open.len() < 60 => {
                let kinds = [Kind::Stream, Kind::Datagram, Kind::Packets];
                open.push(hub.create(kinds[random.usize(..3)], ONE).unwrap());
            }
            _ => {
                let Some(id) = random.choice(&open).copied() else { continue };
                let key = keys[random.usize(..3)];
                match random.u8(0..9) {
                    0 => _ = hub.bind(id, key, key),
                    1 => _ = hub.listen(id, random.usize(..4), 1),
                    2 => _ = hub.connect(id, key, 2),
                    3 => open.extend(hub.accept(id)),
                    4 => open.extend(hub.pair(id, TWO)),
                    5 => {
                        let mut handles = vec![Counted::new(&count, 0)];
                        let to = random.bool().then_some(key);
                        _ = hub.send(id, &[0; 900], &mut handles, to);
                    }
                    6 => _ = hub.receive(id, &mut [0; 500], Keep::Nothing),
                    7 => _ = hub.shutdown(id, if random.bool() { Half::Read } else { Half::Write }),
                    _ => {
                        hub.close(id);
                        open.retain(|other| *other != id);
                    }
                }
            }
        }
        assert_eq!(count.get(), hub.handles(), "handles that wait are those that live");
        // Who can go on was told, or never had to wait.
        if let Ok((_, true)) = hub.readiness(from) {
            assert!(hub.send(from, b"", &mut Vec::new(), None).is_ok());
        }
    }
    for id in open.into_iter().chain(ends.into_iter().flat_map(|(one, two)| [one, two])) {
        hub.close(id);
    }
    assert_eq!((count.get(), hub.cost()), (0, 0));
}

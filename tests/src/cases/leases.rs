//! What was lent is taken back, across processes and from std programs.
use super::support::{Peer, at, check, refused};
use crate::run::{Case, Verdict};
use clavis::abi::error::{EEXPIRED, EREVOKED};
use clavis::abi::params::LeaseState;
use clavis::handle::{query, receive, send};
use clavis::lease::Bounds;
use clavis::{AsNumber, Handle, Lease, Place, Rights};
use std::io::{Read, Write};
use syscall::flag::O_RDWR;

pub(crate) const CASES: &[Case] = &[
    Case { name: "what_was_lent_ends_with_all_that_came_of_it", run: taken_back },
    Case { name: "a_call_on_its_way_ends_when_its_lease_is_revoked", run: in_flight },
    Case { name: "a_lease_that_is_dropped_takes_back_what_it_lent", run: dropped },
    Case { name: "a_lease_ends_by_uses_and_by_bytes", run: bounded },
];

fn taken_back() -> Verdict {
    let peer = Peer::start("normal")?;
    let all = Rights::all();
    let outer = at("outer", Lease::new())?;
    let inner = at("inner", Lease::with(&[&outer], Bounds::default()))?;
    let lent = at("lend", outer.lend(&peer.root, all, all))?;
    let deeper = at("lend deeper", inner.lend(&lent, all, all))?;
    let opened = at("open", Handle::open_at(&lent, "x", O_RDWR as u64))?;
    let (reader, writer) = at("pipe", clavis::object::pipe(0))?;
    at("send", send(&writer, &[opened.number()], &[]))?;
    let passed = at("receive", receive(&reader, 1))?.remove(0);
    check(at("query", query(&passed))?.lease.is_some(), "a passed copy is under no lease")?;
    at("revoke inner", inner.revoke())?;
    refused("what the inner one lent", Handle::open_at(&deeper, "y", O_RDWR as u64), EREVOKED)?;
    at("what the outer one lent", Handle::open_at(&lent, "y", O_RDWR as u64))?;
    at("revoke", outer.revoke())?;
    for (what, handle) in [("lent", &lent), ("opened", &opened), ("passed", &passed)] {
        refused(what, Handle::open_at(handle, "y", O_RDWR as u64), EREVOKED)?;
        refused(what, Handle::duplicate(handle, Place::Upper), EREVOKED)?;
    }
    at("the original", Handle::open_at(&peer.root, "y", O_RDWR as u64))?;
    let file = std::fs::File::create("/tmp/lent").map_err(|error| format!("/tmp/lent: {error}"))?;
    let lease = at("lease", Lease::new())?;
    let lent = at("lend", lease.lend(&file, Rights::WRITE | Rights::DUP, Rights::empty()))?;
    let mut lent = std::fs::File::from(at("fd", lent.into_fd())?);
    check(lent.write(b"x").is_ok(), "a lent file cannot be written")?;
    at("revoke", lease.revoke())?;
    let error = lent.write(b"x").err().and_then(|error| error.raw_os_error());
    check(error == Some(EREVOKED), &format!("writing it gives {error:?}"))
}

fn in_flight() -> Verdict {
    let (reader, writer) = at("pipe", clavis::object::pipe(0))?;
    let lease = at("lease", Lease::new())?;
    let lent = at("lend", lease.lend(&reader, Rights::READ, Rights::empty()))?;
    let waiting = std::thread::spawn(move || {
        let mut byte = [0];
        (&lent).read(&mut byte).err().and_then(|error| error.raw_os_error())
    });
    std::thread::sleep(std::time::Duration::from_millis(20));
    at("revoke", lease.revoke())?;
    let error = waiting.join().ok().flatten();
    drop(writer);
    check(error == Some(EREVOKED), &format!("the read ended with {error:?}"))
}

fn dropped() -> Verdict {
    let peer = Peer::start("normal")?;
    let lease = at("lease", Lease::new())?;
    let lent = at("lend", lease.lend(&peer.root, Rights::all(), Rights::all()))?;
    at("open", Handle::open_at(&lent, "x", O_RDWR as u64))?;
    drop(lease);
    refused("after the drop", Handle::open_at(&lent, "x", O_RDWR as u64), EREVOKED)
}

fn bounded() -> Verdict {
    let peer = Peer::start("normal")?;
    let bounds = Bounds { uses: Some(2), ..Bounds::default() };
    let lease = at("lease", Lease::with(&[], bounds))?;
    let lent = at("lend", lease.lend(&peer.root, Rights::all(), Rights::all()))?;
    for _ in 0..2 {
        at("open", Handle::open_at(&lent, "x", O_RDWR as u64))?;
    }
    refused("the third", Handle::open_at(&lent, "x", O_RDWR as u64), EEXPIRED)?;
    let info = at("info", lease.info())?;
    check(info.state == LeaseState::Expired, "it does not say so")?;
    let (reader, writer) = at("pipe", clavis::object::pipe(0))?;
    let bounds = Bounds { bytes: Some(5), ..Bounds::default() };
    let lease = at("lease", Lease::with(&[], bounds))?;
    let lent = at("lend", lease.lend(&writer, Rights::WRITE, Rights::empty()))?;
    let count = (&lent).write(b"0123456789").map_err(|error| format!("write: {error}"))?;
    check(count == 5, &format!("{count} bytes were written"))?;
    let mut bytes = [0; 10];
    let count = (&reader).read(&mut bytes).map_err(|error| format!("read: {error}"))?;
    check(bytes[..count] == *b"01234", "other bytes came")?;
    let error = (&lent).write(b"x").err().and_then(|error| error.raw_os_error());
    check(error == Some(EEXPIRED), &format!("one more gives {error:?}"))
}

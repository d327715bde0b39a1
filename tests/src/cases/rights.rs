//! Rights and inherit masks only shrink, one by one, on every way to obtain a handle.
use super::support::{Peer, at, check, refused};
use crate::peer::ask;
use crate::run::{Case, Verdict};
use clavis::abi::error::{EBADF, ENOTCAPABLE};
use clavis::abi::rights::TABLE;
use clavis::handle::{limit, query, receive, send};
use clavis::{AsNumber, Handle, Place, Rights};
use std::io::{Read, Write};
use syscall::flag::{O_RDONLY, O_RDWR};

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_right_that_was_taken_never_comes_back", run: never_back },
    Case {
        name: "what_is_opened_through_a_handle_has_no_more_than_its_inherit_mask",
        run: inherited,
    },
    Case { name: "a_missing_right_is_refused_before_the_server_hears", run: refused_early },
    Case { name: "a_refusal_says_which_right_was_missing", run: denial },
    Case { name: "masks_travel_with_a_handle_through_a_pipe", run: through_pipe },
    Case { name: "open_flags_beyond_the_inherit_mask_are_refused_not_narrowed", run: flags },
    Case { name: "a_stale_upper_number_never_means_another_handle", run: stale },
];

fn never_back() -> Verdict {
    let peer = Peer::start("normal")?;
    for (name, right, _) in TABLE {
        let rest = Rights::all() - *right;
        let derived = at(name, Handle::derive(&peer.root, rest | Rights::DUP, rest))?;
        // DUP itself is taken last, since deriving needs it.
        if *right == Rights::DUP {
            at(name, limit(&derived, rest, rest, 0))?;
            refused(name, Handle::derive(&derived, Rights::all(), Rights::all()), ENOTCAPABLE)?;
            continue;
        }
        let (all, lost) = (Rights::all(), format!("{name} came back"));
        let again = at(name, Handle::derive(&derived, all, all))?;
        let info = at(name, query(&again))?;
        check(!info.rights.contains(*right) && !info.inherit.contains(*right), &lost)?;
        let copy = at(name, Handle::duplicate(&derived, Place::Upper))?;
        let info = at(name, query(&copy))?;
        check(!info.rights.contains(*right) && !info.inherit.contains(*right), &lost)?;
        at(name, limit(&copy, all, all, 0))?;
        let info = at(name, query(&copy))?;
        check(!info.rights.contains(*right) && !info.inherit.contains(*right), &lost)?;
    }
    Ok(())
}

fn inherited() -> Verdict {
    let peer = Peer::start("normal")?;
    for (name, right, _) in TABLE {
        if [Rights::READ, Rights::WRITE, Rights::DERIVE, Rights::DUP].contains(right) {
            // The open flags below demand the first two; the others would end the walk here.
            continue;
        }
        let rest = Rights::all() - *right;
        let directory = at(name, Handle::derive(&peer.root, Rights::all(), rest))?;
        let lost = format!("{name} came through an open");
        let opened = at(name, Handle::open_at(&directory, "x", O_RDWR as u64))?;
        let info = at(name, query(&opened))?;
        check(!info.rights.contains(*right) && !info.inherit.contains(*right), &lost)?;
        let lost = format!("{name} came through a dup with a message");
        let asked = at(name, Handle::ask(&directory, b"something", Place::Upper))?;
        let info = at(name, query(&asked))?;
        check(!info.rights.contains(*right) && !info.inherit.contains(*right), &lost)?;
    }
    Ok(())
}

/// What needs a right, as an attempt that would reach the server.
type Attempt = fn(&Handle) -> Result<(), clavis::Error>;

fn refused_early() -> Verdict {
    let peer = Peer::start("normal")?;
    let attempts: &[(Rights, Attempt)] = &[
        (Rights::STAT, |h| stat(h)),
        (Rights::CALL, |h| super::support::ask(h, 0).map(drop)),
        (Rights::DERIVE, |h| Handle::ask(h, b"x", Place::Upper).map(drop)),
        (Rights::DUP, |h| Handle::duplicate(h, Place::Upper).map(drop)),
        (Rights::LOOKUP, |h| Handle::open_at(h, "x", 0).map(drop)),
        (Rights::NAME, |h| clavis::handle::path(h).map(drop)),
        (Rights::CONTROL, |h| clavis::handle::control(h, 0x77, 0).map(drop)),
        (Rights::SEEK, |h| h.read_at(&mut [0; 8], 5).map(drop)),
        (Rights::READ, |h| h.read_at(&mut [0; 8], 0).map(drop)),
        (Rights::WRITE, |h| h.write_at(&[0; 8], 0).map(drop)),
        (Rights::SEND_HANDLE, |h| send(h, &[h.number()], &[0]).map(drop)),
        (Rights::RECV_HANDLE, |h| receive(h, 1).map(drop)),
        (Rights::MAP_READ, |h| {
            clavis::memory::Mapping::new(h, 0, 4096, clavis::memory::Access::Read).map(drop)
        }),
    ];
    for (right, attempt) in attempts {
        let what = format!("{right:?}");
        let rest = Rights::all() - *right;
        let without = at(&what, Handle::derive(&peer.root, rest, rest))?;
        refused(&what, attempt(&without), ENOTCAPABLE)?;
    }
    check(peer.ask(ask::HEARD)? == 0, "the server heard of something that was refused")
}

fn stat(handle: &Handle) -> Result<(), clavis::Error> {
    let mut stat = syscall::Stat::default();
    match syscall::fstat(handle.number().raw(), &mut stat) {
        Ok(_) => Ok(()),
        Err(error) => Err(clavis::Error::from_errno(error.errno)),
    }
}

fn denial() -> Verdict {
    let peer = Peer::start("normal")?;
    let rest = Rights::all() - Rights::WRITE;
    let reading = at("derive", Handle::derive(&peer.root, rest, rest))?;
    let Err(error) = reading.write_at(b"x", 0) else { return Err("the write succeeded".into()) };
    let Some(denial) = error.denial() else { return Err("there is no record of it".into()) };
    check(denial.missing == Rights::WRITE.bits(), "the record names another right")?;
    check(denial.handle == reading.number().raw() as u64, "the record names another handle")?;
    let said = error.to_string();
    check(said.contains("WRITE"), &format!("people are told: {said}"))
}

fn through_pipe() -> Verdict {
    let peer = Peer::start("normal")?;
    let (from, to) = at("pipe", clavis::object::pipe(0))?;
    let most = Rights::READ | Rights::STAT | Rights::TRANSFER | Rights::DUP;
    let narrow = at("derive", Handle::derive(&peer.root, most, most))?;
    at("send", send(&to, &[narrow.number()], &[]))?;
    let received = at("receive", receive(&from, 1))?;
    let Some(handle) = received.first() else { return Err("nothing came".into()) };
    let info = at("query", query(handle))?;
    check(most.contains(info.rights) && most.contains(info.inherit), "it came with more rights")?;
    let fixed = at("derive", Handle::derive(&peer.root, most - Rights::TRANSFER, most))?;
    refused("send without TRANSFER", send(&to, &[fixed.number()], &[]), ENOTCAPABLE)?;
    (&to).write_all(b"bytes too").map_err(|error| format!("write: {error}"))?;
    let mut text = [0; 9];
    (&from).read_exact(&mut text).map_err(|error| format!("read: {error}"))?;
    check(&text == b"bytes too", "bytes were lost beside the handle")
}

fn flags() -> Verdict {
    let peer = Peer::start("normal")?;
    let rest = Rights::all() - Rights::WRITE - Rights::APPEND - Rights::TRUNCATE - Rights::CREATE;
    let directory = at("derive", Handle::derive(&peer.root, rest, rest))?;
    for flags in [
        O_RDWR,
        syscall::O_WRONLY,
        O_RDONLY | syscall::O_TRUNC,
        O_RDONLY | syscall::O_CREAT,
        syscall::O_WRONLY | syscall::O_APPEND,
    ] {
        let what = format!("flags {flags:#x}");
        refused(&what, Handle::open_at(&directory, "x", flags as u64), ENOTCAPABLE)?;
    }
    check(peer.ask(ask::HEARD)? == 0, "the server heard of an open that was refused")
}

fn stale() -> Verdict {
    let (from, _to) = at("pipe", clavis::object::pipe(0))?;
    let first = at("dup", Handle::duplicate(&from, Place::Upper))?;
    let number = first.number();
    check(number.is_upper(), "it is no upper number")?;
    drop(first);
    let second = at("dup", Handle::duplicate(&from, Place::Upper))?;
    check(second.number() != number, "a number was used again at once")?;
    let stale = Handle::from_number(number);
    refused("query", query(&stale), EBADF)?;
    refused("dup", Handle::duplicate(&stale, Place::Upper), EBADF)
}

//! What the manager promises, example by example; `random` has the properties.
mod books;
mod kill;
mod place;
mod random;

use crate::{Decision, Forward, ForwardPath, Manager, Name, Offer, Request};
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::error::{
    EBADF, EDQUOT, EEXIST, EINVAL, EKEYREJECTED, ENOENT, EOPNOTSUPP, EROFS, Error, Result,
};
use clavis_abi::namespace::{
    Encoder, EntryInfo, ForkItem, call, entry_flags, fork_flags, permissions,
};
use clavis_abi::params::handle_flags;
use clavis_abi::rights::Rights;
use clavis_abi::syscall::dirent::{DirentHeader, DirentIter};
use clavis_abi::syscall::schemev2::Opcode;
use std::string::String;

const ALL: u64 = u64::MAX;
const HEADER: u64 = size_of::<DirentHeader>() as u64;

fn buffer() -> Vec<u8> {
    vec![0; 256 * 1024]
}

/// A manager with one namespace that has `file` (handle 10), `log` (11, REGISTER), `null` (12).
fn manager(buffer: &mut [u8]) -> (Manager<'_>, u64) {
    let mut manager = Manager::open(buffer).unwrap();
    let number = manager.create(permissions::ALL, 200).unwrap();
    for (name, handle, flags) in
        [("file", 10, 0), ("log", 11, entry_flags::REGISTER), ("null", 12, 0)]
    {
        offer(&mut manager, number, name, handle, flags).unwrap();
    }
    (manager, number)
}

fn offer(
    manager: &mut Manager<'_>,
    number: u64,
    name: &str,
    handle: u64,
    flags: u64,
) -> Result<()> {
    let name = Name::new(name).unwrap();
    let offer = Offer { name, handle, rights: ALL, inherit: ALL, flags, prefix: "" };
    manager.offer(number, &offer)
}

fn ask(manager: &mut Manager<'_>, opcode: Opcode, args: [u64; 6], payload: &[u8]) -> Decision {
    let mut payload = payload.to_vec();
    manager.decide(Request { tag: 0, opcode: opcode as u8, args, payload: &mut payload })
}

fn open(manager: &mut Manager<'_>, number: u64, path: &str) -> Decision {
    ask(manager, Opcode::OpenAt, [number, 0, 0, 0, 0, 0], path.as_bytes())
}

fn dup(manager: &mut Manager<'_>, number: u64, message: &[u8]) -> Decision {
    ask(manager, Opcode::Dup, [number, 0, 0, 0, 0, 0], message)
}

fn minted(decision: Decision) -> u64 {
    match decision {
        Decision::Mint(number) => number,
        other => panic!("{other:?}"),
    }
}

fn refused(errno: i32) -> Decision {
    Decision::Reply(Err(Error::new(errno)))
}

fn target(decision: &Decision) -> Option<u64> {
    match decision {
        Decision::Forward(forward) => Some(forward.handle),
        _ => None,
    }
}

fn fork_with(
    manager: &mut Manager<'_>,
    number: u64,
    flags: u64,
    items: &[ForkItem<'_>],
) -> Decision {
    let mut buffer = [0; 1024];
    let mut message = Encoder::fork_with(&mut buffer, flags, permissions::ALL).unwrap();
    for item in items {
        message = message.item(item).unwrap();
    }
    dup(manager, number, message.finish())
}

fn item(name: &str, rights: u64, flags: u64) -> ForkItem<'_> {
    ForkItem { name, flags, rights, inherit: ALL }
}

fn bind(manager: &mut Manager<'_>, number: u64, name: &str, prefix: &str, handle: u64) -> Decision {
    let mut buffer = [0; 1024];
    let message = Encoder::bind(&mut buffer, 0, ALL, ALL, name, prefix).unwrap().finish();
    let ticket = match dup(manager, number, message) {
        Decision::Mint(ticket) => ticket,
        other => return other,
    };
    send(manager, ticket, handle)
}

fn send(manager: &mut Manager<'_>, ticket: u64, handle: u64) -> Decision {
    match ask(manager, Opcode::Sendfd, [ticket, 0, 0, 1, 0, 0], &[]) {
        Decision::Receive { ticket } => {
            Decision::Reply(manager.received(ticket, Ok(handle)).map(|()| 0))
        }
        other => other,
    }
}

fn names(manager: &mut Manager<'_>, number: u64) -> Vec<String> {
    let listing = minted(open(manager, number, "/scheme"));
    listed(manager, listing)
}

fn listed(manager: &mut Manager<'_>, listing: u64) -> Vec<String> {
    let mut cursor = 0;
    let mut names = Vec::new();
    loop {
        let mut payload = [0; 64];
        let args = [listing, 0, 0, 3, cursor, HEADER];
        let request =
            Request { tag: 0, opcode: Opcode::StdFsCall as u8, args, payload: &mut payload };
        let Decision::Reply(Ok(length)) = manager.decide(request) else { panic!() };
        if length == 0 {
            return names;
        }
        for row in DirentIter::new(&payload[..length as usize]) {
            let (header, name) = row.unwrap();
            cursor = header.next_opaque_id;
            names.push(String::from_utf8(name.to_vec()).unwrap().trim_end_matches('\0').into());
        }
    }
}

#[test]
fn an_open_is_forwarded_with_the_rest_of_the_path() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let path = "/scheme/file/etc/motd";
    let expected = Forward {
        handle: 10,
        path: ForwardPath::Payload(13..21),
        rights: Rights::all(),
        inherit: Rights::all(),
        flags: 0,
    };
    assert_eq!(open(&mut manager, number, path), Decision::Forward(expected));
    let Decision::Forward(root) = open(&mut manager, number, "/scheme/file") else { panic!() };
    assert_eq!(root.path, ForwardPath::Payload(12..12));
}

#[test]
fn a_name_outside_the_namespace_is_not_found() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    for path in ["/scheme/ram", "/etc/motd", "file", "/scheme/../file", "/scheme/fil"] {
        assert_eq!(open(&mut manager, number, path), refused(ENOENT), "{path}");
    }
}

#[test]
fn a_name_without_rights_is_there_but_cannot_be_opened() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = minted(fork_with(&mut manager, number, 0, &[item("file", 0, 0)]));
    assert_eq!(names(&mut manager, child), ["file"]);
    assert_eq!(open(&mut manager, child, "/scheme/file"), refused(EKEYREJECTED));
}

#[test]
fn a_closed_child_has_the_listed_names_and_nothing_that_comes_later() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let mut message = [0; 64];
    let message = Encoder::fork(&mut message).unwrap().name("file").unwrap();
    let message = message.name("absent").unwrap().finish();
    let child = minted(dup(&mut manager, number, message));
    offer(&mut manager, number, "late", 20, 0).unwrap();
    assert_eq!(names(&mut manager, child), ["file"]);
    assert_eq!(open(&mut manager, child, "/scheme/late"), refused(ENOENT));
    assert_eq!(target(&open(&mut manager, child, "/scheme/file")), Some(10));
}

#[test]
fn an_open_child_sees_what_comes_later_but_not_what_it_hides() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let items = [item("null", ALL, entry_flags::HIDE), item("secret", ALL, entry_flags::HIDE)];
    let child = minted(fork_with(&mut manager, number, fork_flags::OPEN, &items));
    offer(&mut manager, number, "late", 20, 0).unwrap();
    offer(&mut manager, number, "secret", 21, 0).unwrap();
    assert_eq!(names(&mut manager, child), ["file", "log", "late"]);
    assert_eq!(open(&mut manager, child, "/scheme/secret/x"), refused(ENOENT));
    let path = b"/scheme/file";
    let removed = ask(&mut manager, Opcode::UnlinkAt, [child, 0, 0, 0, 0, 0], path);
    assert_eq!(removed, Decision::Reply(Ok(0)));
    assert_eq!(names(&mut manager, child), ["log", "late"]);
    assert_eq!(names(&mut manager, number), ["file", "log", "null", "late", "secret"]);
}

#[test]
fn masks_only_shrink_from_fork_to_fork() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = minted(fork_with(&mut manager, number, 0, &[item("file", 0b0110, 0)]));
    let beneath = item("file", 0b0011, entry_flags::BENEATH);
    let grandchild = minted(fork_with(&mut manager, child, fork_flags::OPEN, &[beneath]));
    let Decision::Forward(forward) = open(&mut manager, grandchild, "/scheme/file/a") else {
        panic!()
    };
    assert_eq!(forward.rights.bits(), 0b0010);
    assert_eq!(forward.flags, handle_flags::BENEATH);
    // The kernel refuses what the masks do not permit, and records what was missing.
    let removal = ask(&mut manager, Opcode::UnlinkAt, [child, 0, 0, 0, 0, 0], b"/scheme/file/a");
    let Decision::Forward(forward) = removal else { panic!() };
    assert!(!forward.rights.contains(Rights::REMOVE));
}

#[test]
fn a_shrunk_handle_lacks_what_was_taken() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let mut message = [0; 64];
    let message = Encoder::shrink(&mut message, permissions::LIST).unwrap().finish();
    let less = minted(dup(&mut manager, number, message));
    assert_eq!(names(&mut manager, less).len(), 3);
    let path = b"/scheme/file";
    let args = [less, 0, 0, 0, 0, 0];
    assert_eq!(ask(&mut manager, Opcode::UnlinkAt, args, path), refused(EKEYREJECTED));
    assert_eq!(bind(&mut manager, less, "new", "", 30), refused(EKEYREJECTED));
    let sealing = [less, 0, 0, call::SEAL, 0, 0];
    assert_eq!(ask(&mut manager, Opcode::Call, sealing, &[]), refused(EKEYREJECTED));
    assert_eq!(open(&mut manager, less, "/scheme/namespace/x"), refused(EKEYREJECTED));
}

#[test]
fn a_bound_name_leads_to_the_handle_that_was_sent() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    assert_eq!(bind(&mut manager, number, "home", "users/me", 30), Decision::Reply(Ok(0)));
    let Decision::Forward(forward) = open(&mut manager, number, "/scheme/home/notes") else {
        panic!()
    };
    assert_eq!((forward.handle, forward.path), (30, ForwardPath::Joined));
    assert_eq!(manager.path(), b"users/me/notes");
    assert_eq!(open(&mut manager, number, "/scheme/home/../you"), refused(EKEYREJECTED));
    assert_eq!(bind(&mut manager, number, "home", "", 31), refused(EEXIST));
}

#[test]
fn a_ticket_binds_once_and_tells_no_lies() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let mut message = [0; 128];
    let message = Encoder::bind(&mut message, 0, ALL, ALL, "new", "").unwrap().finish();
    let first = minted(dup(&mut manager, number, message));
    let second = minted(dup(&mut manager, number, message));
    assert_eq!(send(&mut manager, first, 30), Decision::Reply(Ok(0)));
    assert_eq!(send(&mut manager, first, 31), refused(EBADF));
    assert_eq!(send(&mut manager, second, 32), refused(EEXIST));
    assert_eq!(send(&mut manager, number, 33), refused(EOPNOTSUPP));
}

#[test]
fn a_name_is_registered_where_its_entry_says_so_or_where_it_is_new() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let register = |manager: &mut Manager<'_>, number, name| {
        let mut message = [0; 128];
        dup(manager, number, Encoder::register(&mut message, name).unwrap().finish())
    };
    assert_eq!(register(&mut manager, number, "log"), Decision::Issue { slot: 11 });
    assert_eq!(register(&mut manager, number, "file"), refused(EEXIST));
    let Decision::MakeSlot { namespace, name } = register(&mut manager, number, "mine") else {
        panic!()
    };
    assert_eq!(manager.made(namespace, name, Ok(40)), Ok(()));
    assert_eq!(register(&mut manager, number, "mine"), Decision::Issue { slot: 40 });
    let child = minted(fork_with(&mut manager, number, fork_flags::ALL_NAMES, &[]));
    assert_eq!(register(&mut manager, child, "log"), refused(EEXIST));
    let keep = item("log", ALL, entry_flags::REGISTER);
    let child = minted(fork_with(&mut manager, number, 0, &[keep]));
    assert_eq!(register(&mut manager, child, "log"), Decision::Issue { slot: 11 });
}

#[test]
fn a_sealed_namespace_keeps_its_names_and_masks() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let mut message = [0; 128];
    let ticket = Encoder::bind(&mut message, 0, ALL, ALL, "new", "").unwrap().finish();
    let ticket = minted(dup(&mut manager, number, ticket));
    let sealing = [number, 0, 0, call::SEAL, 0, 0];
    assert_eq!(ask(&mut manager, Opcode::Call, sealing, &[]), Decision::Reply(Ok(0)));
    assert_eq!(bind(&mut manager, number, "other", "", 30), refused(EROFS));
    assert_eq!(send(&mut manager, ticket, 30), refused(EROFS));
    let removal = ask(&mut manager, Opcode::UnlinkAt, [number, 0, 0, 0, 0, 0], b"/scheme/file");
    assert_eq!(removal, refused(EROFS));
    let register = Encoder::register(&mut message, "log").unwrap().finish();
    assert_eq!(dup(&mut manager, number, register), Decision::Issue { slot: 11 });
    let register = Encoder::register(&mut message, "brand").unwrap().finish();
    assert_eq!(dup(&mut manager, number, register), refused(EROFS));
}

#[test]
fn a_listing_goes_on_where_it_was_when_names_come_and_go() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let listing = minted(open(&mut manager, number, ""));
    let mut payload = [0; 40];
    let mut step = |manager: &mut Manager<'_>, cursor| {
        let args = [listing, 0, 0, 3, cursor, HEADER];
        let request =
            Request { tag: 0, opcode: Opcode::StdFsCall as u8, args, payload: &mut payload };
        let Decision::Reply(Ok(length)) = manager.decide(request) else { panic!() };
        let (header, name) = DirentIter::new(&payload[..length as usize]).next()?.unwrap();
        let name = String::from_utf8_lossy(name);
        Some((header.next_opaque_id, String::from(name.trim_end_matches('\0'))))
    };
    let (cursor, first) = step(&mut manager, 0).unwrap();
    assert_eq!(first, "file");
    ask(&mut manager, Opcode::UnlinkAt, [number, 0, 0, 0, 0, 0], b"/scheme/file");
    offer(&mut manager, number, "last", 20, 0).unwrap();
    let (cursor, second) = step(&mut manager, cursor).unwrap();
    assert_eq!(second, "log");
    let (cursor, _) = step(&mut manager, cursor).unwrap();
    let (cursor, last) = step(&mut manager, cursor).unwrap();
    assert_eq!(last, "last");
    assert_eq!(step(&mut manager, cursor), None);
    let through = open(&mut manager, listing, "log/x");
    assert_eq!(target(&through), Some(11));
}

#[test]
fn a_namespace_lives_as_long_as_its_handles_and_frees_what_it_held() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = minted(fork_with(&mut manager, number, 0, &[item("file", ALL, 0)]));
    assert_eq!(bind(&mut manager, child, "own", "", 30), Decision::Reply(Ok(0)));
    let close = [child, 0, 0, 0, 0, 0];
    assert_eq!(ask(&mut manager, Opcode::CloseMsg, close, &[]), Decision::Nothing);
    assert_eq!(manager.released(), Some(30));
    assert_eq!(manager.released(), None);
    assert_eq!(open(&mut manager, child, "/scheme/file"), refused(EBADF));
    assert_eq!(target(&open(&mut manager, number, "/scheme/file")), Some(10));
    manager.state.check();
}

#[test]
fn a_greedy_holder_hurts_itself_alone() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let other = manager.create(permissions::ALL, 100).unwrap();
    let mut child = minted(fork_with(&mut manager, number, 0, &[]));
    let mut forks = 0;
    loop {
        match fork_with(&mut manager, child, 0, &[]) {
            Decision::Mint(next) if forks % 3 == 0 => child = next,
            Decision::Mint(_) => {}
            decision => {
                assert_eq!(decision, refused(EDQUOT));
                break;
            }
        }
        forks += 1;
    }
    assert!(forks > 10);
    assert_eq!(bind(&mut manager, number, "still", "", 30), Decision::Reply(Ok(0)));
    assert_eq!(bind(&mut manager, other, "fine", "", 31), Decision::Reply(Ok(0)));
    manager.state.check();
}

#[test]
fn what_is_known_of_a_name_can_be_asked() {
    use zerocopy::{FromBytes, IntoBytes};
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = minted(fork_with(&mut manager, number, fork_flags::SEALED, &[item("file", 5, 0)]));
    let mut payload = EntryInfo::question("file").unwrap();
    let args = [child, 0, 0, call::ENTRY, 0, 0];
    let opcode = Opcode::Call as u8;
    let request = Request { tag: 0, opcode, args, payload: payload.as_mut_bytes() };
    assert_eq!(manager.decide(request), Decision::Reply(Ok(0)));
    let info = EntryInfo::read_from_bytes(payload.as_bytes()).unwrap();
    assert_eq!((info.rights, info.sealed), (5, 1));
    let mut short = [0; 8];
    let request = Request { tag: 0, opcode, args, payload: &mut short };
    assert_eq!(manager.decide(request), refused(EINVAL));
}

#[test]
fn the_generation_changes_with_the_names() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = minted(fork_with(&mut manager, number, fork_flags::OPEN, &[]));
    let asked = |manager: &mut Manager<'_>| {
        ask(manager, Opcode::Call, [child, 0, 0, call::GENERATION, 0, 0], &[])
    };
    let before = asked(&mut manager);
    assert_eq!(before, asked(&mut manager));
    offer(&mut manager, number, "late", 20, 0).unwrap();
    assert_ne!(before, asked(&mut manager));
}

#[test]
fn a_successor_serves_the_same_handles() {
    let mut buffer = buffer();
    let (mut old, number) = manager(&mut buffer);
    let child = minted(fork_with(&mut old, number, fork_flags::OPEN, &[item("null", 1, 0)]));
    assert_eq!(bind(&mut old, child, "own", "p", 30), Decision::Reply(Ok(0)));
    let before = old.dump();
    drop(old);
    let mut new = Manager::open(&mut buffer).unwrap();
    assert_eq!(new.dump(), before);
    new.state.check();
    assert_eq!(target(&open(&mut new, child, "/scheme/own/x")), Some(30));
    let mut handles: Vec<u64> = new.handles().collect();
    handles.sort_unstable();
    assert_eq!(handles, [10, 11, 12, 30]);
}

/// Requirement: R105
#[test]
fn a_name_is_found_among_ten_thousand_as_fast_as_among_ten() {
    let lookups = 10_000u64;
    for names in [10u64, 10_000] {
        let mut buffer = vec![0; 16 << 20];
        let mut manager = Manager::open(&mut buffer).unwrap();
        let number = manager.create(permissions::ALL, 20_000).unwrap();
        for index in 0..names {
            let name = std::format!("service-{index}");
            offer(&mut manager, number, &name, 1000 + index, 0).unwrap();
        }
        let before = crate::name::COMPARED.get();
        for index in (0..lookups).map(|at| at % names) {
            let path = std::format!("/scheme/service-{index}/file");
            assert_eq!(target(&open(&mut manager, number, &path)), Some(1000 + index));
        }
        let compared = crate::name::COMPARED.get() - before;
        assert!(compared >= lookups, "each name is compared with itself");
        // Seven bits of the hash, which has a random key, decide what else is compared.
        assert!(compared <= 2 * lookups, "{compared} comparisons for {lookups} opens of {names}");
    }
}

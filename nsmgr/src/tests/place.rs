//! Names within names.
use super::{ALL, ask, bind, buffer, dup, item, manager, minted, names, open, refused, target};
use super::{fork_with, offer};
use crate::{Decision, ForwardPath, Manager};
use clavis_abi::error::{EBUSY, EDQUOT, EEXIST, EISDIR, EKEYREJECTED, ENOENT, EOPNOTSUPP, EROFS};
use clavis_abi::namespace::{
    Encoder, EntryInfo, SCHEME_FACTORY, call, entry_flags, fork_flags, padded, permissions,
};
use clavis_abi::syscall::flag::{O_CREAT, O_DIRECTORY, O_EXCL};
use clavis_abi::syscall::schemev2::Opcode;
use std::string::{String, ToString};
use std::{format, vec};

const DONE: Decision = Decision::Reply(Ok(0));

/// Where a path leads: the handle, and the path from there.
fn led(manager: &mut Manager<'_>, number: u64, path: &str) -> Option<(u64, String)> {
    match open(manager, number, path) {
        Decision::Forward(forward) => match forward.path {
            ForwardPath::Payload(range) => Some((forward.handle, path[range].to_string())),
            ForwardPath::Joined => panic!("{path}"),
        },
        _ => None,
    }
}

/// A namespace without names, and places in it: `/home/me` (20), `/tmp` (21).
fn contained(manager: &mut Manager<'_>, number: u64) -> u64 {
    let child = minted(fork_with(manager, number, 0, &[]));
    assert_eq!(bind(manager, child, "file/home/me", "", 20), DONE);
    assert_eq!(bind(manager, child, "file/tmp", "", 21), DONE);
    child
}

fn within(manager: &mut Manager<'_>, number: u64, place: &str) -> Decision {
    let mut buffer = [0; 256];
    dup(manager, number, Encoder::within(&mut buffer, place).unwrap().finish())
}

fn unbind(manager: &mut Manager<'_>, number: u64, path: &str) -> Decision {
    ask(manager, Opcode::UnlinkAt, [number, 0, 0, 0, 0, 0], path.as_bytes())
}

#[test]
fn places_are_found_at_their_own_paths_and_nothing_else_is() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    for (path, handle, rest) in [
        ("/scheme/file/home/me", 20, ""),
        ("/scheme/file/home/me/a/b", 20, "a/b"),
        ("/scheme/file//home/./me//a", 20, "a"),
        ("/scheme/file/tmp/x/../y", 21, "x/../y"),
        ("/scheme/file/home/../tmp/x", 21, "x"),
        ("/scheme/file/../tmp/x", 21, "x"),
        ("/scheme/file/home/me/../../tmp", 21, ""),
        ("/scheme/file/tmp/../../../home/me/a", 20, "a"),
    ] {
        assert_eq!(led(&mut manager, child, path), Some((handle, rest.into())), "{path}");
    }
    for path in [
        "/scheme/file/etc/motd",
        "/scheme/file/home/you",
        "/scheme/file/home/mee",
        "/scheme/file/tm",
        "/scheme/file/tmp/x/../../etc",
        "/scheme/file/tmp/../home/you/x",
        "/scheme/log",
        "/scheme/file/home/me/../you",
    ] {
        assert_eq!(open(&mut manager, child, path), refused(ENOENT), "{path}");
    }
    // The parent has none of this.
    assert_eq!(led(&mut manager, number, "/scheme/file/tmp/x"), Some((10, "tmp/x".into())));
}

#[test]
fn what_lies_between_places_can_be_listed_and_nothing_else() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    assert_eq!(names(&mut manager, child), ["file"]);
    let root = minted(open(&mut manager, child, "/scheme/file/"));
    let home = minted(open(&mut manager, child, "/scheme/file/home"));
    for (listing, path) in [(root, "/scheme/file"), (home, "/scheme/file/home")] {
        let mut payload = vec![0; 64];
        let request = crate::Request {
            tag: 0,
            opcode: Opcode::Fpath as u8,
            args: [listing, 0, 0, 0, 0, 0],
            payload: &mut payload,
        };
        assert_eq!(manager.decide(request), Decision::Reply(Ok(path.len() as u64)));
        assert_eq!(&payload[..path.len()], path.as_bytes());
    }
    assert_eq!(super::listed(&mut manager, root), ["home", "tmp"]);
    assert_eq!(super::listed(&mut manager, home), ["me"]);
    // What is asked of a listing stays beneath it.
    assert_eq!(led(&mut manager, root, "home/me/x"), Some((20, "x".into())));
    assert_eq!(led(&mut manager, home, "./me"), Some((20, String::new())));
    assert_eq!(open(&mut manager, home, "../tmp"), refused(ENOENT));
    assert_eq!(open(&mut manager, home, "me/../../tmp"), refused(ENOENT));
    let create = |manager: &mut Manager<'_>, flags: usize, path: &str| {
        let args = [child, 0, 0, flags as u64, 0, 0];
        ask(manager, Opcode::OpenAt, args, path.as_bytes())
    };
    let flags = O_CREAT | O_EXCL | O_DIRECTORY;
    assert_eq!(create(&mut manager, flags, "/scheme/file/home"), refused(EEXIST));
    assert_eq!(create(&mut manager, O_CREAT, "/scheme/file/home"), refused(EISDIR));
    assert_eq!(create(&mut manager, flags, "/scheme/file/home/you"), refused(ENOENT));
    let mut message = [0; 32];
    let blind = dup(&mut manager, child, Encoder::shrink(&mut message, 0).unwrap().finish());
    let blind = minted(blind);
    assert_eq!(open(&mut manager, blind, "/scheme/file/home"), refused(EKEYREJECTED));
    assert_eq!(led(&mut manager, blind, "/scheme/file/tmp/x"), Some((21, "x".into())));
}

#[test]
fn a_place_within_a_bound_name_goes_before_it() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = minted(fork_with(&mut manager, number, 0, &[item("file", 1, 0)]));
    assert_eq!(bind(&mut manager, child, "file/tmp", "", 21), DONE);
    assert_eq!(bind(&mut manager, child, "file/tmp/deep/er", "", 22), DONE);
    for (path, handle, rest) in [
        ("/scheme/file/etc/motd", 10, "etc/motd"),
        ("/scheme/file/", 10, ""),
        ("/scheme/file/tmpx", 10, "tmpx"),
        ("/scheme/file/tmp/x", 21, "x"),
        ("/scheme/file/tmp/deep", 21, "deep"),
        ("/scheme/file/tmp/deep/x", 21, "deep/x"),
        ("/scheme/file/tmp/deep/er/x", 22, "x"),
    ] {
        assert_eq!(led(&mut manager, child, path), Some((handle, rest.into())), "{path}");
    }
    // A place has its own masks, not those of the name that it lies within.
    let Decision::Forward(wide) = open(&mut manager, child, "/scheme/file/tmp/x") else { panic!() };
    let Decision::Forward(narrow) = open(&mut manager, child, "/scheme/file/x") else { panic!() };
    assert!(wide.rights.bits() > 1 && narrow.rights.bits() == 1);
    assert_eq!(bind(&mut manager, child, "file/tmp", "", 23), refused(EEXIST));
    let listing = minted(within(&mut manager, child, "file"));
    assert_eq!(super::listed(&mut manager, listing), ["tmp"]);
    assert_eq!(within(&mut manager, child, "file/etc"), refused(ENOENT));
}

#[test]
fn the_last_place_takes_the_names_on_its_way_along() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    let home = minted(open(&mut manager, child, "/scheme/file/home"));
    assert_eq!(unbind(&mut manager, child, "/scheme/file/home"), refused(EBUSY));
    assert_eq!(unbind(&mut manager, child, "/scheme/file/home/me/"), DONE);
    assert_eq!(manager.released(), Some(20));
    assert_eq!(open(&mut manager, child, "/scheme/file/home"), refused(ENOENT));
    assert_eq!(open(&mut manager, home, "me"), refused(ENOENT));
    assert_eq!(target(&open(&mut manager, child, "/scheme/file/tmp/a")), Some(21));
    assert_eq!(unbind(&mut manager, child, "/scheme/file/tmp"), DONE);
    assert!(names(&mut manager, child).is_empty());
    manager.state.check();
    // A name takes the places within it along.
    let child = contained(&mut manager, number);
    assert_eq!(unbind(&mut manager, child, "/scheme/file"), DONE);
    manager.state.check();
    assert_eq!(open(&mut manager, child, "/scheme/file/tmp/a"), refused(ENOENT));
}

#[test]
fn a_fork_takes_places_along_and_narrows_them_with_their_name() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    for flags in [0, fork_flags::OPEN, fork_flags::ALL_NAMES] {
        let items = [item("file", 5, entry_flags::BENEATH)];
        let fork = minted(fork_with(&mut manager, child, flags, &items));
        let Decision::Forward(forward) = open(&mut manager, fork, "/scheme/file/home/me/x") else {
            panic!("{flags}")
        };
        assert_eq!((forward.handle, forward.rights.bits()), (20, 5), "{flags}");
        assert_ne!(forward.flags, 0);
        let listing = minted(open(&mut manager, fork, "/scheme/file"));
        assert_eq!(super::listed(&mut manager, listing), ["home", "tmp"]);
        manager.state.check();
    }
    // Its own set: what its parent loses it keeps.
    let fork = minted(fork_with(&mut manager, child, 0, &[item("file", ALL, 0)]));
    assert_eq!(unbind(&mut manager, child, "/scheme/file/tmp"), DONE);
    assert_eq!(target(&open(&mut manager, fork, "/scheme/file/tmp/x")), Some(21));
    let open_fork = minted(fork_with(&mut manager, child, fork_flags::OPEN, &[]));
    assert_eq!(bind(&mut manager, open_fork, "file/x", "", 30), refused(EOPNOTSUPP));
    manager.state.check();
}

#[test]
fn a_sealed_namespace_keeps_its_places() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    let mut message = [0; 128];
    let late = Encoder::bind(&mut message, 0, ALL, ALL, "file/late", "").unwrap().finish();
    let late = minted(dup(&mut manager, child, late));
    assert_eq!(ask(&mut manager, Opcode::Call, [child, 0, 0, call::SEAL, 0, 0], &[]), DONE);
    assert_eq!(unbind(&mut manager, child, "/scheme/file/tmp"), refused(EROFS));
    assert_eq!(bind(&mut manager, child, "file/more", "", 30), refused(EROFS));
    assert_eq!(super::send(&mut manager, late, 30), refused(EROFS));
    ask(&mut manager, Opcode::CloseMsg, [late, 0, 0, 0, 0, 0], &[]);
    manager.state.check();
}

#[test]
fn a_listing_tells_of_its_names_and_changes_nothing() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    let root = minted(open(&mut manager, child, "/scheme/file"));
    let entry = |manager: &mut Manager<'_>, listing: u64, name: &str| {
        use zerocopy::{FromBytes, IntoBytes};
        let mut info = EntryInfo::question(name).unwrap();
        let args = [listing, 0, 0, call::ENTRY, 0, 0];
        let payload = info.as_mut_bytes();
        let opcode = Opcode::Call as u8;
        assert_eq!(manager.decide(crate::Request { tag: 0, opcode, args, payload }), DONE);
        EntryInfo::read_from_bytes(info.as_bytes()).unwrap()
    };
    let home = entry(&mut manager, root, "home").flags;
    assert_eq!(home, entry_flags::WITHIN | entry_flags::UNBOUND);
    let tmp = entry(&mut manager, root, "tmp");
    assert_eq!((tmp.flags, tmp.sealed), (0, 0));
    for operation in [call::SEAL, call::GENERATION] {
        let answer = ask(&mut manager, Opcode::Call, [root, 0, 0, operation, 0, 0], &[]);
        assert!(matches!(answer, Decision::Reply(Err(_))), "{operation}");
    }
    assert_eq!(unbind(&mut manager, root, "tmp"), refused(EKEYREJECTED));
    assert_eq!(unbind(&mut manager, root, "home/me"), refused(EKEYREJECTED));
}

#[test]
fn every_change_of_a_place_changes_the_generation() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    let mut seen = vec![];
    let mut told = |manager: &mut Manager<'_>| {
        let answer = ask(manager, Opcode::Call, [child, 0, 0, call::GENERATION, 0, 0], &[]);
        let Decision::Reply(Ok(now)) = answer else { panic!("{answer:?}") };
        assert!(!seen.contains(&now), "{now} came twice");
        seen.push(now);
    };
    told(&mut manager);
    for turn in 0..20 {
        let place = format!("file/home/{turn}");
        assert_eq!(bind(&mut manager, child, &place, "", 40 + turn), DONE);
        told(&mut manager);
        if turn % 2 == 0 {
            assert_eq!(unbind(&mut manager, child, &format!("/scheme/{place}")), DONE);
            told(&mut manager);
        }
    }
}

#[test]
fn places_are_paid_for() {
    let mut buffer = buffer();
    let (mut manager, _) = manager(&mut buffer);
    let poor = manager.create(permissions::ALL, 12).unwrap();
    offer(&mut manager, poor, "file", 10, 0).unwrap();
    assert_eq!(bind(&mut manager, poor, "file/a/b/c", "", 20), DONE);
    let before = manager.dump();
    assert_eq!(bind(&mut manager, poor, "file/d/e/f", "", 21), refused(EDQUOT));
    assert_eq!(manager.dump(), before);
    manager.state.check();
}

fn edit(manager: &mut Manager<'_>, number: u64, operation: u64, names: &[&str]) -> Decision {
    let payload: std::vec::Vec<u8> = names.iter().flat_map(|name| padded(name).unwrap()).collect();
    ask(manager, Opcode::Call, [number, 0, 0, operation, 0, 0], &payload)
}

#[test]
fn a_masked_name_is_an_empty_directory() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    assert_eq!(edit(&mut manager, child, call::MASK, &["file"]), DONE);
    assert_eq!(manager.released().min(manager.released()), Some(20));
    manager.state.check();
    let listing = minted(open(&mut manager, child, "/scheme/file"));
    assert!(super::listed(&mut manager, listing).is_empty());
    for path in ["/scheme/file/tmp", "/scheme/file/tmp/x", "/scheme/file/a/../b"] {
        assert_eq!(open(&mut manager, child, path), refused(ENOENT), "{path}");
    }
    assert_eq!(open(&mut manager, listing, "x"), refused(ENOENT));
    assert_eq!(bind(&mut manager, child, "file/x", "", 30), refused(EEXIST));
    // A fork has it too, and an open one masks what its parent has.
    let fork = minted(fork_with(&mut manager, child, 0, &[item("file", ALL, 0)]));
    assert!(matches!(open(&mut manager, fork, "/scheme/file"), Decision::Mint(_)));
    let below = minted(fork_with(&mut manager, number, fork_flags::OPEN, &[]));
    assert_eq!(edit(&mut manager, below, call::MASK, &["log"]), DONE);
    assert_eq!(open(&mut manager, below, "/scheme/log/x"), refused(ENOENT));
    assert_eq!(target(&open(&mut manager, number, "/scheme/log/x")), Some(11));
    // It can be bound again.
    let mut message = [0; 128];
    let flags = entry_flags::REPLACE;
    let again = Encoder::bind(&mut message, flags, ALL, ALL, "file", "").unwrap().finish();
    let ticket = minted(dup(&mut manager, child, again));
    assert_eq!(super::send(&mut manager, ticket, 30), DONE);
    assert_eq!(target(&open(&mut manager, child, "/scheme/file/x")), Some(30));
    manager.state.check();
}

#[test]
fn a_renamed_name_keeps_what_it_leads_to() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    assert_eq!(edit(&mut manager, child, call::RENAME, &["file", "disk"]), DONE);
    assert_eq!(led(&mut manager, child, "/scheme/disk/tmp/x"), Some((21, "x".into())));
    assert_eq!(open(&mut manager, child, "/scheme/file/tmp/x"), refused(ENOENT));
    assert_eq!(edit(&mut manager, child, call::RENAME, &["gone", "x"]), refused(ENOENT));
    assert_eq!(edit(&mut manager, number, call::RENAME, &["log", "null"]), refused(EEXIST));
    let listing = minted(open(&mut manager, number, "/scheme"));
    assert_eq!(edit(&mut manager, number, call::RENAME, &["null", "zero"]), DONE);
    assert_eq!(super::listed(&mut manager, listing), ["file", "log", "zero"]);
    let blind = fork_with(&mut manager, number, fork_flags::OPEN, &[]);
    let blind = minted(blind);
    assert_eq!(edit(&mut manager, blind, call::RENAME, &["log", "x"]), refused(EOPNOTSUPP));
    let mut message = [0; 32];
    let reader = Encoder::shrink(&mut message, permissions::LIST).unwrap().finish();
    let reader = minted(dup(&mut manager, number, reader));
    for operation in [call::MASK, call::RENAME] {
        let names: &[&str] = if operation == call::MASK { &["log"] } else { &["log", "x"] };
        assert_eq!(edit(&mut manager, reader, operation, names), refused(EKEYREJECTED));
    }
    manager.state.check();
}

#[test]
fn forks_go_thirty_two_deep_and_narrow_all_the_way() {
    let mut buffer = buffer();
    let (mut manager, _) = manager(&mut buffer);
    let number = manager.create(permissions::ALL, 400).unwrap();
    offer(&mut manager, number, "file", 10, 0).unwrap();
    for flags in [0, fork_flags::OPEN] {
        let mut number = number;
        let mut all = std::vec![];
        for depth in 0..32 {
            let rights = ALL << depth;
            number = minted(fork_with(&mut manager, number, flags, &[item("file", rights, 0)]));
            let Decision::Forward(forward) = open(&mut manager, number, "/scheme/file/x") else {
                panic!("{depth}")
            };
            assert_eq!(forward.rights.bits() & !rights, 0, "{depth}");
            all.push(number);
        }
        assert_eq!(fork_with(&mut manager, number, flags, &[]), refused(EDQUOT));
        for number in all {
            ask(&mut manager, Opcode::CloseMsg, [number, 0, 0, 0, 0, 0], &[]);
        }
        manager.state.check();
    }
}

/// What is asked of a listing ends where the name ends, as an open by the whole path does.
#[test]
fn what_is_asked_of_a_listing_does_not_climb_out_of_a_place() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    assert_eq!(bind(&mut manager, child, "file/tmp/deep", "", 22), DONE);
    let root = minted(open(&mut manager, child, "/scheme/file"));
    for path in ["tmp/x/../../etc", "tmp/../etc", "tmp/x/../..", "../tmp"] {
        assert_eq!(open(&mut manager, root, path), refused(ENOENT), "{path}");
    }
    assert_eq!(led(&mut manager, root, "tmp/x/../y"), Some((21, "x/../y".into())));
    assert_eq!(led(&mut manager, root, "tmp/../home/me/a"), Some((20, "a".into())));
    assert_eq!(led(&mut manager, root, "home/../tmp/deep/a"), Some((22, "a".into())));
    assert_eq!(open(&mut manager, root, "home/../me"), refused(ENOENT));
    assert_eq!(open(&mut manager, root, "tmp/.."), Decision::Mint(root));
}

#[test]
fn a_listing_of_an_open_fork_gives_no_more_than_the_fork() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    let items = [item("file", 5, 0)];
    let fork = minted(fork_with(&mut manager, child, fork_flags::OPEN, &items));
    let below = minted(fork_with(&mut manager, fork, fork_flags::OPEN, &[]));
    for namespace in [fork, below] {
        let opened = minted(open(&mut manager, namespace, "/scheme/file"));
        let again = minted(open(&mut manager, opened, ""));
        let asked = minted(within(&mut manager, namespace, "file"));
        for listing in [opened, again, asked] {
            assert_eq!(super::listed(&mut manager, listing), ["home", "tmp"]);
            assert_eq!(open(&mut manager, listing, "tmp/x"), refused(EKEYREJECTED));
            assert_eq!(open(&mut manager, listing, "/scheme/home"), refused(EKEYREJECTED));
        }
    }
    // Where nothing is narrowed it opens as any listing does.
    let items = [item("file", ALL, 0)];
    let fork = minted(fork_with(&mut manager, child, fork_flags::OPEN, &items));
    let listing = minted(open(&mut manager, fork, "/scheme/file"));
    assert_eq!(led(&mut manager, listing, "tmp/x"), Some((21, "x".into())));
}

#[test]
fn tickets_for_what_is_gone_are_paid_for_and_paid_back_once() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = minted(fork_with(&mut manager, number, 0, &[]));
    let before = manager.state.units();
    let mut tickets = vec![];
    let refusal = loop {
        let mut message = [0; 512];
        let prefix = "p".repeat(300);
        let wanted = Encoder::bind(&mut message, 0, ALL, ALL, "file/x", &prefix).unwrap();
        match dup(&mut manager, child, wanted.finish()) {
            Decision::Mint(ticket) => tickets.push(ticket),
            other => break other,
        }
        assert_eq!(unbind(&mut manager, child, "/scheme/file"), DONE);
        manager.state.check();
        assert!(tickets.len() < 1000, "they cost nothing");
    };
    assert_eq!(refusal, refused(EDQUOT));
    // The name is there again: they were for the one that is gone.
    assert_eq!(super::send(&mut manager, tickets[0], 30), refused(ENOENT));
    let dump = manager.dump();
    drop(manager);
    let mut manager = Manager::open(&mut buffer).unwrap();
    assert!(manager.dump() == dump);
    for ticket in tickets {
        ask(&mut manager, Opcode::CloseMsg, [ticket, 0, 0, 0, 0, 0], &[]);
        manager.state.check();
    }
    assert_eq!(manager.state.units(), before);
}

#[test]
fn a_masked_name_is_bound_again_only_by_who_may_replace() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let mut message = [0; 128];
    let early = Encoder::bind(&mut message, 0, ALL, ALL, "new", "").unwrap().finish();
    let early = minted(dup(&mut manager, number, early));
    assert_eq!(edit(&mut manager, number, call::MASK, &["new"]), DONE);
    assert_eq!(bind(&mut manager, number, "new", "", 30), refused(EEXIST));
    assert_eq!(super::send(&mut manager, early, 30), refused(EEXIST));
}

#[test]
fn who_may_not_create_schemes_does_not_get_there_under_another_name() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    offer(&mut manager, number, SCHEME_FACTORY, 40, 0).unwrap();
    let mut message = [0; 32];
    let most = permissions::ALL & !permissions::SCHEME_CREATE;
    let poor = Encoder::shrink(&mut message, most).unwrap().finish();
    let poor = minted(dup(&mut manager, number, poor));
    let path = format!("/scheme/{SCHEME_FACTORY}");
    assert_eq!(open(&mut manager, poor, &path), refused(EKEYREJECTED));
    let fork = minted(fork_with(&mut manager, poor, 0, &[item(SCHEME_FACTORY, ALL, 0)]));
    let renamed = edit(&mut manager, fork, call::RENAME, &[SCHEME_FACTORY, "x"]);
    assert_eq!(renamed, refused(EKEYREJECTED));
    assert_eq!(edit(&mut manager, number, call::RENAME, &[SCHEME_FACTORY, "x"]), DONE);
}

#[test]
fn a_slash_behind_a_place_demands_a_directory() {
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let child = contained(&mut manager, number);
    assert_eq!(bind(&mut manager, child, "file/deep", "under", 22), DONE);
    for (path, asked) in [
        ("/scheme/file/tmp/", "."),
        ("/scheme/file//tmp//", "."),
        ("/scheme/file/home/../tmp/", "."),
        ("/scheme/file/deep/", "under/."),
        ("/scheme/file/deep", "under"),
    ] {
        let Decision::Forward(forward) = open(&mut manager, child, path) else { panic!("{path}") };
        assert_eq!(forward.path, ForwardPath::Joined, "{path}");
        assert_eq!(manager.path(), asked.as_bytes(), "{path}");
    }
    let root = minted(open(&mut manager, child, "/scheme/file"));
    let Decision::Forward(forward) = open(&mut manager, root, "tmp/") else { panic!() };
    assert_eq!((forward.path, manager.path()), (ForwardPath::Joined, b".".as_slice()));
    // A name of the namespace is a scheme's root, whatever follows.
    assert_eq!(led(&mut manager, number, "/scheme/log/"), Some((11, String::new())));
}

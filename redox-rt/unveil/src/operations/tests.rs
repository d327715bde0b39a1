use super::*;
use crate::{Name, PROMISES};
use proptest::prelude::*;
use std::vec::Vec;

fn set(text: &str) -> Promises {
    Promises::read(text).unwrap()
}

#[test]
fn every_operation_needs_a_promise_and_has_it_with_all() {
    for (operation, needs, calls) in OPERATIONS {
        assert_eq!(operation.needs(), *needs);
        assert_eq!(Promises::ALL.allow(*operation), Ok(()), "{calls}");
        assert!(Promises::NONE.allow(*operation).is_err(), "{calls}");
    }
}

#[test]
fn the_documentation_says_which_calls_need_what() {
    let page = include_str!("../../../../docs/confinement.md");
    for (_, needs, calls) in OPERATIONS {
        let words = |set: Promises, joint: &str| {
            let kept = PROMISES.iter().filter(|row| set.contain(row.1));
            kept.map(|row| std::format!("`{}`", row.0)).collect::<Vec<_>>().join(joint)
        };
        let parts: Vec<_> = [words(needs.any, " or "), words(needs.all, " and ")]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let row = std::format!("| {calls} | {} |", parts.join(", and "));
        assert!(page.lines().any(|line| line == row), "{row}");
    }
}

#[test]
fn a_missing_promise_is_named() {
    let missing = |promises: &str, operation| set(promises).allow(operation).map_err(|word| word.0);
    assert_eq!(missing("stdio", Operation::Rename), Err("rpath"));
    assert_eq!(missing("stdio rpath", Operation::Rename), Err("cpath"));
    assert_eq!(missing("rpath cpath", Operation::Rename), Ok(()));
    assert_eq!(missing("stdio", Operation::Owner), Err("fattr"));
    assert_eq!(missing("chown", Operation::Owner), Ok(()));
    assert_eq!(missing("chown", Operation::OwnerByPath), Err("rpath"));
    assert_eq!(missing("", Operation::Stdio), Err("stdio"));
}

#[test]
fn a_path_needs_what_it_is_opened_for() {
    let rows = [
        ("stdio", "/a", "rpath", Err("rpath")),
        ("stdio rpath", "/a", "rpath", Ok(())),
        ("stdio rpath", "/a", "rpath wpath", Err("wpath")),
        ("stdio rpath wpath", "a", "wpath cpath", Err("cpath")),
        ("stdio wpath cpath", "../a", "wpath cpath", Ok(())),
        // Devices, and what the C library reads.
        ("stdio", "/dev/null", "rpath wpath", Ok(())),
        ("stdio", "/dev/null", "wpath cpath", Err("wpath")),
        ("rpath", "/dev/null", "rpath", Ok(())),
        ("", "/dev/null", "rpath", Err("rpath")),
        ("stdio", "/scheme/rand", "rpath", Ok(())),
        ("stdio", "/dev/tty", "rpath wpath", Err("rpath")),
        ("stdio tty", "/dev/tty", "rpath wpath", Ok(())),
        ("stdio", "/etc/localtime", "rpath", Ok(())),
        ("stdio", "/etc/localtime", "wpath", Err("wpath")),
        ("stdio", "/usr/share/zoneinfo/UTC", "rpath", Ok(())),
        ("stdio", "/usr/share/zoneinfo/../a", "rpath", Err("rpath")),
        ("stdio", "/etc/passwd", "rpath", Err("rpath")),
        ("stdio getpw", "/etc/passwd", "rpath", Ok(())),
        ("stdio getpw", "/etc/group", "rpath wpath", Err("rpath")),
        ("stdio getpw", "/etc/passwd/x", "rpath", Err("rpath")),
        ("stdio dns", "//etc/./hosts", "rpath", Ok(())),
        ("stdio", "/scheme/proc/1", "rpath", Err("rpath")),
        ("stdio ps", "/scheme/proc/1", "rpath", Ok(())),
        ("stdio", "/scheme/namespace", "rpath", Err("rpath")),
        ("stdio", "etc/localtime", "rpath", Err("rpath")),
    ];
    for (promises, path, access, expected) in rows {
        let answer = set(promises).allow_open(path, set(access)).map_err(|word| word.0);
        assert_eq!(answer, expected, "{promises}: {path} for {access}");
    }
}

proptest! {
    /// Who gives up more is allowed less.
    #[test]
    fn fewer_promises_allow_less(
        a in any::<u64>(),
        b in any::<u64>(),
        path in "(/dev/null|/dev/tty|/etc/passwd|/etc/localtime|/scheme/(proc|sys|unix|kv)|a|/a)",
    ) {
        let (more, less) = (Promises::left(a), Promises::left(a | b));
        for (operation, ..) in OPERATIONS {
            prop_assert!(more.allow(*operation).is_ok() || less.allow(*operation).is_err());
        }
        for access in ["rpath", "wpath", "rpath wpath", "wpath cpath"] {
            let access = set(access);
            prop_assert!(more.allow_open(&path, access).is_ok() || less.allow_open(&path, access).is_err());
        }
    }

    /// A name that is gone is not served by a promise that is there.
    #[test]
    fn what_a_promise_serves_by_name_is_kept(given_up in any::<u64>(), name in "memory|log|unix|console|pty|proc|sys|null|rand|namespace") {
        let promises = Promises::left(given_up);
        let served = by_name(&name).is_some_and(|any| promises.meet(any));
        prop_assert_eq!(promises.name(&name) != Name::Gone, served);
    }
}

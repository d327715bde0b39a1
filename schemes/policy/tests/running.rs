//! A guard while a sandbox runs.
use clavis_abi::Rights;
use clavis_policy::limits::{GIVEN, LAYERS};
use clavis_policy::{Draft, Guard, Lock, Policy, Refused, Running, Verdict, narrowing};
use std::collections::BTreeMap;
use std::sync::Arc;

fn policy(text: &str) -> Policy {
    let none = &mut |_: &str| Err("nothing is included".to_owned());
    let draft = Draft::new().read("test", text, none);
    draft.and_then(Draft::seal).unwrap_or_else(|mistake| panic!("{mistake}"))
}

fn running(text: &str, lock: Lock) -> Running<String> {
    Running::new(Guard::new(Arc::new(policy(text)), lock))
}

fn less(text: &str) -> Arc<Policy> {
    Arc::new(narrowing("shrink", text).unwrap_or_else(|mistake| panic!("{mistake}")))
}

/// Gives a path; `None`: it is not allowed.
fn give(running: &Running<String>, path: &str, rights: Rights) -> Option<String> {
    let made = || Ok::<_, ()>(path.to_owned());
    running.give(path, rights, made, |under| Ok(under.clone())).unwrap()
}

#[test]
fn what_takes_away_gives_nothing() {
    for text in ["allow r /x", "deny /x\nallow r /x", "profile pure", "include x", "deny q /x"] {
        let mistake = narrowing("shrink", text).unwrap_err();
        assert_eq!(mistake.file, "shrink", "{mistake}");
    }
    let mistake = narrowing("shrink", "deny /x\n  allow r /x").unwrap_err();
    assert_eq!((mistake.line, mistake.column), (2, 3));
    assert!(mistake.what.contains("only gets less"), "{mistake}");
    let less = less("let A /x\ndeny w ${A}/***\nhide /y");
    assert_eq!(less.decide("/z").rights(), Rights::all());
    assert_eq!(less.decide("/scheme/log").rights(), Rights::all());
    assert!(!less.decide("/x/a").rights().contains(Rights::WRITE));
    assert_eq!(less.decide("/y").verdict, Verdict::Hide);
}

#[test]
fn what_was_given_and_is_no_longer_allowed_is_taken_back_and_the_rest_stays() {
    let running = running("allow rw /a/***", Lock::ShrinkOnly);
    let (read, write) = (Rights::READ, Rights::READ | Rights::WRITE);
    assert!(give(&running, "/a/1", read).is_some() && give(&running, "/a/1", write).is_some());
    assert!(give(&running, "/a/2", write).is_some() && give(&running, "/b", read).is_none());
    assert_eq!(running.given(), 3);
    let changes = running.changes();
    assert_eq!(running.shrink(less("deny w /a/1")).unwrap(), ["/a/1"]);
    assert_ne!(running.changes(), changes);
    assert_eq!(running.given(), 2);
    assert!(give(&running, "/a/1", write).is_none() && give(&running, "/a/1", read).is_some());
    let mut ended = running.shrink(less("mask /a/***")).unwrap();
    ended.sort();
    assert_eq!(ended, ["/a/1", "/a/2"]);
    assert!(give(&running, "/a/2", read).is_none());
}

#[test]
fn a_sealed_guard_is_not_shrunk_and_one_that_is_full_neither() {
    let sealed = running("allow r /***", Lock::ShrinkOnly);
    sealed.seal();
    assert_eq!(sealed.shrink(less("deny /x")), Err(Refused::Locked(Lock::Sealed)));
    assert!(give(&sealed, "/x", Rights::READ).is_some());
    let full = running("allow r /***", Lock::ShrinkOnly);
    for number in 1..LAYERS {
        full.shrink(less(&format!("deny /{number}"))).unwrap();
    }
    assert_eq!(full.shrink(less("deny /x")), Err(Refused::Full));
    assert!(give(&full, "/x", Rights::READ).is_some(), "a refused shrink changed something");
}

#[test]
fn what_does_not_fit_is_taken_back_by_every_shrink() {
    let running = running("allow r /***", Lock::ShrinkOnly);
    for number in 0..GIVEN {
        assert!(give(&running, &format!("/{number}"), Rights::READ).is_some());
    }
    assert_eq!(give(&running, "/more", Rights::READ).as_deref(), Some("/more"));
    assert_eq!(give(&running, "/even", Rights::READ).as_deref(), Some("/more"));
    assert_eq!(give(&running, "/0", Rights::READ).as_deref(), Some("/0"));
    assert_eq!(running.shrink(less("deny /x")).unwrap(), ["/more"]);
    assert_eq!(running.given(), GIVEN);
}

#[test]
fn nothing_that_is_given_is_ever_more_than_the_guard_allows() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let paths = ["/a", "/a/b", "/a/b/c", "/d", "/a/e", "/scheme/log"];
    let sets = [Rights::READ, Rights::WRITE, Rights::READ | Rights::WRITE, Rights::CREATE];
    let taking = ["deny", "deny w", "deny r", "hide", "mask"];
    let globs = ["/a/***", "/a/*", "/**/c", "/d", "/scheme/***", "/a/b"];
    for _ in 0..2_000 {
        let running = running("allow rwc /***\nallow r /scheme/log", Lock::ShrinkOnly);
        let mut held: BTreeMap<String, (&str, Rights)> = BTreeMap::new();
        for step in 0..random.usize(1..30) {
            if random.u8(..) > 40 {
                let (path, rights) = (random.choice(paths).unwrap(), random.choice(sets).unwrap());
                let name = format!("{step}");
                let made = || Ok::<_, ()>(name.clone());
                let given = running.give(path, rights, made, |under| Ok(under.clone())).unwrap();
                if let Some(under) = given {
                    held.insert(under, (path, rights));
                }
            } else {
                let verb = random.choice(taking).unwrap();
                let text = format!("{verb} {}", random.choice(globs).unwrap());
                let Ok(ended) = running.shrink(less(&text)) else { continue };
                for under in ended {
                    assert!(held.remove(&under).is_some(), "taken back twice");
                }
            }
            let guard = running.guard();
            for (path, rights) in held.values() {
                assert!(guard.decide(path).rights().contains(*rights), "{path}");
            }
        }
    }
}

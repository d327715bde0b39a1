//! Open directories under further policies.
use crate::hidden::{Side, populate, rules};
use crate::world::{LIST, OPENS, Rules, path, random, target};
use clavis_abi::Rights;
use clavis_abi::error::ENOENT;
use clavis_view::{Judge, Opened, ROOT, Verdict};
use syscall::flag::{O_RDONLY, O_RDWR, O_STAT};

/// A policy as a handle can be under it.
fn policy(text: &str) -> std::sync::Arc<clavis_policy::Policy> {
    let read = clavis_policy::Draft::new().read("policy", text, &mut |_| Err("none".into()));
    std::sync::Arc::new(read.unwrap().seal().unwrap())
}

#[test]
fn a_handle_under_a_policy_gives_what_both_say() {
    use syscall::error::{E2BIG, EACCES, EXDEV};
    let base =
        vec![(String::new(), Verdict::Allow(Rights::all())), ("/d/no.txt".into(), Verdict::Deny)];
    let rules = Rules(base, false);
    let mut side = Side::new(&rules);
    for path in ["top/d", "top/d/e", "top/out"] {
        side.disk.directory(path);
    }
    for path in ["top/d/a.txt", "top/d/b", "top/d/no.txt", "top/d/e/c.txt"] {
        side.disk.file(path, path);
    }
    side.disk.link("top/d/link", "b");
    let texts = policy("allow r /d/*.txt\nallow rc /d/e/***\n");
    let narrow = side.view.narrow(ROOT, texts, "file").unwrap();
    let errno = |side: &mut Side, path: &str, flags: usize| {
        crate::world::open(&mut side.view, narrow, path, flags as u64)
            .map(drop)
            .map_err(|error| error.errno)
    };
    assert_eq!(errno(&mut side, "d/a.txt", O_RDONLY), Ok(()));
    assert_eq!(errno(&mut side, "d/a.txt", O_RDWR), Err(EACCES));
    assert_eq!(errno(&mut side, "d/b", O_RDONLY), Err(ENOENT));
    assert_eq!(errno(&mut side, "d/link", O_RDONLY), Err(ENOENT));
    assert_eq!(errno(&mut side, "d/no.txt", O_RDONLY), Err(EACCES));
    assert_eq!(errno(&mut side, "out", O_STAT), Err(ENOENT));
    assert_eq!(side.list(narrow).unwrap(), r#"[("d", 4)]"#);
    let Ok(Opened::Own(d)) = crate::world::open(&mut side.view, narrow, "d", LIST) else {
        panic!("no directory")
    };
    assert_eq!(side.list(d).unwrap(), r#"[("a.txt", 8), ("e", 4)]"#);
    assert!(
        crate::world::open(&mut side.view, d, "b", O_RDONLY as u64).is_err(),
        "it is for what is opened through it"
    );
    assert_eq!(side.view.unlink(d, "a.txt", 0).unwrap_err().errno, EACCES);
    assert_eq!(side.view.unlink(d, "e/c.txt", 0), Ok(()));
    // A name that goes out from under the policy gives others no more than before; this one does.
    let renamed = side.view.rename((d, "e"), (ROOT, "f"), 0).map_err(|error| error.errno);
    assert_eq!(renamed, Err(EXDEV));
    // Weaker again, never stronger.
    let weaker = side.view.narrow(d, policy("allow rwx /d/a*\n"), "file").unwrap();
    assert!(crate::world::open(&mut side.view, weaker, "a.txt", O_RDONLY as u64).is_ok());
    let written = crate::world::open(&mut side.view, weaker, "a.txt", O_RDWR as u64).map(drop);
    assert_eq!(written.unwrap_err().errno, EACCES);
    assert!(crate::world::open(&mut side.view, weaker, "e", LIST).is_err());
    let mut weakest = weaker;
    for more in 0..6 {
        let text = format!("allow r /***\nhide /{more}\n");
        weakest = side.view.narrow(weakest, policy(&text), "file").unwrap();
    }
    let more = side.view.narrow(weakest, policy("allow r /***\n"), "file");
    assert_eq!(more.unwrap_err().errno, E2BIG);
    assert!(
        crate::world::open(&mut side.view, ROOT, "d/b", O_RDWR as u64).is_ok(),
        "others are under no limit"
    );
}

#[test]
fn nothing_is_opened_through_a_narrow_handle_beyond_its_policies() {
    let mut random = random();
    let lines = [
        "allow r /***",
        "allow rw /a/***",
        "allow rwc /*/b/***",
        "hide /a/b",
        "deny w /**/c",
        "mask /b/***",
        "allow rwc /b/**/c",
    ];
    for _ in 0..200 {
        let seed = random.u64(..);
        println!("run {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let rules = rules(&mut random);
        let mut sides = [Side::new(&rules), Side::new(&rules)];
        populate(&mut random, &rules, &mut sides);
        let [side, _] = &mut sides;
        side.disk.link("top/l", &target(&mut random));
        let mut open = vec![(ROOT, Vec::new())];
        for _ in 0..60 {
            let (from, policies) = open[random.usize(..open.len())].clone();
            if random.u32(..6) == 0 {
                let text: Vec<&str> = (0..3).map(|_| lines[random.usize(..lines.len())]).collect();
                let text = text.join("\n") + "\n";
                if let Ok(narrow) = side.view.narrow(from, policy(&text), "file") {
                    open.push((narrow, [policies.clone(), vec![policy(&text)]].concat()));
                }
                continue;
            }
            let flags = (OPENS[random.usize(..OPENS.len())] | 0o644) as u64;
            let path = path(&mut random);
            match crate::world::open(&mut side.view, from, &path, flags) {
                Ok(Opened::Lower(handle)) => {
                    let found = side.disk.handles.borrow().path(handle.number).unwrap();
                    let found = found.strip_prefix("top").unwrap_or(&found);
                    let base = rules.decide(found).rights();
                    let policies = policies.iter();
                    let most = policies.fold(base, |most, one| most & one.decide(found).rights());
                    assert!(most.contains(handle.rights), "{path:?} opened {found}: {rules:?}");
                }
                Ok(Opened::Own(number)) => open.push((number, policies)),
                Err(_) => {}
            }
        }
    }
}

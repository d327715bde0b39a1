//! What surrounds a view means it no good: somebody changes the file system between its steps, it
//! answers errors, and what is hidden is looked for.
use crate::world::{Disk, Files, LIST, LOOK, Rules, kind, path, random, target};
use clavis_abi::Rights;
use clavis_abi::error::{EIO, ENOENT, EOWNERDEAD};
use clavis_abi::params::open_flags;
use clavis_ramfs::content::Data;
use clavis_view::{Everything, Judge, Opened, ROOT, Verdict, View, Walks};
use std::rc::Rc;
use syscall::Stat;
use syscall::error::{Error, Result};
use syscall::flag::{
    AT_REMOVEDIR, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_STAT, O_SYMLINK,
    O_TRUNC, O_WRONLY,
};

const OPENS: &[usize] = &[
    O_RDONLY,
    O_RDWR,
    O_STAT,
    O_STAT | O_NOFOLLOW,
    O_RDONLY | O_DIRECTORY,
    O_RDONLY | O_SYMLINK | O_NOFOLLOW,
    O_RDWR | O_CREAT,
    O_WRONLY | O_CREAT | O_EXCL,
    O_WRONLY | O_TRUNC,
    O_CREAT | O_EXCL | O_DIRECTORY | O_STAT,
];

/// Somebody who renames and links within `top`, between any two steps of the view.
fn meddle(disk: &Rc<Disk>, mut random: fastrand::Rng, fails: bool) {
    let top = disk.at("top");
    let number = top.number;
    // It holds its directory for as long as the disk lives.
    std::mem::forget(top);
    *disk.meddler.borrow_mut() = Some(Box::new(move |handles| {
        let (one, two) = (path(&mut random), path(&mut random));
        match random.u32(..8) {
            0..=2 if !one.contains("..") && !two.contains("..") => {
                _ = handles.rename_at((number, &one), (number, &two), 0);
            }
            3 => {
                let flags = (O_CREAT | O_EXCL | O_SYMLINK | O_WRONLY | 0o777) as u64;
                if let Ok(link) = handles.open(number, &one, flags | open_flags::BENEATH) {
                    let outside = ["..", "../secret", "/secret", "../out", "../out/x", "a", "b/c"];
                    let text = Data::Bytes(outside[random.usize(..outside.len())].as_bytes());
                    _ = handles.write(link.number, text, 0, 0);
                    handles.close(link.number);
                }
            }
            4 => {
                let flags = (O_CREAT | O_EXCL | O_DIRECTORY | O_STAT | 0o755) as u64;
                if let Ok(made) = handles.open(number, &one, flags | open_flags::BENEATH) {
                    handles.close(made.number);
                }
            }
            5 => _ = handles.unlink(number, &one, open_flags::BENEATH),
            6 if fails => {
                let errors = [EIO, ENOENT, EOWNERDEAD];
                return Err(Error::new(errors[random.usize(..errors.len())]));
            }
            _ => {}
        }
        Ok(())
    }));
}

fn inode(disk: &Disk, path: &str) -> u64 {
    let mut handles = disk.handles.borrow_mut();
    let number = handles.open(disk.root, path, LOOK).unwrap().number;
    let mut stat = Stat::default();
    handles.stat(number, &mut stat).unwrap();
    handles.close(number);
    stat.st_ino
}

fn meddled(random: &mut fastrand::Rng, fails: bool) {
    let disk = Disk::new(Walks::ByNode);
    for path in ["top", "top/a", "top/b", "top/b/c", "out"] {
        disk.directory(path);
    }
    for path in ["secret", "out/x", "top/c", "top/b/a", "top/b/c/d"] {
        disk.file(path, path);
    }
    disk.link("top/l", "b/c");
    disk.link("top/m", "../out/x");
    let outside: Vec<u64> =
        ["", "secret", "out", "out/x"].iter().map(|path| inode(&disk, path)).collect();
    let mut view = View::new(Files(Rc::clone(&disk)), Everything, disk.at("top"));
    let held = disk.open.get() + 1;
    meddle(&disk, random.fork(), fails);
    let mut open = vec![ROOT];
    for _ in 0..400 {
        let from = open[random.usize(..open.len())];
        let bounds = [0, 0, open_flags::BENEATH, open_flags::IN_ROOT];
        let flags = (OPENS[random.usize(..OPENS.len())] | 0o644) as u64;
        let flags = flags | bounds[random.usize(..bounds.len())];
        let (one, two) = (path(random), path(random));
        match random.u32(..8) {
            0 => _ = view.rename((from, &one), (from, &two), 0),
            1 => _ = view.unlink(from, &one, 0),
            _ => match view.open(from, &one, flags) {
                Ok(Opened::Own(number)) => {
                    if let Ok(stat) = view.stat(number) {
                        assert!(!outside.contains(&stat.st_ino), "{one:?} led outside");
                    }
                    _ = view.list(number, 0, &mut |_| true);
                    if open.len() < 8 { open.push(number) } else { view.close(number) }
                }
                Ok(Opened::Lower(handle)) => {
                    let mut stat = Stat::default();
                    disk.handles.borrow().stat(handle.number, &mut stat).unwrap();
                    assert!(!outside.contains(&stat.st_ino), "{one:?} led outside");
                }
                Err(_) => {}
            },
        }
    }
    for name in ["secret", "out/x"] {
        let mut handles = disk.handles.borrow_mut();
        let number = handles.open(disk.root, name, O_RDONLY as u64).unwrap().number;
        drop(handles);
        assert_eq!(disk.text(number).unwrap(), name, "something outside was changed");
    }
    open.drain(1..).for_each(|number| view.close(number));
    assert!(disk.open.get() <= held + 1, "handles were left");
    *disk.meddler.borrow_mut() = None;
}

#[test]
fn nothing_that_happens_between_two_steps_leads_outside() {
    let mut random = random();
    (0..60).for_each(|_| meddled(&mut random, false));
}

#[test]
fn a_file_system_that_answers_errors_leads_nowhere_and_leaves_nothing() {
    let mut random = random();
    (0..60).for_each(|_| meddled(&mut random, true));
}

/// Rules about few paths: everything, or nothing, and exceptions from it.
fn rules(random: &mut fastrand::Rng) -> Rules {
    let some = Rights::all() - Rights::WRITE - Rights::REMOVE;
    let verdicts = [
        Verdict::Hide,
        Verdict::Hide,
        Verdict::Hide,
        Verdict::Deny,
        Verdict::Mask,
        Verdict::Allow(Rights::all()),
        Verdict::Allow(some),
        Verdict::Allow(Rights::all() - Rights::READ),
    ];
    let mut rules = Rules::default();
    if random.u32(..4) > 0 {
        rules.0.push((String::new(), Verdict::Allow(Rights::all())));
    }
    for _ in 0..random.usize(1..5) {
        let names = ["a", "b", "c", "d"];
        let depth = random.usize(1..4);
        let path: String =
            (0..depth).map(|_| ["/", names[random.usize(..names.len())]].concat()).collect();
        rules.0.push((path, verdicts[random.usize(..verdicts.len())]));
    }
    rules
}

/// What became of an operation, as far as a client can tell.
fn outcome<T>(result: &Result<T>, told: impl Fn(&T) -> String) -> std::result::Result<String, i32> {
    result.as_ref().map(told).map_err(|error| error.errno)
}

struct Side {
    disk: Rc<Disk>,
    view: View<Files, Rules>,
}

impl Side {
    fn new(rules: &Rules) -> Side {
        let disk = Disk::new(Walks::ByNode);
        disk.directory("top");
        let view = View::new(Files(Rc::clone(&disk)), rules.clone(), disk.at("top"));
        Side { disk, view }
    }

    fn open(&mut self, from: usize, path: &str, flags: u64) -> std::result::Result<String, i32> {
        let opened = self.view.open(from, path, flags);
        outcome(&opened, |opened| match opened {
            Opened::Own(number) => format!("own {number}: {}", self.told(*number)),
            Opened::Lower(handle) => {
                let text = self.disk.text(handle.number);
                format!("{text:?} {:?}", handle.rights)
            }
        })
    }

    /// Everything that can be asked of a number.
    fn told(&self, number: usize) -> String {
        let stat = outcome(&self.view.stat(number), |stat| {
            let size = (stat.st_size, stat.st_nlink, stat.st_blocks);
            format!("{:?} {:o} {size:?}", kind(stat), stat.st_mode)
        });
        format!("{stat:?} {:?}", outcome(&self.view.path(number), String::clone))
    }

    fn list(&mut self, number: usize) -> std::result::Result<String, i32> {
        let mut names = Vec::new();
        let listed = self.view.list(number, 0, &mut |found| {
            names.push((found.name.to_owned(), found.kind));
            true
        });
        names.sort();
        outcome(&listed, |()| format!("{names:?}"))
    }
}

/// Makes what two file systems have alike, and what is hidden in the first alone.
fn populate(random: &mut fastrand::Rng, rules: &Rules, sides: &mut [Side; 2]) {
    let names = ["a", "b", "c", "d"];
    let mut directories = vec![String::new()];
    for _ in 0..16 {
        let above = directories[random.usize(..directories.len())].clone();
        let path = format!("{above}/{}", names[random.usize(..names.len())]);
        let decision = rules.decide(&path);
        let directory = random.bool();
        let there = sides[0].disk.handles.borrow_mut().open(
            sides[0].disk.root,
            &format!("top{path}"),
            LOOK,
        );
        if let Ok(there) = there {
            sides[0].disk.handles.borrow_mut().close(there.number);
            continue;
        }
        let shown = decision.verdict != Verdict::Hide || decision.leads && directory;
        for side in sides.iter().take(if shown { 2 } else { 1 }) {
            let full = format!("top{path}");
            match (directory, random.u32(..3)) {
                (true, _) => side.disk.directory(&full),
                (false, _) => side.disk.file(&full, &path),
            }
        }
        if directory {
            directories.push(path);
        }
    }
}

fn hidden(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let rules = rules(&mut random);
    let mut sides = [Side::new(&rules), Side::new(&rules)];
    populate(&mut random, &rules, &mut sides);
    let mut open = vec![ROOT];
    for _ in 0..120 {
        let from = open[random.usize(..open.len())];
        let to = open[random.usize(..open.len())];
        let (one, two) = (path(&mut random), path(&mut random));
        let flags = (OPENS[random.usize(..OPENS.len())] | 0o644) as u64;
        let which = random.u32(..10);
        let removes = if random.bool() { AT_REMOVEDIR } else { 0 };
        let text = target(&mut random);
        let answers = sides.each_mut().map(|side| match which {
            0..=3 => side.open(from, &one, flags),
            4 => side.list(from),
            5 => outcome(&side.view.unlink(from, &one, removes), |()| String::new()),
            6 | 7 => outcome(&side.view.rename((from, &one), (to, &two), 0), |()| String::new()),
            8 => {
                let flags = (O_CREAT | O_EXCL | O_SYMLINK | O_WRONLY | 0o777) as u64;
                let made = side.view.open(from, &one, flags);
                if let Ok(Opened::Lower(made)) = &made {
                    let text = Data::Bytes(text.as_bytes());
                    side.disk.handles.borrow_mut().write(made.number, text, 0, 0).unwrap();
                }
                outcome(&made, |_| String::new())
            }
            _ => outcome(&side.view.link(to, from, &one), |()| String::new()),
        });
        assert_eq!(answers[0], answers[1], "{rules:?}: {which} {one:?} {two:?} {flags:#x}");
        let number = answers[0]
            .as_ref()
            .ok()
            .and_then(|said| said.strip_prefix("own ")?.split(':').next()?.parse::<usize>().ok());
        if let Some(number) = number {
            open.push(number);
        }
    }
}

#[test]
fn what_is_hidden_cannot_be_told_from_what_is_not_there() {
    let mut random = random();
    for _ in 0..300 {
        let seed = random.u64(..);
        println!("run {seed}");
        hidden(seed);
    }
}

#[test]
fn nothing_is_opened_with_more_than_its_true_path_has() {
    let mut random = random();
    for _ in 0..200 {
        let seed = random.u64(..);
        println!("run {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let rules = rules(&mut random);
        let mut side = [Side::new(&rules), Side::new(&rules)];
        populate(&mut random, &rules, &mut side);
        let [side, _] = &mut side;
        for name in ["l", "m"] {
            side.disk.link(&format!("top/{name}"), &target(&mut random));
        }
        for _ in 0..60 {
            let flags = (OPENS[random.usize(..OPENS.len())] | 0o644) as u64;
            let path = path(&mut random);
            if let Ok(Opened::Lower(handle)) = side.view.open(ROOT, &path, flags) {
                let found = side.disk.handles.borrow().path(handle.number).unwrap();
                let found = found.strip_prefix("top").unwrap_or(&found);
                let Verdict::Allow(most) = rules.decide(found).verdict else {
                    panic!("{path:?} opened {found}: {rules:?}");
                };
                assert!(most.contains(handle.rights), "{path:?} opened {found}: {rules:?}");
            }
        }
    }
}

#[test]
fn a_name_that_moves_gives_no_more_than_before() {
    let read = Rights::all() - Rights::WRITE;
    let rules = Rules(vec![
        (String::new(), Verdict::Allow(read)),
        ("/more".into(), Verdict::Allow(Rights::all())),
        ("/d/hidden".into(), Verdict::Hide),
    ]);
    let mut side = Side::new(&rules);
    for path in ["top/more", "top/d", "top/d/in", "top/e"] {
        side.disk.directory(path);
    }
    side.disk.file("top/f", "f");
    side.disk.file("top/d/hidden", "hidden");
    let mut rename = |old: &str, new: &str| {
        side.view.rename((ROOT, old), (ROOT, new), 0).map_err(|error| error.errno)
    };
    use syscall::error::EXDEV;
    assert_eq!(rename("f", "more/f"), Err(EXDEV));
    assert_eq!(rename("d", "g"), Err(EXDEV));
    assert_eq!(rename("e", "d"), Err(EXDEV));
    assert_eq!(rename("d/hidden", "g"), Err(ENOENT));
    assert_eq!(rename("f", "d/hidden"), Err(ENOENT));
    assert_eq!(rename("d/in", "e/in"), Ok(()));
    assert_eq!(rename("f", "g"), Ok(()));
    let number = match side.view.open(ROOT, "g", LOOK).unwrap() {
        Opened::Own(number) => number,
        Opened::Lower(_) => panic!("what is only looked at is the view's"),
    };
    assert_eq!(side.view.link(number, ROOT, "more/g").map_err(|error| error.errno), Err(EXDEV));
    assert_eq!(side.view.link(number, ROOT, "h"), Ok(()));
}

#[test]
fn a_mask_is_empty_and_stays_so() {
    use syscall::error::{EACCES, EISDIR};
    let rules = Rules(vec![
        (String::new(), Verdict::Allow(Rights::all())),
        ("/file".into(), Verdict::Mask),
        ("/directory".into(), Verdict::Mask),
    ]);
    let mut side = Side::new(&rules);
    side.disk.directory("top/directory");
    side.disk.file("top/directory/in", "in");
    side.disk.file("top/file", "file");
    let errno = |opened: Result<Opened<crate::world::Handle>>| opened.map(drop).unwrap_err().errno;
    let own = |opened: Result<Opened<crate::world::Handle>>| match opened.unwrap() {
        Opened::Own(number) => number,
        Opened::Lower(_) => panic!("it was opened below"),
    };
    let file = own(side.view.open(ROOT, "file", O_RDONLY as u64));
    assert_eq!(side.view.read(file), Ok(0));
    assert_eq!(side.view.stat(file).unwrap().st_size, 0);
    assert_eq!(errno(side.view.open(ROOT, "file", O_RDWR as u64)), EACCES);
    let directory = own(side.view.open(ROOT, "directory", LIST));
    assert_eq!(side.list(directory).unwrap(), "[]");
    assert_eq!(side.view.read(directory).unwrap_err().errno, EISDIR);
    assert_eq!(errno(side.view.open(directory, "in", O_RDONLY as u64)), ENOENT);
    assert_eq!(errno(side.view.open(ROOT, "directory/in", O_RDONLY as u64)), ENOENT);
    let make = (O_CREAT | O_RDWR) as u64;
    assert_eq!(errno(side.view.open(directory, "new", make)), EACCES);
    for (name, flags) in [("file", 0), ("directory", AT_REMOVEDIR)] {
        assert_eq!(side.view.unlink(ROOT, name, flags).unwrap_err().errno, EACCES);
    }
    assert_eq!(side.view.rename((ROOT, "file"), (ROOT, "x"), 0).unwrap_err().errno, EACCES);
}

#[test]
fn what_leads_to_something_shows_that_and_nothing_else() {
    use syscall::error::EACCES;
    let read = Rights::all() - Rights::WRITE;
    let rules = Rules(vec![
        ("/home/me".into(), Verdict::Allow(read)),
        ("/home/me/no".into(), Verdict::Deny),
    ]);
    let mut side = Side::new(&rules);
    for path in ["top/home", "top/home/me", "top/home/you", "top/etc"] {
        side.disk.directory(path);
    }
    side.disk.file("top/home/me/no", "no");
    side.disk.file("top/home/me/file", "file");
    side.disk.link("top/home/me/link", "../you");
    let list = |side: &mut Side, path: &str| {
        let Opened::Own(number) = side.view.open(ROOT, path, LIST).unwrap() else { panic!() };
        let listed = side.list(number).unwrap();
        side.view.close(number);
        listed
    };
    assert_eq!(list(&mut side, ""), r#"[("home", 4)]"#);
    assert_eq!(list(&mut side, "home"), r#"[("me", 4)]"#);
    assert_eq!(list(&mut side, "home/me"), r#"[("file", 8), ("link", 10), ("no", 8)]"#);
    let errno = |side: &mut Side, path: &str, flags: usize| {
        side.view.open(ROOT, path, flags as u64).map(drop).unwrap_err().errno
    };
    assert_eq!(errno(&mut side, "home/me/no", O_RDONLY), EACCES);
    assert_eq!(errno(&mut side, "home/me/no", O_STAT), EACCES);
    assert_eq!(errno(&mut side, "home/me/file", O_RDWR), EACCES);
    assert_eq!(errno(&mut side, "home/me/link", O_RDONLY), ENOENT);
    assert_eq!(errno(&mut side, "home/you", O_RDONLY), ENOENT);
    assert_eq!(errno(&mut side, "etc", O_STAT), ENOENT);
    assert_eq!(errno(&mut side, "home/new", O_RDWR | O_CREAT), ENOENT);
    assert!(matches!(side.view.open(ROOT, "home/me/../me/file", LOOK), Ok(Opened::Own(_))));
}

/// A policy as a handle can be under it.
fn policy(text: &str) -> std::sync::Arc<clavis_policy::Policy> {
    let read = clavis_policy::Draft::new().read("policy", text, &mut |_| Err("none".into()));
    std::sync::Arc::new(read.unwrap().seal().unwrap())
}

#[test]
fn a_handle_under_a_policy_gives_what_both_say() {
    use syscall::error::{E2BIG, EACCES, EXDEV};
    let rules = Rules(vec![
        (String::new(), Verdict::Allow(Rights::all())),
        ("/d/no.txt".into(), Verdict::Deny),
    ]);
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
        side.view.open(narrow, path, flags as u64).map(drop).map_err(|error| error.errno)
    };
    assert_eq!(errno(&mut side, "d/a.txt", O_RDONLY), Ok(()));
    assert_eq!(errno(&mut side, "d/a.txt", O_RDWR), Err(EACCES));
    assert_eq!(errno(&mut side, "d/b", O_RDONLY), Err(ENOENT));
    assert_eq!(errno(&mut side, "d/link", O_RDONLY), Err(ENOENT));
    assert_eq!(errno(&mut side, "d/no.txt", O_RDONLY), Err(EACCES));
    assert_eq!(errno(&mut side, "out", O_STAT), Err(ENOENT));
    assert_eq!(side.list(narrow).unwrap(), r#"[("d", 4)]"#);
    let Ok(Opened::Own(d)) = side.view.open(narrow, "d", LIST) else { panic!("no directory") };
    assert_eq!(side.list(d).unwrap(), r#"[("a.txt", 8), ("e", 4)]"#);
    assert!(
        side.view.open(d, "b", O_RDONLY as u64).is_err(),
        "it is for what is opened through it"
    );
    assert_eq!(side.view.unlink(d, "a.txt", 0).unwrap_err().errno, EACCES);
    assert_eq!(side.view.unlink(d, "e/c.txt", 0), Ok(()));
    // A name that goes out from under the policy gives others no more than before; this one does.
    let renamed = side.view.rename((d, "e"), (ROOT, "f"), 0).map_err(|error| error.errno);
    assert_eq!(renamed, Err(EXDEV));
    // Weaker again, never stronger.
    let weaker = side.view.narrow(d, policy("allow rwx /d/a*\n"), "file").unwrap();
    assert!(side.view.open(weaker, "a.txt", O_RDONLY as u64).is_ok());
    let written = side.view.open(weaker, "a.txt", O_RDWR as u64).map(drop);
    assert_eq!(written.unwrap_err().errno, EACCES);
    assert!(side.view.open(weaker, "e", LIST).is_err());
    let mut weakest = weaker;
    for more in 0..6 {
        let text = format!("allow r /***\nhide /{more}\n");
        weakest = side.view.narrow(weakest, policy(&text), "file").unwrap();
    }
    let more = side.view.narrow(weakest, policy("allow r /***\n"), "file");
    assert_eq!(more.unwrap_err().errno, E2BIG);
    assert!(side.view.open(ROOT, "d/b", O_RDWR as u64).is_ok(), "others are under no limit");
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
            match side.view.open(from, &path, flags) {
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

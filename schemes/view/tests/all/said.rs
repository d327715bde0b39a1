//! What is denied, masked, moved, and what leads to something: the rules, one by one.
use crate::hidden::Side;
use crate::world::{LIST, LOOK, Rules};
use clavis_abi::Rights;
use clavis_abi::error::ENOENT;
use clavis_view::{Opened, ROOT, Verdict};
use syscall::error::Result;
use syscall::flag::{AT_REMOVEDIR, O_CREAT, O_RDONLY, O_RDWR, O_STAT};

#[test]
fn a_name_that_moves_gives_no_more_than_before() {
    let read = Rights::all() - Rights::WRITE;
    let base = vec![
        (String::new(), Verdict::Allow(read)),
        ("/more".into(), Verdict::Allow(Rights::all())),
        ("/d/hidden".into(), Verdict::Hide),
    ];
    let rules = Rules(base, false);
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
    let number = match crate::world::open(&mut side.view, ROOT, "g", LOOK).unwrap() {
        Opened::Own(number) => number,
        Opened::Lower(_) => panic!("what is only looked at is the view's"),
    };
    assert_eq!(side.view.link(number, ROOT, "more/g").map_err(|error| error.errno), Err(EXDEV));
    assert_eq!(side.view.link(number, ROOT, "h"), Ok(()));
}

#[test]
fn a_mask_is_empty_and_stays_so() {
    use syscall::error::{EACCES, EISDIR};
    let base = vec![
        (String::new(), Verdict::Allow(Rights::all())),
        ("/file".into(), Verdict::Mask),
        ("/directory".into(), Verdict::Mask),
    ];
    let rules = Rules(base, false);
    let mut side = Side::new(&rules);
    side.disk.directory("top/directory");
    side.disk.file("top/directory/in", "in");
    side.disk.file("top/file", "file");
    let errno = |opened: Result<Opened<crate::world::Handle>>| opened.map(drop).unwrap_err().errno;
    let own = |opened: Result<Opened<crate::world::Handle>>| match opened.unwrap() {
        Opened::Own(number) => number,
        Opened::Lower(_) => panic!("it was opened below"),
    };
    let file = own(crate::world::open(&mut side.view, ROOT, "file", O_RDONLY as u64));
    assert_eq!(side.view.read(file), Ok(0));
    assert_eq!(side.view.stat(file).unwrap().st_size, 0);
    assert_eq!(errno(crate::world::open(&mut side.view, ROOT, "file", O_RDWR as u64)), EACCES);
    let directory = own(crate::world::open(&mut side.view, ROOT, "directory", LIST));
    assert_eq!(side.list(directory).unwrap(), "[]");
    assert_eq!(side.view.read(directory).unwrap_err().errno, EISDIR);
    assert_eq!(errno(crate::world::open(&mut side.view, directory, "in", O_RDONLY as u64)), ENOENT);
    assert_eq!(
        errno(crate::world::open(&mut side.view, ROOT, "directory/in", O_RDONLY as u64)),
        ENOENT
    );
    let make = (O_CREAT | O_RDWR) as u64;
    assert_eq!(errno(crate::world::open(&mut side.view, directory, "new", make)), EACCES);
    for (name, flags) in [("file", 0), ("directory", AT_REMOVEDIR)] {
        assert_eq!(side.view.unlink(ROOT, name, flags).unwrap_err().errno, EACCES);
    }
    assert_eq!(side.view.rename((ROOT, "file"), (ROOT, "x"), 0).unwrap_err().errno, EACCES);
}

#[test]
fn what_leads_to_something_shows_that_and_nothing_else() {
    use syscall::error::EACCES;
    let read = Rights::all() - Rights::WRITE;
    let base =
        vec![("/home/me".into(), Verdict::Allow(read)), ("/home/me/no".into(), Verdict::Deny)];
    let rules = Rules(base, false);
    let mut side = Side::new(&rules);
    for path in ["top/home", "top/home/me", "top/home/you", "top/etc"] {
        side.disk.directory(path);
    }
    side.disk.file("top/home/me/no", "no");
    side.disk.file("top/home/me/file", "file");
    side.disk.link("top/home/me/link", "../you");
    let list = |side: &mut Side, path: &str| {
        let Opened::Own(number) = crate::world::open(&mut side.view, ROOT, path, LIST).unwrap()
        else {
            panic!()
        };
        let listed = side.list(number).unwrap();
        side.view.close(number);
        listed
    };
    assert_eq!(list(&mut side, ""), r#"[("home", 4)]"#);
    assert_eq!(list(&mut side, "home"), r#"[("me", 4)]"#);
    assert_eq!(list(&mut side, "home/me"), r#"[("file", 8), ("link", 10), ("no", 8)]"#);
    let errno = |side: &mut Side, path: &str, flags: usize| {
        crate::world::open(&mut side.view, ROOT, path, flags as u64).map(drop).unwrap_err().errno
    };
    assert_eq!(errno(&mut side, "home/me/no", O_RDONLY), EACCES);
    assert_eq!(errno(&mut side, "home/me/no", O_STAT), EACCES);
    assert_eq!(errno(&mut side, "home/me/file", O_RDWR), EACCES);
    assert_eq!(errno(&mut side, "home/me/link", O_RDONLY), ENOENT);
    assert_eq!(errno(&mut side, "home/you", O_RDONLY), ENOENT);
    assert_eq!(errno(&mut side, "etc", O_STAT), ENOENT);
    assert_eq!(errno(&mut side, "home/new", O_RDWR | O_CREAT), ENOENT);
    assert!(matches!(
        crate::world::open(&mut side.view, ROOT, "home/me/../me/file", LOOK),
        Ok(Opened::Own(_))
    ));
}

#[test]
fn what_is_hidden_on_the_way_is_not_there_whatever_it_is() {
    let all = || Verdict::Allow(Rights::all());
    let base = vec![
        (String::new(), all()),
        ("/file".into(), Verdict::Hide),
        ("/file/x".into(), all()),
        ("/link".into(), Verdict::Hide),
        ("/link/x".into(), all()),
    ];
    for watches in [false, true] {
        let mut side = Side::new(&Rules(base.clone(), watches));
        side.disk.directory("top/d");
        side.disk.file("top/d/x", "x");
        side.disk.file("top/file", "file");
        side.disk.link("top/link", "d");
        for path in ["file/x", "link/x", "none/x"] {
            let opened = crate::world::open(&mut side.view, ROOT, path, O_RDONLY as u64);
            assert_eq!(opened.map(drop).unwrap_err().errno, ENOENT, "{path} {watches}");
        }
        assert!(crate::world::open(&mut side.view, ROOT, "d/x", O_RDONLY as u64).is_ok());
    }
}

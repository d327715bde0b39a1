//! What goes wrong: no room, and a file system below that refuses.
use crate::setting::{append, below, commit, disk, name_too, open, overlay, read, write};
use clavis_view::ROOT;
use clavis_view::held::Held;
use clavis_view::lower::Lower;
use syscall::error::{EIO, ENOSPC, Error};
use syscall::flag::{AT_REMOVEDIR, O_CREAT, O_RDWR};

#[test]
fn what_finds_no_room_is_not_kept_and_what_goes_away_makes_some() {
    let disk = disk();
    disk.file("top/long", &"x".repeat(100_000));
    let mut seen = overlay(&disk, 64 << 10);
    assert_eq!(append(&mut seen, "long", "more").unwrap_err().errno, ENOSPC);
    assert_eq!(read(&mut seen, "long").unwrap().len(), 65536);
    let file = open(&mut seen, "new", O_RDWR | O_CREAT).unwrap();
    let (mut at, most) = (0, vec![7; 10_000]);
    let full = loop {
        match Held::write(seen.lower(), &file, Some(at), &most) {
            Ok(count) => at += count as u64,
            Err(error) => break error,
        }
    };
    assert_eq!(full.errno, ENOSPC);
    assert!((40_000..64 << 10).contains(&at), "{at}");
    // Names take room too.
    let none = (0..1000).find_map(|name| write(&mut seen, &format!("n{name}"), "").err());
    assert_eq!(none.unwrap().errno, ENOSPC);
    drop(file);
    seen.unlink(ROOT, "new", 0).unwrap();
    write(&mut seen, "other", &"y".repeat(30_000)).unwrap();
    let statistics = seen.lower().statistics(&seen.lower().directory()).unwrap();
    assert_eq!(statistics.f_bsize, 0);
    assert!(commit(&seen).failed.is_none());
    assert_eq!(below(&disk)["long"], format!("100755 1 100000 {}", "x".repeat(64)));
    assert!(!below(&disk).contains_key("new"));
}

#[test]
fn what_fails_before_anything_is_in_place_leaves_nothing_behind() {
    // Each call below fails in turn.
    for failing in 0.. {
        let disk = disk();
        disk.file("top/a", "a");
        disk.file("top/b", "b");
        let mut seen = overlay(&disk, 1 << 20);
        write(&mut seen, "a", "changed").unwrap();
        write(&mut seen, "new", "new").unwrap();
        seen.unlink(ROOT, "b", 0).unwrap();
        let before = below(&disk);
        let mut left = failing;
        *disk.meddler.borrow_mut() = Some(Box::new(move |_| {
            left -= 1;
            if left == -1 { Err(Error::new(EIO)) } else { Ok(()) }
        }));
        let changes = seen.lower().difference();
        let report = match changes {
            Ok(changes) => seen.lower().commit(&vec![true; changes.len()]),
            Err(error) => Err(error),
        };
        *disk.meddler.borrow_mut() = None;
        let now = below(&disk);
        let Ok(report) = report else {
            assert_eq!(now, before);
            continue;
        };
        assert_eq!(report.left.is_empty(), !now.keys().any(|name| name.starts_with(".contain")));
        let Some((index, error)) = report.failed else {
            assert_eq!(report.done, [0, 1, 2], "{failing}");
            assert!(failing > 20);
            return;
        };
        assert_eq!(error.errno, EIO);
        // What is said to be done is, and nothing else.
        assert!(!report.done.contains(&index));
        let done = |index| report.done.contains(&index);
        assert_eq!(now["a"].ends_with(" changed"), done(0), "{failing}");
        assert_eq!(now.contains_key("b"), !done(1), "{failing}");
        assert_eq!(now.contains_key("new"), done(2), "{failing}");
    }
}

#[test]
fn of_a_file_with_several_names_that_is_half_written_all_lies_beside_it() {
    let mut halves = 0;
    for failing in 0.. {
        let disk = disk();
        disk.file("top/a", "before");
        name_too(&disk, "top/a", "top/b");
        let mut seen = overlay(&disk, 1 << 20);
        append(&mut seen, "a", " and after").unwrap();
        let mut left = failing;
        *disk.meddler.borrow_mut() = Some(Box::new(move |_| {
            left -= 1;
            if left == -1 { Err(Error::new(EIO)) } else { Ok(()) }
        }));
        let report = seen.lower().commit(&[true]);
        *disk.meddler.borrow_mut() = None;
        let now = below(&disk);
        assert_eq!(now["a"], now["b"]);
        let report = report.unwrap_or_default();
        let beside: Vec<&String> = now.keys().filter(|name| name.starts_with('.')).collect();
        assert_eq!(report.left.len(), beside.len(), "{failing}");
        if report.done == [0] {
            assert!(now["a"].ends_with(" before and after"));
            assert!(halves > 0);
            return;
        }
        if !now["a"].ends_with(" before") {
            let all = beside.iter().any(|name| now[*name].ends_with(" before and after"));
            assert!(all || now["a"].ends_with(" before and after"), "{failing} {now:?}");
            halves += usize::from(all);
        }
    }
}

#[test]
fn directories_that_are_made_and_removed_again_are_no_change() {
    let disk = disk();
    disk.directory("top/d");
    let mut seen = overlay(&disk, 1 << 20);
    seen.rename((ROOT, "d"), (ROOT, "e"), 0).unwrap();
    write(&mut seen, "e/file", "text").unwrap();
    seen.unlink(ROOT, "e/file", 0).unwrap();
    seen.rename((ROOT, "e"), (ROOT, "d"), 0).unwrap();
    assert_eq!(seen.lower().difference().unwrap(), []);
    seen.unlink(ROOT, "d", AT_REMOVEDIR).unwrap();
    assert_eq!(seen.lower().difference().unwrap().len(), 1);
}

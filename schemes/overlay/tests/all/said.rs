//! What a person is shown, word by word; and cases that chance meets rarely.
use crate::setting::{Seen, append, below, commit, disk, name_too, open, overlay, read, write};
use clavis_overlay::show::line;
use clavis_view::ROOT;
use clavis_view::held::Held;
use clavis_view::lower::{Attribute, Lower};
use syscall::flag::{AT_REMOVEDIR, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_STAT, O_WRONLY};

const MKDIR: u64 = (O_CREAT | O_EXCL | O_DIRECTORY | O_STAT | 0o755) as u64;

fn said(seen: &Seen) -> String {
    let changes = seen.lower().difference().unwrap();
    let mut said = String::new();
    for (index, change) in changes.iter().enumerate() {
        said +=
            &format!("{}\n{}", line(change, "/home"), seen.lower().shown(index, "/home").unwrap());
    }
    said
}

#[test]
fn each_change_is_said_in_a_line_and_of_texts_what_differs() {
    let disk = disk();
    for (path, text) in [("a", "one\ntwo\n"), ("b", "gone\n"), ("c", "same\n"), ("m", "mode\n")] {
        disk.file(&format!("top/{path}"), text);
    }
    disk.directory("top/d");
    disk.file("top/d/in", "in\n");
    let mut seen = overlay(&disk, 1 << 20);
    append(&mut seen, "a", "three\n").unwrap();
    seen.unlink(ROOT, "b", 0).unwrap();
    seen.rename((ROOT, "d"), (ROOT, "e"), 0).unwrap();
    append(&mut seen, "e/in", "more").unwrap();
    seen.open(ROOT, "new", MKDIR).unwrap();
    write(&mut seen, "new/\x1b[1m", "\x1b[2Jtext\n").unwrap();
    write(&mut seen, "temporary", "other\n").unwrap();
    seen.rename((ROOT, "temporary"), (ROOT, "c"), 0).unwrap();
    let file = open(&mut seen, "bytes", O_WRONLY | O_CREAT).unwrap();
    Held::write(seen.lower(), &file, Some(0), &[0, 1, 2]).unwrap();
    let file = open(&mut seen, "m", O_RDONLY).unwrap();
    seen.lower().set(&file, &Attribute::Mode(0o600)).unwrap();
    let expected = "\
changed /home/a, 8 -> 14 bytes
--- /home/a
+++ /home/a
@@ -1,2 +1,3 @@
 one
 two
+three
removed /home/b, a file of 5 bytes
--- /home/b
+++ nothing
@@ -1 +0,0 @@
-gone
made /home/bytes, a file of 3 bytes
binary
replaced /home/c, 5 -> 6 bytes
--- /home/c
+++ /home/c
@@ -1 +1 @@
-same
+other
renamed /home/d -> /home/e
changed /home/d/in, 3 -> 7 bytes
--- /home/d/in
+++ /home/d/in
@@ -1 +1,2 @@
 in
+more
\\ No newline at end of file
set /home/m, mode 755 -> 600
made /home/new, a directory
made /home/new/\\u{1b}[1m, a file of 9 bytes
--- nothing
+++ /home/new/\\u{1b}[1m
@@ -0,0 +1 @@
+\\u{1b}[2Jtext
";
    assert_eq!(said(&seen), expected);
    assert!(commit(&seen).conflicts.is_empty());
    assert_eq!(below(&disk)["e/in"], "100755 1 7 in\nmore");
}

#[test]
fn names_that_change_places_are_committed() {
    let disk = disk();
    disk.file("top/a", "a");
    disk.file("top/b", "b");
    disk.directory("top/d");
    disk.directory("top/d/e");
    disk.file("top/d/e/in", "in");
    let mut seen = overlay(&disk, 1 << 20);
    for (old, new) in [("a", "t"), ("b", "a"), ("t", "b"), ("d/e", "t"), ("d", "t/e"), ("t", "d")] {
        seen.rename((ROOT, old), (ROOT, new), 0).unwrap();
    }
    let report = commit(&seen);
    assert_eq!((report.conflicts, report.failed, report.left), (vec![], None, vec![]));
    let now = below(&disk);
    assert_eq!((&*now["a"], &*now["b"]), ("100755 1 1 b", "100755 1 1 a"));
    assert!(now.contains_key("d/e") && now.contains_key("d/in"), "{now:?}");
}

#[test]
fn all_names_of_a_file_see_what_is_written_through_one_and_keep_it() {
    let disk = disk();
    disk.file("top/a", "one");
    name_too(&disk, "top/a", "top/b");
    let mut seen = overlay(&disk, 1 << 20);
    let reader = open(&mut seen, "b", O_RDONLY).unwrap();
    append(&mut seen, "a", " two").unwrap();
    let mut bytes = [0; 16];
    // Also who opened it before.
    assert_eq!(Held::read(seen.lower(), &reader, 0, &mut bytes).unwrap(), 7);
    seen.unlink(ROOT, "a", 0).unwrap();
    assert_eq!(read(&mut seen, "b").unwrap(), "one two");
    assert!(commit(&seen).failed.is_none());
    assert_eq!(
        below(&disk).into_iter().collect::<Vec<_>>(),
        [("b".into(), "100755 1 7 one two".into())]
    );
}

#[test]
fn a_directory_that_is_emptied_and_removed_needs_what_empties_it() {
    let disk = disk();
    disk.directory("top/d");
    disk.file("top/d/a", "a");
    disk.file("top/d/b", "b");
    let mut seen = overlay(&disk, 1 << 20);
    seen.unlink(ROOT, "d/a", 0).unwrap();
    seen.rename((ROOT, "d/b"), (ROOT, "b"), 0).unwrap();
    seen.unlink(ROOT, "d", AT_REMOVEDIR).unwrap();
    let changes = seen.lower().difference().unwrap();
    assert_eq!(changes[0].needs, [1, 2], "{changes:#?}");
    // Without one of them it stays.
    let report = seen.lower().commit(&[true, false, true]).unwrap();
    assert_eq!((report.done, report.conflicts.len()), (vec![2], 1));
    let now: Vec<String> = below(&disk).into_keys().collect();
    assert_eq!(now, ["b", "d", "d/a"]);
}

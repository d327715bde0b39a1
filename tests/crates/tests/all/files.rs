//! Crates that work on files.
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use walkdir::WalkDir;

#[test]
fn tempfile_makes_files_and_folders_that_vanish() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    fs::write(path.join("a"), "x").unwrap();
    let mut named = tempfile::NamedTempFile::new_in(&path).unwrap();
    named.write_all(b"content").unwrap();
    let kept = named.persist(path.join("kept")).unwrap();
    drop(kept);
    assert_eq!(fs::read(path.join("kept")).unwrap(), b"content");
    folder.close().unwrap();
    assert!(!path.exists());
}

#[test]
fn a_tempfile_without_name_can_be_read_back() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123456789").unwrap();
    file.seek(SeekFrom::Start(3)).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "3456789");
}

#[test]
fn two_tempfiles_never_meet() {
    let folder = tempfile::tempdir().unwrap();
    let make = || tempfile::NamedTempFile::new_in(folder.path()).unwrap();
    let files: Vec<tempfile::NamedTempFile> = (0..100).map(|_| make()).collect();
    let paths: BTreeSet<_> = files.iter().map(|file| file.path().to_owned()).collect();
    assert_eq!(paths.len(), 100);
}

#[test]
fn walkdir_sees_every_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = BTreeSet::new();
    for outer in 0..5 {
        let inner = folder.path().join(format!("d{outer}/e/f"));
        fs::create_dir_all(&inner).unwrap();
        for number in 0..20 {
            let path = inner.join(format!("{number}"));
            fs::write(&path, vec![0; number]).unwrap();
            made.insert(path);
        }
    }
    std::os::unix::fs::symlink(folder.path(), folder.path().join("d0/loop")).unwrap();
    let walk = || WalkDir::new(folder.path()).sort_by_file_name();
    let files = walk().into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let seen: Vec<_> = files.map(|entry| entry.path().to_owned()).collect();
    assert_eq!(seen.len(), 100);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), made);
    let bytes: u64 = walk()
        .max_depth(4)
        .into_iter()
        .filter_map(|entry| entry.unwrap().metadata().ok().filter(|data| data.is_file()))
        .map(|data| data.len())
        .sum();
    assert_eq!(bytes, 5 * 190);
    let looped = walk().follow_links(true).into_iter().filter_map(Result::err).count();
    assert_eq!(looped, 1, "the link that leads upwards is told once");
}

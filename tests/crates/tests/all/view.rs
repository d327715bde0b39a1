//! A view over Redox's file system, which walks by path: through it nothing leads out of a
//! directory, and a directory's handle follows its directory.
use crate::redoxfs::{mount, random_operations};
use clavis::abi::error::{ELOOP, ENOENT, ENOTCAPABLE};
use clavis::handle::limit;
use clavis::namespace::Namespace;
use clavis::{Handle, Rights, handle_flags, open_flags};
use redox_syscall_09::flag::{O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command};

/// A view that is served while this value lives.
struct Viewed {
    root: PathBuf,
    process: Child,
}

impl Drop for Viewed {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn viewed(file_system: &'static str, name: &str) -> Viewed {
    let below = mount(file_system);
    // The name is there from now on; what is opened under it waits for the server.
    drop(Namespace::current().unwrap().ticket(name).unwrap());
    let command = Command::new("/scheme/initfs/bin/view").arg(name).arg(&below).spawn();
    Viewed { root: PathBuf::from(format!("/scheme/{name}")), process: command.unwrap() }
}

fn read(from: &Handle, path: &str, flags: u64) -> Result<String, i32> {
    let opened = Handle::open_at(from, path, O_RDONLY as u64 | flags);
    let opened = opened.map_err(|error| error.errno())?;
    let mut text = [0; 64];
    let length = opened.read_at(&mut text, 0).map_err(|error| error.errno())?;
    Ok(String::from_utf8_lossy(&text[..length]).into_owned())
}

#[test]
fn random_operations_through_a_view_leave_what_a_model_says() {
    let view = viewed("crates-viewed", "crates-view");
    random_operations(&view.root, &[1, 0x0123_4567_89AB_CDEF]);
}

#[test]
fn nothing_leads_out_of_a_directory_through_a_view() {
    let view = viewed("crates-viewed-2", "crates-view-2");
    let at = |path: &str| view.root.join(path);
    fs::create_dir_all(at("in/deep")).unwrap();
    fs::write(at("secret"), "secret").unwrap();
    fs::write(at("in/file"), "inside").unwrap();
    fs::write(at("in/deep/file"), "deep").unwrap();
    for (name, target) in [
        ("up", ".."),
        ("out", "../secret"),
        ("absolute", "/scheme/crates-view-2/secret"),
        ("inner", "deep/file"),
        ("deep/back", "../file"),
        ("loop", "loop"),
        ("dangling", "../made"),
    ] {
        symlink(target, at("in").join(name)).unwrap();
    }
    let path = at("in").display().to_string();
    let cage = Handle::open(&path, (O_RDONLY | O_DIRECTORY) as u64).unwrap();
    let root = Handle::open(&view.root.display().to_string(), O_RDONLY as u64).unwrap();
    let all = Rights::all();
    limit(&cage, all, all, handle_flags::BENEATH).unwrap();
    for path in ["..", "../secret", "up", "up/secret", "out", "absolute", "deep/../../secret"] {
        assert_eq!(read(&cage, path, 0), Err(ENOTCAPABLE), "{path}");
        let made = Handle::open_at(&cage, path, (O_WRONLY | O_CREAT) as u64);
        assert_eq!(made.unwrap_err().errno(), ENOTCAPABLE, "{path}");
    }
    assert_eq!(read(&cage, "loop", 0), Err(ELOOP));
    assert!(Handle::open_at(&cage, "dangling", (O_WRONLY | O_CREAT) as u64).is_err());
    assert!(!at("made").exists());
    for (path, text) in [("inner", "deep"), ("deep/back", "inside"), ("deep/../file", "inside")] {
        assert_eq!(read(&cage, path, 0).as_deref(), Ok(text), "{path}");
        let links = path.contains("inner") || path.contains("back");
        let plain = read(&cage, path, open_flags::NO_SYMLINKS);
        assert_eq!(plain, if links { Err(ELOOP) } else { Ok(text.into()) }, "{path}");
    }
    assert_eq!(read(&root, "in/absolute", open_flags::NO_XDEV), Err(ENOTCAPABLE));
    // A directory as root: what leads up, or is absolute, stays inside.
    symlink("/file", at("in/rooted")).unwrap();
    let inside = Handle::open_at(&root, "in", (O_RDONLY | O_DIRECTORY) as u64).unwrap();
    for (path, expected) in [
        ("file", Ok("inside")),
        ("deep/../file", Ok("inside")),
        ("up/file", Ok("inside")),
        ("up/../file", Ok("inside")),
        ("deep/back", Ok("inside")),
        ("rooted", Ok("inside")),
        ("inner", Ok("deep")),
        ("out", Err(ENOENT)),
        ("up/secret", Err(ENOENT)),
        ("up/../secret", Err(ENOENT)),
        ("/file", Ok("inside")),
        ("../file", Ok("inside")),
        ("deep/../../secret", Err(ENOENT)),
        ("absolute", Err(ENOENT)),
        ("loop", Err(ELOOP)),
    ] {
        let found = read(&inside, path, open_flags::IN_ROOT);
        assert_eq!(found.as_deref(), expected.as_ref().map(|text| *text), "{path} in its root");
    }
    // One file system: links within it are followed, those that name one by its path are not.
    for (path, expected) in [
        ("file", Ok("inside")),
        ("deep/../file", Ok("inside")),
        ("inner", Ok("deep")),
        ("deep/back", Ok("inside")),
        ("out", Ok("secret")),
        ("up/secret", Ok("secret")),
        ("absolute", Err(ENOTCAPABLE)),
        ("rooted", Err(ENOTCAPABLE)),
        ("loop", Err(ELOOP)),
    ] {
        let found = read(&inside, path, open_flags::NO_XDEV);
        assert_eq!(found.as_deref(), expected.as_ref().map(|text| *text), "{path}, no other");
    }
    assert_eq!(read(&root, "in/out", 0).as_deref(), Ok("secret"));
    let inner = Handle::open_at(&cage, "deep", (O_RDONLY | O_DIRECTORY) as u64).unwrap();
    assert_eq!(read(&inner, "../file", 0), Err(ENOTCAPABLE), "it is sticky");
    let file = Handle::open_at(&cage, "file", O_RDONLY as u64).unwrap();
    assert!(Handle::open_at(&file, "../secret", 0).is_err());
}

#[test]
fn a_directory_of_a_view_follows_its_directory_and_not_what_takes_its_place() {
    let view = viewed("crates-viewed-3", "crates-view-3");
    let at = |path: &str| view.root.join(path);
    fs::create_dir_all(at("a/deep")).unwrap();
    fs::create_dir_all(at("other/deep")).unwrap();
    fs::write(at("a/deep/file"), "mine").unwrap();
    fs::write(at("other/deep/file"), "secret").unwrap();
    let deep = at("a/deep").display().to_string();
    let deep = Handle::open(&deep, (O_RDONLY | O_DIRECTORY) as u64).unwrap();
    limit(&deep, Rights::all(), Rights::all(), handle_flags::BENEATH).unwrap();
    fs::rename(at("a"), at("b")).unwrap();
    assert_eq!(read(&deep, "file", 0).as_deref(), Ok("mine"));
    symlink("other", at("a")).unwrap();
    assert_eq!(read(&deep, "file", 0).as_deref(), Ok("mine"));
    fs::rename(at("b/deep"), at("c")).unwrap();
    symlink("../other/deep", at("b/deep")).unwrap();
    assert_eq!(read(&deep, "file", 0).as_deref(), Ok("mine"));
    fs::remove_dir_all(at("c")).unwrap();
    fs::create_dir(at("c")).unwrap();
    fs::write(at("c/file"), "another").unwrap();
    assert_eq!(read(&deep, "file", 0), Err(ENOENT));
}

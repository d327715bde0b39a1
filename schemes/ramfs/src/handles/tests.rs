//! What clients may count on.
use super::naming::RENAME_NOREPLACE;
use super::*;
use syscall::TimeSpec;
use syscall::error::{EBUSY, EEXIST, EISDIR, ELOOP, ENOSPC, ENOTDIR, ENOTEMPTY};
use syscall::flag::{
    AT_REMOVEDIR, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDWR, O_STAT, O_SYMLINK, O_TRUNC,
    O_WRONLY,
};

const PAGE: usize = clavis_abi::PAGE_SIZE;

const NOW: Time = Time { seconds: 5, nanoseconds: 6 };

fn handles() -> (Handles, Number) {
    let mut handles = Handles::new(1 << 20, NOW);
    let root = handles.root().unwrap();
    (handles, root)
}

fn open(handles: &mut Handles, number: Number, path: &str, flags: usize) -> Result<Number> {
    handles.open(number, path, flags as u64 | 0o644).map(|opened| opened.number)
}

fn directory(handles: &mut Handles, number: Number, path: &str) -> Number {
    open(handles, number, path, O_CREAT | O_EXCL | O_DIRECTORY).unwrap()
}

fn file(handles: &mut Handles, number: Number, path: &str, data: &[u8]) -> Number {
    let file = open(handles, number, path, O_CREAT | O_EXCL | O_RDWR).unwrap();
    assert_eq!(handles.write(file, Data::Bytes(data), 0, 0).unwrap(), data.len());
    file
}

fn errno<T>(result: Result<T>) -> i32 {
    result.map_or_else(|error| error.errno, |_| 0)
}

#[test]
fn a_directory_handle_follows_its_directory_through_renames() {
    let (mut handles, root) = handles();
    let a = directory(&mut handles, root, "a");
    directory(&mut handles, root, "b");
    file(&mut handles, a, "x", b"here");
    handles.rename_at((root, "a"), (root, "b/c"), 0).unwrap();
    let x = open(&mut handles, a, "x", 0).unwrap();
    assert_eq!(handles.path(x).unwrap(), "b/c/x");
    assert_eq!(handles.path_from(x, a).unwrap(), "x");
    assert_eq!(errno(open(&mut handles, root, "a/x", 0)), ENOENT);
    let above = open(&mut handles, a, "..", 0).unwrap();
    assert_eq!(handles.path(above).unwrap(), "b");
}

#[test]
fn a_removed_directory_is_known_but_holds_nothing() {
    let (mut handles, root) = handles();
    let a = directory(&mut handles, root, "a");
    handles.unlink(root, "a", AT_REMOVEDIR as u64).unwrap();
    let mut stat = Stat::default();
    handles.stat(a, &mut stat).unwrap();
    assert_eq!(stat.st_nlink, 0);
    assert_eq!(errno(open(&mut handles, a, "x", O_CREAT)), ENOENT);
    assert_eq!(errno(open(&mut handles, a, "..", 0)), ENOENT);
    assert_eq!(errno(handles.path(a)), ENOENT);
    let nodes = handles.tree().nodes();
    handles.close(a);
    assert_eq!(handles.tree().nodes(), nodes - 1);
}

#[test]
fn a_removed_file_lives_as_long_as_its_handle() {
    let (mut handles, root) = handles();
    let before = handles.tree().budget().used();
    let x = file(&mut handles, root, "x", b"still");
    handles.unlink(root, "x", 0).unwrap();
    let mut out = [0; 5];
    assert_eq!(handles.read(x, &mut out, 0).unwrap(), 5);
    assert_eq!(errno(handles.link_at(x, root, "y")), ENOENT);
    handles.close(x);
    assert_eq!(handles.tree().budget().used(), before);
}

#[test]
fn a_mapping_outlives_name_and_length() {
    let (mut handles, root) = handles();
    let x = file(&mut handles, root, "x", &[9; 2 * PAGE]);
    let address = handles.map(x, 0, 2 * PAGE).unwrap();
    handles.truncate(x, 0).unwrap();
    handles.unlink(root, "x", 0).unwrap();
    assert_eq!(address % PAGE, 0);
    handles.unmap(x, 0, 7).unwrap();
    handles.unmap(x, 0, 7).unwrap();
    assert_eq!(errno(handles.unmap(x, 0, 8)), EINVAL);
    handles.close(x);
}

#[test]
fn appending_writes_at_the_end_whatever_the_offset() {
    let (mut handles, root) = handles();
    let x = file(&mut handles, root, "x", b"one");
    let log = open(&mut handles, root, "x", O_WRONLY | O_APPEND).unwrap();
    handles.write(log, Data::Bytes(b"two"), 0, 0).unwrap();
    handles.write(x, Data::Bytes(b"six"), 0, O_APPEND as u32).unwrap();
    handles.set_flags(log, 0).unwrap();
    handles.write(log, Data::Bytes(b"O"), 0, 0).unwrap();
    let mut out = [0; 16];
    let count = handles.read(x, &mut out, 0).unwrap();
    assert_eq!(&out[..count], b"Onetwosix");
}

#[test]
fn a_symbolic_link_is_made_by_one_write_and_read_back() {
    let (mut handles, root) = handles();
    file(&mut handles, root, "x", b"target");
    let link = open(&mut handles, root, "l", O_CREAT | O_EXCL | O_SYMLINK | O_WRONLY).unwrap();
    assert_eq!(errno(open(&mut handles, root, "l", 0)), ENOENT);
    handles.write(link, Data::Bytes(b"x"), 0, 0).unwrap();
    assert_eq!(errno(handles.write(link, Data::Bytes(b"y"), 0, 0)), EINVAL);
    let again = open(&mut handles, root, "l", O_SYMLINK).unwrap();
    let mut out = [0; 8];
    assert_eq!(handles.read(again, &mut out, 0).unwrap(), 1);
    let through = open(&mut handles, root, "l", 0).unwrap();
    assert_eq!(handles.read(through, &mut out, 0).unwrap(), 6);
    assert_eq!(errno(open(&mut handles, root, "l", O_NOFOLLOW)), ELOOP);
    let itself = open(&mut handles, root, "l", O_NOFOLLOW | O_STAT).unwrap();
    assert_eq!(handles.inode(itself).unwrap(), handles.inode(link).unwrap());
    assert_eq!(errno(open(&mut handles, root, "l", O_CREAT | O_EXCL)), EEXIST);
    assert_eq!(errno(open(&mut handles, root, "x", O_SYMLINK)), EINVAL);
    handles.unlink(root, "l", 0).unwrap();
    assert!(open(&mut handles, root, "x", 0).is_ok());
}

#[test]
fn open_flags_mean_what_posix_says() {
    let (mut handles, root) = handles();
    directory(&mut handles, root, "d");
    file(&mut handles, root, "f", b"data");
    for (path, flags, error) in [
        ("d", O_WRONLY, EISDIR),
        ("d", O_CREAT, EISDIR),
        ("d", O_TRUNC | O_WRONLY, EISDIR),
        ("d", O_CREAT | O_EXCL | O_DIRECTORY, EEXIST),
        ("f", O_DIRECTORY, ENOTDIR),
        ("f", O_CREAT | O_EXCL, EEXIST),
        ("f/", 0, ENOTDIR),
        ("new/", O_CREAT, EISDIR),
        ("new", 0, ENOENT),
        ("no/new", O_CREAT, ENOENT),
        ("l", O_CREAT | O_DIRECTORY | O_SYMLINK, EINVAL),
    ] {
        assert_eq!(errno(open(&mut handles, root, path, flags)), error, "{path} {flags:x}");
    }
    assert!(open(&mut handles, root, "new/", O_CREAT | O_DIRECTORY).is_ok());
    let f = open(&mut handles, root, "f", O_WRONLY | O_TRUNC).unwrap();
    assert_eq!(handles.size(f).unwrap(), 0);
    let execute = open_flags::EXEC;
    assert_eq!(errno(handles.open(root, "f", execute)), EACCES);
    handles.set_mode(f, 0o755).unwrap();
    assert!(handles.open(root, "f", execute).is_ok());
    assert_eq!(errno(handles.open(root, "new", open_flags::NOT_DIRECTORY)), EISDIR);
    assert!(handles.open(root, "f", open_flags::NOT_DIRECTORY).is_ok());
}

#[test]
fn a_handle_renames_and_links_itself_no_further_than_it_was_opened() {
    let (mut handles, root) = handles();
    let d = directory(&mut handles, root, "d");
    file(&mut handles, root, "outside", b"");
    file(&mut handles, d, "x", b"");
    let x = open(&mut handles, d, "x", O_RDWR).unwrap();
    handles.rename_self(x, "y").unwrap();
    assert_eq!(handles.path(x).unwrap(), "d/y");
    assert_eq!(errno(handles.rename_self(x, "/outside")), clavis_abi::error::ENOTCAPABLE);
    handles.link_self(x, "z").unwrap();
    assert_eq!(errno(handles.link_self(x, "z")), EEXIST);
    assert_eq!(errno(handles.link_self(d, "again")), syscall::error::EPERM);
}

#[test]
fn a_rename_can_be_told_not_to_replace() {
    let (mut handles, root) = handles();
    file(&mut handles, root, "a", b"a");
    file(&mut handles, root, "b", b"b");
    assert_eq!(errno(handles.rename_at((root, "a"), (root, "b"), RENAME_NOREPLACE)), EEXIST);
    assert_eq!(errno(handles.rename_at((root, "a"), (root, "b"), 6)), EINVAL);
    handles.rename_at((root, "a"), (root, "b"), 0).unwrap();
    assert_eq!(errno(handles.rename_at((root, "b"), (root, "c/"), 0)), ENOTDIR);
}

#[test]
fn the_root_cannot_be_removed_or_renamed() {
    let (mut handles, root) = handles();
    directory(&mut handles, root, "d");
    for path in ["", ".", "/", "d/.."] {
        let error = errno(handles.unlink(root, path, AT_REMOVEDIR as u64));
        assert!(matches!(error, EBUSY | ENOTEMPTY), "{path}: {error}");
        assert_eq!(errno(handles.rename_at((root, path), (root, "x"), 0)), EBUSY, "{path}");
    }
    assert_eq!(errno(handles.rename_at((root, "d"), (root, "d/x"), 0)), EINVAL);
}

#[test]
fn times_are_set_left_or_now() {
    let (mut handles, root) = handles();
    let x = file(&mut handles, root, "x", b"");
    const OMIT: i32 = 0x3FFF_FFFE;
    let time = |tv_sec, tv_nsec| TimeSpec { tv_sec, tv_nsec };
    let times = |times: &[TimeSpec]| Times::new(times, NOW);
    handles.set_times(x, times(&[time(1, 2), time(0, OMIT)]).unwrap()).unwrap();
    let mut stat = Stat::default();
    handles.stat(x, &mut stat).unwrap();
    assert_eq!((stat.st_atime, stat.st_atime_nsec, stat.st_mtime), (1, 2, 5));
    let present = times(&[time(0, 0x3FFF_FFFF), time(0, 0)]).unwrap();
    assert_eq!(present.accessed, Some(NOW));
    assert_eq!(errno(times(&[time(0, -1), time(0, 0)])), EINVAL);
    assert_eq!(errno(times(&[time(0, 0)])), EINVAL);
}

#[test]
fn names_and_links_are_charged() {
    let mut handles = Handles::new(4096, NOW);
    let root = handles.root().unwrap();
    let full = (0..100)
        .find_map(|index| open(&mut handles, root, &format!("{index}"), O_CREAT | O_EXCL).err());
    assert_eq!(full.map(|error| error.errno), Some(ENOSPC));
}

#[test]
fn a_number_that_is_not_open_is_bad() {
    let (mut handles, root) = handles();
    let number = root + 1;
    assert_eq!(errno(handles.open(number, "", 0)), EBADF);
    assert_eq!(errno(handles.read(number, &mut [], 0)), EBADF);
    assert_eq!(errno(handles.rename_at((root, "x"), (number, "y"), 0)), EBADF);
    handles.close(number);
}

#[test]
fn a_directory_can_be_there_from_the_beginning() {
    let mut handles = Handles::new(1 << 20, NOW).with_directory("tmp").unwrap();
    let root = handles.root().unwrap();
    file(&mut handles, root, "tmp/a", b"x");
    assert_eq!(errno(open(&mut handles, root, "tmp", O_CREAT | O_EXCL | O_DIRECTORY)), EEXIST);
    assert_eq!(errno(Handles::new(1 << 20, NOW).with_directory("a/b")), EINVAL);
}

//! The current directory is a handle: where it leads decides what relative names mean, and
//! nothing else does.
use super::place::{Place, io, refused};
use super::support::{act, at, check};
use crate::run::{Case, PROGRAM, Verdict};
use clavis::abi::error::{ECAPMODE, ENOENT, ENOTCAPABLE};
use clavis::handle::limit;
use clavis::{AsNumber, ExitStatus, Give, Handle, Rights, handle_flags};
use std::ffi::{CString, c_char, c_int};
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::path::Path;

pub(crate) const CASES: &[Case] = &[
    Case { name: "chdir_decides_what_relative_names_mean", run: chdir },
    Case { name: "fchdir_goes_to_an_open_directory_and_to_nothing_else", run: fchdir },
    Case { name: "getcwd_answers_what_fits_and_says_when_it_does_not", run: getcwd },
    Case { name: "at_calls_go_by_their_directory_and_not_by_the_current_one", run: at_calls },
    Case { name: "without_a_namespace_the_current_directory_is_all_there_is", run: no_namespace },
    Case { name: "a_removed_current_directory_leads_nowhere", run: removed },
    Case { name: "a_child_starts_in_the_directory_that_it_was_handed", run: spawned },
    Case { name: "the_current_directory_goes_on_through_fork_and_exec", run: exec },
    Case { name: "a_process_without_a_current_directory_cannot_use_relative_names", run: without },
];

unsafe extern "C" {
    fn openat(directory: c_int, path: *const c_char, flags: c_int, ...) -> c_int;
    fn mkdirat(directory: c_int, path: *const c_char, mode: libc::mode_t) -> c_int;
    fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int;
    fn renameat(from: c_int, old: *const c_char, to: c_int, new: *const c_char) -> c_int;
}

/// A directory with `one/file` ("one") and `two/file` ("two"), and `one` as the current one.
fn place(name: &str) -> Result<Place, String> {
    let place = Place::new(name)?;
    for name in ["one", "two"] {
        io("mkdir", fs::create_dir(place.at(name)))?;
        io("write", fs::write(place.at(name).join("file"), name))?;
    }
    io("cd", std::env::set_current_dir(place.at("one")))?;
    Ok(place)
}

fn reads(path: &str, expected: &str) -> Verdict {
    let text = io(path, fs::read_to_string(path))?;
    check(text == expected, &format!("{path} is {text:?} instead of {expected:?}"))
}

fn shows(expected: &Path) -> Verdict {
    let shown = io("getcwd", std::env::current_dir())?;
    check(shown == expected, &format!("it is shown as {}", shown.display()))
}

fn directory(path: &Path) -> Result<Handle, String> {
    let flags = syscall::O_RDONLY | syscall::O_DIRECTORY;
    at("open the directory", Handle::open(&path.display().to_string(), flags as u64))
}

fn chdir() -> Verdict {
    let place = place("chdir")?;
    reads("file", "one")?;
    io("cd", std::env::set_current_dir("../two"))?;
    reads("./file", "two")?;
    reads("../one/file", "one")?;
    shows(&place.at("two"))?;
    let no_directory = std::env::set_current_dir("file");
    refused("cd to a file", no_directory, ErrorKind::NotADirectory)?;
    refused("cd to nothing", std::env::set_current_dir("gone"), ErrorKind::NotFound)?;
    shows(&place.at("two"))?;
    // What is renamed keeps its content; what takes its name does not take its place.
    io("rename", fs::rename(place.at("two"), place.at("three")))?;
    io("mkdir", fs::create_dir(place.at("two")))?;
    reads("file", "two")?;
    check(!place.at("two/file").exists(), "the new directory has the old one's file")
}

fn fchdir() -> Verdict {
    let place = place("fchdir")?;
    let two = io("open", fs::File::open(place.at("two")))?;
    let file = io("open", fs::File::open(place.at("two/file")))?;
    let go = |number: c_int| {
        // SAFETY: no memory is involved.
        let went = unsafe { libc::fchdir(number) };
        if went == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    refused("fchdir to a file", go(file.as_raw_fd()), ErrorKind::NotADirectory)?;
    check(go(999).is_err(), "it went to no handle")?;
    reads("file", "one")?;
    io("fchdir", go(two.as_raw_fd()))?;
    drop(two);
    reads("file", "two")?;
    shows(&place.at("two"))
}

fn getcwd() -> Verdict {
    let place = place("getcwd")?;
    let length = place.at("one").as_os_str().len();
    let mut buffer = vec![0; length + 1];
    // SAFETY: the buffer is that long.
    let fits = unsafe { libc::getcwd(buffer.as_mut_ptr(), length + 1) };
    check(!fits.is_null(), "it does not fit")?;
    // SAFETY: one byte less than the buffer has.
    let cut = unsafe { libc::getcwd(buffer.as_mut_ptr(), length) };
    let error = std::io::Error::last_os_error().raw_os_error();
    check(cut.is_null() && error == Some(libc::ERANGE), &format!("cut: {error:?}"))
}

fn at_calls() -> Verdict {
    let place = place("at")?;
    let two = io("open", fs::File::open(place.at("two")))?;
    let number = two.as_raw_fd();
    let text = |text: &str| CString::new(text).unwrap_or_default();
    let done = |what: &str, answer: c_int| {
        let error = std::io::Error::last_os_error();
        if answer < 0 { Err(format!("{what}: {error}")) } else { Ok(answer) }
    };
    // SAFETY: the path is a C string.
    let opened = unsafe { openat(number, text("file").as_ptr(), libc::O_RDONLY) };
    let opened = done("openat", opened)?;
    let mut said = String::new();
    // SAFETY: the number was just opened and has no other owner.
    let mut file = unsafe { <fs::File as std::os::fd::FromRawFd>::from_raw_fd(opened) };
    io("read", file.read_to_string(&mut said))?;
    check(said == "two", &format!("openat led to {said:?}"))?;
    // SAFETY: the path is a C string.
    done("mkdirat", unsafe { mkdirat(number, text("made").as_ptr(), 0o755) })?;
    check(place.at("two/made").is_dir(), "mkdirat made it elsewhere")?;
    // SAFETY: both paths are C strings.
    let moved =
        unsafe { renameat(number, text("made").as_ptr(), libc::AT_FDCWD, text("moved").as_ptr()) };
    done("renameat", moved)?;
    check(Path::new("moved").is_dir(), "renameat moved it elsewhere")?;
    // SAFETY: the path is a C string.
    let gone = unsafe { unlinkat(libc::AT_FDCWD, text("moved").as_ptr(), libc::AT_REMOVEDIR) };
    done("unlinkat", gone)?;
    // SAFETY: the path is a C string.
    let none = unsafe { openat(number, text("moved").as_ptr(), libc::O_RDONLY) };
    check(none < 0, "what was removed is there")
}

fn no_namespace() -> Verdict {
    let place = place("nothing-else")?;
    let one = directory(&place.at("one"))?;
    at("limit", limit(&one, Rights::all(), Rights::all(), handle_flags::BENEATH))?;
    at("cd", clavis::namespace::set_current_directory(&one))?;
    let namespace = at("namespace", clavis::namespace::Namespace::current())?;
    at("drop", clavis::namespace::drop_current())?;
    reads("file", "one")?;
    io("write", fs::write("new", "new"))?;
    reads("new", "new")?;
    io("rename", fs::rename("new", "newer"))?;
    io("remove", fs::remove_file("newer"))?;
    let absolute = place.at("two/file");
    for (path, expected) in [
        (absolute.as_path(), ECAPMODE),
        (Path::new("/scheme/initfs/etc/motd"), ECAPMODE),
        (Path::new("/"), ECAPMODE),
        (Path::new("../two/file"), ENOTCAPABLE),
        (Path::new(".."), ENOTCAPABLE),
    ] {
        let error = fs::File::open(path).err().and_then(|error| error.raw_os_error());
        check(error == Some(expected), &format!("{}: {error:?}", path.display()))?;
    }
    // std goes on: the harmless devices are birth handles.
    io("null", fs::read("/dev/null"))?;
    at("take it back", namespace.make_current())
}

fn removed() -> Verdict {
    let place = place("removed")?;
    io("remove", fs::remove_file("file"))?;
    io("remove", fs::remove_dir(place.at("one")))?;
    for path in ["file", "..", "../two/file", "./x"] {
        let error = fs::File::open(path).err().and_then(|error| error.raw_os_error());
        check(error == Some(ENOENT), &format!("{path}: {error:?}"))?;
    }
    refused("create", fs::write("new", ""), ErrorKind::NotFound)?;
    refused("mkdir", fs::create_dir("new"), ErrorKind::NotFound)?;
    check(io("list", fs::read_dir("."))?.next().is_none(), "something is in it")?;
    // One that takes its name is another one.
    io("mkdir", fs::create_dir(place.at("one")))?;
    io("write", fs::write(place.at("one/file"), "new"))?;
    check(fs::read("file").is_err(), "it came back")?;
    io("cd", std::env::set_current_dir(place.at("one")))?;
    reads("file", "new")
}

fn spawned() -> Verdict {
    let place = place("spawned")?;
    let two = directory(&place.at("two"))?;
    let (from, to) = at("pipe", clavis::object::pipe(0))?;
    // Neither the namespace nor this process' own directory: that handle alone.
    let child = act("here").arg("file").cwd(Give::This(two.number()), "/shown").stdout(&to).spawn();
    let child = at("start", child)?;
    drop(to);
    let mut said = String::new();
    io("listen", (&from).read_to_string(&mut said))?;
    check(said == "/shown two\n", &format!("it said {said:?}"))?;
    check(at("wait", child.wait())?.success(), "it failed")?;
    reads("file", "one")
}

fn exec() -> Verdict {
    let place = place("exec")?;
    let said = |command: &mut std::process::Command| {
        let output = command.args(["--act", "here", "file"]).output();
        io("run", output).map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let here = said(&mut std::process::Command::new(PROGRAM))?;
    check(here == format!("{} one\n", place.at("one").display()), &here)?;
    let there = said(std::process::Command::new(PROGRAM).current_dir("../two"))?;
    check(there == format!("{} two\n", place.at("two").display()), &there)?;
    reads("file", "one")
}

fn without() -> Verdict {
    let child = at("start", act("here").arg("file").spawn())?;
    let status = at("wait", child.wait())?;
    check(status == ExitStatus::Exit(ECAPMODE), &format!("{status}"))
}

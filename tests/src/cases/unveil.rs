//! `unveil` and `pledge`, as C programs call them.
use super::apart::{apart, fails, works};
use super::contain::place;
use super::place::{Place, io};
use super::support::check;
use crate::run::{Case, PROGRAM, Verdict};
use clavis::Handle;
use clavis::abi::error::{E2BIG, EACCES, EINVAL, ENOENT, ENOSYS, ENOTCAPABLE, EOPNOTSUPP, EPERM};
use std::ffi::{CString, c_char, c_int};
use std::fs::{self, File};
use std::io::Write;

pub(crate) const CASES: &[Case] = &[
    Case { name: "the_first_unveil_hides_all_but_what_it_names", run: hides },
    Case { name: "a_locked_veil_stays_and_a_path_gets_no_more", run: locked },
    Case { name: "what_is_no_directory_is_unveiled_by_its_name", run: by_name },
    Case { name: "a_directory_is_unveiled_itself_and_not_its_name", run: by_itself },
    Case { name: "a_veil_outlasts_fork_and_exec", run: outlasts },
    Case { name: "a_current_directory_is_there_while_it_is_visible", run: current },
    Case { name: "pledge_takes_what_was_not_promised", run: pledged },
    Case { name: "promises_are_given_up_one_way", run: one_way },
    Case { name: "a_program_gets_what_was_promised_for_it", run: promised_for },
];

// Their declarations are not in the libc crate.
unsafe extern "C" {
    #[link_name = "unveil"]
    fn c_unveil(path: *const c_char, permissions: *const c_char) -> c_int;
    #[link_name = "pledge"]
    fn c_pledge(promises: *const c_char, exec_promises: *const c_char) -> c_int;
}

/// `unveil`.
pub(super) fn unveil(path: impl AsRef<std::path::Path>, permissions: &str) -> c_int {
    let path = CString::new(path.as_ref().to_string_lossy().as_bytes()).unwrap_or_default();
    let permissions = CString::new(permissions).unwrap_or_default();
    // SAFETY: both are C strings.
    unsafe { c_unveil(path.as_ptr(), permissions.as_ptr()) }
}

/// `unveil(NULL, NULL)`.
pub(super) fn lock() -> c_int {
    // SAFETY: nulls.
    unsafe { c_unveil(std::ptr::null(), std::ptr::null()) }
}

/// `pledge`; `None` is null.
pub(crate) fn pledge(promises: Option<&str>, exec_promises: Option<&str>) -> c_int {
    let [own, exec] =
        [promises, exec_promises].map(|text| text.and_then(|text| CString::new(text).ok()));
    let pointer =
        |text: &Option<CString>| text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
    // SAFETY: both are null or C strings.
    unsafe { c_pledge(pointer(&own), pointer(&exec)) }
}

fn error_of<T>(result: std::io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

fn shows(place: &Place, path: &str, expected: Result<&str, i32>) -> Verdict {
    let said = fs::read_to_string(place.at(path));
    let right = match (&said, expected) {
        (Ok(said), Ok(expected)) => said == expected,
        (Err(error), Err(expected)) => error.raw_os_error() == Some(expected),
        _ => false,
    };
    check(right, &format!("{path}: {said:?} instead of {expected:?}"))
}

fn hides() -> Verdict {
    let place = place("veil")?;
    apart(|| {
        works("unveil", unveil(place.at("in"), "r"))?;
        shows(&place, "in/file", Ok("inside"))?;
        shows(&place, "in/deep/file", Ok("deep"))?;
        shows(&place, "beside", Err(ENOENT))?;
        shows(&place, "in/../beside", Err(ENOENT))?;
        for path in ["/scheme/initfs/etc/motd", "/scheme/log", "/dev/tty", "/scheme/proc"] {
            check(error_of(File::open(path)) == Some(ENOENT), path)?;
        }
        let write = File::options().append(true).open(place.at("in/file"));
        check(error_of(write) == Some(EACCES), "it writes")?;
        check(error_of(fs::remove_file(place.at("in/file"))) == Some(EACCES), "it removes")?;
        check(error_of(fs::create_dir(place.at("in/new"))) == Some(EACCES), "it makes")?;
        check(error_of(fs::remove_file(place.at("beside"))) == Some(ENOENT), "it removes")?;
        check(error_of(fs::write(place.at("new"), "")) == Some(ENOENT), "it makes outside")?;
        check(error_of(fs::create_dir(place.at("in/no/new"))) == Some(ENOENT), "it makes")?;
        let moved = fs::rename(place.at("in/file"), place.at("in/other"));
        check(error_of(moved) == Some(EACCES), "it renames")?;
        // What the kernel says is what is missing.
        let path = place.at("in/file").display().to_string();
        let raw = Handle::open(&path, syscall::flag::O_WRONLY as u64).err();
        check(raw.map(|error| error.errno()) == Some(ENOTCAPABLE), "the handle is wider")?;
        // More is unveiled as long as it is not locked.
        works("unveil", unveil(place.at("in/deep"), "rwc"))?;
        io("write", fs::write(place.at("in/deep/new"), "new"))?;
        check(fs::write(place.at("in/new"), "new").is_err(), "the outer one is wider now")?;
        works("unveil", unveil("/scheme/initfs/etc", "r"))?;
        io("read", fs::read("/scheme/initfs/etc/motd"))?;
        shows(&place, "beside", Err(ENOENT))?;
        // What has no name can be made.
        let (_from, mut to) = io("pipe", std::io::pipe())?;
        io("write", to.write_all(b"x"))
    })?;
    shows(&place, "beside", Ok("outside"))
}

fn locked() -> Verdict {
    let place = place("locked")?;
    apart(|| {
        fails("letters", unveil(place.at("in"), "rz"), EINVAL)?;
        fails("nothing there", unveil(place.at("gone/x"), "r"), ENOENT)?;
        fails("no path", unveil("", "r"), ENOENT)?;
        works("unveil", unveil(place.at("in"), "rw"))?;
        fails("more", unveil(place.at("in"), "rwc"), EPERM)?;
        fails("less within more", unveil(place.at("in/deep"), ""), EOPNOTSUPP)?;
        works("less", unveil(place.at("in"), "r"))?;
        fails("what it had", unveil(place.at("in"), "rw"), EPERM)?;
        works("lock", lock())?;
        fails("once more", unveil(place.at("in"), "r"), EPERM)?;
        fails("lock", lock(), EPERM)?;
        shows(&place, "in/file", Ok("inside"))?;
        shows(&place, "beside", Err(ENOENT))?;
        let names = clavis::namespace::Namespace::current().map_err(|error| error.to_string())?;
        check(names.mask("file").is_err() && names.unbind("file").is_err(), "it is edited")
    })?;
    apart(|| {
        works("lock alone", lock())?;
        fails("unveil", unveil(place.at("in"), "r"), EPERM)?;
        shows(&place, "beside", Ok("outside"))
    })?;
    apart(|| {
        // Directories that were open lead no further than that.
        let directory = io("open", File::open(place.at("in")))?;
        let number = std::os::fd::AsRawFd::as_raw_fd(&directory);
        works("unveil", unveil(place.at("in/deep"), "r"))?;
        works("lock", lock())?;
        works("beneath", super::capsicum::open_at(number, "file", libc::O_RDONLY))?;
        fails("above", super::capsicum::open_at(number, "../beside", 0), ENOENT)
    })?;
    apart(|| {
        // Nothing at all is nothing that is there.
        works("unveil", unveil(place.at("in"), ""))?;
        works("unveil", unveil(place.at("beside"), "r"))?;
        shows(&place, "beside", Ok("outside"))?;
        works("not any more", unveil(place.at("beside"), ""))?;
        shows(&place, "beside", Err(ENOENT))?;
        works("unveil", unveil(place.at("in/deep"), "r"))?;
        works("lock", lock())?;
        shows(&place, "in/file", Err(ENOENT))?;
        shows(&place, "in/deep/file", Ok("deep"))?;
        // What leads to something can be looked at, and shows nothing else.
        check(fs::metadata(place.at("")).is_ok_and(|data| data.is_dir()), "it cannot be walked")?;
        let names = io("list", fs::read_dir(place.at("")))?;
        let names: Vec<_> = names.flatten().map(|entry| entry.file_name()).collect();
        check(names == ["in"], &format!("{names:?}"))
    })?;
    apart(|| {
        for index in 0..128 {
            works("unveil", unveil(place.at(&format!("in/{index}")), "r"))?;
        }
        fails("unveil", unveil(place.at("in/more"), "r"), E2BIG)
    })
}

fn by_name() -> Verdict {
    let place = place("by-name")?;
    apart(|| {
        works("a file", unveil(place.at("in/file"), "r"))?;
        works("nothing yet", unveil(place.at("in/new"), "rwc"))?;
        works("lock", lock())?;
        shows(&place, "in/file", Ok("inside"))?;
        shows(&place, "in/deep/file", Err(ENOENT))?;
        shows(&place, "in/new", Err(ENOENT))?;
        io("make", fs::write(place.at("in/new"), "made"))?;
        shows(&place, "in/new", Ok("made"))?;
        let write = File::options().append(true).open(place.at("in/file"));
        check(error_of(write) == Some(EACCES), "it writes")
    })?;
    shows(&place, "in/new", Ok("made"))
}

fn by_itself() -> Verdict {
    let place = place("by-itself")?;
    let moved = place.at("moved");
    apart(|| {
        works("unveil", unveil(place.at("in"), "r"))?;
        works("unveil", unveil(place.at(""), "r"))?;
        works("lock", lock())?;
        shows(&place, "in/file", Ok("inside"))
    })?;
    let (mut from, to) = io("pipe", std::io::pipe())?;
    let (gone, mut go) = io("pipe", std::io::pipe())?;
    // SAFETY: the case has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(go);
        let seen = || {
            works("unveil", unveil(place.at("in"), "r"))?;
            works("lock", lock())?;
            io("ready", (&to).write_all(b"x"))?;
            io("wait", std::io::Read::read_exact(&mut &gone, &mut [0]))?;
            // It was renamed, and another one took its name.
            shows(&place, "in/file", Ok("inside"))
        };
        let code = i32::from(seen().is_err());
        // SAFETY: it ends this process.
        unsafe { libc::_exit(code) }
    }
    io("it is ready", std::io::Read::read_exact(&mut from, &mut [0]))?;
    io("rename", fs::rename(place.at("in"), moved))?;
    io("mkdir", fs::create_dir(place.at("in")))?;
    io("write", fs::write(place.at("in/file"), "another"))?;
    io("go", go.write_all(b"x"))?;
    let mut status = 0;
    // SAFETY: it writes the status.
    works("wait", unsafe { libc::waitpid(child, &raw mut status, 0) })?;
    check(status == 0, "it saw the new directory, or nothing")
}

fn outlasts() -> Verdict {
    let place = place("veiled")?;
    let beside = place.at("beside").display().to_string();
    let inside = place.at("in/file").display().to_string();
    apart(|| {
        works("unveil", unveil(place.at("in"), "r"))?;
        works("unveil", unveil("/scheme/initfs/bin", "rx"))?;
        works("lock", lock())?;
        apart(|| {
            shows(&place, "in/file", Ok("inside"))?;
            shows(&place, "beside", Err(ENOENT))?;
            fails("unveil", unveil(place.at(""), "r"), EPERM)
        })?;
        let run = |path: &str| {
            let status = std::process::Command::new(PROGRAM).args(["--act", "open", path]).status();
            io("run", status).map(|status| status.success())
        };
        let read_only = std::process::Command::new(place.at("in/file")).status();
        check(error_of(read_only) == Some(EACCES), "what was unveiled to be read is executed")?;
        let hidden = std::process::Command::new(place.at("beside")).status();
        check(error_of(hidden) == Some(ENOENT), "what is hidden is executed")?;
        check(run(&inside)?, "the program does not see what is visible")?;
        check(!run(&beside)?, "the program sees what is hidden")
    })
}

fn current() -> Verdict {
    let place = place("veiled-cwd")?;
    io("cd", std::env::set_current_dir(place.at("in")))?;
    apart(|| {
        works("elsewhere", unveil("/scheme/initfs/etc", "r"))?;
        check(File::open("file").is_err(), "a relative path leads to what is hidden")?;
        // Unveiling itself still sees it.
        works("relative", unveil(".", "r"))?;
        works("lock", lock())?;
        io("relative", fs::read("file"))?;
        check(File::open("../beside").is_err(), "it leads out")?;
        check(fs::write("new", "").is_err(), "it was unveiled for reading")
    })
}

fn pledged() -> Verdict {
    let place = place("pledged")?;
    apart(|| {
        let directory = io("open", File::open(place.at("in")))?;
        let number = std::os::fd::AsRawFd::as_raw_fd(&directory);
        let mut open = io("open", File::options().append(true).open(place.at("in/file")))?;
        works("pledge", pledge(Some("stdio rpath error"), None))?;
        shows(&place, "beside", Ok("outside"))?;
        let path = place.at("beside").display().to_string();
        let write = File::options().append(true).open(&path);
        check(error_of(write) == Some(ENOSYS), "it writes")?;
        check(error_of(fs::write(place.at("new"), "")) == Some(ENOSYS), "it creates")?;
        check(error_of(fs::remove_file(&path)) == Some(ENOSYS), "it removes")?;
        // Past the C library the rights are missing.
        let raw = |flags: usize| Handle::open(&path, flags as u64).err().map(|error| error.errno());
        let (write, create) = (syscall::flag::O_WRONLY, syscall::flag::O_CREAT);
        check(raw(write) == Some(ENOTCAPABLE), "it can write")?;
        check(raw(write | create) == Some(ENOTCAPABLE), "it can create")?;
        // Through a directory that was open, too; what was open stays so.
        fails("openat", super::capsicum::open_at(number, "file", libc::O_WRONLY), ENOSYS)?;
        let held = clavis::Number::from_raw(number as usize);
        let raw = Handle::open_at(&held, "file", write as u64).err().map(|error| error.errno());
        check(raw == Some(ENOTCAPABLE), "it can write through a directory")?;
        works("openat", super::capsicum::open_at(number, "file", libc::O_RDONLY))?;
        io("write", open.write_all(b" still"))?;
        // SAFETY: it would end at once.
        let forked = unsafe { libc::fork() };
        if forked == 0 {
            // SAFETY: it ends this process.
            unsafe { libc::_exit(0) }
        }
        fails("fork", forked, ENOSYS)?;
        check(File::open("/scheme/proc").is_err() && File::open("/dev/tty").is_err(), "names")?;
        io("pipe", std::io::pipe()).map(drop)
    })?;
    apart(|| {
        works("pledge", pledge(Some("stdio error"), None))?;
        shows(&place, "beside", Err(ENOSYS))?;
        let path = place.at("beside").display().to_string();
        let raw = Handle::open(&path, syscall::flag::O_RDONLY as u64).err();
        check(raw.map(|error| error.errno()) == Some(ENOENT), "it is there")?;
        io("pipe", std::io::pipe()).map(drop)
    })?;
    apart(|| {
        works("pledge", pledge(Some("stdio rpath wpath cpath error"), None))?;
        io("create", fs::write(place.at("new"), "new"))?;
        io("remove", fs::remove_file(place.at("new")))?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        let changed = fs::set_permissions(place.at("beside"), mode);
        check(error_of(changed) == Some(ENOSYS), "it changes attributes")
    })
}

fn one_way() -> Verdict {
    let place = place("one-way")?;
    apart(|| {
        fails("unknown", pledge(Some("stdio fly"), None), EINVAL)?;
        fails("unknown", pledge(None, Some("fly")), EINVAL)?;
        works("nothing", pledge(None, None))?;
        works("pledge", pledge(Some("stdio rpath unveil"), Some("stdio")))?;
        fails("more", pledge(Some("stdio rpath wpath"), None), EPERM)?;
        fails("more", pledge(None, Some("stdio rpath")), EPERM)?;
        works("unveil", unveil(place.at("in"), "r"))?;
        shows(&place, "in/file", Ok("inside"))?;
        works("less", pledge(Some("stdio rpath"), None))?;
        shows(&place, "in/file", Ok("inside"))?;
        shows(&place, "beside", Err(ENOENT))?;
        works("the same", pledge(Some("stdio rpath"), None)).map(drop)
    })?;
    apart(|| {
        // With `error` more than there is is what there is.
        works("pledge", pledge(Some("stdio rpath unveil error"), Some("stdio error")))?;
        works("more", pledge(Some("stdio rpath wpath error"), Some("stdio rpath error")))?;
        fails("unveil", unveil(place.at("in"), "r"), ENOSYS)?;
        fails("lock", lock(), ENOSYS)?;
        shows(&place, "beside", Ok("outside"))?;
        let write = File::options().append(true).open(place.at("beside"));
        check(error_of(write) == Some(ENOSYS), "it got more")?;
        works("without", pledge(Some("stdio rpath"), None))?;
        fails("it is gone", pledge(Some("stdio rpath error"), None), EPERM)?;
        fails("unknown", pledge(Some("stdio\trpath"), None), EINVAL)?;
        fails("no longer known", pledge(Some("stdio tmppath"), None), EINVAL)
    })
}

fn promised_for() -> Verdict {
    let place = place("promised")?;
    let path = place.at("in/file").display().to_string();
    let run = |what: &str| {
        let status = std::process::Command::new(PROGRAM).args(["--act", what, &path]).status();
        io("run", status).map(|status| status.success())
    };
    check(run("open")? && run("append-nothing")?, "the program does not work")?;
    apart(|| {
        works("pledge", pledge(None, Some("stdio rpath")))?;
        io("own", File::options().append(true).open(&path))?;
        check(run("open")? && !run("append-nothing")?, "the program writes")
    })?;
    apart(|| {
        works("pledge", pledge(Some("stdio rpath proc exec"), None))?;
        check(run("open")? && !run("append-nothing")?, "the program has more than who started it")
    })
}

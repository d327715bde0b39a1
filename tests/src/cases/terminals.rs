//! Pseudo terminals, and a shell with jobs in one.
#![expect(unsafe_code, reason = "the C functions that this is about")]
use super::support::check;
use crate::run::{Case, Verdict};
use std::ffi::{CStr, c_int};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::{Child, Command, Stdio};
use std::ptr;

pub(crate) const CASES: &[Case] = &[
    Case { name: "what_is_typed_into_a_pseudo_terminal_is_edited_shown_and_read", run: lines },
    Case { name: "a_pseudo_terminal_has_a_name_that_opens_when_it_is_unlocked", run: named },
    Case { name: "a_pseudo_terminal_ends_when_either_end_is_gone", run: ends },
    Case { name: "keys_of_a_terminal_signal_the_group_in_its_foreground", run: keys },
    Case { name: "a_shell_in_a_terminal_stops_jobs_and_lets_them_go_on", run: shell },
    Case { name: "the_end_of_a_shell_hangs_up_the_job_in_the_foreground", run: leader },
    Case {
        name: "a_session_is_begun_once_and_passed_on_and_nobody_moves_out_of_it",
        run: sessions,
    },
];

fn said<T>(what: &str, result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

/// Both ends: the one that types and shows, and the one that programs use.
pub(super) fn open() -> Result<(File, File), String> {
    let (mut control, mut used) = (-1, -1);
    let size = libc::winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: both places take descriptors.
    let made = unsafe {
        libc::openpty(
            &raw mut control,
            &raw mut used,
            ptr::null_mut(),
            ptr::null_mut(),
            (&raw const size).cast_mut(),
        )
    };
    check(made == 0, &format!("openpty: {}", io::Error::last_os_error()))?;
    // SAFETY: two new descriptors.
    let [control, used] = [control, used].map(|end| unsafe { File::from_raw_fd(end) });
    Ok((control, used))
}

fn lines() -> Verdict {
    let (mut control, mut used) = open()?;
    check(used.is_terminal() && control.is_terminal(), "both are terminals")?;
    said("type", control.write_all(b"helo\x7flo\r"))?;
    let mut room = [0; 64];
    let count = said("read", used.read(&mut room))?;
    check(&room[..count] == b"hello\n", "the line was edited")?;
    said("write", used.write_all(b"shown\n"))?;
    let mut shown = [0; 18];
    said("show", control.read_exact(&mut shown))?;
    check(&shown == b"helo\x08 \x08lo\r\nshown\r\n", &format!("shown: {shown:?}"))?;
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the place takes a size.
    let asked = unsafe { libc::ioctl(used.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    check(asked == 0 && (size.ws_row, size.ws_col) == (30, 100), "it has the size")
}

fn named() -> Verdict {
    // SAFETY: no memory is involved.
    let control = unsafe { libc::posix_openpt(libc::O_RDWR) };
    check(control >= 0, &format!("posix_openpt: {}", io::Error::last_os_error()))?;
    // SAFETY: a new descriptor.
    let mut control = unsafe { File::from_raw_fd(control) };
    let fd = control.as_raw_fd();
    // SAFETY: this thread alone asks for names.
    let name = unsafe { libc::ptsname(fd) };
    check(!name.is_null(), "it has a name")?;
    // SAFETY: a name that ends with a zero.
    let name = unsafe { CStr::from_ptr(name) }.to_str().map_err(|_| "no text")?.to_owned();
    let open = || OpenOptions::new().read(true).write(true).open(&name);
    check(open().is_err(), "it is locked")?;
    // SAFETY: no memory is involved.
    check(unsafe { libc::grantpt(fd) } == 0, "grantpt")?;
    // SAFETY: no memory is involved.
    check(unsafe { libc::unlockpt(fd) } == 0, "unlockpt")?;
    let mut used = said("open", open())?;
    said("write", used.write_all(b"x"))?;
    said("show", control.read_exact(&mut [0]))?;
    let file = said("open", File::open("/scheme/initfs/etc/motd"))?;
    // SAFETY: no memory is involved.
    let other = unsafe { libc::grantpt(file.as_raw_fd()) };
    check(other == -1, "a file is no terminal")
}

fn ends() -> Verdict {
    let (mut control, mut used) = open()?;
    said("write", used.write_all(b"last"))?;
    drop(used);
    said("show", control.read_exact(&mut [0; 4]))?;
    let end = control.read(&mut [0]).map_err(|error| error.raw_os_error());
    check(end == Err(Some(libc::EIO)), &format!("nobody writes any more: {end:?}"))?;
    let (mut control, mut used) = open()?;
    said("type", control.write_all(b"line\rhalf"))?;
    drop(control);
    let mut room = [0; 16];
    check(said("read", used.read(&mut room))? == 5, "what was typed is there")?;
    check(said("read", used.read(&mut room))? == 0, "then comes the end")?;
    check(used.write(b"x").is_err(), "nobody looks")
}

fn keys() -> Verdict {
    let (mut control, used) = open()?;
    let fd = used.as_raw_fd();
    let child = said("spawn", {
        use std::os::unix::process::CommandExt;
        Command::new(crate::run::PROGRAM).args(["--act", "sleep"]).process_group(0).spawn()
    });
    let child: Child = child?;
    let group = child.id() as c_int;
    // SAFETY: no memory is involved.
    check(unsafe { libc::tcsetpgrp(fd, group) } == 0, "tcsetpgrp")?;
    // SAFETY: no memory is involved.
    let front = unsafe { libc::tcgetpgrp(fd) };
    check(front == group, &format!("group {front} is in front, not {group}"))?;
    let mut wait = |keys: &[u8], options| {
        said("type", control.write_all(keys))?;
        let mut status = 0;
        // SAFETY: the place takes a status.
        let found = unsafe { libc::waitpid(group, &raw mut status, options) };
        check(found == group, "the child was waited for").map(|()| status)
    };
    let status = wait(b"\x1a", libc::WUNTRACED)?;
    check(libc::WIFSTOPPED(status), &format!("Ctrl-Z stops it: {status:#x}"))?;
    // SAFETY: a signal to the child.
    unsafe { libc::kill(group, libc::SIGCONT) };
    let status = wait(b"\x03", 0)?;
    check(libc::WTERMSIG(status) == libc::SIGINT, &format!("Ctrl-C ends it: {status:#x}"))
}

/// A shell, and what it shows.
struct Session {
    control: File,
    child: Child,
    shown: String,
}

impl Session {
    fn start() -> Result<Session, String> {
        let (control, used) = open()?;
        let copy = || said("clone", used.try_clone());
        let mut command = Command::new("sh");
        command.arg("-i").stdin(copy()?).stdout(copy()?).stderr(copy()?).env("TERM", "vt100");
        let child = said("spawn", command.spawn())?;
        drop(used);
        Ok(Session { control, child, shown: String::new() })
    }

    /// Waits until a text is shown, and forgets all up to its end.
    fn expect(&mut self, text: &str) -> Result<String, String> {
        println!("waits for {text:?}");
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return Ok(std::mem::replace(&mut self.shown, rest));
            }
            let mut room = [0; 512];
            let count = self
                .control
                .read(&mut room)
                .map_err(|error| format!("{error}, waiting for {text:?} in {:?}", self.shown))?;
            let shown = String::from_utf8_lossy(&room[..count]);
            println!("is shown {shown:?}");
            self.shown += &shown;
        }
    }

    fn key(&mut self, keys: &str) -> Verdict {
        said("type", self.control.write_all(keys.as_bytes()))
    }
}

fn shell() -> Verdict {
    let mut session = Session::start()?;
    session.expect("$ ")?;
    // What programs print tells that the shell no longer reads keys.
    session.key("echo rea\"dy\"; cat\r")?;
    session.expect("ready\r\n")?;
    session.key("one\r")?;
    session.expect("one\r\none\r\n")?;
    session.key("\x1a")?;
    session.expect("[1] Stopped    echo rea\"dy\"; cat\r\n")?;
    session.expect("$ ")?;
    session.key("echo status $?\r")?;
    session.expect("status 148\r\n")?;
    session.expect("$ ")?;
    session.key("jobs\r")?;
    session.expect("[1] Stopped    echo")?;
    session.expect("$ ")?;
    // In the background it is stopped as it reads, and the shell gets what is typed.
    session.key("bg\r")?;
    session.expect("[1] Running    echo")?;
    session.expect("$ ")?;
    session.key("X=shell; echo to the $X\r")?;
    session.expect("to the shell\r\n")?;
    session.expect("$ ")?;
    session.key("wait; echo wai\"ted\"; jobs\r")?;
    session.expect("waited\r\n")?;
    session.expect("[1] Stopped    echo")?;
    session.expect("cat\r\n")?;
    session.expect("$ ")?;
    session.key("fg\r")?;
    session.expect("; cat\r\n")?;
    session.key("two\r")?;
    session.expect("two\r\ntwo\r\n")?;
    session.key("\x04")?;
    session.expect("$ ")?;
    session.key("sh -c 'echo rea\"dy\"; sleep 100' | cat\r")?;
    session.expect("ready\r\n")?;
    session.key("\x1a")?;
    session.expect("[1] Stopped    sh -c")?;
    session.expect("$ ")?;
    session.key("fg\r")?;
    session.expect("| cat\r\n")?;
    session.key("\x03")?;
    session.expect("$ ")?;
    session.key("sleep 0.1 &\r")?;
    session.expect("[1]\r\n")?;
    session.key("wait; echo wai\"ted\"\r")?;
    session.expect("waited\r\n")?;
    session.expect("$ ")?;
    session.key("exit 5\r")?;
    let ended = said("wait", session.child.wait())?;
    check(ended.code() == Some(5), &format!("the shell ended: {ended}"))
}

fn leader() -> Verdict {
    let mut session = Session::start()?;
    session.expect("$ ")?;
    session.key("echo rea\"dy\"; sleep 100000\r")?;
    session.expect("ready\r\n")?;
    said("kill", session.child.kill())?;
    said("wait", session.child.wait())?;
    // The used end is gone when `sleep` is: this waits for ever if nobody tells it.
    let mut room = [0; 512];
    while session.control.read(&mut room).is_ok() {}
    Ok(())
}

// SAFETY: as POSIX declares them.
unsafe extern "C" {
    safe fn getsid(process: c_int) -> c_int;
    safe fn getpid() -> c_int;
    safe fn setpgid(process: c_int, group: c_int) -> c_int;
    safe fn setsid() -> c_int;
    safe fn tcgetsid(descriptor: c_int) -> c_int;
}

fn sessions() -> Verdict {
    use std::os::unix::process::CommandExt;
    let start = |command: &mut Command| {
        said("spawn", command.args(["--act", "sleep"]).stdout(Stdio::null()).spawn())
    };
    let own = getsid(0);
    check(own > 0, "there is a session")?;
    let mut child = start(&mut Command::new(crate::run::PROGRAM))?;
    check(getsid(child.id() as c_int) == own, "a child is in it")?;
    let mut leader = Command::new(crate::run::PROGRAM);
    let begin = || {
        let right = setsid() == getpid() && setsid() == -1 && setpgid(0, 0) == -1;
        if right { Ok(()) } else { Err(std::io::Error::from_raw_os_error(libc::ENOTTY)) }
    };
    // SAFETY: between fork and exec it makes system calls alone.
    unsafe { leader.pre_exec(begin) };
    let mut leader = start(&mut leader)?;
    let number = leader.id() as c_int;
    check(getsid(number) == number, "who begins a session leads it")?;
    check(setpgid(number, own) == -1, "nobody moves a process of another session")?;
    let (_control, used) = open()?;
    let of_terminal = tcgetsid(used.as_raw_fd());
    check(of_terminal == own, &format!("the terminal is asked in {own}, not {of_terminal}"))?;
    for child in [&mut child, &mut leader] {
        said("kill", child.kill())?;
        said("wait", child.wait())?;
    }
    Ok(())
}

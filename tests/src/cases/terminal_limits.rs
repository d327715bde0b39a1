//! Limits of `ioctl`: a descriptor of a terminal that takes some commands and no others.
#![expect(unsafe_code, reason = "the C functions that this is about")]
use super::apart::{fails, works};
use super::place::io;
use super::support::check;
use super::terminals::open;
use crate::run::{Case, Verdict};
use clavis::abi::error::{EBADF, EINVAL, ENOTCAPABLE};
use clavis::{AsNumber, Handle, Number, Place};
use std::ffi::{c_int, c_ulong};
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::os::fd::AsRawFd;

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_terminal_takes_the_commands_that_its_descriptor_is_limited_to", run: limited },
    Case { name: "nothing_obtained_through_a_limited_terminal_takes_more", run: obtained },
    Case { name: "who_controls_a_terminal_can_be_limited_and_still_controls_it", run: controlling },
    Case { name: "what_is_no_terminal_takes_no_command_when_it_is_limited", run: others },
];

// Their declarations are not in the libc crate.
unsafe extern "C" {
    fn cap_ioctls_limit(descriptor: c_int, commands: *const c_ulong, count: usize) -> c_int;
    fn cap_ioctls_get(descriptor: c_int, commands: *mut c_ulong, room: usize) -> isize;
}

fn limit(end: &File, list: &[c_ulong]) -> c_int {
    // SAFETY: the list is as long as it is.
    unsafe { cap_ioctls_limit(end.as_raw_fd(), list.as_ptr(), list.len()) }
}

fn listed(end: &File) -> (isize, [c_ulong; 3]) {
    let mut list = [0; 3];
    // SAFETY: there is room for three.
    let count = unsafe { cap_ioctls_get(end.as_raw_fd(), list.as_mut_ptr(), list.len()) };
    (count, list)
}

/// What each command answers: the settings asked and changed, the size asked and changed, the
/// foreground asked and changed, what was typed thrown away.
fn tried(end: &File) -> [bool; 7] {
    let number = end.as_raw_fd();
    let mut settings = std::mem::MaybeUninit::<libc::termios>::zeroed();
    let mut size = libc::winsize { ws_row: 9, ws_col: 9, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: no memory is involved.
    let mut group = unsafe { libc::getpgrp() };
    // SAFETY: the place takes settings.
    let first = unsafe { libc::tcgetattr(number, settings.as_mut_ptr()) };
    // SAFETY: the settings are integers, zeroed or read.
    let second = unsafe { libc::tcsetattr(number, libc::TCSANOW, settings.as_ptr()) };
    let [third, fourth] = [libc::TIOCGWINSZ, libc::TIOCSWINSZ]
        // SAFETY: the place has and takes a size.
        .map(|command| unsafe { libc::ioctl(number, command, &raw mut size) });
    let [fifth, sixth] = [libc::TIOCGPGRP, libc::TIOCSPGRP]
        // SAFETY: the place has and takes a number.
        .map(|command| unsafe { libc::ioctl(number, command, &raw mut group) });
    // SAFETY: no memory is involved.
    let seventh = unsafe { libc::tcflush(number, libc::TCIFLUSH) };
    [first, second, third, fourth, fifth, sixth, seventh].map(|answer| answer == 0)
}

fn limited() -> Verdict {
    let (mut control, mut used) = open()?;
    check(listed(&used).0 == isize::MAX, "a fresh one is limited")?;
    check(tried(&used) == [true; 7], &format!("{:?}", tried(&used)))?;
    let list = [libc::TCGETS, libc::TIOCGWINSZ, libc::TCFLSH];
    works("limit", limit(&used, &list))?;
    let found = tried(&used);
    let expected = [true, false, true, false, false, false, true];
    check(found == expected, &format!("{found:?}"))?;
    check(listed(&used) == (3, list), &format!("{:?}", listed(&used)))?;
    check(used.is_terminal(), "it is a terminal still")?;
    fails("more", limit(&used, &[libc::TCSETS]), ENOTCAPABLE)?;
    fails("unknown", limit(&used, &[1]), ENOTCAPABLE)?;
    works("less", limit(&used, &[libc::TIOCGWINSZ]))?;
    let found = tried(&used);
    check(found == [false, false, true, false, false, false, false], &format!("{found:?}"))?;
    fails("what was given up", limit(&used, &[libc::TCGETS]), ENOTCAPABLE)?;
    io("type", control.write_all(b"line\r"))?;
    let mut room = [0; 8];
    check(io("read", used.read(&mut room))? == 5, "it is not read any more")?;
    io("write", used.write_all(b"shown"))?;
    works("none", limit(&used, &[]))?;
    check(listed(&used).0 == 0 && tried(&used) == [false; 7], "it takes some still")?;
    // Settings that may be changed and not asked, by an end that nobody limited before.
    let (_control, used) = open()?;
    works("limit", limit(&used, &[libc::TCSETS, libc::TIOCSPGRP]))?;
    let found = tried(&used);
    check(found == [false, true, false, false, false, true, false], &format!("{found:?}"))
}

fn obtained() -> Verdict {
    let (_control, used) = open()?;
    let number = used.as_raw_fd();
    // SAFETY: no memory is involved.
    works("F_SETFL", unsafe { libc::fcntl(number, libc::F_SETFL, libc::O_NONBLOCK) })?;
    // SAFETY: no memory is involved.
    works("F_SETFD", unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    works("limit", limit(&used, &[libc::TIOCGWINSZ]))?;
    // SAFETY: no memory is involved.
    let told = unsafe { libc::fcntl(number, libc::F_GETFL) };
    // SAFETY: no memory is involved.
    let closed = unsafe { libc::fcntl(number, libc::F_GETFD) };
    let stays = told & libc::O_NONBLOCK != 0 && closed == libc::FD_CLOEXEC;
    check(stays, &format!("{told:#x} {closed}"))?;
    let expected = [false, false, true, false, false, false, false];
    let copy = io("copy", used.try_clone())?;
    check(tried(&copy) == expected, "a copy takes more")?;
    let number = Number::from_raw(used.as_raw_fd() as usize);
    let ask = |message: &[u8]| Handle::ask(&number, message, Place::Lowest);
    for message in [&b"only\xff"[..], b"only\x7f", b"job"] {
        let handle = ask(message).map_err(|error| format!("{message:?}: {error}"))?;
        let file = File::from(handle.into_fd().map_err(|error| error.to_string())?);
        check(tried(&file) == expected, &format!("{message:?}: {:?}", tried(&file)))?;
    }
    let window = ask(b"winsize").map_err(|error| format!("winsize: {error}"))?;
    let mut window = File::from(window.into_fd().map_err(|error| error.to_string())?);
    let written = window.write(&[1; 8]).map_err(|error| error.raw_os_error());
    check(written == Err(Some(ENOTCAPABLE)), &format!("the size was written: {written:?}"))?;
    let refused = ask(b"termios").map(|handle| handle.number()).map_err(|error| error.errno());
    check(refused == Err(ENOTCAPABLE), &format!("the settings: {refused:?}"))?;
    for path in ["", "/"] {
        let opened = Handle::open_at(&number, path, libc::O_RDWR as u64);
        check(opened.is_err(), &format!("{path:?} opens it anew"))?;
    }
    Ok(())
}

fn controlling() -> Verdict {
    let (mut control, mut used) = open()?;
    works("limit", limit(&control, &[libc::TIOCSWINSZ]))?;
    let found = tried(&control);
    check(found == [false, false, false, true, false, false, false], &format!("{found:?}"))?;
    io("type", control.write_all(b"line\r"))?;
    let mut room = [0; 8];
    check(io("read", used.read(&mut room))? == 5, "the terminal has ended")?;
    drop(control);
    check(io("read", used.read(&mut room))? == 0, "it goes on without who controls it")
}

fn others() -> Verdict {
    let file = io("open", File::open("/scheme/initfs/etc/motd"))?;
    check(listed(&file).0 == isize::MAX, "a fresh descriptor is limited")?;
    works("one", limit(&file, &[libc::TIOCGWINSZ]))?;
    check(listed(&file).0 == 0, "it takes commands")?;
    fails("again", limit(&file, &[libc::TIOCGWINSZ]), ENOTCAPABLE)?;
    works("none", limit(&file, &[]))?;
    fails("too many", limit(&file, &[0; 257]), EINVAL)?;
    // SAFETY: nothing is read of no commands.
    fails("closed", unsafe { cap_ioctls_limit(99_999, std::ptr::null(), 0) }, EBADF)
}

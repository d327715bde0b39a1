//! What OpenBSD's kernel answers who breaks a promise, said by the C library: a table of what a program
//! does, with which promises it goes, and without which it ends by `SIGABRT`.
mod table;

use super::apart::{apart, done, ended, fails, works};
use super::contain::place;
use super::place::io;
use super::support::check;
use super::unix_sockets::{receive_files, send_files};
use super::unveil::pledge;
use crate::run::{Case, PROGRAM, Verdict};
use clavis::abi::error::ENOSYS;
use std::ffi::c_int;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::ptr;
use table::{Ground, ROWS, Row};

pub(crate) const CASES: &[Case] = &[
    Case { name: "what_was_promised_goes_and_what_was_not_ends_the_process", run: judged },
    Case {
        name: "no_handler_mask_or_other_thread_stops_the_end_of_a_broken_promise",
        run: unstopped,
    },
    Case { name: "what_needs_no_promise_goes_without_any", run: free },
    Case { name: "a_directory_is_not_passed_under_a_promise", run: directories },
    Case {
        name: "a_fork_keeps_promises_and_a_program_those_that_were_made_for_it",
        run: handed_on,
    },
];

fn judged() -> Verdict {
    let wrong: Vec<String> = ROWS.iter().filter_map(|row| judge(row).err()).collect();
    check(wrong.is_empty(), &wrong.join("; "))
}

/// With its promises it goes, without them the process ends, and with `error` there is `ENOSYS`.
fn judge((what, with, without, errno, act): &Row) -> Verdict {
    let told = |said: String| format!("{what}: {said}");
    let attempt = |promises: &str, expected: Result<(), c_int>| {
        let mut ground = Ground::new("promised")?;
        ended(|| {
            works("pledge", pledge(Some(promises), None))?;
            let answer = act(&mut ground);
            match (done(answer), expected) {
                (Ok(_), Ok(())) => Ok(()),
                (Err(error), Err(expected)) if error == expected => Ok(()),
                (other, _) => Err(format!("{promises}: {other:?} instead of {expected:?}")),
            }
        })
    };
    let goes = if *errno == 0 { Ok(()) } else { Err(*errno) };
    let (why, status) = attempt(with, goes).map_err(told)?;
    check(status == 0, &told(format!("{why} (status {status:#x})")))?;
    // With `error` the same is an error, where there is somebody to be told.
    if without.contains("stdio") {
        let (why, status) = attempt(&format!("{without} error"), Err(ENOSYS)).map_err(told)?;
        check(status == 0, &told(format!("{why} (status {status:#x})")))?;
    }
    let (why, status) = attempt(without, goes).map_err(told)?;
    check(status & 0x7F == libc::SIGABRT, &told(format!("{without}: {why}, {status:#x}")))
}

extern "C" fn survive(_: c_int) {
    // SAFETY: it ends this process, as if nothing had been.
    unsafe { libc::_exit(0) }
}

fn unstopped() -> Verdict {
    let place = place("unstopped")?;
    let handler = survive as extern "C" fn(c_int) as libc::sighandler_t;
    type Way = (&'static str, fn(libc::sighandler_t));
    let ways: [Way; 4] = [
        ("a handler", |handler| {
            // SAFETY: a handler of that kind.
            unsafe { libc::signal(libc::SIGABRT, handler) };
        }),
        ("to ignore it", |_| {
            // SAFETY: no handler.
            unsafe { libc::signal(libc::SIGABRT, libc::SIG_IGN) };
        }),
        ("a mask", |_| {
            let all = !0;
            // SAFETY: a set.
            unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut()) };
        }),
        ("a thread that asks for a handler again and again", |handler| {
            std::thread::spawn(move || {
                loop {
                    // SAFETY: a handler of that kind.
                    unsafe { libc::signal(libc::SIGABRT, handler) };
                }
            });
            std::thread::sleep(std::time::Duration::from_millis(20));
        }),
    ];
    for (what, prepare) in ways {
        let (why, status) = ended(|| {
            prepare(handler);
            works("pledge", pledge(Some("stdio"), None))?;
            drop(File::open(place.at("beside")));
            Err("it goes on".into())
        })?;
        check(status & 0x7F == libc::SIGABRT, &format!("{what}: {why} (status {status:#x})"))?;
    }
    Ok(())
}

// Not in the libc crate for this target.
unsafe extern "C" {
    fn syslog(priority: c_int, format: *const std::ffi::c_char, ...);
}

fn free() -> Verdict {
    let silent = |code: c_int, act: fn()| {
        let (why, status) = ended(|| {
            works("pledge", pledge(Some(""), None))?;
            act();
            // SAFETY: it ends this process.
            unsafe { libc::_exit(code) }
        })?;
        check(status == code << 8, &format!("{why} (status {status:#x})"))
    };
    silent(7, || ())?;
    silent(8, || {
        // To promise less than nothing is nothing new, and more is refused.
        _ = pledge(Some(""), None);
        _ = pledge(Some("stdio"), None);
    })?;
    silent(9, || {
        // SAFETY: a format without arguments.
        unsafe { syslog(6, c"a word".as_ptr()) };
    })?;
    silent(10, || {
        // Memory that was there serves, and so does the time.
        let all: Vec<u64> = (0..1000).collect();
        std::hint::black_box((all, std::time::Instant::now()));
    })?;
    // Std goes on with `stdio` alone: random bytes, threads, what is printed.
    apart(|| {
        works("pledge", pledge(Some("stdio"), None))?;
        let map: std::collections::HashMap<u32, u32> = (0..9).map(|n| (n, n)).collect();
        let sum = std::thread::spawn(move || map.values().sum::<u32>()).join();
        check(sum.is_ok_and(|sum| sum == 36), "the thread")?;
        println!("printed under a promise");
        let panicked = std::panic::catch_unwind(|| panic!("said under a promise"));
        check(panicked.is_err(), "the panic")
    })
}

fn directories() -> Verdict {
    let ground = Ground::new("passed")?;
    let directory = ground.directory.as_raw_fd();
    apart(|| {
        works("pledge", pledge(Some("stdio sendfd recvfd error"), None))?;
        let sent = send_files(&ground.pair.0, &[directory]).map_err(|error| error.raw_os_error());
        check(sent == Err(Some(ENOSYS)), &format!("it was sent: {sent:?}"))
    })?;
    let (why, status) = ended(|| {
        works("pledge", pledge(Some("stdio sendfd"), None))?;
        io("send", send_files(&ground.pair.0, &[directory]))
    })?;
    check(status & 0x7F == libc::SIGABRT, &format!("{why} (status {status:#x})"))?;
    // One that somebody else sent is not taken.
    io("send", send_files(&ground.pair.0, &[directory]))?;
    apart(|| {
        works("pledge", pledge(Some("stdio recvfd error"), None))?;
        let taken = receive_files(&ground.pair.1, 1).map_err(|error| error.raw_os_error());
        check(matches!(taken, Err(Some(ENOSYS))), &format!("it was taken: {taken:?}"))
    })
}

fn handed_on() -> Verdict {
    let place = place("handed-on")?;
    let path = place.at("in/file").display().to_string();
    // A fork has what its maker promised.
    let (why, status) = ended(|| {
        works("pledge", pledge(Some("stdio proc"), None))?;
        let (_, status) = ended(|| {
            drop(File::open(&path));
            Ok(())
        })?;
        check(status & 0x7F == libc::SIGABRT, &format!("the fork ended with {status:#x}"))
    })?;
    check(status == 0, &format!("{why} (status {status:#x})"))?;
    let run = |what: &str| {
        let program = Command::new(PROGRAM).args(["--act", what, &path]).status();
        io("run", program).map(|status| (status.code(), status.signal()))
    };
    apart(|| {
        works("pledge", pledge(None, Some("stdio rpath")))?;
        check(run("open")? == (Some(0), None), "the program does not read")?;
        let ended = run("append-nothing")?;
        check(ended == (None, Some(libc::SIGABRT)), &format!("who writes ended with {ended:?}"))
    })?;
    apart(|| {
        works("pledge", pledge(None, Some("stdio rpath error")))?;
        check(run("append-nothing")? == (Some(1), None), "it wrote, or was ended")?;
        // It has its promises from the beginning, so it cannot have more.
        check(run("pledge-more")? == (Some(0), None), "it got more")
    })?;
    apart(|| {
        works("pledge", pledge(None, Some("stdio rpath")))?;
        check(run("pledge-more")? == (Some(1), None), "it got more, or was ended")
    })?;
    // Without a second list it is not pledged. What is gone is an error.
    apart(|| {
        works("pledge", pledge(Some("stdio rpath proc exec"), None))?;
        check(run("append-nothing")? == (Some(1), None), "it wrote, or was ended")?;
        check(run("pledge-more")? == (Some(0), None), "it is pledged")
    })?;
    // Who may not execute is ended in the copy that tries to.
    apart(|| {
        works("pledge", pledge(Some("stdio rpath proc"), None))?;
        check(run("exit-7")? == (None, Some(libc::SIGABRT)), "it was executed")
    })?;
    fails("nobody is pledged here", pledge(Some("fly"), None), libc::EINVAL)
}

//! `redox-daemon`: a program that starts its service and ends when that is ready. What serves is a
//! fork of it, so each of these tests starts this program anew.
use redox_daemon::Daemon;
use redox_scheme_012::scheme::{SchemeState, SchemeSync, register_sync_scheme};
use redox_scheme_012::{CallerCtx, OpenResult, RequestKind, SignalBehavior, Socket};
use redox_syscall_09 as syscall;
use std::fs;
use std::io::ErrorKind;
use std::process::{Command, ExitStatus, Stdio, exit};
use std::time::Duration;
use syscall::error::{EINVAL, ENOENT, Error, Result};
use syscall::schemev2::NewFdFlags;

const NAME: &str = "daemon-test";
/// Exit code of a starter whose daemon never said that it is ready.
const NOT_READY: i32 = 3;

/// `pid` tells which process serves; writing to it ends the service.
struct Service;

impl SchemeSync for Service {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(0)
    }
    fn openat(
        &mut self,
        _directory: usize,
        path: &str,
        _flags: usize,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<OpenResult> {
        match path {
            "pid" => Ok(OpenResult::ThisScheme { number: 1, flags: NewFdFlags::POSITIONED }),
            _ => Err(Error::new(ENOENT)),
        }
    }
    fn read(
        &mut self,
        _id: usize,
        buffer: &mut [u8],
        offset: u64,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<usize> {
        let text = std::process::id().to_string();
        let rest = text.as_bytes().get(offset as usize..).unwrap_or_default();
        let part = buffer.get_mut(..rest.len()).ok_or(Error::new(EINVAL))?;
        part.copy_from_slice(rest);
        Ok(rest.len())
    }
    fn write(
        &mut self,
        _id: usize,
        _buffer: &[u8],
        _offset: u64,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<usize> {
        exit(0)
    }
}

fn serve(daemon: Daemon) -> ! {
    let socket = Socket::create().unwrap();
    let (mut service, mut state) = (Service, SchemeState::new());
    register_sync_scheme(&socket, NAME, &mut service).unwrap();
    // The starter waits for this, however long it takes.
    std::thread::sleep(Duration::from_millis(50));
    daemon.ready().unwrap();
    libredox_01::call::setrens(0, 0).unwrap();
    while let Some(request) = socket.next_request(SignalBehavior::Restart).unwrap() {
        if let RequestKind::Call(call) = request.kind() {
            let answer = call.handle_sync(&mut service, &mut state);
            socket.write_response(answer, SignalBehavior::Restart).unwrap();
        }
    }
    exit(0)
}

#[test]
#[ignore = "started by the tests below"]
fn start_a_daemon_that_serves() {
    Daemon::new(serve).unwrap();
}

#[test]
#[ignore = "started by the tests below"]
fn start_a_daemon_that_gives_up() {
    let Err(error) = Daemon::new(|_daemon| exit(7));
    exit(if error.errno() == libredox_01::errno::EIO { NOT_READY } else { 1 })
}

/// This program again, with one of the tests above. What it would print goes nowhere: the daemon
/// holds whatever its starter had for that.
fn start(what: &str) -> ExitStatus {
    let name = format!("daemon::{what}");
    let words = ["--ignored", "--exact", "--nocapture", "--test-threads=1", name.as_str()];
    let mut starter = Command::new(std::env::current_exe().unwrap());
    starter.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    starter.status().unwrap()
}

#[test]
fn a_daemon_serves_when_its_starter_has_ended() {
    let path = format!("/scheme/{NAME}/pid");
    let started = start("start_a_daemon_that_serves");
    assert!(started.success(), "{started}");
    let serving: u32 = fs::read_to_string(&path).unwrap().parse().unwrap();
    assert_ne!(serving, std::process::id());
    assert_eq!(fs::read_to_string(&path).unwrap(), serving.to_string());
    let other = fs::read(format!("/scheme/{NAME}/other")).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::NotFound);
    // It ends in the middle of the call.
    assert!(fs::write(&path, "end").is_err());
}

#[test]
fn a_starter_is_told_of_a_daemon_that_gives_up() {
    let started = start("start_a_daemon_that_gives_up");
    assert_eq!(started.code(), Some(NOT_READY), "{started}");
}

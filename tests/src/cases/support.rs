//! What cases share: peers to talk to, programs to start, and checks that say what they saw.
use crate::run::{PROGRAM, now};
use clavis::abi::params::MintParams;
use clavis::handle::{Payload, call};
use clavis::{Child, Command, EntryKind, Error, Handle, Place, Rights};

/// Fails with a sentence.
pub(crate) fn check(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

/// Adds what was attempted to an error.
pub(crate) fn at<T>(what: &str, result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error} ({})", error.errno()))
}

/// The result must be that error.
pub(crate) fn refused<T>(what: &str, result: Result<T, Error>, errno: i32) -> Result<(), String> {
    match result {
        Ok(_) => Err(format!("{what}: it succeeded instead of failing with {errno}")),
        Err(error) if error.errno() == errno => Ok(()),
        Err(error) => Err(format!("{what}: error {} instead of {errno}", error.errno())),
    }
}

/// A server that misbehaves as its mode says, and a handle to its root with all rights.
pub(crate) struct Peer {
    pub(crate) process: Child,
    pub(crate) root: Handle,
}

impl Peer {
    /// Starts one.
    pub(crate) fn start(mode: &str) -> Result<Peer, String> {
        Peer::start_with(mode, None)
    }

    /// Starts one that serves nobody until the answered handle is closed.
    pub(crate) fn start_held() -> Result<(Peer, Handle), String> {
        let (from, to) = at("pipe", clavis::object::pipe(0))?;
        Ok((Peer::start_with("held", Some(&from))?, to))
    }

    fn start_with(mode: &str, input: Option<&Handle>) -> Result<Peer, String> {
        let path = "/scheme/namespace/scheme-creation-cap";
        let capability = at(path, Handle::open(path, 0))?;
        let socket = at("create-scheme", Handle::ask(&capability, b"create-scheme", Place::Upper))?;
        let params = MintParams {
            number: 1,
            rights: Rights::all().bits(),
            inherit: Rights::all().bits(),
            flags: syscall::O_RDWR as u64,
            ..MintParams::default()
        };
        let root = at("mint", clavis::server::mint(&socket, &params))?;
        let all = Rights::all();
        let command = Command::new(PROGRAM).arg("--peer").arg(mode).handle_as(
            EntryKind::Custom as u64,
            &socket,
            all,
            all,
        );
        let command = match input {
            Some(input) => command.stdin(input),
            None => command,
        };
        let command = command.own_streams();
        let process = at("start the peer", command.spawn())?;
        Ok(Peer { process, root })
    }

    /// Asks the peer about itself.
    pub(crate) fn ask(&self, what: u64) -> Result<usize, String> {
        at("ask the peer", ask(&self.root, what))
    }

    /// Waits until the peer was asked to do nothing that often, so that it has seen what came
    /// before.
    pub(crate) fn settle(&self) -> Result<(), String> {
        self.ask(0).map(drop)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself: that is what some modes do.
        _ = self.process.kill();
    }
}

/// A call without payload.
pub(crate) fn ask(handle: &Handle, what: u64) -> Result<usize, Error> {
    call(handle, &mut [], Payload::In, &[what])
}

/// Starts this program as something that a case needs.
pub(crate) fn act(what: &str) -> Command<'static> {
    Command::new(PROGRAM).arg("--act").arg(what)
}

/// Runs something with a deadline in so many milliseconds.
pub(crate) fn within<T>(milliseconds: u64, body: impl FnOnce() -> T) -> T {
    _ = clavis::process::set_deadline(Some(now() + milliseconds * 1_000_000));
    let result = body();
    _ = clavis::process::set_deadline(None);
    result
}

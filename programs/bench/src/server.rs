//! The process at the other end: a scheme that answers at once.
use redox_scheme::scheme::{SchemeState, SchemeSync, register_sync_scheme};
use redox_scheme::{CallerCtx, OpenResult, RequestKind, SendFdRequest, SignalBehavior, Socket};
use scheme_daemon::{Daemon, Resolution};
use std::process::ExitCode;
use syscall::error::Result;
use syscall::flag::FobtainFdFlags;
use syscall::schemev2::NewFdFlags;
use syscall::{MODE_FILE, Stat};

/// Answers and the next request travel in one system call.
pub(crate) const COMBINED: &str = "combined";
/// Answers are written, requests read.
pub(crate) const PLAIN: &str = "plain";

/// Number of the root.
const ROOT: usize = 0;
/// Number of everything else.
const FILE: usize = 1;
/// Most that a read is answered with.
const CONTENT: usize = 1 << 20;

struct Server {
    name: String,
    content: Vec<u8>,
}

impl Daemon for Server {
    fn receive_handles(&mut self, socket: &Socket, request: &SendFdRequest) -> Result<usize> {
        let mut number = [usize::MAX];
        request.obtain_fd(socket, FobtainFdFlags::empty(), &mut number)?;
        let [number] = number;
        libredox::call::close(number)?;
        Ok(0)
    }
}

impl SchemeSync for Server {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(ROOT)
    }

    fn openat(&mut self, _: usize, _: &str, _: usize, _: u32, _: &CallerCtx) -> Result<OpenResult> {
        Ok(OpenResult::ThisScheme { number: FILE, flags: NewFdFlags::empty() })
    }

    fn read(&mut self, _: usize, buf: &mut [u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        let count = buf.len().min(self.content.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), self.content.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn call(&mut self, _: usize, _: &mut [u8], _: &[u64], _: &CallerCtx) -> Result<usize> {
        Ok(0)
    }

    fn fstat(&mut self, _: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        stat.st_mode = MODE_FILE | 0o444;
        stat.st_size = CONTENT as u64;
        Ok(())
    }

    fn fpath(&mut self, _: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        Ok(scheme_daemon::copy_path(&format!("/scheme/{}", self.name), buf))
    }
}

/// Serves a name until it is killed.
pub(crate) fn main(name: &str, style: &str) -> ExitCode {
    let mut server = Server { name: name.to_owned(), content: vec![0x5a; CONTENT] };
    let socket = match scheme_daemon::endpoint(Resolution::Structural) {
        Ok(socket) => socket,
        Err(error) => return scheme_daemon::exit(name, Err(error)),
    };
    let served = match style {
        COMBINED => scheme_daemon::serve(&socket, name, &mut server),
        _ => plain(&socket, name, &mut server),
    };
    scheme_daemon::exit(name, served)
}

/// The loop of daemons that read a request and write its answer.
fn plain(socket: &Socket, name: &str, server: &mut Server) -> Result<()> {
    register_sync_scheme(socket, name, server)?;
    let mut state = SchemeState::new();
    while let Some(request) = socket.next_request(SignalBehavior::Restart)? {
        match request.kind() {
            RequestKind::Call(call) => {
                let response = call.handle_sync(server, &mut state);
                socket.write_response(response, SignalBehavior::Restart)?;
            }
            RequestKind::OnClose { id } => server.on_close(id),
            _ => {}
        }
    }
    Ok(())
}

//! The process at the other end: a scheme that answers at once.
use clavis::abi::params::open_flags;
use clavis::namespace::Namespace;
use clavis::{Handle, Place};
use clavis_broker::{Broker, Network, Person, Terms};
use clavis_policy::Draft;
use redox_scheme::scheme::{SchemeState, SchemeSync, register_sync_scheme};
use redox_scheme::{CallerCtx, OpenResult, RequestKind, SendFdRequest, SignalBehavior, Socket};
use scheme_daemon::{Daemon, Resolution};
use std::process::ExitCode;
use std::sync::Arc;
use syscall::error::{EINVAL, EISDIR, Error, Result};
use syscall::flag::FobtainFdFlags;
use syscall::schemev2::NewFdFlags;
use syscall::{MODE_FILE, Stat};

/// Answers and the next request travel in one system call.
pub(crate) const COMBINED: &str = "combined";
/// Answers are written, requests read.
pub(crate) const PLAIN: &str = "plain";

/// It hands out what others serve.
pub(crate) const BROKER: &str = "broker";

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

    fn openat(
        &mut self,
        _: usize,
        path: &str,
        flags: usize,
        _: u32,
        _: &CallerCtx,
    ) -> Result<OpenResult> {
        // Without a name it is the directory.
        if path.is_empty() && flags as u64 & open_flags::NOT_DIRECTORY != 0 {
            return Err(Error::new(EISDIR));
        }
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
    if style == BROKER {
        return scheme_daemon::exit(name, broker(name));
    }
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

/// Registers a broker that grants the services, as 1,000 lines say, and serves until it is killed.
fn broker(name: &str) -> Result<()> {
    let mut text: String = (0..999).map(|n| format!("hide /srv/*/item{n}/**/*.key\n")).collect();
    text.push_str("allow rw /scheme/*/***");
    let none = &mut |_: &str| Err(String::new());
    let grant = Draft::new().read("bench", &text, none).and_then(Draft::seal);
    let grant = grant.map(Arc::new).map_err(|_| Error::new(EINVAL))?;
    let (person, network) = (Person::Absent, Network::Absent);
    let own = |error: clavis::Error| Error::new(error.errno());
    let names = Namespace::current().map_err(own)?;
    let broker = Broker::serve(names.handle(), Terms { grant, ask: None, person, network })?;
    let root = Handle::duplicate(broker.root(), Place::Lowest).map_err(own)?;
    libredox::call::register_scheme_to_ns(
        libredox::call::getns()?,
        name,
        root.into_number().raw(),
    )?;
    loop {
        std::thread::park();
    }
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

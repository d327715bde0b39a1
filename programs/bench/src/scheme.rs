//! Calls to a scheme in another process.
use crate::measure::{Outcome, Row, median, median_of_long, said, said_number};
use crate::server::{BROKER, COMBINED, PLAIN};
use clavis::handle::{AsNumber, limit};
use clavis::lease::Bounds;
use clavis::namespace::Namespace;
use clavis::{Handle, Lease, Rights, handle_flags};
use std::hint::black_box;
use syscall::CallFlags;
use syscall::flag::{O_RDONLY, O_RDWR};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "scheme-call",
        what: "call and answer without payload, two processes",
        run: || call(COMBINED, 0),
    },
    Row {
        name: "scheme-call-leased",
        what: "the same through a handle under a lease that depends on another",
        run: leased_call,
    },
    Row {
        name: "scheme-call-plain-loop",
        what: "the same to a server that reads requests and writes answers one by one",
        run: || call(PLAIN, 0),
    },
    Row {
        name: "scheme-call-small",
        what: "call and answer with 8 bytes that travel both ways",
        run: || call(COMBINED, 8),
    },
    Row { name: "read-4k", what: "read 4 KiB from a scheme", run: || read(4096) },
    Row { name: "read-64k", what: "read 64 KiB from a scheme", run: || read(64 << 10) },
    Row { name: "read-1m", what: "read 1 MiB from a scheme", run: || read(1 << 20) },
    Row {
        name: "pass-handle",
        what: "send a handle, which the server takes and closes, and an answer",
        run: pass_handle,
    },
    Row {
        name: "open-close",
        what: "open an absolute path through the namespace manager, and close",
        run: open_absolute,
    },
    Row {
        name: "open-judged",
        what: "the same through a view, where a policy decides",
        run: open_judged,
    },
    Row {
        name: "openat-beneath",
        what: "open a name beneath a directory handle, and close",
        run: open_beneath,
    },
    Row {
        name: "open-broker",
        what: "open through a broker with a policy of 1,000 lines, and close",
        run: open_broker,
    },
    Row { name: "stat", what: "metadata of an open file of a scheme", run: stat },
];

/// A server that runs while this value lives.
struct Served {
    name: String,
    _server: crate::process::Server,
}

impl Served {
    fn start(style: &str) -> Result<Self, String> {
        let name = format!("bench-{style}-{}", std::process::id());
        let own = std::env::args().next().unwrap_or_else(|| "bench".into());
        // The name is there from now on; what is opened under it waits for the server.
        let namespace = Namespace::current().map_err(|error| said("namespace", error))?;
        drop(namespace.ticket(&name).map_err(|error| said(&name, error))?);
        let words = [own, "--server".into(), name.clone(), style.into()];
        let server = crate::process::Server::start(&words)?;
        Ok(Served { name, _server: server })
    }

    fn path(&self) -> String {
        format!("/scheme/{}/file", self.name)
    }

    /// Opens a path; while the server is starting the open waits.
    fn open(&self, flags: usize) -> Result<Handle, String> {
        let path = self.path();
        Handle::open(&path, flags as u64).map_err(|error| said(&path, error))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The name goes with its server; that it stays bound to nothing is no failure of a row.
        if let Ok(namespace) = Namespace::current() {
            _ = namespace.unbind(&self.name);
        }
    }
}

fn call(style: &str, payload: usize) -> Outcome {
    let served = Served::start(style)?;
    let file = served.open(O_RDWR)?;
    calls(&file, payload)
}

fn leased_call() -> Outcome {
    let served = Served::start(COMBINED)?;
    let file = served.open(O_RDWR)?;
    let outer = Lease::new().map_err(|error| said("lease", error))?;
    let inner = Lease::with(&[&outer], Bounds::default()).map_err(|error| said("lease", error))?;
    let lent = inner.lend(&file, Rights::all(), Rights::all());
    calls(&lent.map_err(|error| said("lend", error))?, 0)
}

fn calls(file: &impl AsNumber, payload: usize) -> Outcome {
    let number = file.number().raw();
    let mut payload = vec![0; payload];
    median(|| {
        let answer = if payload.is_empty() {
            libredox::call::call_wo(number, &payload, CallFlags::empty(), &[1])
        } else {
            libredox::call::call_rw(number, &mut payload, CallFlags::empty(), &[1])
        };
        answer.map(|_| ()).map_err(|error| said_number("call", error))
    })
}

fn read(bytes: usize) -> Outcome {
    let served = Served::start(COMBINED)?;
    let file = served.open(O_RDONLY)?;
    let number = file.number().raw();
    let mut buffer = vec![0; bytes];
    let read = || match libredox::call::read(number, &mut buffer) {
        Ok(count) if count == bytes => Ok(()),
        Ok(count) => Err(format!("read: {count} bytes instead of {bytes}")),
        Err(error) => Err(said_number("read", error)),
    };
    if bytes > 4096 { median_of_long(read) } else { median(read) }
}

fn pass_handle() -> Outcome {
    let served = Served::start(COMBINED)?;
    let file = served.open(O_RDWR)?;
    let number = file.number().raw();
    let given = file.number().raw().to_ne_bytes();
    median(|| {
        let flags = CallFlags::FD | CallFlags::FD_CLONE;
        let sent = libredox::call::call_wo(number, &given, flags, &[]);
        sent.map(|_| ()).map_err(|error| said_number("send", error))
    })
}

fn open_absolute() -> Outcome {
    let served = Served::start(COMBINED)?;
    drop(served.open(O_RDONLY)?);
    let path = served.path();
    median(|| {
        let file = Handle::open(&path, O_RDONLY as u64);
        drop(black_box(file.map_err(|error| said(&path, error))?));
        Ok(())
    })
}

/// A view over a server, under a policy, and close.
fn open_judged() -> Outcome {
    let served = Served::start(COMBINED)?;
    drop(served.open(O_RDONLY)?);
    let name = format!("bench-view-{}", std::process::id());
    let file = format!("/tmp/{name}.policy");
    let text = format!("allow r /scheme/{name}/***\nhide /scheme/{name}/**/*.key\n");
    std::fs::write(&file, text).map_err(|error| format!("{file}: {error}"))?;
    let namespace = Namespace::current().map_err(|error| said("namespace", error))?;
    drop(namespace.ticket(&name).map_err(|error| said(&name, error))?);
    let view = "/scheme/initfs/bin/view".to_owned();
    let below = format!("/scheme/{}", served.name);
    let view = crate::process::Server::start(&[view, name.clone(), below, file.clone()])?;
    let path = format!("/scheme/{name}/file");
    let counted = median(|| {
        let file = Handle::open(&path, O_RDONLY as u64);
        drop(black_box(file.map_err(|error| said(&path, error))?));
        Ok(())
    });
    drop(view);
    _ = namespace.unbind(&name);
    _ = std::fs::remove_file(file);
    counted
}

fn open_beneath() -> Outcome {
    let served = Served::start(COMBINED)?;
    let directory = served.open(O_RDONLY)?;
    let (all, beneath) = (Rights::all(), handle_flags::BENEATH);
    limit(&directory, all, all, beneath).map_err(|error| said("limit", error))?;
    median(|| {
        let file = Handle::open_at(&directory, "name", O_RDONLY as u64);
        drop(black_box(file.map_err(|error| said("openat", error))?));
        Ok(())
    })
}

fn open_broker() -> Outcome {
    let served = Served::start(COMBINED)?;
    drop(served.open(O_RDONLY)?);
    let broker = Served::start(BROKER)?;
    let name = format!("/scheme/{}", broker.name);
    let broker = Handle::open(&name, O_RDONLY as u64).map_err(|error| said(&name, error))?;
    let path = format!("open{}", served.path());
    median(|| {
        let file = Handle::open_at(&broker, &path, O_RDONLY as u64);
        drop(black_box(file.map_err(|error| said(&path, error))?));
        Ok(())
    })
}

fn stat() -> Outcome {
    let served = Served::start(COMBINED)?;
    let file = served.open(O_RDONLY)?;
    let number = file.number().raw();
    median(|| {
        let stat = libredox::call::fstat(number).map_err(|error| said_number("stat", error))?;
        black_box(stat);
        Ok(())
    })
}

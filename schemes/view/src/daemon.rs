//! `view NAME DIRECTORY [POLICY]` serves a view of a directory under a name of its namespace.
use clavis::Handle;
use clavis_policy::{Draft, Guard, Lock};
use clavis_view::guest::Server;
use clavis_view::{Everything, Guarded, Judge};
use scheme_daemon::{Resolution, endpoint, exit, serve};
use std::process::ExitCode;
use std::sync::Arc;
use syscall::error::{EINVAL, EIO, Error, Result};
use syscall::flag::{O_DIRECTORY, O_RDONLY};

fn run(name: &str, directory: &str, judge: impl Judge) -> Result<()> {
    let failed = |error: clavis::Error| Error::new(error.errno());
    let directory = Handle::open(directory, (O_RDONLY | O_DIRECTORY) as u64).map_err(failed)?;
    let mut server = Server::new(name, &directory, judge)?;
    drop(directory);
    serve(&endpoint(Resolution::Structural)?, name, &mut server)
}

/// The policy in a file; what it includes is named from the current directory.
fn guard(path: &str) -> Result<Arc<Guard>> {
    let failed = |error: std::io::Error| Error::new(error.raw_os_error().unwrap_or(EIO));
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let mut include = |name: &str| std::fs::read_to_string(name).map_err(|why| why.to_string());
    let policy = Draft::new().read(path, &text, &mut include).and_then(Draft::seal);
    let policy = policy.map_err(|mistake| {
        eprintln!("view: {mistake}");
        Error::new(EINVAL)
    })?;
    Ok(Arc::new(Guard::new(Arc::new(policy), Lock::Sealed)))
}

pub(crate) fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let served = match words.as_slice() {
        [name, directory] => run(name, directory, Everything),
        [name, directory, policy] => {
            guard(policy).and_then(|guard| run(name, directory, Guarded::new(&guard, name)))
        }
        _ => {
            eprintln!("usage: view NAME DIRECTORY [POLICY]");
            Err(Error::new(EINVAL))
        }
    };
    exit("view", served)
}

//! `view NAME DIRECTORY` serves a view of a directory under a name of its namespace.
use clavis::Handle;
use scheme_daemon::{Resolution, endpoint, exit, serve};
use std::process::ExitCode;
use syscall::error::{EINVAL, Error, Result};
use syscall::flag::{O_DIRECTORY, O_RDONLY};
use view::Everything;
use view::guest::Server;

fn run(name: &str, directory: &str) -> Result<()> {
    let failed = |error: clavis::Error| Error::new(error.errno());
    let directory = Handle::open(directory, (O_RDONLY | O_DIRECTORY) as u64).map_err(failed)?;
    let mut server = Server::new(name, &directory, Everything)?;
    drop(directory);
    serve(&endpoint(Resolution::Structural)?, name, &mut server)
}

pub(crate) fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [name, directory] => exit("view", run(name, directory)),
        _ => {
            eprintln!("usage: view NAME DIRECTORY");
            exit("view", Err(Error::new(EINVAL)))
        }
    }
}

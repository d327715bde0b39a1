//! `crypt NAME DIRECTORY` serves an encrypted directory in plain under a name of its namespace.
//! The secret comes from its standard input: a passphrase that is typed, or all bytes of a file.
use clavis::{Handle, Place, Rights};
use clavis_crypt::guest::Random;
use clavis_crypt::{Cost, KEY_FILE, Keys, Vault};
use clavis_view::guest::{Below, Server};
use clavis_view::{Everything, View};
use scheme_daemon::{Resolution, endpoint, exit, serve};
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use syscall::error::{EINVAL, EIO, Error, Result};
use syscall::flag::{O_DIRECTORY, O_RDONLY};
use termion::input::TermRead;
use zeroize::Zeroizing;

/// The longest secret.
const MOST: u64 = 64 << 10;
fn failed(error: io::Error) -> Error {
    Error::new(error.raw_os_error().unwrap_or(EIO))
}

/// Asks the person at the terminal, or reads the file that stands in its place.
fn secret() -> Result<Zeroizing<Vec<u8>>> {
    let mut input = io::stdin();
    let mut secret = Zeroizing::new(Vec::with_capacity(MOST as usize));
    if input.is_terminal() {
        eprint!("passphrase: ");
        // What is typed is not seen.
        let typed = input.read_passwd(&mut io::stderr()).map_err(failed)?.map(Zeroizing::new);
        secret.extend(typed.iter().flat_map(|typed| typed.bytes()));
        eprintln!();
    } else {
        input.by_ref().take(MOST).read_to_end(&mut secret).map_err(failed)?;
    }
    if secret.is_empty() { Err(Error::new(EINVAL)) } else { Ok(secret) }
}

/// Makes new keys in a directory in which nothing is yet.
fn make(directory: &Path, cost: Cost, random: &Random) -> Result<Keys> {
    if fs::read_dir(directory).map_err(failed)?.next().is_some() {
        eprintln!("crypt: {}: it is not empty", directory.display());
        return Err(Error::new(EINVAL));
    }
    let (keys, bytes) = Keys::make(&secret()?, cost, random)?;
    let mut file = File::create_new(directory.join(KEY_FILE)).map_err(failed)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(keys)
}

fn open(directory: &Path) -> Result<Keys> {
    let bytes = fs::read(directory.join(KEY_FILE)).map_err(|error| {
        eprintln!("crypt: {}: no keys are in it (--new makes some)", directory.display());
        failed(error)
    })?;
    Keys::open(&bytes, &secret()?)
}

fn run(name: &str, directory: &str, new: Option<Cost>) -> Result<()> {
    let random = Random::open().map_err(failed)?;
    let keys = match new {
        Some(cost) => make(Path::new(directory), cost, &random)?,
        None => open(Path::new(directory))?,
    };
    let own = |error: clavis::Error| Error::new(error.errno());
    let opened = Handle::open(directory, (O_RDONLY | O_DIRECTORY) as u64).map_err(own)?;
    let all = Rights::all();
    // Calls that speak of a directory and a name take lower numbers.
    let root = Handle::derive_with(&opened, all, all, 0, Place::Lowest).map_err(own)?;
    let vault = Vault::new(Below::new(&root), keys, random);
    let view = View::new(vault, Everything, Vault::<Below, Random>::root(root));
    serve(&endpoint(Resolution::Structural)?, name, &mut Server::of(name, view))
}

pub(crate) fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let served = match words.as_slice() {
        [name, directory] => run(name, directory, None),
        ["--new", name, directory] => run(name, directory, Some(Cost::default())),
        ["--new", "--cost", memory, name, directory] => match memory.parse() {
            Ok(memory) => run(name, directory, Some(Cost { memory, ..Cost::default() })),
            Err(_) => Err(Error::new(EINVAL)),
        },
        _ => {
            eprintln!("usage: crypt [--new [--cost KIB]] NAME DIRECTORY < SECRET");
            Err(Error::new(EINVAL))
        }
    };
    exit("crypt", served)
}

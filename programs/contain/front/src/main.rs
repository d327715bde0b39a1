//! `contain`: runs a program that gets what is listed and nothing else.
//!
//! What that takes is in the crate `containment`. This program needs no std: it starts nearly as
//! fast as a program can, so that containing costs about as much as starting. Where somebody has to
//! stay with the program (a policy, a broker, orders), or there is something to say, it becomes
//! `warden`, with the same words.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use allow_list::List;
use clavis::namespace::Namespace;
use clavis_rt::entry::LastWords;
use clavis_rt::startup::Startup;
use clavis_rt::{spawn, sys};
use containment::{FAILED, Own, Trouble};
use core::convert::Infallible;
use core::fmt::Write;

clavis_rt::entry!(main);

#[global_allocator]
static HEAP: clavis_rt::heap::Heap = clavis_rt::heap::Heap::new();

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    clavis_rt::entry::panicked(info)
}

/// The program that does the rest.
const WARDEN: &str = "/scheme/initfs/bin/warden";

fn main(startup: &'static Startup<'static>) -> i32 {
    let Err(Trouble { why, status }) = run(startup);
    complain(&why);
    i32::from(status)
}

/// Says it in one piece: others write there too.
fn complain(why: &str) {
    // There is nobody else to tell.
    _ = LastWords::new().write_str(&format!("contain: {why}\n"));
}

/// Returns only why nothing came of it.
fn run(startup: &Startup<'_>) -> Result<Infallible, Trouble> {
    let words: Vec<String> = startup
        .args()
        .skip(1)
        .map(|word| String::from_utf8_lossy(word.to_bytes()).into_owned())
        .collect();
    if words.first().is_some_and(|word| word == "--help") {
        return Err(warden(startup));
    }
    let list = allow_list::read(&words)
        .map_err(|misuse| Trouble::plain(format!("{misuse} (contain --help)")))?;
    if !list.is_plain() {
        return Err(warden(startup));
    }
    contain(startup, &list)
}

/// Runs the program, and ends with its status.
fn contain(startup: &Startup<'_>, list: &List) -> Result<Infallible, Trouble> {
    let names = Namespace::current().map_err(|error| Trouble::failed("namespace", &error))?;
    let view = containment::build(&names, list, None)?;
    let own = Own {
        variable: &|name| variable(startup, name),
        directory: Some(startup.cwd()).filter(|path| !path.is_empty()),
        answers: false,
    };
    let ended = containment::contained(list, &own, &view, &containment::account(list)?)?;
    if let Some(said) = &ended.said {
        complain(said);
    }
    // What this process holds the kernel takes at once, instead of one by one from here.
    sys::thread::exit(i32::from(ended.code))
}

fn variable(startup: &Startup<'_>, name: &str) -> Option<String> {
    startup.envs().find_map(|line| {
        let value = line.to_str().ok()?.strip_prefix(name)?.strip_prefix('=')?;
        Some(String::from(value))
    })
}

/// Becomes the program that does the rest. Returns only why that failed.
fn warden(startup: &Startup<'_>) -> Trouble {
    let file = match spawn::open_program(WARDEN) {
        Ok(file) => file,
        Err(error) => return failed(error),
    };
    let words: Vec<&[u8]> = startup.args().map(|word| word.to_bytes()).collect();
    let variables: Vec<&[u8]> = startup.envs().map(|line| line.to_bytes()).collect();
    failed(spawn::replace(file.number(), WARDEN, &words, &variables))
}

fn failed(error: clavis_rt::Error) -> Trouble {
    Trouble { status: FAILED, ..Trouble::failed(WARDEN, &clavis::Error::from_errno(error.errno)) }
}

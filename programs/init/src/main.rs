//! Init: the first process. It is given everything and keeps little.
//!
//! In order: it reads the service manifest from the boot image, makes a slot for each name that a
//! service registers, builds the namespace manager's handle table and state with every namespace
//! of the manifest, starts the namespace manager, then the services, each in its own account with
//! an explicit list of handles; and from then on waits for one of them to end. It calls no service
//! and not the namespace manager: it cannot be made to wait by what it supervises.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

extern crate alloc;

mod board;
mod ending;
mod given;
mod journal;
mod kept;
mod service;
mod supervise;
mod world;

use alloc::vec::Vec;
use boot_image::{Entry, Image};
use clavis_rt::startup::Startup;
use clavis_rt::view;
use given::Given;
use journal::say;
use service_manifest::{Manifest, select};

clavis_rt::entry!(main);

#[global_allocator]
static HEAP: clavis_rt::heap::Heap = clavis_rt::heap::Heap::new();

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    clavis_rt::entry::panicked(info)
}

/// Where the manifest lies in the boot image.
const MANIFEST: &str = "etc/services.conf";

/// Why the system cannot run.
struct Fatal;

fn main(startup: &'static Startup<'static>) -> i32 {
    match run(startup) {
        Ok(()) => 0,
        Err(Fatal) => 1,
    }
}

fn run(startup: &'static Startup<'static>) -> Result<(), Fatal> {
    let mut given = Given::new(startup)?;
    let bytes = view::boot_image(given.image).map_err(|error| {
        say!("the boot image cannot be mapped: {error}");
        Fatal
    })?;
    let image = Image::parse(bytes).map_err(|error| {
        say!("the boot image is damaged: {error}");
        Fatal
    })?;
    let manifest = manifest(&image)?;
    let lines: Vec<&str> = startup.args().filter_map(|line| line.to_str().ok()).collect();
    let (selected, unknown) = select(&manifest, lines.iter().copied());
    for name in &unknown {
        say!("the command line asks for `{name}`, which the manifest does not know");
    }
    // One row for the namespace manager.
    let board = board::Board::new(manifest.services.len().saturating_add(1)).map_err(|error| {
        say!("there is no memory to tell of the services in: {error}");
        Fatal
    })?;
    given.board = Some(board.number());
    let world = world::World::build(&given, &manifest).map_err(|error| {
        say!("the namespaces cannot be built: {error}");
        Fatal
    })?;
    let mut supervisor = supervise::Supervisor::new(&given, image, &manifest, world, board)?;
    supervisor.select(&selected);
    if !unknown.is_empty() && selected.iter().all(|one| one.argument.is_none()) {
        // Whoever asked waits for an answer that cannot come.
        supervisor.power_off();
    }
    supervisor.run()
}

fn manifest(image: &Image<'_>) -> Result<Manifest, Fatal> {
    let Some(entry) = file(image, MANIFEST) else {
        say!("the boot image has no /{MANIFEST}");
        return Err(Fatal);
    };
    let Ok(text) = core::str::from_utf8(entry.data) else {
        say!("/{MANIFEST} is not text");
        return Err(Fatal);
    };
    service_manifest::check(text, |path| file(image, path).is_some()).map_err(|problems| {
        for problem in &problems {
            say!("/{MANIFEST}: {problem}");
        }
        Fatal
    })
}

/// A file of the boot image.
fn file<'i>(image: &Image<'i>, path: &str) -> Option<Entry<'i>> {
    image.file(path.trim_start_matches('/'))
}

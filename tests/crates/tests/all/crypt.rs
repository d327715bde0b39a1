//! An encrypted directory in Redox's file system.
use crate::redoxfs::{mount, random_operations};
use clavis::namespace::Namespace;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};

/// One that is served while this value lives.
struct Safe {
    root: PathBuf,
    below: PathBuf,
    process: Child,
}

impl Drop for Safe {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn safe(file_system: &'static str, name: &str) -> Safe {
    let below = mount(file_system);
    let secret = format!("/tmp/{name}");
    fs::write(&secret, "secret").unwrap();
    // The name is there from now on; what is opened under it waits for the server.
    drop(Namespace::current().unwrap().ticket(name).unwrap());
    let mut command = Command::new("/scheme/initfs/bin/crypt");
    command.args(["--new", "--cost", "64", name]).arg(&below);
    let process = command.stdin(File::open(&secret).unwrap()).spawn().unwrap();
    fs::remove_file(secret).unwrap();
    Safe { root: PathBuf::from(format!("/scheme/{name}")), below, process }
}

#[test]
fn random_operations_through_encryption_leave_what_a_model_says() {
    let safe = safe("crates-crypt", "crates-safe");
    random_operations(&safe.root, &[1, 0x0123_4567_89AB_CDEF]);
}

#[test]
fn the_longest_name_fits_below() {
    let safe = safe("crates-crypt-2", "crates-safe-2");
    let name = "n".repeat(173);
    fs::write(safe.root.join(&name), "text").unwrap();
    assert_eq!(fs::read_to_string(safe.root.join(&name)).unwrap(), "text");
    assert!(fs::write(safe.root.join("n".repeat(174)), "text").is_err());
    let below: Vec<usize> =
        fs::read_dir(&safe.below).unwrap().map(|entry| entry.unwrap().file_name().len()).collect();
    assert!(below.contains(&252), "{below:?}");
}

//! The schemes of docs/writing-a-scheme.md do what it says.
use super::support::{at, check};
use crate::run::{Case, Verdict};
use clavis::namespace::Namespace;
use clavis::{Child, Command, Give};
use std::fs;

pub(crate) const CASES: &[Case] = &[
    Case { name: "the_scheme_that_others_are_made_from_greets", run: greets },
    Case { name: "the_store_of_the_book_keeps_lists_and_removes", run: keeps },
];

/// Starts a daemon of the image that registers its name in this case's namespace.
fn started(name: &str) -> Result<Child, String> {
    let namespace = at("namespace", Namespace::current())?;
    // The name is there from now on; what is opened under it waits for the daemon.
    drop(at("ticket", namespace.ticket(name))?);
    let path = format!("/scheme/initfs/bin/{name}");
    at(name, Command::new(&path).namespace(Give::Own).own_streams().spawn())
}

fn said<T>(what: &str, result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

fn greets() -> Verdict {
    let daemon = started("greet")?;
    let text = said("read", fs::read_to_string("/scheme/greet/you"))?;
    check(text == "hello, you\n", &format!("it reads {text:?}"))?;
    check(fs::read("/scheme/greet/a/b").is_err(), "a path of two names was opened")?;
    at("kill", daemon.kill())
}

fn keeps() -> Verdict {
    let daemon = started("kv")?;
    check(fs::read("/scheme/kv/a").is_err(), "a key is there that nobody made")?;
    said("write", fs::write("/scheme/kv/a", b"first"))?;
    said("write", fs::write("/scheme/kv/b", b"second"))?;
    said("write again", fs::write("/scheme/kv/a", b"1"))?;
    let value = said("read", fs::read("/scheme/kv/a"))?;
    check(value == b"1", &format!("a is {value:?}"))?;
    let listed = said("list", fs::read_dir("/scheme/kv"))?;
    let mut keys = Vec::new();
    for entry in listed {
        keys.push(said("entry", entry)?.file_name());
    }
    check(keys == ["a", "b"], &format!("the keys are {keys:?}"))?;
    said("remove", fs::remove_file("/scheme/kv/a"))?;
    check(fs::read("/scheme/kv/a").is_err(), "a removed key is there")?;
    at("kill", daemon.kill())
}

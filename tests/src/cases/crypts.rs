//! Encrypted directories: `crypt` over the file system of this machine.
use super::contain::place;
use super::place::{Place, io};
use super::support::{at, check};
use crate::run::{Case, Verdict};
use clavis::namespace::Namespace;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::{Child, Command, Stdio};
use syscall::error::EIO;

pub(crate) const CASES: &[Case] = &[
    Case { name: "an_encrypted_directory_is_plain_above_and_not_below", run: whole },
    Case { name: "the_same_secret_opens_it_again_and_another_does_not", run: again },
    Case { name: "what_was_changed_below_an_encrypted_directory_is_an_error", run: damaged },
];

/// An encrypted directory that is served while this value lives.
struct Safe {
    name: String,
    process: Child,
}

/// Starts one over a directory of a place.
fn start(place: &Place, secret: &str, options: &[&str]) -> Result<Safe, String> {
    let below = place.at("below");
    _ = fs::create_dir(&below);
    let file = place.at("secret");
    io("secret", fs::write(&file, secret))?;
    let name = format!("crypt-{}-{}", std::process::id(), secret);
    let namespace = at("namespace", Namespace::current())?;
    // The name is there from now on; what is opened under it waits for the server.
    drop(at("ticket", namespace.ticket(&name))?);
    let mut command = Command::new("/scheme/initfs/bin/crypt");
    command.args(options).arg(&name).arg(&below).stdin(io("secret", File::open(&file))?);
    let process = io("start", command.stderr(Stdio::null()).spawn())?;
    Ok(Safe { name, process })
}

/// Cheap to try, as tests are.
const NEW: &[&str] = &["--new", "--cost", "64"];

impl Safe {
    fn at(&self, path: &str) -> String {
        format!("/scheme/{}/{path}", self.name)
    }
}

impl Drop for Safe {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.process.kill();
        _ = self.process.wait();
        if let Ok(namespace) = Namespace::current() {
            _ = namespace.unbind(&self.name);
        }
    }
}

/// Everything below, names and contents.
fn below(place: &Place) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    let mut pending = vec![place.at("below")];
    while let Some(directory) = pending.pop() {
        for entry in io("list below", fs::read_dir(directory))? {
            let entry = io("list below", entry)?;
            all.extend(entry.file_name().as_encoded_bytes());
            if entry.path().is_dir() {
                pending.push(entry.path());
            } else {
                all.extend(io("read below", fs::read(entry.path()))?);
            }
        }
    }
    Ok(all)
}

fn whole() -> Verdict {
    let place = place("crypt-whole")?;
    let safe = start(&place, "first", NEW)?;
    io("mkdir", fs::create_dir_all(safe.at("letters/old")))?;
    io("write", fs::write(safe.at("letters/plan"), "meet at noon"))?;
    let mut file = io("open", OpenOptions::new().append(true).open(safe.at("letters/plan")))?;
    io("append", file.write_all(b", at the bridge"))?;
    let text = io("read", fs::read_to_string(safe.at("letters/plan")))?;
    check(text == "meet at noon, at the bridge", &text)?;
    let length = io("stat", fs::metadata(safe.at("letters/plan")))?.len();
    check(length == text.len() as u64, &format!("{length} bytes"))?;
    io("rename", fs::rename(safe.at("letters/plan"), safe.at("letters/old/plan")))?;
    let old = safe.at("letters/old/plan");
    let mut file = io("open", OpenOptions::new().read(true).write(true).open(&old))?;
    io("seek", file.seek(SeekFrom::Start(10_000)))?;
    io("write", file.write_all(b"far"))?;
    io("cut", file.set_len(10_002))?;
    let mut bytes = Vec::new();
    io("seek", file.seek(SeekFrom::Start(0)))?;
    io("read", file.read_to_end(&mut bytes))?;
    check(bytes.len() == 10_002 && bytes.ends_with(b"\0fa"), "other bytes")?;
    check(bytes.starts_with(text.as_bytes()), "the beginning changed")?;
    let length = io("stat", file.metadata())?.len();
    check(length == 10_002, &format!("{length} bytes of an open file"))?;
    io("sync", file.sync_all())?;
    let names: Vec<String> = io("list", fs::read_dir(safe.at("")))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    check(names == ["letters"], &format!("{names:?}"))?;
    let all = below(&place)?;
    for word in ["letters", "plan", "meet at noon", "bridge"] {
        let seen = all.windows(word.len()).any(|bytes| bytes == word.as_bytes());
        check(!seen, &format!("{word} can be read below"))?;
    }
    io("remove", fs::remove_dir_all(safe.at("letters")))?;
    check(fs::read_dir(safe.at("")).is_ok_and(|list| list.count() == 0), "something is left")
}

fn again() -> Verdict {
    let place = place("crypt-again")?;
    let safe = start(&place, "first", NEW)?;
    io("write", fs::write(safe.at("file"), "kept"))?;
    drop(safe);
    let mut wrong = start(&place, "second", &[])?;
    let status = io("wait", wrong.process.wait())?;
    check(!status.success(), "another secret opens it")?;
    let mut anew = start(&place, "third", NEW)?;
    let status = io("wait", anew.process.wait())?;
    check(!status.success(), "new keys were put over the old ones")?;
    let safe = start(&place, "first", &[])?;
    let text = io("read", fs::read_to_string(safe.at("file")))?;
    check(text == "kept", &text)
}

fn damaged() -> Verdict {
    let place = place("crypt-damaged")?;
    let safe = start(&place, "first", NEW)?;
    io("write", fs::write(safe.at("file"), [7; 5000]))?;
    let file = io("list below", fs::read_dir(place.at("below")))?
        .flatten()
        .find(|entry| entry.file_name() != "keys.crypt")
        .ok_or("there is no file below")?;
    let mut bytes = io("read below", fs::read(file.path()))?;
    let last = bytes.len().saturating_sub(1);
    *bytes.get_mut(last).ok_or("it is empty below")? ^= 1;
    io("write below", fs::write(file.path(), &bytes))?;
    let error = fs::read(safe.at("file")).err().and_then(|error| error.raw_os_error());
    check(error == Some(EIO), &format!("{error:?}"))?;
    let mut file = io("open", File::open(safe.at("file")))?;
    let mut whole = [0; 4096];
    io("what is whole is read", file.read_exact(&mut whole))?;
    check(whole == [7; 4096], "other bytes")?;
    io("remove", fs::remove_file(safe.at("file")))
}

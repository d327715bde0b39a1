//! `contain --broker` and `--ask`: a contained program asks for what it was not given.
use super::contain::{CONTAIN, contain, outlived, place, run_in};
use super::place::{Place, io};
use super::support::{at, check};
use super::terminals;
use crate::run::{Case, PROGRAM, Verdict};
use clavis::namespace::{Name, Namespace};
use clavis::{AsNumber, Give, Rights};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_contained_program_gets_what_its_broker_grants_and_nothing_else", run: granted },
    Case { name: "a_broker_of_a_sandbox_gives_no_more_than_contain_has", run: no_more },
    Case { name: "what_is_to_be_asked_has_nobody_to_ask_without_a_terminal", run: nobody },
    Case { name: "a_person_at_the_terminal_decides_what_a_contained_program_gets", run: asked },
    Case { name: "a_program_that_floods_its_broker_and_dies_hurts_nobody_else", run: flooded },
    Case { name: "who_ends_contain_takes_back_what_its_broker_granted", run: ends },
];

/// Enough to look and to read.
const READ_ONLY: Rights = Rights::BASE.union(Rights::READING);

/// A place with policies: what is granted, and what is asked about.
fn asking(name: &str) -> Result<Place, String> {
    let place = place(name)?;
    let own = place.at("").display().to_string();
    let own = own.trim_end_matches('/');
    let grant = format!("allow r {own}/in/***\ndeny {own}/in/deep/file\n");
    io("policy", fs::write(place.at("grant"), grant))?;
    io("policy", fs::write(place.at("ask"), format!("allow r {own}/beside\n")))?;
    Ok(place)
}

fn granted() -> Verdict {
    let place = asking("granted")?;
    let broker = |line: &str| contain(&format!("--broker {{}}/grant {line}"), &place);
    broker("cat /scheme/broker/open{}/in/file")?.says("inside")?;
    broker("ls -1 /scheme")?.says("broker\n")?;
    broker("cat {}/in/file")?.fails(1, "no such file")?;
    broker("cat /scheme/broker/open{}/in/deep/file")?.fails(1, "access denied")?;
    broker("cat /scheme/broker/open{}/beside")?.fails(1, "no such file")?;
    broker("cat /scheme/broker/open{}/in/../beside")?.fails(1, "no such file")?;
    broker("touch /scheme/broker/open{}/in/new")?.fails(1, "")?;
    check(!place.at("in/new").exists(), "a file was made")?;
    let ask = format!("{PROGRAM} --act ask {{}}/in/file {{}}/in/deep/file {{}}/beside");
    broker(&ask)?.says("got \"inside\"\ndenied\nthere is no such thing\n")?;
    // Beside what is listed, and under a policy, it is the same.
    let line = "-a r:{}/in/deep -s null cat {}/in/deep/file /scheme/broker/open{}/in/file";
    broker(line)?.says("deepinside")?;
    let line = "--policy {}/ask cat {}/beside /scheme/broker/open{}/in/file";
    broker(line)?.says("outsideinside")?;
    contain("cat /scheme/broker/open{}/in/file", &place)?.fails(1, "no such file")?;
    broker("-s broker true")?.fails(125, "own broker")?;
    contain("--broker {}/none true", &place)?.fails(125, "none: no such file")
}

fn no_more() -> Verdict {
    let place = asking("no-more")?;
    io("policy", fs::write(place.at("all"), "allow all /***\nallow all /scheme/***\n"))?;
    let own = at("namespace", Namespace::current())?;
    let mut names: Vec<Name> =
        ["initfs", "memory", "namespace", "null"].into_iter().map(Name::whole).collect();
    names.push(Name::narrowed("file", READ_ONLY));
    let narrow = at("fork", own.fork_closed(&names))?;
    let under = |line: &str| {
        let words = place.words(&format!("--broker {{}}/all {line}"));
        run_in(clavis::Command::new(CONTAIN).args(words), Give::This(narrow.number()))
    };
    under("cat /scheme/broker/open{}/in/file")?.says("inside")?;
    under("touch /scheme/broker/open{}/in/file")?.fails(1, "")?;
    under("touch /scheme/broker/open{}/in/new")?.fails(1, "")?;
    under("cat /scheme/broker/time/1")?.fails(1, "no such file")?;
    check(!place.at("in/new").exists(), "a file was made")
}

fn nobody() -> Verdict {
    let place = asking("nobody")?;
    let ask = format!("--ask {{}}/ask {PROGRAM} --act ask {{}}/beside {{}}/in/file");
    contain(&ask, &place)?.says("there is nobody to ask\nthere is no such thing\n")?;
    let both = format!("--broker {{}}/grant --ask {{}}/ask {PROGRAM} --act ask {{}}/in/file");
    contain(&both, &place)?.says("got \"inside\"\n")
}

/// `contain` at a terminal of its own: the end that a person sees and types at, and the program,
/// whose output is a pipe.
pub(super) fn at_terminal(place: &Place, line: &str) -> Result<(File, Child), String> {
    let (control, used) = terminals::open()?;
    let shown = io("terminal", used.try_clone())?;
    let child = Command::new(CONTAIN)
        .args(place.words(line))
        .stdin(Stdio::from(used))
        .stderr(Stdio::from(shown))
        .stdout(Stdio::piped())
        .spawn();
    Ok((control, io("start", child)?))
}

/// Reads what the terminal shows, until it shows that.
pub(super) fn seen(control: &mut File, what: &str) -> Verdict {
    let mut all = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&all).contains(what) {
        io("look", control.read_exact(&mut byte))?;
        all.extend(byte);
    }
    Ok(())
}

fn output(child: &mut Child) -> Result<String, String> {
    let mut said = String::new();
    let mut from = child.stdout.take().ok_or("it has no output")?;
    io("listen", from.read_to_string(&mut said))?;
    let status = io("wait", child.wait())?;
    check(status.success(), &format!("it ended with {status}, saying {said:?}"))?;
    Ok(said)
}

fn asked() -> Verdict {
    let place = asking("asked")?;
    let line = format!("--ask {{}}/ask {PROGRAM} --act ask {{}}/beside {{}}/beside {{}}/in/file");
    let (mut control, mut child) = at_terminal(&place, &line)?;
    for answer in [b"y\r", b"n\r"] {
        seen(&mut control, "Give it?")?;
        io("type", control.write_all(answer))?;
    }
    let said = output(&mut child)?;
    check(said == "got \"outside\"\ndenied\nthere is no such thing\n", &said)?;
    // What is typed is for who asks: the program reads nothing of it.
    let (mut control, mut child) =
        at_terminal(&place, &format!("--ask {{}}/ask {PROGRAM} --act echo"))?;
    io("type", control.write_all(b"y\r"))?;
    let said = output(&mut child)?;
    check(said.is_empty(), &said)
}

fn flooded() -> Verdict {
    let place = asking("flooded")?;
    // A neighbour with a broker of its own, and a second program in the same sandbox.
    let flood = format!("{PROGRAM}_--act_flood-broker_{{}}/beside_{{}}/in/file");
    let after = format!("{PROGRAM}_--act_ask_{{}}/in/file_{{}}/beside");
    let line = format!(
        "--broker {{}}/grant --ask {{}}/ask -s memory -a rx:/scheme/initfs/bin sh -c {flood};_{after}"
    );
    let (mut control, mut child) = at_terminal(&place, &line)?;
    seen(&mut control, "Give it?")?;
    contain("--broker {}/grant cat /scheme/broker/open{}/in/file", &place)?.says("inside")?;
    // The first question was of a program that is gone when it is answered.
    let mut said = String::new();
    let mut from = child.stdout.take().ok_or("it has no output")?;
    let mut byte = [0];
    while !said.ends_with("got \"inside\"\n") {
        io("listen", from.read_exact(&mut byte))?;
        said.push(char::from(byte[0]));
    }
    io("type", control.write_all(b"y\r"))?;
    seen(&mut control, "Give it?")?;
    io("type", control.write_all(b"n\r"))?;
    io("listen", from.read_to_string(&mut said).map(drop))?;
    let status = io("wait", child.wait())?;
    let busy = 24 - clavis_broker::QUESTIONS;
    let limits = clavis_broker::OBJECTS - 2;
    let expected = format!(
        "{busy} busy, {limits} limits and too much was asked already, given: true\n\
         got \"inside\"\ndenied\n"
    );
    check(status.success() && said == expected, &format!("{status}: {said:?}"))
}

fn ends() -> Verdict {
    let place = asking("ends")?;
    let path = format!("/scheme/broker/open{}", place.at("in/file").display());
    let grant = place.at("grant").display().to_string();
    let line = ["--broker", &grant, PROGRAM, "--act", "reread", &path];
    outlived(clavis::Command::new(CONTAIN).args(line))?;
    check(fs::read(place.at("in/file")).is_ok(), "the file is gone")
}

//! `contain --name`: a sandbox is looked at, and shrinks, while its program runs.
use super::contain::{CONTAIN, Outcome, contain, place};
use super::place::{Place, io};
use super::support::{at, check, refused};
use crate::run::{Case, PROGRAM, Verdict};
use clavis::abi::error::{EINVAL, ENOENT, EPERM};
use clavis::{Handle, Place as At};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) const CASES: &[Case] = &[
    Case { name: "what_is_taken_from_a_running_sandbox_is_gone_and_the_rest_stays", run: shrunk },
    Case { name: "a_running_sandbox_only_gets_less", run: only_less },
    Case { name: "a_sealed_sandbox_stays_as_it_is", run: sealed },
    Case { name: "the_status_of_a_sandbox_says_what_it_has", run: status },
    Case { name: "what_a_broker_gave_to_a_running_sandbox_is_taken_back", run: broker },
    Case { name: "a_program_sees_nothing_of_what_controls_its_sandbox", run: unseen },
    Case { name: "a_program_in_a_named_sandbox_starts_others", run: starts },
    Case { name: "the_name_of_a_sandbox_is_free_when_it_has_ended_or_was_killed", run: names },
];

/// A program that does what it is told, in a sandbox of that name.
struct Tended {
    contain: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Tended {
    /// Starts it, with further words for `contain`.
    fn start(place: &Place, name: &str, words: &str) -> Result<Tended, String> {
        let line = format!("--name {name} {words} {PROGRAM} --act tend");
        let child = Command::new(CONTAIN)
            .args(place.words(&line))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut contain = io("start", child)?;
        let to = contain.stdin.take();
        let from = BufReader::new(contain.stdout.take().ok_or("it has no output")?);
        let mut tended = Tended { contain, to, from };
        // It is there when it answers.
        tended.says("use 0", "-1")?;
        Ok(tended)
    }

    /// Under a policy, in which `{}` stands for the directory.
    fn under(place: &Place, name: &str, policy: &str) -> Result<Tended, String> {
        write(place, name, policy)?;
        Tended::start(place, name, &format!("--policy {{}}/{name}"))
    }

    fn says(&mut self, line: &str, expected: &str) -> Verdict {
        let to = self.to.as_mut().ok_or("it has no input")?;
        io("tell", writeln!(to, "{line}"))?;
        let mut answer = String::new();
        io("hear", self.from.read_line(&mut answer))?;
        let answer = answer.trim_end();
        check(answer == expected, &format!("{line}: {answer:?} instead of {expected:?}"))
    }

    fn end(mut self) -> Verdict {
        drop(self.to.take());
        let status = io("wait", self.contain.wait())?;
        check(status.success(), &format!("it ended with {status}"))
    }
}

impl Drop for Tended {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.contain.kill();
        _ = self.contain.wait();
    }
}

/// Writes a policy, in which `{}` stands for the directory.
fn write(place: &Place, name: &str, policy: &str) -> Verdict {
    let policy = policy.replace("{}", &own(place));
    io("policy", fs::write(place.at(name), policy))
}

fn own(place: &Place) -> String {
    place.at("").display().to_string().trim_end_matches('/').to_owned()
}

/// Gives an order; blanks in lines are written `_`.
fn order(place: &Place, line: &str) -> Result<Outcome, String> {
    contain(line, place)
}

/// What is revoked answers this.
const REVOKED: &str = "128";

fn shrunk() -> Verdict {
    let place = place("shrunk")?;
    let own = own(&place);
    let mut tended = Tended::under(
        &place,
        "one",
        "allow rw {}/in/***\nallow r {}/beside\nallow all /scheme/log/***",
    )?;
    tended.says(&format!("read {own}/in/file"), "ok")?;
    tended.says(&format!("write {own}/in/file"), "ok")?;
    tended.says(&format!("read {own}/in/deep/file"), "ok")?;
    tended.says(&format!("read {own}/beside"), "ok")?;
    order(&place, "--shrink one deny_w_{}/in/file")?.says("taken back: 1 files, 0 names\n")?;
    for (number, answer) in [(0, "ok"), (1, REVOKED), (2, "ok"), (3, "ok")] {
        tended.says(&format!("use {number}"), answer)?;
    }
    tended.says(&format!("write {own}/in/file"), "13")?;
    tended.says(&format!("list {own}/in"), "deep file")?;
    order(&place, "--shrink one hide_{}/in/deep/*** mask_{}/beside")?
        .says("taken back: 2 files, 0 names\n")?;
    for (number, answer) in [(0, "ok"), (1, REVOKED), (2, REVOKED), (3, REVOKED)] {
        tended.says(&format!("use {number}"), answer)?;
    }
    tended.says(&format!("list {own}/in"), "file")?;
    tended.says(&format!("read {own}/in/deep/file"), "2")?;
    tended.says("list /scheme", "file log")?;
    order(&place, "--shrink one deny_/scheme/log")?.says("taken back: 0 files, 1 names\n")?;
    tended.says("list /scheme", "file")?;
    tended.says(&format!("read {own}/in/file"), "ok")?;
    tended.end()
}

fn only_less() -> Verdict {
    let place = place("only-less")?;
    let own = own(&place);
    let mut tended = Tended::under(&place, "two", "allow r {}/in/***")?;
    order(&place, "--shrink two allow_r_/***")?
        .fails(125, "--shrink:1:1: a sandbox only gets less")?;
    order(&place, "--shrink two deny_/x include_{}/two")?.fails(125, "--shrink:2:1")?;
    // Who leaves `contain` out gets no further.
    let control = at("control", Handle::open("/scheme/sandbox/two", 0))?;
    let tell = |message: &str| Handle::ask(&control, message.as_bytes(), At::Upper);
    for message in
        ["shrink\nallow rw /***", "shrink\ndeny /x\nprofile pure", "grow", "seal\nx", "\u{0}"]
    {
        refused(message, tell(message), EINVAL)?;
    }
    tended.says(&format!("read {own}/beside"), "2")?;
    tended.says(&format!("write {own}/in/file"), "13")?;
    for number in 1..8 {
        order(&place, &format!("--shrink two deny_/{number}"))?.fails(0, "taken back: 0 files")?;
    }
    order(&place, "--shrink two deny_{}/in/***")?.fails(125, "seven times")?;
    tended.says(&format!("read {own}/in/file"), "ok")?;
    tended.end()
}

fn sealed() -> Verdict {
    let place = place("sealed")?;
    let own = own(&place);
    let mut tended = Tended::under(&place, "three", "allow r {}/in/***")?;
    order(&place, "--seal three")?.says("")?;
    order(&place, "--shrink three deny_{}/in/***")?.fails(125, "three: its policy is sealed")?;
    order(&place, "--status three")?.fails(0, "policy: sealed")?;
    tended.says(&format!("read {own}/in/file"), "ok")?;
    let control = at("control", Handle::open("/scheme/sandbox/three", 0))?;
    refused("shrink", Handle::ask(&control, b"shrink\ndeny /x", At::Upper), EPERM)?;
    tended.end()?;
    // What was listed word by word has no policy that could shrink.
    let mut listed = Tended::start(&place, "four", "-a r:{}/in")?;
    order(&place, "--shrink four deny_{}/in/***")?.fails(125, "four: its policy is sealed")?;
    listed.says(&format!("read {own}/in/file"), "ok")?;
    listed.end()
}

fn status() -> Verdict {
    let place = place("status-of")?;
    let own = own(&place);
    let mut tended = Tended::under(&place, "five", "allow r {}/in/***")?;
    tended.says(&format!("read {own}/in/file"), "ok")?;
    tended.says(&format!("read {own}/in/file"), "ok")?;
    let status = order(&place, "--status five")?;
    for line in [
        "program: /scheme/initfs/bin/suite --act tend\n",
        "policy: shrink-only, shrunk 0 times\n",
        "files given: 1\n",
        "broker: none\n",
        "threads: 1 of 64\n",
        " of 1024\n",
    ] {
        status.fails(0, line)?;
    }
    order(&place, "--shrink five deny_/x")?.fails(0, "")?;
    let text = io("cat", fs::read_to_string("/scheme/sandbox/five"))?;
    check(text.contains("shrunk 1 times"), &text)?;
    order(&place, "--status none")?.fails(125, "none: nothing runs under that name")?;
    tended.end()
}

fn broker() -> Verdict {
    let place = place("broker-of")?;
    let own = own(&place);
    write(&place, "grant", "allow r {}/in/***")?;
    let mut tended = Tended::start(&place, "six", "-p {}/grant -b {}/grant")?;
    let asked = |path: &str| format!("read /scheme/broker/open{own}/in/{path}");
    tended.says(&asked("file"), "ok")?;
    tended.says(&asked("deep/file"), "ok")?;
    order(&place, "--shrink six deny_{}/in/deep/***")?.fails(0, "taken back")?;
    // Everything that it granted, and what is still allowed is granted anew.
    tended.says("use 0", REVOKED)?;
    tended.says("use 1", REVOKED)?;
    tended.says(&asked("deep/file"), "13")?;
    tended.says(&asked("file"), "ok")?;
    tended.says("use 2", "ok")?;
    order(&place, "--revoke six")?.says("")?;
    tended.says("use 2", REVOKED)?;
    tended.says(&asked("file"), REVOKED)?;
    order(&place, "--shrink six deny_/x")?.fails(0, "")?;
    tended.says(&asked("file"), REVOKED)?;
    tended.says(&format!("read {own}/in/file"), "ok")?;
    tended.end()?;
    let tended = Tended::start(&place, "seven", "-p {}/grant")?;
    order(&place, "--revoke seven")?.fails(125, "seven: it has no broker")?;
    tended.end()
}

fn unseen() -> Verdict {
    let place = place("unseen")?;
    // One that runs already, which is there when the other's names are chosen.
    let earlier = Tended::under(&place, "seven", "allow r {}/in/***")?;
    let mut tended = Tended::under(&place, "eight", "allow all /scheme/***")?;
    for name in ["seven", "eight"] {
        let path = format!("/scheme/sandbox/{name}");
        check(fs::read(&path).is_ok(), "it is not there for us")?;
        tended.says(&format!("read {path}"), "2")?;
    }
    tended.says("list /scheme/sandbox", "2")?;
    tended.end()?;
    earlier.end()
}

fn starts() -> Verdict {
    let place = place("starts")?;
    let policy = "allow rx /scheme/initfs/***\nallow all /scheme/memory/***\n\
                  allow all /scheme/pipe/***\nallow r {}/in/***\ndeny {}/in/deep/***";
    write(&place, "ten", policy)?;
    let sh = "--name ten --policy {}/ten sh -c cat_{}/in/file_|_cat;_cat_{}/in/deep/file";
    contain(sh, &place)?.fails(1, "insidecat: ")
}

fn names() -> Verdict {
    let place = place("names-of")?;
    let tended = Tended::under(&place, "nine", "allow r {}/in/***")?;
    let again = contain("--name nine true", &place)?;
    again.fails(125, "nine: something runs under that name")?;
    tended.end()?;
    let left = Handle::open("/scheme/sandbox/nine", 0);
    check(left.is_err_and(|error| error.errno() == ENOENT), "it left its name behind")?;
    order(&place, "--status nine")?.fails(125, "nothing runs under that name")?;
    // Killed, it could not take its name away.
    drop(Tended::under(&place, "nine", "allow r {}/in/***")?);
    order(&place, "--status nine")?.fails(125, "nothing runs under that name")?;
    Tended::under(&place, "nine", "allow r {}/in/***")?.end()
}

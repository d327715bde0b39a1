//! `contain --dry-run`: what a program changes comes to be only as far as somebody accepts it.
use super::contain::{Outcome, contain, place};
use super::contained_brokers::{at_terminal, seen};
use super::place::{Place, io};
use super::support::check;
use crate::run::{Case, PROGRAM, Verdict};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_dry_run_shows_what_would_change_and_changes_nothing", run: shown },
    Case { name: "a_dry_run_that_changes_nothing_has_nothing_to_show", run: nothing },
    Case { name: "a_person_accepts_changes_of_a_dry_run_one_by_one", run: asked },
    Case { name: "all_and_quit_answer_for_the_rest_of_a_dry_run", run: answered },
    Case { name: "what_changed_meanwhile_is_not_overwritten_by_a_dry_run", run: conflict },
    Case { name: "a_program_that_fills_its_dry_run_finds_no_room_and_hurts_nobody", run: full },
    Case { name: "a_program_that_dies_in_a_dry_run_leaves_what_it_did_to_be_judged", run: died },
    Case { name: "a_policy_decides_in_a_dry_run", run: policy },
    Case { name: "nothing_leads_out_of_a_dry_run", run: out },
    Case { name: "programs_run_from_what_a_dry_run_keeps", run: programs },
    Case { name: "who_has_a_file_open_in_a_dry_run_sees_what_others_write", run: coherent },
    Case { name: "a_dry_run_goes_with_nothing_that_is_real_at_once", run: misused },
];

/// What a shell needs.
const SHELL: &str = "-a rx:/scheme/initfs/bin -s memory -s pipe";

/// The status of a dry run of which not everything was committed.
const NOT_COMMITTED: i32 = 124;

fn dry(place: &Place, script: &str) -> Result<Outcome, String> {
    contain(&format!("--dry-run -a rwc:{{}}/in {SHELL} sh -c {script}"), place)
}

/// What the directory holds.
fn held(place: &Place) -> Result<String, String> {
    let mut all = String::new();
    let mut pending = vec![place.at("in")];
    while let Some(directory) = pending.pop() {
        let mut names: Vec<_> = io("list", fs::read_dir(&directory))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        names.sort();
        for path in names {
            let at = path.strip_prefix(place.at("in")).map_err(|error| error.to_string())?;
            if path.is_dir() {
                all += &format!("{}/ ", at.display());
                pending.push(path);
            } else {
                all += &format!("{}={} ", at.display(), io("read", fs::read_to_string(&path))?);
            }
        }
    }
    Ok(all.trim_end().to_owned())
}

fn holds(place: &Place, expected: &str) -> Verdict {
    let held = held(place)?;
    check(held == expected, &format!("instead of {expected:?}: {held:?}"))
}

const UNTOUCHED: &str = "deep/ file=inside deep/file=deep";

fn shown() -> Verdict {
    let place = place("dry")?;
    let script = "echo_more_>>_{}/in/file;rm_{}/in/deep/file;rmdir_{}/in/deep;mkdir_{}/in/new;\
                  echo_text_>_{}/in/new/made;mv_{}/in/file_{}/in/moved;\
                  cat_{}/in/moved;ls_-1_{}/in";
    let outcome = dry(&place, script)?;
    outcome.fails(NOT_COMMITTED, "insidemore\nmoved\nnew\n")?;
    let expected = "\
removed {}/in/deep, a directory
removed {}/in/deep/file, a file of 4 bytes
--- {}/in/deep/file
+++ nothing
@@ -1 +0,0 @@
-deep
\\ No newline at end of file
renamed {}/in/file -> {}/in/moved
changed {}/in/file, 6 -> 11 bytes
--- {}/in/file
+++ {}/in/file
@@ -1 +1 @@
-inside
\\ No newline at end of file
+insidemore
made {}/in/new, a directory
made {}/in/new/made, a file of 5 bytes
--- nothing
+++ {}/in/new/made
@@ -0,0 +1 @@
+text
";
    let own = place.at("").display().to_string();
    outcome.fails(NOT_COMMITTED, &expected.replace("{}", own.trim_end_matches('/')))?;
    holds(&place, UNTOUCHED)?;
    let line = format!("--dry-run=show -a rwc:{{}}/in {SHELL} sh -c {script}");
    let again = contain(&line, &place)?;
    check(again.said == outcome.said, &again.said)?;
    holds(&place, UNTOUCHED)
}

fn nothing() -> Verdict {
    let place = place("dry-nothing")?;
    dry(&place, "cat_{}/in/file")?.says("inside")?;
    dry(&place, "echo_x_>_{}/in/x;rm_{}/in/x;mv_{}/in/file_{}/in/y;mv_{}/in/y_{}/in/file")?
        .says("")?;
    // The program's own status goes before that of what was left undone.
    dry(&place, "rm_{}/in/file;exit_3")?.fails(3, "removed ")?;
    dry(&place, "rm_{}/in/none")?.fails(1, "no such file")?;
    holds(&place, UNTOUCHED)
}

/// A dry run at a terminal: what is answered to each question, what it says, and its status.
fn answering(place: &Place, script: &str, answers: &[&str]) -> Result<(i32, String), String> {
    let line = format!("--dry-run -a rwc:{{}}/in {SHELL} sh -c {script}");
    let (mut control, mut child) = at_terminal(place, &line)?;
    for answer in answers {
        seen(&mut control, "[s]how: ")?;
        io("type", control.write_all(format!("{answer}\r").as_bytes()))?;
    }
    let mut said = String::new();
    let mut from = child.stdout.take().ok_or("it has no output")?;
    io("listen", from.read_to_string(&mut said))?;
    let status = io("wait", child.wait())?;
    Ok((status.code().unwrap_or(-1), said))
}

fn answers(place: &Place, script: &str, given: &[&str], expected: (i32, &str)) -> Verdict {
    let (status, said) = answering(place, script, given)?;
    let right = (status, said.as_str()) == expected;
    check(right, &format!("instead of {expected:?}: {said:?}, {status}"))
}

/// Four changes: the file, the new one, the directory, and what was in that.
const FOUR: &str = "rm_-r_{}/in/deep;echo_-n_+_>>_{}/in/file;echo_-n_x_>_{}/in/new";

fn asked() -> Verdict {
    let place = place("dry-asked")?;
    // The directory is not asked about before what is in it.
    answers(&place, FOUR, &["n", "n", "y", "s", "y"], (NOT_COMMITTED, "committed 2 of 4\n"))?;
    holds(&place, "deep/ file=inside+ new=x deep/file=deep")?;
    answers(&place, "rm_-r_{}/in/deep", &["y", "y"], (0, "committed 2 of 2\n"))?;
    holds(&place, "file=inside+ new=x")?;
    // A directory for which it is accepted that it goes, and not that what is in it does, stays.
    io("mkdir", fs::create_dir(place.at("in/deep")))?;
    io("write", fs::write(place.at("in/deep/file"), "deep"))?;
    answers(&place, "rm_-r_{}/in/deep", &["y", "n"], (125, "committed 0 of 2\n"))?;
    holds(&place, "deep/ file=inside+ new=x deep/file=deep")
}

fn answered() -> Verdict {
    let place = place("dry-answered")?;
    answers(&place, FOUR, &["q"], (NOT_COMMITTED, "committed 0 of 4\n"))?;
    holds(&place, UNTOUCHED)?;
    answers(&place, FOUR, &["a"], (0, "committed 4 of 4\n"))?;
    holds(&place, "file=inside+ new=x")?;
    // One that is asked about writes nothing that answers.
    let script = "echo_y;echo_-n_y_>_{}/in/file";
    answers(&place, script, &["n"], (NOT_COMMITTED, "y\ncommitted 0 of 1\n"))?;
    holds(&place, "file=inside+ new=x")
}

fn conflict() -> Verdict {
    let place = place("dry-conflict")?;
    let line = format!("--dry-run -a rwc:{{}}/in {SHELL} sh -c {FOUR}");
    let (mut control, mut child) = at_terminal(&place, &line)?;
    seen(&mut control, "[s]how: ")?;
    io("write", fs::write(place.at("in/file"), "theirs"))?;
    io("write", fs::write(place.at("in/new"), "theirs"))?;
    io("type", control.write_all(b"a\r"))?;
    seen(&mut control, "in/file, 6 -> 7 bytes: it was changed meanwhile")?;
    seen(&mut control, "in/new, a file of 1 byte: something is there meanwhile")?;
    let status = io("wait", child.wait())?;
    check(status.code() == Some(125), &status.to_string())?;
    holds(&place, "file=theirs new=theirs")
}

fn full() -> Verdict {
    let place = place("dry-full")?;
    let big = vec![b'x'; 300 << 10];
    io("write", fs::write(place.at("in/big"), &big))?;
    let limit = |line: &str| {
        let line = format!("--dry-run -l changes=256K -a rwc:{{}}/in {SHELL} {line}");
        contain(&line, &place)
    };
    limit("cp {}/in/big {}/in/copy")?.fails(1, "no space")?;
    limit("sh -c echo_x_>>_{}/in/big")?.fails(1, "no space")?;
    // What goes away makes room.
    let script = "sh -c cp_{}/in/big_{}/in/copy;rm_{}/in/copy;echo_-n_x_>_{}/in/small";
    limit(script)?.fails(NOT_COMMITTED, "in/small, a file of 1 byte")?;
    // Another dry run has its own.
    dry(&place, "cp_{}/in/big_{}/in/copy")?
        .fails(NOT_COMMITTED, "in/copy, a file of 307200 bytes")?;
    check(fs::read(place.at("in/big")).is_ok_and(|held| held == big), "it changed")?;
    io("remove", fs::remove_file(place.at("in/big")))?;
    holds(&place, UNTOUCHED)
}

fn died() -> Verdict {
    let place = place("dry-died")?;
    let script = format!("echo_-n_x_>_{{}}/in/new;{PROGRAM}_--act_fault");
    let line = format!("--dry-run -a rwc:{{}}/in -a rx:/scheme/initfs {SHELL_ONLY} sh -c {script}");
    let outcome = contain(&line, &place)?;
    check(!outcome.status.success(), &outcome.said)?;
    check(outcome.said.contains("in/new, a file of 1 byte"), &outcome.said)?;
    holds(&place, UNTOUCHED)
}

const SHELL_ONLY: &str = "-s memory -s pipe";

/// Dry runs under a policy, in which `{}` stands for the directory.
fn under(place: &Place, policy: &str, line: &str) -> Result<Outcome, String> {
    let own = place.at("").display().to_string();
    let shell = "allow rx /scheme/initfs/***\nallow all /scheme/memory/***\n\
                 allow all /scheme/pipe/***\n";
    let text = [shell, &policy.replace("{}", own.trim_end_matches('/'))].concat();
    io("policy", fs::write(place.at("policy"), text))?;
    contain(&format!("--dry-run -p {{}}/policy {line}"), place)
}

fn policy() -> Verdict {
    let place = place("dry-policy")?;
    let policy = "allow rwc {}/in/***\nhide {}/in/deep/***\ndeny w {}/in/file\n";
    under(&place, policy, "cat {}/in/file")?.says("inside")?;
    under(&place, policy, "cat {}/in/deep/file")?.fails(1, "no such file")?;
    under(&place, policy, "ls -1 {}/in")?.says("file\n")?;
    under(&place, policy, "sh -c echo_x_>_{}/in/file")?.fails(1, "access denied")?;
    under(&place, policy, "touch {}/in/file")?.fails(1, "")?;
    under(&place, policy, "touch {}/beside")?.fails(1, "no such file")?;
    under(&place, policy, "sh -c echo_x_>_{}/in/new;cat_{}/in/new")?.fails(NOT_COMMITTED, "x\n")?;
    // What may be read only is not run, what it makes is not either without the right.
    let script = "sh -c cp_/scheme/initfs/bin/true_{}/in/true;{}/in/true";
    under(&place, policy, script)?.fails(126, "")?;
    let policy = "allow a {}/in/file";
    under(&place, policy, "sh -c echo_x_>_{}/in/file")?.fails(1, "access denied")?;
    // A shell that appends makes the file where there is none: that takes the right to create.
    let policy = "allow rac {}/in/file";
    let appended = under(&place, policy, "sh -c echo_x_>>_{}/in/file;cat_{}/in/file")?;
    appended.fails(NOT_COMMITTED, "inside")?;
    appended.fails(NOT_COMMITTED, "x\n")?;
    holds(&place, UNTOUCHED)
}

fn out() -> Verdict {
    let place = place("dry-out")?;
    io("link", symlink("../beside", place.at("in/up")))?;
    for script in [
        "echo_x_>_{}/in/up",
        "echo_x_>_{}/in/../beside",
        "ln_-s_{}/beside_{}/in/link;echo_x_>_{}/in/link",
        "ln_-s_../.._{}/in/link;echo_x_>_{}/in/link/beside",
        "cd_{}/in;echo_x_>_../beside",
        "mv_{}/in/deep_{}/deep",
        "ln_{}/beside_{}/in/hard",
        "mkdir_{}/in/a;mv_{}/in/a_{}/in/b;echo_x_>_{}/in/b/../../beside",
    ] {
        let outcome = dry(&place, script)?;
        check(!outcome.status.success(), &format!("{script}: {}", outcome.said))?;
    }
    check(fs::read(place.at("beside")).is_ok_and(|text| text == b"outside"), "it got out")?;
    io("remove", fs::remove_file(place.at("in/up")))?;
    holds(&place, UNTOUCHED)
}

fn programs() -> Verdict {
    let place = place("dry-programs")?;
    let script = "cp_/scheme/initfs/bin/echo_{}/in/echo;{}/in/echo_done";
    let line = format!("--dry-run -a rwcx:{{}}/in {SHELL} sh -c {script}");
    contain(&line, &place)?.fails(NOT_COMMITTED, "done\nmade ")?;
    holds(&place, UNTOUCHED)
}

fn coherent() -> Verdict {
    let place = place("dry-coherent")?;
    let line = format!("--dry-run -a rwc:{{}}/in {PROGRAM} --act late {{}}/in/file");
    contain(&line, &place)?.fails(NOT_COMMITTED, "inside, and later\n")?;
    holds(&place, UNTOUCHED)
}

fn misused() -> Verdict {
    let place = place("dry-misused")?;
    for (line, why) in [
        ("--dry-run --name x true", "--name"),
        ("--dry-run --broker {}/x true", "--broker"),
        ("--dry-run --learn {}/x true", "--dry-run"),
        ("--dry-run --terminal true", "--terminal"),
        ("--dry-run=all true", "--dry-run=show"),
        ("--dry-run -a r:{}/none true", "no such file"),
        ("--dry-run -a r:{}/in none", ""),
    ] {
        let outcome = contain(line, &place)?;
        let code = if line.ends_with(" none") { 127 } else { 125 };
        outcome.fails(code, why).map_err(|error| format!("{line}: {error}"))?;
    }
    Ok(())
}

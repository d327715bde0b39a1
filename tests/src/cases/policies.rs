//! `contain --policy`: a program under a policy.
use super::contain::{Outcome, contain, place};
use super::place::{Place, io};
use super::support::check;
use crate::run::{Case, PROGRAM, Verdict};
use std::fs;
use std::os::unix::fs::symlink;

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_policy_gives_what_its_lines_say", run: lines },
    Case { name: "what_a_policy_hides_cannot_be_told_from_what_is_not_there", run: hidden },
    Case { name: "what_a_policy_masks_is_empty", run: masked },
    Case { name: "what_leads_to_something_allowed_shows_nothing_else", run: leads },
    Case { name: "a_policy_decides_by_where_links_lead", run: links },
    Case { name: "no_name_is_moved_to_where_a_policy_gives_more", run: moved },
    Case { name: "a_file_that_may_be_appended_to_cannot_be_overwritten", run: appended },
    Case { name: "contain_explains_which_line_decides", run: explained },
    Case { name: "mistakes_in_a_policy_are_told_with_their_place", run: mistakes },
    Case { name: "a_program_that_may_be_run_only_under_a_policy_is_run_from_it", run: programs },
    Case { name: "a_policy_is_learned_and_suffices", run: learned },
    Case { name: "a_policy_that_does_not_suffice_is_told", run: not_learned },
];

/// Runs words under a policy, in which `{}` stands for the directory.
fn under(place: &Place, policy: &str, line: &str) -> Result<Outcome, String> {
    let own = place.at("").display().to_string();
    let text = policy.replace("{}", own.trim_end_matches('/'));
    io("policy", fs::write(place.at("policy"), text))?;
    contain(&format!("--policy {{}}/policy {line}"), place)
}

/// What a shell needs.
const SHELL: &str = "allow rx /scheme/initfs/***\nallow rwxc+CALL+DERIVE+CONTROL /scheme/memory/***\n\
                     allow rwxc+CALL+DERIVE+CONTROL /scheme/pipe/***\n";

fn lines() -> Verdict {
    let place = place("policy")?;
    let policy = "allow r {}/in/***\ndeny {}/in/deep/***\n";
    under(&place, policy, "cat {}/in/file")?.says("inside")?;
    under(&place, policy, "cat {}/in/deep/file")?.fails(1, "access denied")?;
    under(&place, policy, "cat {}/beside")?.fails(1, "no such file")?;
    under(&place, policy, "cp {}/in/file {}/in/copy")?.fails(1, "access denied")?;
    under(&place, policy, "rm {}/in/file")?.fails(1, "access denied")?;
    under(&place, policy, "mkdir {}/in/new")?.fails(1, "access denied")?;
    under(&place, "allow rwc {}/in/***", "mkdir {}/in/new")?.says("")?;
    under(&place, "allow rwc {}/in/***", "mv {}/in/new {}/in/newer")?.says("")?;
    check(place.at("in/newer").is_dir(), "it was not moved")?;
    under(&place, "allow rwc {}/in/***", "cp {}/in/file {}/in/newer/copy")?.says("")?;
    under(&place, "allow rwc {}/in/***", "rm -r {}/in/newer")?.says("")?;
    check(!place.at("in/newer").exists(), "it was not removed")?;
    under(&place, "allow r {}/in/*ile", "cat {}/in/file")?.says("inside")?;
    under(&place, "allow r {}/in/*ile", "ls -1 {}/in")?.says("file\n")?;
    under(&place, "allow r /scheme/initfs/etc/motd", "ls -1 /scheme/initfs")?.says("etc\n")
}

fn hidden() -> Verdict {
    let place = place("hidden-by-policy")?;
    let policy = &format!("{SHELL}allow rwc {{}}/in/***\nhide {{}}/in/deep/***\n");
    under(&place, policy, "ls -1 {}/in")?.says("file\n")?;
    for what in ["deep", "none"] {
        let commands = [
            format!("cat {{}}/in/{what}"),
            format!("stat {{}}/in/{what}"),
            format!("ls {{}}/in/{what}"),
            format!("rmdir {{}}/in/{what}"),
            format!("mv {{}}/in/{what} {{}}/in/x"),
            format!("cat {{}}/in/{what}/file"),
            format!("cat {{}}/in/{what}/../file"),
        ];
        for command in commands {
            let outcome = under(&place, policy, &command)?;
            outcome.fails(1, "no such file").map_err(|why| format!("{command}: {why}"))?;
        }
    }
    under(&place, policy, "mkdir {}/in/deep")?.fails(1, "no such file")?;
    under(&place, policy, "cp {}/in/file {}/in/deep")?.fails(1, "no such file")?;
    under(&place, policy, "mv {}/in/file {}/in/deep")?.fails(1, "no such file")?;
    check(fs::read(place.at("in/deep/file")).is_ok_and(|text| text == b"deep"), "it changed")
}

fn masked() -> Verdict {
    let place = place("masked-by-policy")?;
    let policy = "allow rwc {}/in/***\nmask {}/in/file\nmask {}/in/deep/***";
    under(&place, policy, "cat {}/in/file")?.says("")?;
    under(&place, policy, "ls -1 {}/in")?.says("deep\nfile\n")?;
    under(&place, policy, "ls -1 {}/in/deep")?.says("")?;
    under(&place, policy, "cat {}/in/deep/file")?.fails(1, "no such file")?;
    under(&place, policy, "rm {}/in/file")?.fails(1, "access denied")?;
    under(&place, policy, "touch {}/in/deep/new")?.fails(1, "access denied")?;
    check(fs::read(place.at("in/file")).is_ok_and(|text| text == b"inside"), "it changed")
}

fn leads() -> Verdict {
    let place = place("leads")?;
    let policy = "allow r {}/in/deep/file";
    let name = place.at("").display().to_string();
    under(&place, policy, "ls -1 /")?.says(&format!("{}\n", name.trim_matches('/')))?;
    under(&place, policy, "ls -1 {}/in")?.says("deep\n")?;
    under(&place, policy, "stat {}/in")?.fails(0, "drwx")?;
    under(&place, policy, "cat {}/in/deep/../deep/file")?.says("deep")?;
    under(&place, policy, "cat {}/in/file")?.fails(1, "no such file")?;
    under(&place, policy, "ls /scheme")?.says("file\n")
}

fn links() -> Verdict {
    let place = place("links-in-policy")?;
    io("link", symlink("../beside", place.at("in/out")))?;
    io("link", symlink(place.at("beside"), place.at("in/absolute")))?;
    io("link", symlink("deep/file", place.at("in/inner")))?;
    let policy = "allow r {}/in/***";
    under(&place, policy, "cat {}/in/inner")?.says("deep")?;
    for link in ["out", "absolute"] {
        let outcome = under(&place, policy, &format!("cat {{}}/in/{link}"))?;
        outcome.fails(1, "no such file").map_err(|why| format!("{link}: {why}"))?;
    }
    // What they lead to decides, and that is allowed here.
    let policy = "allow r {}/in/***\nallow r {}/beside";
    under(&place, policy, "cat {}/in/out {}/in/absolute")?.says("outsideoutside")?;
    let policy = "allow r {}/in/***\ndeny {}/in/deep/***";
    under(&place, policy, "cat {}/in/inner")?.fails(1, "access denied")
}

fn moved() -> Verdict {
    let place = place("moved-in-policy")?;
    io("mkdir", fs::create_dir(place.at("more")))?;
    io("write", fs::write(place.at("in/deep/secret"), "secret"))?;
    let policy = &format!(
        "{SHELL}allow rc {{}}/in/***\nallow rwc {{}}/more/***\nhide {{}}/in/deep/secret\n"
    );
    // What moves by itself keeps its rights: what is copied instead is read and written anew.
    under(&place, policy, "mv {}/in/deep {}/in/other")?.fails(1, "")?;
    check(place.at("in/deep/secret").exists(), "it was moved with its directory")?;
    under(&place, policy, "ln {}/in/file {}/more/file")?.fails(1, "")?;
    check(!place.at("more/file").exists(), "a name with more rights was made")?;
    under(&place, policy, "rmdir {}/in/deep")?.fails(1, "busy")
}

fn appended() -> Verdict {
    let place = place("appended")?;
    let policy = &format!("{SHELL}allow a {{}}/in/file\n");
    under(&place, policy, "sh -c echo_more_>>_{}/in/file")?.fails(1, "")?;
    let line = format!("{PROGRAM} --act append {{}}/in/file");
    under(&place, policy, &line)?.says("added, and refused to do more\n")?;
    let text = io("read", fs::read_to_string(place.at("in/file")))?;
    check(text == "insidemore", &text)
}

fn explained() -> Verdict {
    let place = place("explained")?;
    let policy = "allow r {}/in/***\nhide {}/in/deep/***\n";
    let own = place.at("").display().to_string();
    let own = own.trim_end_matches('/');
    let outcome = under(&place, policy, "--explain {}/in/file --explain {}/in/deep/x")?;
    outcome.fails(0, &format!("{own}/in/file: allow "))?;
    outcome.fails(0, &format!("policy:1: /file{own}/in/***"))?;
    outcome.fails(0, &format!("{own}/in/deep/x: hide ({own}/policy:2: "))?;
    under(&place, policy, "--explain {}")?.fails(0, "no line matches")?;
    under(&place, policy, "--explain in")?.fails(125, "absolute path")
}

fn mistakes() -> Verdict {
    let place = place("mistakes")?;
    under(&place, "allow r {}/in/***\nallow q /x\n", "true")?.fails(125, "policy:2:7: q")?;
    contain("--policy {}/none true", &place)?.fails(125, "none: no such file")?;
    contain("--policy {}/none --allow r:/ true", &place)?.fails(125, "a policy says everything")
}

fn programs() -> Verdict {
    let place = place("programs")?;
    let sh = "sh -c cat_{}/in/file";
    under(&place, &format!("{SHELL}allow r {{}}/in/***"), sh)?.says("inside")?;
    // A file that may be read only is not run, whatever its mode says.
    io("copy", fs::copy("/scheme/initfs/bin/true", place.at("in/true")).map(drop))?;
    let run = "sh -c {}/in/true";
    under(&place, &format!("{SHELL}allow r {{}}/in/***"), run)?.fails(126, "")?;
    under(&place, &format!("{SHELL}allow rx {{}}/in/***"), run)?.says("")
}

fn learned() -> Verdict {
    let place = place("learned")?;
    let sh = "-s memory -s pipe sh -c cat_{}/in/file_>_{}/copy;_ls_-1_{}/in;_cat_{}/copy";
    let outcome = contain(&format!("--learn {{}}/policy {sh}"), &place)?;
    // It ran twice.
    outcome.says("deep\nfile\ninsidedeep\nfile\ninside")?;
    let text = io("policy", fs::read_to_string(place.at("policy")))?;
    let own = place.at("").display().to_string();
    let own = own.trim_end_matches('/');
    for line in [format!("allow r {own}/in/file\n"), format!("{own}/in/*\n")] {
        check(text.contains(&line), &format!("{line:?} is not in {text}"))?;
    }
    check(!text.contains("beside") && !text.contains("/***\nallow all /***"), &text)?;
    let under = |line: &str| contain(&format!("-p {{}}/policy {line}"), &place);
    under("cat {}/in/file")?.says("inside")?;
    under("cat {}/beside")?.fails(1, "no such file")?;
    under("cat {}/in/deep/file")?.fails(1, "no such file")
}

fn not_learned() -> Verdict {
    // What it makes is there when it runs again.
    let line = "--learn {}/policy mkdir {}/in/new";
    contain(line, &place("not-learned")?)?.fails(125, "does not suffice")
}

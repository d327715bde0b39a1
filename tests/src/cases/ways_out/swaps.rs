//! What is put in the place of something between the look at it and its use, as other sandboxes
//! have known it: programs, directories, descriptors, and what was learned.
use super::super::contain::{contain, place};
use super::super::place::{Place, io};
use super::super::support::check;
use crate::run::{Case, PROGRAM, Verdict};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_program_that_is_swapped_before_it_runs_is_one_that_may_run", run: programs },
    Case {
        name: "a_directory_that_moves_while_it_is_entered_leads_nowhere_else",
        run: directories,
    },
    Case { name: "a_descriptor_that_only_names_a_file_becomes_nothing_more", run: downgrades },
    Case { name: "what_changes_after_it_was_learned_gives_nothing_more", run: learning },
];

/// What a shell needs.
pub(super) const SHELL: &str = "allow rx /scheme/initfs/***\nallow rwxc+CALL+DERIVE+CONTROL /scheme/memory/***\n\
                     allow rwxc+CALL+DERIVE+CONTROL /scheme/pipe/***\n";
/// How often a program is run while somebody swaps.
const RUNS: usize = 40;

pub(super) fn script(path: &Path, text: &str) -> Verdict {
    io("write", fs::write(path, text))?;
    io("mode", fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
}

/// Runs words under a policy while `change` is done over and over. What it says is the first of these
/// words, or why not, and never the second.
pub(super) fn raced(
    place: &Place,
    policy: &str,
    words: &str,
    [inside, outside]: [&str; 2],
    change: impl Fn() + Sync,
) -> Verdict {
    let own = place.at("").display().to_string();
    let text = format!("{SHELL}{policy}").replace("{}", own.trim_end_matches('/'));
    io("policy", fs::write(place.at("policy"), text))?;
    let going = AtomicBool::new(true);
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while going.load(Ordering::SeqCst) {
                change();
                std::thread::yield_now();
            }
        });
        let outcome = contain(&format!("--policy {{}}/policy {words}"), place);
        going.store(false, Ordering::SeqCst);
        outcome
    })?;
    check(!outcome.said.contains(outside), &format!("it said {:?}", outcome.said))?;
    // Without anybody who swaps it comes to it.
    contain(&format!("--policy {{}}/policy {words}"), place)?.fails(0, inside)
}

/// What lies in the sandbox, and what does not.
const MARKS: [&str; 2] = ["inside", "outside"];

/// A loop of a shell, in the words of [`contain`].
fn over_and_over(body: &str) -> String {
    format!("sh -c n=0;_while_test_$n_!=_{RUNS};_do_{body};_n=$((n+1));_done")
}

/// A thing with two names takes turns with a link to what lies outside.
pub(super) fn turns(place: &Place, name: &str) -> impl Fn() + Sync {
    turns_with(place, name, "evil")
}

/// The same with the link of that ending.
pub(super) fn turns_with(place: &Place, name: &str, ending: &str) -> impl Fn() + Sync {
    let (here, good, evil) =
        (place.at(name), place.at(&format!("{name}-good")), place.at(&format!("{name}-{ending}")));
    move || {
        _ = fs::rename(&here, &good);
        _ = fs::rename(&evil, &here);
        std::thread::yield_now();
        _ = fs::rename(&here, &evil);
        _ = fs::rename(&good, &here);
    }
}

fn programs() -> Verdict {
    let place = place("swapped-programs")?;
    script(&place.at("in/tool"), "echo inside\n")?;
    script(&place.at("outer"), "echo outside\n")?;
    io("link", symlink("../outer", place.at("in/tool-evil")))?;
    let words = over_and_over("{}/in/tool");
    raced(&place, "allow rx {}/in/***\n", &words, MARKS, turns(&place, "in/tool"))
}

fn directories() -> Verdict {
    let place = place("swapped-directories")?;
    io("mkdir", fs::create_dir_all(place.at("in/a/b")))?;
    io("write", fs::write(place.at("in/mark"), "inside"))?;
    io("write", fs::write(place.at("mark"), "outside"))?;
    io("mkdir", fs::create_dir(place.at("out")))?;
    // Moved out, `../../mark` would be the one outside.
    let (deep, out) = (place.at("in/a/b"), place.at("out/b"));
    let words = over_and_over("cd_{}/in;_cd_a/b_&&_cat_../../mark");
    raced(&place, "allow rx {}/in/***\n", &words, MARKS, move || {
        _ = fs::rename(&deep, &out);
        std::thread::yield_now();
        _ = fs::rename(&out, &deep);
    })
}

fn downgrades() -> Verdict {
    let place = place("downgraded")?;
    let own = place.at("").display().to_string();
    let own = own.trim_end_matches('/');
    let text = format!("allow STAT+LOOKUP+NAME+DUP+TRANSFER {own}/in/file\nallow w {own}/beside\n");
    io("policy", fs::write(place.at("policy"), text))?;
    let act = format!("--policy {{}}/policy {PROGRAM} --act downgrade {{}}/in/file {{}}/beside");
    contain(&act, &place)?.says("looked at, and nothing more\n")?;
    let act = format!("-a w:{{}}/beside {PROGRAM} --act downgrade {{}}/beside {{}}/beside");
    contain(&act, &place)?.says("looked at, and nothing more\n")
}

fn learning() -> Verdict {
    let place = place("learned-and-changed")?;
    io("link", symlink("file", place.at("in/link")))?;
    // The first run reads the file, and leaves the link pointing outside for the second.
    let sh =
        "-s memory -s pipe sh -c cat_{}/in/link_&&_rm_{}/in/link_&&_ln_-s_../beside_{}/in/link";
    let outcome = contain(&format!("--learn {{}}/policy {sh}"), &place)?;
    outcome.fails(125, "does not suffice")?;
    check(!outcome.said.contains("outside"), &outcome.said)?;
    let text = io("policy", fs::read_to_string(place.at("policy")))?;
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    check(text.contains("/in/file\n") && !lines.any(|line| line.contains("beside")), &text)?;
    contain("--policy {}/policy cat {}/in/link", &place)?.fails(1, "no such file")
}

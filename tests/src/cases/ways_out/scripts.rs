//! Scripts (`#!`): what is put in the place of a script or of its interpreter while a program becomes
//! it.
//!
//! A program of the suite runs a script hundreds of times in a sandbox, while this process, outside,
//! swaps things. The interpreter is the suite itself, copied: it tells whether it has a handle more
//! than it was started with. What must not run is `caps`, which does not say the same.
#![expect(unsafe_code, reason = "fexecve, which std does not wrap")]
use super::super::contain::{contain, place};
use super::super::place::{Place, io as done};
use super::super::support::check;
use super::swaps::{SHELL, script, turns, turns_with};
use crate::run::{Case, PROGRAM, Verdict};
use clavis::abi::params::ObjectType;
use clavis::{EntryKind, process};
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_script_that_is_swapped_names_only_what_may_run", run: scripts },
    Case {
        name: "a_script_that_is_rewritten_while_it_is_read_names_only_what_may_run",
        run: lines,
    },
    Case { name: "an_interpreter_that_is_swapped_is_one_that_may_run", run: interpreters },
    Case { name: "an_interpreter_whose_link_is_turned_is_one_that_may_run", run: links },
    Case { name: "an_interpreter_in_a_directory_that_is_swapped_is_one_that_may_run", run: above },
    Case { name: "a_shell_runs_the_scripts_that_may_run_whatever_is_swapped", run: shell },
    Case { name: "a_script_names_a_program_and_no_other_script", run: nested },
    Case { name: "a_first_line_that_is_too_long_names_no_program", run: long },
    Case { name: "a_handle_runs_its_own_file_whatever_lies_at_the_path", run: handles },
];

/// How often a script is to run while somebody swaps, and is to be refused.
const TIMES: usize = 100;
/// So many attempts are enough, whatever came of each: who swaps may be in step with who runs.
const MOST: usize = 5 * TIMES;

/// A directory with `in/good`, which may run; `in/readable/evil`, `in/denied/evil` and `evil`, which
/// may not; and a script `in/tool`.
fn fixture(name: &str) -> Result<Place, String> {
    let place = place(name)?;
    for directory in ["in/readable", "in/denied"] {
        done("mkdir", fs::create_dir(place.at(directory)))?;
    }
    let copy = |from: &str, to: &str| done("copy", fs::copy(from, place.at(to)).map(drop));
    copy(PROGRAM, "in/good")?;
    copy("/scheme/initfs/bin/caps", "in/readable/evil")?;
    copy("/scheme/initfs/bin/caps", "in/denied/evil")?;
    copy("/scheme/initfs/bin/caps", "evil")?;
    written(&place, "in/tool", "in/good")?;
    let own = own(&place);
    let policy = format!(
        "{SHELL}allow rx {own}/in/***\nallow r {own}/in/readable/***\ndeny {own}/in/denied/***\n"
    );
    done("policy", fs::write(place.at("policy"), policy))?;
    Ok(place)
}

fn own(place: &Place) -> String {
    place.at("").display().to_string().trim_end_matches('/').to_owned()
}

/// A script for an interpreter of the place.
fn written(place: &Place, name: &str, interpreter: &str) -> Verdict {
    script(&place.at(name), &format!("#!{}/{interpreter} --ran\necho outside\n", own(place)))
}

/// Has a contained program run `in/tool` again and again while `change` is done; of the refusals
/// each has to be one of these.
fn raced(place: &Place, errors: &[i32], change: impl Fn() + Sync) -> Verdict {
    let going = AtomicBool::new(true);
    let words = format!("--policy {{}}/policy {PROGRAM} --act run-scripts {{}}/in/tool");
    // What it says with nobody around.
    let calm = contain(&format!("{words} 1"), place)?;
    calm.fails(0, "ran: ")?;
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1_usize.. {
                if !going.load(Ordering::SeqCst) {
                    break;
                }
                change();
                // Each time another while, so as not to be in step with who runs.
                for _ in 0..round % 8 {
                    std::thread::yield_now();
                }
            }
        });
        let outcome = contain(&format!("{words} {TIMES}"), place);
        going.store(false, Ordering::SeqCst);
        outcome
    })?;
    let said = &outcome.said;
    check(outcome.status.success(), &format!("{said} {}", outcome.status))?;
    let mut lines = said.lines();
    let first = lines.next();
    let never = first == Some("ran 0");
    let alike = never || first == calm.said.lines().next();
    check(alike, &format!("{said} instead of {}", calm.said))?;
    let allowed = |line: &str| {
        line.strip_prefix("refused ").is_some_and(|rest| {
            let number = rest.split(' ').next().and_then(|number| number.parse().ok());
            number.is_some_and(|number: i32| errors.contains(&number))
        })
    };
    let counted = |line: &str| line.starts_with("ran ") || allowed(line);
    check((never || lines.clone().count() >= 2) && lines.all(counted), said)
}

const ENOENT: i32 = libc::ENOENT;
const EACCES: i32 = libc::EACCES;
const ENOEXEC: i32 = libc::ENOEXEC;

fn scripts() -> Verdict {
    let place = fixture("swapped-scripts")?;
    // Scripts that may not run name a program that may.
    written(&place, "in/readable/tool", "in/readable/evil")?;
    written(&place, "outer", "evil")?;
    let outer = "#!/scheme/initfs/bin/echo outside\n";
    script(&place.at("in/readable/echo"), outer)?;
    script(&place.at("echo"), outer)?;
    for (name, target) in
        [("a", "readable/tool"), ("b", "../outer"), ("c", "readable/echo"), ("d", "../echo")]
    {
        done("link", symlink(target, place.at("in").join(format!("tool-{name}"))))?;
    }
    let turns = ["a", "b", "c", "d"].map(|name| turns_with(&place, "in/tool", name));
    raced(&place, &[ENOENT, EACCES], || turns.iter().for_each(|turn| turn()))
}

fn lines() -> Verdict {
    let place = fixture("rewritten-scripts")?;
    let own = own(&place);
    let texts = ["in/good", "in/readable/evil", "evil", "in/denied/evil"]
        .map(|name| format!("#!{own}/{name} --ran\necho outside\n"));
    let path = place.at("in/tool");
    raced(&place, &[ENOENT, EACCES, ENOEXEC], || {
        for text in &texts {
            _ = fs::write(&path, text);
            std::thread::yield_now();
        }
    })
}

fn interpreters() -> Verdict {
    let place = fixture("swapped-interpreters")?;
    done("link", symlink("../evil", place.at("in/good-a")))?;
    done("link", symlink("readable/evil", place.at("in/good-b")))?;
    let turns = ["a", "b"].map(|name| turns_with(&place, "in/good", name));
    // It moves to where it may only be read, too, and another comes from there.
    let (good, kept) = (place.at("in/good"), place.at("in/readable/kept"));
    raced(&place, &[ENOENT, EACCES], || {
        turns.iter().for_each(|turn| turn());
        _ = fs::rename(&good, &kept);
        std::thread::yield_now();
        _ = fs::rename(&kept, &good);
    })
}

fn links() -> Verdict {
    let place = fixture("turned-links")?;
    written(&place, "in/tool", "in/link")?;
    let (link, next) = (place.at("in/link"), place.at("in/next"));
    let turn = |target: &str| {
        _ = symlink(target, &next);
        _ = fs::rename(&next, &link);
        std::thread::yield_now();
    };
    turn("good");
    raced(&place, &[ENOENT, EACCES, libc::ELOOP], || {
        for target in ["readable/evil", "../evil", "link", "nowhere"] {
            turn(target);
            turn("good");
        }
    })
}

fn above() -> Verdict {
    let place = fixture("swapped-above")?;
    for path in ["in/bin", "in/readable/bin", "bin"] {
        done("mkdir", fs::create_dir(place.at(path)))?;
    }
    done("rename", fs::rename(place.at("in/good"), place.at("in/bin/good")))?;
    done("rename", fs::rename(place.at("evil"), place.at("bin/good")))?;
    done("rename", fs::rename(place.at("in/readable/evil"), place.at("in/readable/bin/good")))?;
    written(&place, "in/tool", "in/bin/good")?;
    done("link", symlink("../bin", place.at("in/bin-a")))?;
    done("link", symlink("readable/bin", place.at("in/bin-b")))?;
    let turns = ["a", "b"].map(|name| turns_with(&place, "in/bin", name));
    raced(&place, &[ENOENT, EACCES], || turns.iter().for_each(|turn| turn()))
}

fn shell() -> Verdict {
    let place = fixture("swapped-for-a-shell")?;
    done("link", symlink("../evil", place.at("in/good-evil")))?;
    written(&place, "outer", "evil")?;
    done("link", symlink("../outer", place.at("in/tool-evil")))?;
    let (tool, good) = (turns(&place, "in/tool"), turns(&place, "in/good"));
    let words = "sh -c n=0;_while_test_$n_!=_60;_do_{}/in/tool;_n=$((n+1));_done";
    super::swaps::raced(&place, "allow rx {}/in/***\n", words, ["ran: ", "caps"], move || {
        tool();
        good();
    })
}

/// A script with that interpreter must end in an error.
fn refused(place: &Place, interpreter: &str, error: i32) -> Verdict {
    written(place, "in/tool", interpreter)?;
    let words = format!("--policy {{}}/policy {PROGRAM} --act run-scripts {{}}/in/tool 0");
    let outcome = contain(&words, place)?;
    outcome
        .says(&format!("ran 0\nrefused {error} 1\n"))
        .map_err(|why| format!("{interpreter}: {why}"))
}

fn long() -> Verdict {
    let place = fixture("long")?;
    // Cut, it would name a directory.
    refused(&place, &format!("in/{}good", "./".repeat(140)), ENOEXEC)?;
    // A shell does not take it for a line of its own either.
    contain("--policy {}/policy sh -c {}/in/tool", &place)?.fails(126, "")
}

fn nested() -> Verdict {
    let place = fixture("nested")?;
    let outcome = |interpreter: &str, error: i32| refused(&place, interpreter, error);
    written(&place, "in/outer", "in/good")?;
    outcome("in/outer", ENOEXEC)?;
    outcome("in/tool", ENOEXEC)?;
    outcome("in/file", EACCES)?;
    done("link", symlink("loop", place.at("in/loop")))?;
    outcome("in/loop", libc::ELOOP)?;
    outcome("in/none", ENOENT)?;
    outcome("in", EACCES)?;
    outcome("evil", ENOENT)?;
    outcome("in/../evil", ENOENT)?;
    outcome("in/readable/evil", EACCES)?;
    outcome("in/denied/evil", EACCES)?;
    done("link", symlink("../evil", place.at("in/out")))?;
    outcome("in/out", ENOENT)
}

fn handles() -> Verdict {
    let place = fixture("by-handle")?;
    let given = "-a rx:/scheme/initfs -a rwxc:{}/in -s memory -s pipe";
    let words = format!("{given} {PROGRAM} --act run-handles {{}}/in/good {{}}/in/tool");
    contain(&words, &place)?.says("the program ran, the script did not\n")
}

/// Runs a program and a script by handles whose paths are gone, where others lie now.
pub(crate) fn run_handles() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(3).collect();
    let [program, script] = words.as_slice() else { return Err(ErrorKind::InvalidInput.into()) };
    let plain = heard(std::process::Command::new(program).arg("--ran"))?.0;
    let (opened, text) = (fs::File::open(program)?, fs::File::open(script)?);
    for (path, other) in [(program, "/scheme/initfs/bin/caps"), (script, PROGRAM)] {
        fs::remove_file(path)?;
        fs::copy(other, path)?;
    }
    let by_handle = by_handle(opened)?;
    if by_handle != plain || !plain.starts_with("ran: ") {
        return Err(io::Error::other(format!("{by_handle:?} instead of {plain:?}")));
    }
    match self::by_handle(text) {
        Err(error) if error.raw_os_error() == Some(ENOEXEC) => {}
        other => return Err(io::Error::other(format!("the script: {other:?}"))),
    }
    println!("the program ran, the script did not");
    Ok(())
}

unsafe extern "C" {
    fn fexecve(
        file: c_int,
        arguments: *const *const c_char,
        environment: *const *const c_char,
    ) -> c_int;
}

/// What the program in an open file says.
fn by_handle(file: fs::File) -> io::Result<String> {
    let become_it = move || {
        let words = [c"good".as_ptr(), c"--ran".as_ptr(), std::ptr::null()];
        let nothing = [std::ptr::null()];
        // SAFETY: two arrays of strings that end with null.
        unsafe { fexecve(file.as_raw_fd(), words.as_ptr(), nothing.as_ptr()) };
        Err(io::Error::last_os_error())
    };
    let mut command = std::process::Command::new("/never");
    // SAFETY: the child that it runs in has one thread, and it allocates nothing that another holds.
    let command = unsafe { command.pre_exec(become_it) };
    let (text, status) = heard(command)?;
    if status.success() { Ok(text) } else { Err(io::Error::other(format!("{status}: {text}"))) }
}

/// Says what handles this program has, as the interpreter of a script.
pub(crate) fn ran() -> ExitCode {
    let Some(own) = clavis::startup::number(EntryKind::SelfProcess) else {
        println!("it has no handle to itself");
        return ExitCode::FAILURE;
    };
    let rows = match process::inspect(&own) {
        Ok(rows) => rows,
        Err(error) => {
            println!("it cannot look at itself: {error}");
            return ExitCode::FAILURE;
        }
    };
    // The standard streams, what it was started with, and what every process has.
    let started =
        [EntryKind::SelfProcess, EntryKind::Namespace, EntryKind::Cwd, EntryKind::Account];
    let started = started.map(clavis::startup::number);
    let birth = [ObjectType::Null, ObjectType::Random, ObjectType::Name].map(Some);
    let more: Vec<_> = rows
        .iter()
        .filter(|row| row.number.raw() > 2)
        .filter(|row| !started.contains(&Some(row.number)) && !birth.contains(&row.info.object))
        .map(|row| (row.number, row.info.object))
        .collect();
    if !more.is_empty() {
        println!("it has {more:?}");
        return ExitCode::FAILURE;
    }
    println!("ran: {} handles", rows.len());
    ExitCode::SUCCESS
}

/// Runs a program, and answers what it said and how it ended.
fn heard(command: &mut std::process::Command) -> io::Result<(String, ExitStatus)> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut text = String::new();
    if let Some(mut from) = child.stdout.take() {
        from.read_to_string(&mut text)?;
    }
    Ok((text, child.wait()?))
}

/// Runs a script until that often it has run and was refused, or there were [`MOST`] attempts; 0: once. Says what it said, which has
/// to be the same each time, how often it ran and how often which error refused it.
pub(crate) fn run_scripts() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(3).collect();
    let [path, times] = words.as_slice() else { return ExitCode::from(2) };
    let times: usize = times.parse().unwrap_or(0);
    let (mut said, mut ran, mut refused) = (None, 0, BTreeMap::<i32, usize>::new());
    for attempt in 1.. {
        match heard(&mut std::process::Command::new(path)) {
            Ok((text, status)) => {
                let alike = said.get_or_insert_with(|| text.clone()) == &text;
                if !(status.success() && alike && text.starts_with("ran: ")) {
                    println!("{text:?} {status:?}");
                    return ExitCode::from(3);
                }
                ran += 1;
            }
            Err(error) => *refused.entry(error.raw_os_error().unwrap_or(-1)).or_default() += 1,
        }
        let enough = match times {
            0 | 1 => true,
            _ => attempt == MOST || ran >= times && refused.values().sum::<usize>() >= times,
        };
        if enough {
            break;
        }
    }
    print!("{}", said.unwrap_or_default());
    println!("ran {ran}");
    for (error, times) in refused {
        println!("refused {error} {times}");
    }
    ExitCode::SUCCESS
}

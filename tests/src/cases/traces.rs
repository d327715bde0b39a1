//! `trace`: what a program does at its boundary is shown, and nothing else is different.
use super::contain::{Outcome, contain, place, run};
use super::place::{Place, io};
use super::support::{at, check};
use crate::run::{Case, PROGRAM, Verdict};
use clavis::account::{Account, UNLIMITED};
use clavis::{AccountLimits, Command, EntryKind, ExitStatus, Give};
use std::fs;
use std::io::{Read, Write};

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_trace_has_a_line_for_each_operation_of_a_program", run: lines },
    Case { name: "a_trace_says_what_a_refused_call_lacked", run: refused },
    Case { name: "a_traced_program_behaves_as_untraced", run: same },
    Case { name: "the_children_of_a_traced_program_are_traced", run: children },
    Case { name: "a_blocked_read_of_a_traced_thread_does_not_hold_up_another", run: blocked },
    Case {
        name: "a_read_that_a_traced_program_gave_up_takes_nothing_from_the_next",
        run: given_up,
    },
    Case { name: "a_trace_in_a_contained_shell_gives_and_shows_no_more", run: contained },
    Case { name: "what_a_traced_program_gets_is_as_narrow_as_without", run: narrow },
    Case { name: "a_trace_ends_with_its_program_and_has_its_status", run: ends },
    Case { name: "an_interrupt_ends_a_traced_program_and_not_its_trace", run: interrupted },
    Case { name: "a_trace_counts_filters_and_writes_to_a_file", run: options },
    Case { name: "a_trace_of_a_program_with_a_thousand_handles_leaves_nothing", run: crowd },
];

pub(super) const TRACE: &str = "/scheme/initfs/bin/trace";

fn trace(line: &str, place: &Place) -> Result<Outcome, String> {
    run(Command::new(TRACE).args(place.words(line)))
}

/// The lines that a trace wrote to `log`, without who asked.
pub(super) fn log(place: &Place) -> Result<Vec<String>, String> {
    let text = io("log", fs::read_to_string(place.at("log")))?;
    Ok(text.lines().filter_map(|line| Some(line.split_once("  ")?.1.to_owned())).collect())
}

/// One of the lines begins and ends so.
pub(super) fn has(lines: &[String], begin: &str, end: &str) -> Verdict {
    let found = lines.iter().any(|line| line.starts_with(begin) && line.ends_with(end));
    check(found, &format!("no line {begin:?} ... {end:?} in {lines:#?}"))
}

fn lines() -> Verdict {
    let place = place("lines")?;
    let own = place.at("").display().to_string();
    let own = own.trim_end_matches('/');
    trace(&format!("-o {{}}/log {PROGRAM} --act traced {{}}"), &place)?.says("done\n")?;
    let lines = log(&place)?;
    let opened = format!("openat(namespace, \"/scheme/file{own}/");
    let one = |begin: &str, end: &str| has(&lines, begin, end);
    one(&format!("{opened}made\", WRITE|CREATE|TRUNCATE"), "")?;
    let number = lines
        .iter()
        .find_map(|line| line.strip_prefix(&format!("{opened}made\""))?.split_once(" = "))
        .ok_or("nothing was opened")?
        .1;
    let made = format!("{number} \"{own}/made\"");
    one(&format!("write({made}, \"hello\\n\", 6"), " = 6")?;
    one(&format!("truncate({made}, 3)"), " = 0")?;
    one(&format!("chmod({made}, 0o600)"), " = 0")?;
    one(&format!("sync({made})"), " = 0")?;
    one(&format!("stat({made})"), " = 0")?;
    one(&format!("close({made})"), "")
        .or_else(|_| one(&format!("close({made}"), ")"))
        .map_err(|why| format!("{why}: it is not closed"))?;
    one("read(", " = 3 \"hel\"")?;
    one("getdents(", "")?;
    one("rename(", " = 0")?;
    one(&format!("unlinkat(namespace, \"/scheme/file{own}/moved\")"), " = 0")?;
    one(&format!("{opened}none\", READ"), " = ENOENT")?;
    one("write(stdout, \"done\\n\", 5)", " = 5")
}

fn refused() -> Verdict {
    let place = place("trace-refused")?;
    // The kernel refuses this one before anybody hears of it: it is in the ring.
    let words = format!("-e write,refused {PROGRAM} --act mute {{}}/in/file");
    let command = Command::new(TRACE).args(place.words(&words));
    let outcome = run(command.own_startup(EntryKind::Audit))?;
    outcome.fails(0, "refused(Write")?;
    outcome.fails(0, "= the handle lacks WRITE")?;
    // What the namespace refuses is an answer.
    let line = "-a rx:/scheme/initfs -a r:{} -s memory -s namespace -s pipe";
    let line = format!("{line} trace -e unlinkat rm {{}}/in/file");
    let outcome = contain(&line, &place)?;
    outcome.fails(1, "= ENOTCAPABLE (the handle lacks REMOVE)\n")?;
    // The program itself learns no less.
    outcome.fails(1, "file: the handle lacks REMOVE\n")
}

/// What is run with a trace and without.
const TOOLS: &[&str] = &[
    "ls -l {}/in",
    "ls -1 / /scheme {}",
    "cat {}/in/file {}/none {}/in/deep/file",
    "cat {}/in",
    "cp {}/in/file {}/copy",
    "mv {}/made {}/moved",
    "stat {}/in/file",
    "rm {}/made {}/made",
    "mkdir {}/a {}/a",
    "rmdir {}/empty",
    "head -n 1 {}/in/file",
    "tail -n 1 {}/in/file",
    "wc {}/in/file",
    "nothing-of-that-name",
    "pwd",
];

/// Scripts likewise.
const SCRIPTS: &[&str] = &[
    "echo a; echo b >&2; exit 3",
    "cat $D/in/file | wc | cat",
    "cd $D/in && ls && cat file && pwd",
    "echo one > $D/f; echo two >> $D/f; cat $D/f; cat < $D/f; rm $D/f",
    "(echo x; ls $D/none; echo y) > $D/both 2>&1; cat $D/both; rm $D/both",
    "for i in 1 2 3; do echo $i | cat; done",
    "true & wait; echo waited",
    "contain --allow a:$D/in/deep/file suite --act append $D/in/deep/file",
    "contain --allow r:$D/in cat $D/in/file $D/beside",
    "contain --allow r:$D/in rm $D/in/file",
    "trace -o $D/inner cat $D/in/file",
    "ns run --only initfs -- cat $D/in/file",
    "ns run --bind file=$D/in -- cat /file",
];

fn same() -> Verdict {
    let place = place("same")?;
    let directory = place.at("").display().to_string();
    let compare = |words: &[String]| {
        let all = |command: Command<'_>| {
            io("made", fs::write(place.at("made"), "made"))?;
            _ = (fs::remove_file(place.at("moved")), fs::remove_dir(place.at("a")));
            _ = fs::create_dir(place.at("empty"));
            run(command.env("D", directory.trim_end_matches('/')))
        };
        let (name, rest) = words.split_first().ok_or("no words")?;
        let path = format!("/scheme/initfs/bin/{name}");
        let plain = match fs::metadata(&path) {
            Ok(_) => all(Command::new(path).args(rest))?,
            Err(_) => Outcome { status: ExitStatus::Exit(127), said: String::new() },
        };
        let log = place.at("log").display().to_string();
        let traced = all(Command::new(TRACE).args(["-o", &log]).args(words))?;
        let said = match traced.said.as_str() {
            "trace: nothing-of-that-name: not found\n" => "",
            said => said,
        };
        let alike = plain.status.shell_code() == traced.status.shell_code() && plain.said == said;
        let (was, is) = ((&plain.said, plain.status), (&traced.said, traced.status));
        check(alike, &format!("{words:?}: {was:?} became {is:?}"))
    };
    for tool in TOOLS {
        compare(&place.words(tool))?;
    }
    for script in SCRIPTS {
        compare(&["sh".into(), "-c".into(), (*script).into()])?;
    }
    // Others go on where the program ended, in what it read and in what it wrote.
    let around = "(echo 1; trace -o $D/log echo 2; echo 3) > $D/f; cat $D/f";
    let command = Command::new("/scheme/initfs/bin/sh").args(["-c", around]);
    run(command.env("D", directory.trim_end_matches('/')))?.says("1\n2\n3\n")
}

fn children() -> Verdict {
    let place = place("children")?;
    let words = ["-e", "openat,write", "-o", &place.at("log").display().to_string(), "sh", "-c"]
        .map(str::to_owned);
    let script = format!("cat {} | cat", place.at("in/file").display());
    run(Command::new(TRACE).args(words).arg(script))?.says("inside")?;
    let text = io("log", fs::read_to_string(place.at("log")))?;
    let who = |part: &str| {
        let line = text.lines().find(|line| line.contains(part));
        line.and_then(|line| line.split_once("  ")).map(|(who, _)| who.to_owned())
    };
    let opened = who("/in/file\", READ").ok_or_else(|| format!("no file was opened: {text}"))?;
    let written = who("write(stdout, \"inside\"").ok_or_else(|| format!("no output: {text}"))?;
    check(opened != written, "one process did both")?;
    // Pipes are the kernel's: that they are handed on is said.
    check(text.contains("= a real handle (of the kernel: factory)"), &text)
}

fn blocked() -> Verdict {
    let place = place("blocked")?;
    let (from, mut typed) = at("pipe", clavis::object::pipe(0)).map(|(a, b)| (a, Typed(b)))?;
    let (said, to) = at("pipe", clavis::object::pipe(0))?;
    let command = Command::new(TRACE)
        .args(place.words(&format!("-o {{}}/log {PROGRAM} --act both {{}}/out")))
        .stdin(&from)
        .stdout(&to)
        .own_streams();
    let child = command.namespace(Give::Own).cwd(Give::Own, "").child_account(Give::Own).spawn();
    let child = at("start", child)?;
    drop((from, to));
    // It says so once the write is done that is made while the other thread waits.
    let mut word = [0; 8];
    io("read", (&said).read_exact(&mut word))?;
    check(&word == b"written\n", &format!("it said {word:?}"))?;
    check(fs::read(place.at("out")).is_ok_and(|text| text == b"beside"), "nothing was written")?;
    typed.say(b"x")?;
    let status = at("wait", child.wait())?;
    check(status == ExitStatus::Exit(0), &format!("{status}"))?;
    has(&log(&place)?, "read(stdin", "= 1 \"x\"")
}

/// The end of a pipe that a program reads.
struct Typed(clavis::Handle);

impl Typed {
    fn say(&mut self, bytes: &[u8]) -> Verdict {
        io("type", (&self.0).write_all(bytes))
    }
}

fn given_up() -> Verdict {
    let place = place("given-up")?;
    let (from, typed) = at("pipe", clavis::object::pipe(0))?;
    let (said, to) = at("pipe", clavis::object::pipe(0))?;
    let command = Command::new(TRACE)
        .args(place.words(&format!("-o {{}}/log {PROGRAM} --act impatient")))
        .stdin(&from)
        .stdout(&to)
        .own_streams();
    let child = command.namespace(Give::Own).cwd(Give::Own, "").child_account(Give::Own).spawn();
    let child = at("start", child)?;
    drop((from, to));
    let mut word = [0; 8];
    io("read", (&said).read_exact(&mut word))?;
    check(&word == b"timeout\n", &format!("it said {word:?}"))?;
    Typed(typed).say(b"x")?;
    let status = at("wait", child.wait())?;
    check(status == ExitStatus::Exit(0), &format!("{status}"))?;
    has(&log(&place)?, "read(stdin", "= given up")
}

fn contained() -> Verdict {
    let place = place("trace-contained")?;
    let given = "-a rx:/scheme/initfs -a r:{}/in -s memory -s namespace -s pipe";
    let run = |what: &str| contain(&format!("{given} {what}"), &place);
    let outcome = run("sh -c trace_-p_cat_{}/in/file")?;
    outcome.fails(0, "/in/file\", READ|CLOEXEC) = #")?;
    outcome.fails(0, "inside")?;
    run("trace -p cat {}/beside")?.fails(1, "/beside\", READ|CLOEXEC) = ENOENT\n")?;
    run("trace -p cat /scheme/log")?.fails(1, "\"/scheme/log\", READ|CLOEXEC) = ENOENT\n")?;
    run("trace -p cp {}/in/file {}/in/copy")?
        .fails(1, "ENOTCAPABLE (what is opened here cannot")?;
    check(!place.at("in/copy").exists(), "it was copied")?;
    // Without the power to make schemes there is no trace.
    let poor = "-a rx:/scheme/initfs -a r:{}/in -s memory trace cat {}/in/file";
    contain(poor, &place)?.fails(125, "trace: an endpoint: the handle lacks a right\n")
}

fn narrow() -> Verdict {
    let place = place("narrow")?;
    let plain = run(Command::new(PROGRAM).args(place.words("--act rights {}/in/file {}/in /")))?;
    let line = format!("-o {{}}/log {PROGRAM} --act rights {{}}/in/file {{}}/in /");
    let traced = trace(&line, &place)?;
    check(plain.status.success() && !plain.said.is_empty(), &plain.said)?;
    check(plain.said == traced.said, &format!("{}\nbecame\n{}", plain.said, traced.said))
}

fn ends() -> Verdict {
    let place = place("ends")?;
    let code = |line: &str| trace(&format!("-o {{}}/log {line}"), &place).map(|one| one.status);
    let is = |line: &str, expected| {
        let found = code(line)?;
        check(found == ExitStatus::Exit(expected), &format!("{line}: {found}"))
    };
    is(&format!("{PROGRAM} --act exit-7"), 7)?;
    is(&format!("{PROGRAM} --act fault"), 139)?;
    is("nothing-of-that-name", 127)?;
    is("{}/in/file", 127).or_else(|_| is("{}/in/file", 126))?;
    run(Command::new(TRACE))?.fails(125, "a program is missing")?;
    trace("-e nonsense true", &place)?.fails(125, "nonsense: no such operation")?;
    // What it left behind does not keep the trace.
    trace(&format!("-o {{}}/log {PROGRAM} --act leave"), &place)?.fails(0, "left\n")
}

fn interrupted() -> Verdict {
    let place = place("interrupted")?;
    let account = at("account", Account::new(&UNLIMITED))?;
    let (from, typed) = at("pipe", clavis::object::pipe(0))?;
    let (said, to) = at("pipe", clavis::object::pipe(0))?;
    let command = Command::new(TRACE)
        .args(place.words("-o {}/log /scheme/initfs/bin/cat"))
        .account(account.handle())
        .stdin(&from)
        .stdout(&to)
        .stderr(&to)
        .own_env();
    let child = command.namespace(Give::Own).cwd(Give::Own, "").child_account(Give::Own).spawn();
    let child = at("start", child)?;
    drop((from, to));
    let mut typed = Typed(typed);
    typed.say(b"on\n")?;
    let mut word = [0; 3];
    io("read", (&said).read_exact(&mut word))?;
    at("signal", clavis::process::send_signal(account.handle(), 2))?;
    let status = at("wait", child.wait())?;
    check(status == ExitStatus::Exit(130), &format!("{status}"))
}

fn options() -> Verdict {
    let place = place("options")?;
    let outcome = trace("-c cat {}/in/file {}/none", &place)?;
    let row = |name: &str| -> Vec<String> {
        let line = outcome.said.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect()
    };
    check(row("openat").get(2).is_some_and(|errors| errors == "1"), &outcome.said)?;
    check(row("read").len() == 3 && row("all").len() == 3, &outcome.said)?;
    trace("-o {}/log -p cat {}/in/file", &place)?.says("inside")?;
    let lines = log(&place)?;
    check(!lines.is_empty(), "nothing was told")?;
    check(lines.iter().all(|line| line.starts_with("openat(")), &format!("{lines:#?}"))?;
    trace("-o {}/none/log true", &place)?.fails(125, "no such file or directory")
}

fn crowd() -> Verdict {
    let place = place("trace-crowd")?;
    let all = |words: String| -> Result<Outcome, String> {
        let limits = AccountLimits { handles: 2600, ..UNLIMITED };
        let account = at("account", Account::new(&limits))?;
        let command = Command::new(TRACE).args(place.words(&words)).account(account.handle());
        run(command)
    };
    let many = format!("-c -o {{}}/log {PROGRAM} --act handles");
    all(many.clone())?;
    let before = super::processes::settled()?;
    for _ in 0..3 {
        let outcome = all(many.clone())?;
        let opened = outcome.said.split_whitespace().next().and_then(|number| number.parse().ok());
        check(opened.is_some_and(|count: u32| count > 1000), &outcome.said)?;
    }
    // More than it could hold at once: what the program closes is closed.
    all(format!("-c -o {{}}/log {PROGRAM} --act reopen"))?.says("opened\n")?;
    super::processes::nothing_left(&before)
}

//! `contain`: a program gets what is listed and nothing else.
use super::place::{Place, io};
use super::support::{at, check};
use crate::run::{Case, PROGRAM, Verdict};
use clavis::account::{Account, UNLIMITED};
use clavis::{Command, ExitStatus, Give};
use std::fs;
use std::io::Read;

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_contained_program_sees_no_name_that_is_not_listed", run: nothing },
    Case { name: "std_starts_in_an_empty_namespace", run: std_starts },
    Case { name: "an_allowed_directory_lies_at_its_own_path_and_nothing_beside_it", run: beside },
    Case { name: "several_allowed_paths_of_one_scheme_lie_at_their_own_paths", run: several },
    Case { name: "an_allowed_file_is_that_file_alone", run: one_file },
    Case {
        name: "a_contained_program_gets_the_listed_rights_and_is_told_what_it_lacks",
        run: rights,
    },
    Case { name: "no_path_leads_out_of_an_allowed_directory", run: paths },
    Case { name: "a_listed_scheme_has_the_listed_rights", run: schemes },
    Case { name: "a_contained_program_stays_within_its_limits", run: limits },
    Case { name: "the_status_of_contain_is_that_of_the_program", run: status },
    Case { name: "what_a_contained_program_started_ends_with_it", run: ends_together },
    Case { name: "who_ends_contain_takes_back_what_the_program_has", run: taken_back },
    Case { name: "a_contained_program_starts_where_it_could_have_gone_itself", run: directory },
    Case { name: "a_contained_program_contains_others_and_gives_them_no_more", run: nested },
    Case { name: "the_environment_holds_what_is_listed", run: environment },
    Case { name: "streams_of_a_contained_program_go_one_way", run: streams },
];

pub(super) const CONTAIN: &str = "/scheme/initfs/bin/contain";

/// What became of a program, and what it said.
pub(super) struct Outcome {
    pub(super) status: ExitStatus,
    pub(super) said: String,
}

/// Runs `contain` with words, as [`Place::words`] reads them.
pub(super) fn contain(line: &str, place: &Place) -> Result<Outcome, String> {
    run(Command::new(CONTAIN).args(place.words(line)))
}

/// Runs a program in the namespace of this one.
pub(super) fn run(command: Command<'_>) -> Result<Outcome, String> {
    run_in(command, Give::Own)
}

/// Runs a program in a namespace, with a search path and a secret in its environment.
pub(super) fn run_in(command: Command<'_>, namespace: Give) -> Result<Outcome, String> {
    let (from, to) = at("pipe", clavis::object::pipe(0))?;
    let command = command.env("PATH", "/scheme/initfs/bin").env("SECRET", "of mine");
    let command = command.stdout(&to).stderr(&to).own_streams();
    let command = command.namespace(namespace).cwd(Give::Own, "").child_account(Give::Own);
    let child = at("start", command.spawn())?;
    drop(to);
    let mut said = String::new();
    io("listen", (&from).read_to_string(&mut said))?;
    let status = at("wait", child.wait())?;
    Ok(Outcome { status, said })
}

impl Outcome {
    /// It must have said exactly this, with success.
    pub(super) fn says(&self, expected: &str) -> Verdict {
        let right = self.status.success() && self.said == expected;
        check(right, &format!("instead of {expected:?}: {:?}, {}", self.said, self.status))
    }

    /// It must have failed, saying this among other things.
    pub(super) fn fails(&self, code: i32, expected: &str) -> Verdict {
        let right = self.status == ExitStatus::Exit(code) && self.said.contains(expected);
        let (said, status) = (&self.said, self.status);
        check(right, &format!("instead of {expected:?} and {code}: {said:?}, {status}"))
    }
}

/// A directory with `in/file` ("inside"), `in/deep/file` ("deep") and `beside` ("outside").
pub(super) fn place(name: &str) -> Result<Place, String> {
    let place = Place::new(name)?;
    io("mkdir", fs::create_dir_all(place.at("in/deep")))?;
    for (path, text) in [("in/file", "inside"), ("in/deep/file", "deep"), ("beside", "outside")] {
        io("write", fs::write(place.at(path), text))?;
    }
    Ok(place)
}

fn nothing() -> Verdict {
    let place = place("nothing")?;
    contain("ls /scheme", &place)?.says("")?;
    for path in ["/", "/scheme/file", "/scheme/initfs/bin", "/scheme/log", "{}/beside", "/dev/tty"]
    {
        let outcome = contain(&format!("stat {path}"), &place)?;
        outcome.fails(1, "no such file or directory").map_err(|why| format!("{path}: {why}"))?;
    }
    contain("cat beside", &place)?.fails(1, "no namespace or no current directory")?;
    contain("ls .", &place)?.fails(1, "no namespace or no current directory")?;
    contain(&format!("{PROGRAM} --act spawn"), &place)?.fails(1, "")
}

fn std_starts() -> Verdict {
    contain(&format!("{PROGRAM} --act std"), &place("std")?)?.says("true\n")
}

fn beside() -> Verdict {
    let place = place("beside")?;
    contain("--allow r:{}/in cat {}/in/file", &place)?.says("inside")?;
    contain("-a r:{}/in ls -1 {} {}/in/", &place)?.fails(0, "in\n")?;
    let top = contain("-a r:{}/in ls -1 /", &place)?;
    let name = place.at("").display().to_string();
    top.says(&format!("{}\n", name.trim_matches('/')))?;
    for path in ["{}/beside", "{}/in/../beside", "{}/in/../../x", "/in/file", "{}/i", "{}/inn"] {
        let outcome = contain(&format!("-a r:{{}}/in cat {path}"), &place)?;
        outcome.fails(1, "no such file or directory").map_err(|why| format!("{path}: {why}"))?;
    }
    contain("-a r:{}/gone true", &place)?.fails(125, "no such file or directory")
}

fn several() -> Verdict {
    let place = place("several")?;
    let list = "-a r:{}/in/deep -a rwc:{}/other -a r:/scheme/initfs/etc";
    io("mkdir", fs::create_dir(place.at("other")))?;
    contain(&format!("{list} cat {{}}/in/deep/file {{}}/in/deep/../deep/file"), &place)?
        .says("deepdeep")?;
    contain(&format!("{list} cp {{}}/in/deep/file {{}}/other/copy"), &place)?.says("")?;
    check(fs::read(place.at("other/copy")).is_ok_and(|text| text == b"deep"), "no copy")?;
    contain(&format!("{list} ls -1 {{}}/"), &place)?.says("in\nother\n")?;
    contain(&format!("{list} ls -1 {{}}/in"), &place)?.says("deep\n")?;
    contain(&format!("{list} ls -1 /scheme/initfs"), &place)?.says("etc\n")?;
    contain(&format!("{list} cat {{}}/in/file"), &place)?.fails(1, "no such file")?;
    contain(&format!("{list} ls /scheme/initfs/bin"), &place)?.fails(1, "no such file")?;
    // An inner directory that may more than what it lies in.
    let list = "-a r:{} -a rwc:{}/other";
    contain(&format!("{list} cp {{}}/beside {{}}/other/two"), &place)?.says("")?;
    contain(&format!("{list} cp {{}}/beside {{}}/two"), &place)?.fails(1, "cannot have")?;
    contain(&format!("{list} ls -1 {{}}"), &place)?.says("beside\nin\nother\n")
}

fn one_file() -> Verdict {
    let place = place("file")?;
    contain("-a r:{}/in/file cat {}/in/file", &place)?.says("inside")?;
    contain("-a r:{}/in/file ls -1 {}/in", &place)?.says("file\n")?;
    contain("-a r:{}/in/file cat {}/in/deep/file", &place)?.fails(1, "no such file")?;
    contain("-a r:{}/in/file cat {}/in/file/../deep/file", &place)?.fails(1, "no such file")?;
    contain("-a r:{}/in/file cat {}/in/file/x", &place)?.fails(1, "not a directory")?;
    contain("-a r:{}/in/file tail -n 1 {}/in/file", &place)?.says("inside")?;
    contain("-a rw:{}/in/file rm {}/in/file", &place)?.fails(1, "")?;
    check(place.at("in/file").exists(), "the file was removed")
}

fn rights() -> Verdict {
    let place = place("rights")?;
    let sh = |allowed: &str, script: &str| {
        let line =
            format!("-a {allowed}:{{}}/in -s memory -a rx:/scheme/initfs/bin sh -c {script}");
        contain(&line, &place)
    };
    sh("r", "echo_x_>_{}/in/file")?.fails(1, "cannot have WRITE TRUNCATE CREATE")?;
    sh("rw", "echo_x_>_{}/in/new")?.fails(1, "cannot have CREATE")?;
    sh("r", "mkdir_{}/in/new")?.fails(1, "CREATE")?;
    sh("r", "rm_{}/in/file")?.fails(1, "REMOVE")?;
    sh("r", "mv_{}/in/file_{}/in/moved")?.fails(1, "RENAME")?;
    sh("w", "cat_{}/in/file")?.fails(1, "READ")?;
    io("copy", fs::copy("/scheme/initfs/bin/true", place.at("in/true")).map(drop))?;
    sh("r", "{}/in/true")?.fails(126, "EXEC")?;
    sh("rx", "{}/in/true")?.says("")?;
    sh("a", "cat_{}/in/file")?.fails(1, "READ")?;
    sh("rc", "cd_{}/in;_mkdir_new;_rmdir_new;_ls_-1")?.says("deep\nfile\ntrue\n")?;
    sh("rwc", "echo_x_>_{}/in/new;_cat_{}/in/new;_rm_{}/in/new")?.says("x\n")?;
    contain("-a w:/scheme/initfs/etc true", &place)?.says("")?;
    // What contain cannot do itself it cannot give.
    let inner = "-a r:{}/in -s memory -a rx:/scheme/initfs/bin contain -a rw:{}/in true";
    contain(inner, &place)?.fails(125, "cannot have WRITE")
}

fn paths() -> Verdict {
    use std::os::unix::fs::symlink;
    let place = place("paths")?;
    let beside = place.at("beside");
    io("link", symlink("../beside", place.at("in/up")))?;
    io("link", symlink(&beside, place.at("in/absolute")))?;
    io("link", symlink("deep/file", place.at("in/inner")))?;
    io("link", symlink("..", place.at("in/parent")))?;
    contain("-a r:{}/in cat {}/in/inner", &place)?.says("deep")?;
    for path in ["up", "absolute", "parent/beside", "deep/../../beside", "parent/in/file"] {
        let outcome = contain(&format!("-a r:{{}}/in cat {{}}/in/{path}"), &place)?;
        outcome.fails(1, "").map_err(|why| format!("{path}: {why}"))?;
        check(!outcome.said.contains("outside"), &format!("{path} led outside"))?;
    }
    Ok(())
}

fn schemes() -> Verdict {
    let place = place("schemes")?;
    contain("-s initfs:r cat /scheme/initfs/etc/motd", &place)?.fails(0, "Clavis")?;
    contain("-s file:r cat {}/beside", &place)?.says("outside")?;
    contain("-s file:r rm {}/beside", &place)?.fails(1, "REMOVE")?;
    contain("-s file:r ls -1 /scheme", &place)?.says("file\n")?;
    contain("-s nowhere true", &place)?.fails(125, "no such name")?;
    contain("-s file -a r:{}/in true", &place)?.fails(125, "lies in the scheme")
}

fn limits() -> Verdict {
    let place = place("limits")?;
    let hog = contain(&format!("-l memory=4M {PROGRAM} --act hog"), &place)?;
    check(hog.status == ExitStatus::Exit(137) || hog.status == ExitStatus::Exit(134), &hog.said)?;
    contain("-l memory=64K true", &place)?.fails(137, "out of memory")?;
    let threads = contain(&format!("-l threads=8 {PROGRAM} --act threads"), &place)?;
    threads.says("7 threads more\n")?;
    let handles = contain(&format!("-l handles=40 {PROGRAM} --act handles"), &place)?;
    let opened: usize = handles.said.trim().parse().map_err(|_| handles.said.clone())?;
    check((1..40).contains(&opened), &format!("{opened} handles were opened"))?;
    contain("-l cpus=1 true", &place)?.fails(125, "no such limit")
}

fn status() -> Verdict {
    let place = place("status")?;
    contain(&format!("{PROGRAM} --act exit-7"), &place)?.fails(7, "")?;
    contain("false", &place)?.fails(1, "")?;
    contain("no-such-program", &place)?.fails(127, "not found")?;
    contain("/scheme/initfs/etc", &place)?.fails(126, "is a directory")?;
    contain("-q true", &place)?.fails(125, "contain --help")?;
    contain(&format!("{PROGRAM} --act fault"), &place)?.fails(139, "fault")
}

fn ends_together() -> Verdict {
    // The process that is left behind holds the stream that is read to its end here.
    contain(&format!("{PROGRAM} --act leave"), &place("together")?)?.says("left\n")
}

fn taken_back() -> Verdict {
    let place = place("back")?;
    let (allowed, file) = (place.at("in"), place.at("in/file"));
    let allowed = format!("r:{}", allowed.display());
    let command = Command::new(CONTAIN).args(["--allow", &allowed, PROGRAM, "--act", "reread"]);
    outlived(command.arg(&file))?;
    check(fs::read(file).is_ok(), "the file is gone")
}

/// Kills a `contain` whose program reads a file over and over, and waits until that has found that
/// nothing is left to read.
pub(super) fn outlived(command: Command<'_>) -> Verdict {
    let (from, to) = at("pipe", clavis::object::pipe(0))?;
    // The account of contain and of what it contains: it tells when nobody is left.
    let account = at("account", Account::new(&UNLIMITED))?;
    let child =
        command.stdout(&to).namespace(Give::Own).account(&account).child_account(Give::Own).spawn();
    let child = at("start", child)?;
    drop(to);
    let mut said = [0; 8];
    io("listen", (&from).read_exact(&mut said))?;
    check(&said == b"reading\n", "it does not read")?;
    at("kill contain", child.kill())?;
    // The program that it contained lives on, until it finds that nothing is left to read.
    while at("usage", account.usage())?.used.threads > 0 {
        std::thread::yield_now();
    }
    Ok(())
}

fn directory() -> Verdict {
    let place = place("directory")?;
    io("cd", std::env::set_current_dir(place.at("in/deep")))?;
    contain("-a r:{}/in cat file", &place)?.says("deep")?;
    contain("-a r:{}/in cat ../file", &place)?.fails(1, "")?;
    contain("-a r:{}/in pwd", &place)?.fails(0, "/in/deep\n")?;
    contain("-a r:{}/beside cat file", &place)?.fails(1, "no current directory")?;
    io("cd", std::env::set_current_dir("/"))
}

fn nested() -> Verdict {
    let place = place("nested")?;
    let outer = "-a r:{} -s memory -a rx:/scheme/initfs/bin contain";
    contain(&format!("{outer} -a r:{{}}/in cat {{}}/in/file"), &place)?.says("inside")?;
    contain(&format!("{outer} -a r:{{}}/in cat {{}}/beside"), &place)?.fails(1, "no such file")?;
    contain(&format!("{outer} -s log true"), &place)?.fails(125, "no such name")?;
    contain(&format!("{outer} -a r:/scheme/log true"), &place)?.fails(125, "no such file")?;
    contain(&format!("{outer} -s file cat {{}}/in/file"), &place)?.says("inside")?;
    contain(&format!("{outer} -s file rm {{}}/in/file"), &place)?.fails(1, "REMOVE")
}

fn environment() -> Verdict {
    let place = place("environment")?;
    contain("env", &place)?.says("")?;
    contain("-e SECRET -e A=b=c -e NONE env", &place)?.says("SECRET=of mine\nA=b=c\n")
}

fn streams() -> Verdict {
    let place = place("streams")?;
    contain(&format!("{PROGRAM} --act one-way"), &place)?.says("129 129\n")
}

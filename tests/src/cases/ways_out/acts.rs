//! What is no path: each is tried by a process that holds a directory, as it is and in capability
//! mode, and with paths of the same meaning by a contained shell.
use super::super::apart::{apart, done, fails, works};
use super::super::contain::contain;
use super::super::place::{Place, io};
use super::super::support::{at, check};
use super::super::unix_sockets::{receive_files, send_files};
use super::super::{capsicum, unveil};
use super::fixture;
use crate::run::{Case, Verdict};
use ::capsicum::{CapRights, Right};
use clavis::abi::error::{ECAPMODE, ENOENT, ENOTCAPABLE, ENOTDIR, EXDEV};
use clavis::handle::limit;
use clavis::{Handle, Rights, handle_flags};
use std::ffi::{CString, c_char, c_int};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use syscall::flag::{O_DIRECTORY, O_RDONLY};

pub(crate) const CASES: &[Case] = &[
    Case { name: "no_act_with_descriptors_leads_out_of_a_directory_handle", run: native },
    Case { name: "no_act_with_descriptors_leads_out_in_capability_mode", run: capability },
    Case { name: "no_act_with_paths_leads_out_of_a_veil", run: veiled },
    Case { name: "no_act_of_a_contained_shell_leads_out", run: shell },
];

// Not in the libc crate.
unsafe extern "C" {
    fn linkat(
        from: c_int,
        path: *const c_char,
        to: c_int,
        new: *const c_char,
        flags: c_int,
    ) -> c_int;
    fn renameat(from: c_int, path: *const c_char, to: c_int, new: *const c_char) -> c_int;
    fn symlinkat(target: *const c_char, to: c_int, new: *const c_char) -> c_int;
    fn unlinkat(from: c_int, path: *const c_char, flags: c_int) -> c_int;
    fn mkdirat(from: c_int, path: *const c_char, mode: libc::mode_t) -> c_int;
    fn readlinkat(from: c_int, path: *const c_char, buffer: *mut c_char, room: usize) -> isize;
    fn fexecve(number: c_int, args: *const *const c_char, envs: *const *const c_char) -> c_int;
}

/// It must be refused: as a path that leaves, or as a link that does.
fn leaves(what: &str, answer: impl Into<i64>) -> Verdict {
    let answer = done(answer);
    check(matches!(answer, Err(ENOTCAPABLE | EXDEV)), &format!("{what}: {answer:?}"))
}

fn text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// What a process has.
struct Ground {
    /// The directory `in`: everything may be done there, and beneath it.
    cage: OwnedFd,
    /// The directory around it: it can be looked at.
    around: OwnedFd,
    /// `in` once more, to be read.
    poor: OwnedFd,
    /// Two ends of a socket; in one waits `in`, as somebody sent it who can climb with it.
    pair: (UnixStream, UnixStream),
    /// A program that fails.
    program: fs::File,
    mode: Mode,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Native,
    Capability,
}

impl Ground {
    fn new(place: &Place, mode: Mode) -> Result<Ground, String> {
        let open = |path: &str, most: Rights| {
            let path = place.at(path).display().to_string();
            let handle = at("open", Handle::open(&path, (O_RDONLY | O_DIRECTORY) as u64))?;
            at("limit", limit(&handle, most, most, handle_flags::BENEATH))?;
            handle.into_fd().map_err(|error| error.to_string())
        };
        let look = Rights::BASE.union(Rights::READING)
            - Rights::CREATE
            - Rights::REMOVE
            - Rights::RENAME
            - Rights::LINK
            - Rights::SET_ATTR;
        let (cage, around, poor) = (open("in", Rights::all())?, open("", look)?, open("in", look)?);
        let pair = io("pair", UnixStream::pair())?;
        let free = io("open", fs::File::open(place.at("in")))?;
        io("send", send_files(&pair.0, &[free.as_raw_fd()]))?;
        let program = io("open a program", fs::File::open("/scheme/initfs/bin/false"))?;
        Ok(Ground { cage, around, poor, pair, program, mode })
    }
}

/// What is tried, and why it fails.
type Act = (&'static str, fn(&Ground) -> Verdict);

const ACTS: &[Act] = &[
    ("a hard link to what lies outside needs the right to link there", linked),
    ("what lies outside is not renamed into the directory without the right there", moved_in),
    ("nor is a directory renamed out of it", moved_out),
    ("a rename does not climb on either side", renamed_above),
    ("names outside are not made, removed or read", named_above),
    ("a link that is made leads nowhere", made_links),
    ("the current directory does not climb", current),
    ("a copy at another number is the same handle", copied),
    ("a descriptor that was sent has what it had", sent),
    ("one that went back and forth too", sent_around),
    ("a directory that comes from elsewhere leads beneath itself", come_in),
    ("what is open is not opened again with more", reopened),
    ("a file is no directory", file_as_directory),
    ("what may not be executed is not", executed),
    ("a script does not bring an interpreter along", scripted),
    ("what may be read is not mapped to be written", mapped),
    ("other processes are not reached by their numbers", signalled),
];

fn tried(mode: Mode) -> Verdict {
    let place = fixture(if mode == Mode::Native { "acts" } else { "acts-capability" })?;
    io("script", fs::write(place.at("in/script"), "#!/scheme/initfs/bin/echo\n"))?;
    for (why, act) in ACTS {
        let ground = Ground::new(&place, mode)?;
        let tried = apart(|| {
            if mode == Mode::Capability {
                capsicum::enter()?;
            }
            act(&ground)
        });
        tried.map_err(|told| format!("{why}: {told}"))?;
    }
    let kept = io("read", fs::read_to_string(place.at("beside")))?;
    check(kept == "outside" && place.at("in/deep").is_dir(), "something changed")?;
    super::untouched(&place)
}

fn native() -> Verdict {
    tried(Mode::Native)
}

fn capability() -> Verdict {
    tried(Mode::Capability)
}

fn linked(ground: &Ground) -> Verdict {
    let (cage, around) = (ground.cage.as_raw_fd(), ground.around.as_raw_fd());
    // SAFETY: both are C strings.
    let link = |from: c_int, path: &str, to: c_int, new: &str| unsafe {
        linkat(from, text(path).as_ptr(), to, text(new).as_ptr(), 0)
    };
    fails("from outside", link(around, "beside", cage, "x"), ENOTCAPABLE)?;
    fails("to outside", link(cage, "file", around, "made"), ENOTCAPABLE)?;
    fails("from above", link(cage, "../beside", cage, "x"), ENOTCAPABLE)?;
    fails("to above", link(cage, "file", cage, "../made"), ENOTCAPABLE)?;
    leaves("through a link", link(cage, "parent/beside", cage, "x"))?;
    fails("with less", link(ground.poor.as_raw_fd(), "file", cage, "x"), ENOTCAPABLE)?;
    works("inside", link(cage, "file", cage, "linked")).map(drop)
}

fn rename(from: c_int, path: &str, to: c_int, new: &str) -> c_int {
    // SAFETY: both are C strings.
    unsafe { renameat(from, text(path).as_ptr(), to, text(new).as_ptr()) }
}

fn moved_in(ground: &Ground) -> Verdict {
    let (cage, around) = (ground.cage.as_raw_fd(), ground.around.as_raw_fd());
    fails("a file", rename(around, "beside", cage, "x"), ENOTCAPABLE)?;
    fails("over a file", rename(around, "beside", cage, "file"), ENOTCAPABLE)?;
    fails("itself", rename(around, "in", cage, "x"), ENOTCAPABLE)
}

fn moved_out(ground: &Ground) -> Verdict {
    let (cage, around) = (ground.cage.as_raw_fd(), ground.around.as_raw_fd());
    fails("a directory", rename(cage, "deep", around, "made"), ENOTCAPABLE)?;
    fails("over a file", rename(cage, "file", around, "beside"), ENOTCAPABLE)?;
    fails("with less", rename(ground.poor.as_raw_fd(), "deep", cage, "x"), ENOTCAPABLE)
}

fn renamed_above(ground: &Ground) -> Verdict {
    let cage = ground.cage.as_raw_fd();
    fails("from above", rename(cage, "../beside", cage, "x"), ENOTCAPABLE)?;
    fails("to above", rename(cage, "file", cage, "../made"), ENOTCAPABLE)?;
    leaves("through a link", rename(cage, "parent/beside", cage, "x"))?;
    leaves("to a link's target", rename(cage, "file", cage, "parent/made"))
}

fn named_above(ground: &Ground) -> Verdict {
    let cage = ground.cage.as_raw_fd();
    for path in ["../made", "parent/made", "deep/../../made"] {
        // SAFETY: a C string.
        leaves(path, unsafe { mkdirat(cage, text(path).as_ptr(), 0o755) })?;
        let link = (text("file"), text(path));
        // SAFETY: both are C strings.
        let made = unsafe { symlinkat(link.0.as_ptr(), cage, link.1.as_ptr()) };
        leaves(path, made)?;
    }
    for path in ["../beside", "parent/beside", "deep/../../beside"] {
        // SAFETY: a C string.
        leaves(path, unsafe { unlinkat(cage, text(path).as_ptr(), 0) })?;
        let mut target = [0; 64];
        // SAFETY: a C string, and room for the target.
        let read = unsafe { readlinkat(cage, text(path).as_ptr(), target.as_mut_ptr(), 64) };
        leaves(path, read as i64)?;
    }
    // Whether something is there cannot be told from the refusal.
    let there = done(capsicum::open_at(cage, "../beside", 0));
    let absent = done(capsicum::open_at(cage, "../no-such-file", 0));
    check(there == absent, &format!("{there:?} and {absent:?}"))
}

fn made_links(ground: &Ground) -> Verdict {
    let cage = ground.cage.as_raw_fd();
    for (index, target) in
        ["/", "..", "../beside", "/scheme/initfs", "deep/../.."].iter().enumerate()
    {
        let name = format!("made-{index}-{}", ground.mode as u8);
        let both = (text(target), text(&name));
        // SAFETY: both are C strings.
        works("link", unsafe { symlinkat(both.0.as_ptr(), cage, both.1.as_ptr()) })?;
        fails(target, capsicum::open_at(cage, &name, 0), ENOTCAPABLE)?;
        let beyond = format!("{name}/beside");
        fails(target, capsicum::open_at(cage, &beyond, 0), ENOTCAPABLE)?;
    }
    Ok(())
}

fn current(ground: &Ground) -> Verdict {
    // SAFETY: no memory is involved.
    let went = unsafe { libc::fchdir(ground.cage.as_raw_fd()) };
    if ground.mode == Mode::Capability {
        return fails("fchdir", went, ECAPMODE);
    }
    works("fchdir", went)?;
    for path in ["..", "../beside", "parent/beside", "absolute"] {
        let error = fs::File::open(path).err().and_then(|error| error.raw_os_error());
        check(error == Some(ENOTCAPABLE), &format!("{path}: {error:?}"))?;
    }
    let climbed = std::env::set_current_dir("..");
    check(climbed.is_err(), "cd .. went up")?;
    io("what lies there", fs::read("file")).map(drop)
}

fn copied(ground: &Ground) -> Verdict {
    let poor = ground.poor.as_raw_fd();
    // SAFETY: no memory is involved.
    let lowest = unsafe { libc::dup(poor) };
    // SAFETY: as above.
    let chosen = unsafe { libc::dup2(poor, 77) };
    // SAFETY: as above.
    let above = unsafe { libc::fcntl(poor, libc::F_DUPFD, 90) };
    // SAFETY: as above.
    let input = unsafe { libc::dup2(poor, 0) };
    for copy in [lowest, chosen, above, input] {
        works("dup", copy)?;
        fails("above", capsicum::open_at(copy, "..", 0), ENOTCAPABLE)?;
        fails("write", capsicum::open_at(copy, "file", libc::O_RDWR), ENOTCAPABLE)?;
    }
    Ok(())
}

/// Sends a descriptor through a socket and takes it out again.
fn passed(ground: &Ground, descriptor: c_int) -> Result<OwnedFd, String> {
    let (one, other) = &ground.pair;
    io("send", send_files(one, &[descriptor]))?;
    taken(other)
}

fn taken(socket: &UnixStream) -> Result<OwnedFd, String> {
    let (mut files, _) = io("receive", receive_files(socket, 1))?;
    files.pop().ok_or_else(|| "nothing came".to_owned())
}

fn sent(ground: &Ground) -> Verdict {
    // What was sent before the others came first.
    drop(taken(&ground.pair.1)?);
    let poor = passed(ground, ground.poor.as_raw_fd())?;
    fails("above", capsicum::open_at(poor.as_raw_fd(), "..", 0), ENOTCAPABLE)?;
    fails("write", capsicum::open_at(poor.as_raw_fd(), "file", libc::O_RDWR), ENOTCAPABLE)
}

fn sent_around(ground: &Ground) -> Verdict {
    drop(taken(&ground.pair.1)?);
    let mut poor = passed(ground, ground.poor.as_raw_fd())?;
    for _ in 0..5 {
        poor = passed(ground, poor.as_raw_fd())?;
    }
    fails("above", capsicum::open_at(poor.as_raw_fd(), "../beside", 0), ENOTCAPABLE)?;
    fails("write", capsicum::open_at(poor.as_raw_fd(), "file", libc::O_WRONLY), ENOTCAPABLE)
}

fn come_in(ground: &Ground) -> Verdict {
    // One that its sender can climb with.
    let free = taken(&ground.pair.1)?;
    let above = capsicum::open_at(free.as_raw_fd(), "../beside", libc::O_RDONLY);
    match ground.mode {
        Mode::Native => works("above", above).map(drop),
        Mode::Capability => fails("above", above, ENOTCAPABLE),
    }
}

fn reopened(ground: &Ground) -> Verdict {
    let poor = ground.poor.as_raw_fd();
    let file = works("read", capsicum::open_at(poor, "file", libc::O_RDONLY))? as c_int;
    let file = clavis::Number::from_raw(file as usize);
    for path in ["", "."] {
        let opened = Handle::open_at(&file, path, syscall::flag::O_RDWR as u64);
        let error = opened.err().map(|error| error.errno());
        // An empty path names nothing.
        let refused = matches!(error, Some(ENOTCAPABLE | ENOTDIR | ENOENT));
        check(refused, &format!("{path:?}: {error:?}"))?;
    }
    fails("up by a limit", raised(poor), ENOTCAPABLE)
}

/// Limits a descriptor to more than it has.
fn raised(descriptor: c_int) -> c_int {
    unsafe extern "C" {
        fn cap_rights_limit(descriptor: c_int, rights: *const CapRights) -> c_int;
    }
    let more = CapRights::of(&[Right::LOOKUP, Right::UNLINKAT]);
    // SAFETY: it reads the set.
    unsafe { cap_rights_limit(descriptor, &raw const more) }
}

fn file_as_directory(ground: &Ground) -> Verdict {
    let file = works("open", capsicum::open_at(ground.cage.as_raw_fd(), "file", 0))? as c_int;
    for path in ["x", "..", "../beside"] {
        let opened = done(capsicum::open_at(file, path, 0));
        check(matches!(opened, Err(ENOTDIR | ENOTCAPABLE)), &format!("{path}: {opened:?}"))?;
    }
    Ok(())
}

/// Becomes a program; answers why not.
fn become_it(descriptor: c_int) -> Result<i64, i32> {
    let word = text("it");
    let (args, envs) = ([word.as_ptr(), std::ptr::null()], [std::ptr::null()]);
    // SAFETY: both end with null.
    done(unsafe { fexecve(descriptor, args.as_ptr(), envs.as_ptr()) })
}

fn executed(ground: &Ground) -> Verdict {
    let number = clavis::Number::from_raw(ground.program.as_raw_fd() as usize);
    let most = Rights::all() - Rights::EXEC - Rights::MAP_EXEC;
    at("limit", limit(&number, most, most, 0))?;
    // It would end with a failure.
    let ran = become_it(ground.program.as_raw_fd());
    check(ran == Err(ENOTCAPABLE), &format!("{ran:?}"))?;
    let above = capsicum::open_at(ground.poor.as_raw_fd(), "../../scheme/initfs/bin/true", 0);
    fails("above", above, ENOTCAPABLE)
}

fn scripted(ground: &Ground) -> Verdict {
    let script = capsicum::open_at(ground.cage.as_raw_fd(), "script", libc::O_RDONLY);
    let script = works("open", script)? as c_int;
    // By descriptor only programs start; the interpreter is a path, and that asks the namespace.
    let ran = become_it(script);
    check(ran.is_err(), &format!("{ran:?}"))
}

fn mapped(ground: &Ground) -> Verdict {
    let file = capsicum::open_at(ground.poor.as_raw_fd(), "file", libc::O_RDONLY);
    let file = works("open", file)? as c_int;
    let map = |protection: c_int| {
        // SAFETY: what is mapped is never touched.
        unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, libc::MAP_SHARED, file, 0) }
    };
    check(map(libc::PROT_READ | libc::PROT_WRITE) == libc::MAP_FAILED, "it is mapped to write")?;
    let read = map(libc::PROT_READ);
    if read == libc::MAP_FAILED {
        // What the service does not map cannot be raised either.
        return Ok(());
    }
    // SAFETY: it is this mapping.
    let raised = unsafe { libc::mprotect(read, 4096, libc::PROT_READ | libc::PROT_WRITE) };
    check(raised == -1, "it was raised to be written")
}

fn signalled(ground: &Ground) -> Verdict {
    if ground.mode == Mode::Native {
        // Whoever has the name of processes reaches them: that is what the name is for.
        return Ok(());
    }
    for number in [1, 2, 65_537] {
        // SAFETY: no memory is involved.
        fails("kill", unsafe { libc::kill(number, libc::SIGKILL) }, ECAPMODE)?;
    }
    Ok(())
}

fn veiled() -> Verdict {
    let place = fixture("acts-veiled")?;
    io("script", fs::write(place.at("in/script"), "#!/scheme/initfs/bin/true\n"))?;
    apart(|| {
        works("unveil", unveil::unveil(place.at("in"), "rwxc"))?;
        works("lock", unveil::lock())?;
        let (inside, beside) = (place.at("in/x"), place.at("beside"));
        check(fs::hard_link(&beside, &inside).is_err(), "a hard link")?;
        check(fs::rename(&beside, &inside).is_err(), "moved in")?;
        check(fs::rename(place.at("in/deep"), place.at("made")).is_err(), "moved out")?;
        check(fs::rename(place.at("in"), place.at("made")).is_err(), "moved itself")?;
        check(fs::copy(&beside, &inside).is_err(), "copied")?;
        check(fs::read_link(place.at("../x")).is_err(), "a link outside")?;
        check(fs::remove_file(&beside).is_err(), "removed")?;
        check(fs::create_dir(place.at("made")).is_err(), "made")?;
        let exist = fs::metadata(&beside).err().and_then(|error| error.raw_os_error());
        let absent = fs::metadata(place.at("none")).err().and_then(|error| error.raw_os_error());
        check(exist == absent, "what is hidden is told from what is not there")?;
        check(std::os::unix::net::UnixListener::bind(place.at("socket")).is_err(), "a socket")?;
        let program = std::process::Command::new("/scheme/initfs/bin/true").status();
        check(program.is_err(), "a program")?;
        let script = std::process::Command::new(place.at("in/script")).status();
        check(script.is_err(), "a script with an interpreter outside")
    })?;
    check(place.at("in/deep").is_dir() && place.at("beside").exists(), "something was moved")
}

fn shell() -> Verdict {
    let place = fixture("acts-shell")?;
    let allowed = "-a rwc:{}/in -a rx:/scheme/initfs/bin -s memory -s pipe sh -c";
    for line in [
        "ln_{}/beside_{}/in/x",
        "mv_{}/beside_{}/in/x",
        "cp_{}/beside_{}/in/x",
        "mv_{}/in/deep_{}/made",
        "mv_{}/in_{}/made",
        "mkdir_{}/made",
        "rm_{}/beside",
        "cd_{}_&&_cat_beside",
        "cd_{}/in_&&_cat_../beside",
        "cd_{}/in/deep_&&_cd_../.._&&_cat_beside",
        "cat_<_{}/beside",
        "echo_x_>_{}/made",
        "ls_/scheme/proc",
        "kill_-9_1",
        "ns_bind_file=/",
        "ns_unbind_file",
        "ns_mask_file",
        "ns_rename_file_other",
        "caps_1",
    ] {
        let outcome = contain(&format!("{allowed} {line}"), &place)?;
        let failed = !outcome.status.success() && !outcome.said.contains("outside");
        check(failed, &format!("{line}: {} {}", outcome.status, outcome.said))?;
    }
    // A link can be made to anywhere; it leads nowhere.
    contain(&format!("{allowed} ln_-s_{{}}/beside_{{}}/in/x"), &place)?.says("")?;
    let outcome = contain(&format!("{allowed} cat_{{}}/in/x"), &place)?;
    let failed = !outcome.status.success() && !outcome.said.contains("outside");
    check(failed, &outcome.said)?;
    let kept = place.at("in/deep").is_dir() && place.at("beside").exists();
    check(kept && !place.at("made").exists(), "something changed outside")
}

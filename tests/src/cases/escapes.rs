//! Ways out of a directory that other systems know, as a table: each is tried through a directory
//! handle that is BENEATH, and by a contained program to which that directory is allowed. Each line
//! says why it fails, or why what it reaches lies inside.
use super::contain::{contain, place};
use super::place::{Place, io};
use super::support::{at, check};
use super::views::Viewed;
use crate::run::{Case, PROGRAM, Verdict};
use clavis::abi::error::{
    EBADF, EEXIST, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTCAPABLE, ENOTDIR,
};
use clavis::handle::{Place as At, limit};
use clavis::{AsNumber, Handle, Number, Rights, handle_flags};
use std::fs;
use std::os::unix::fs::symlink;
use syscall::flag::{O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_WRONLY};

pub(crate) const CASES: &[Case] = &[
    Case { name: "no_known_path_leads_out_of_a_directory_handle", run: by_handle },
    Case { name: "no_known_path_leads_out_of_a_directory_of_a_view", run: by_view },
    Case { name: "no_known_path_leads_a_contained_program_out", run: contained },
    Case { name: "a_directory_that_moves_does_not_open_a_way_out", run: moved },
    Case { name: "links_that_are_swapped_during_walks_lead_nowhere", run: raced },
    Case { name: "links_that_are_swapped_during_walks_of_a_view_lead_nowhere", run: raced_view },
    Case { name: "no_handle_is_widened_by_opening_it_again", run: reopened },
    Case { name: "what_lies_outside_cannot_be_linked_or_moved_inside", run: brought_in },
];

/// What comes of a path.
#[derive(Clone, Copy)]
enum Comes {
    /// This error.
    To(i32),
    /// Something inside.
    In,
}
use Comes::{In, To};

/// The path, what comes of it, and why.
type Way = (&'static str, usize, Comes, &'static str);

const WAYS: &[Way] = &[
    ("..", O_RDONLY, To(ENOTCAPABLE), "nothing is above a directory that is BENEATH"),
    ("../beside", O_RDONLY, To(ENOTCAPABLE), "nor beside it"),
    ("deep/../..", O_RDONLY, To(ENOTCAPABLE), "a detour is no other way"),
    ("deep/../../in/file", O_RDONLY, To(ENOTCAPABLE), "to come back is to have been outside"),
    ("./../beside", O_RDONLY, To(ENOTCAPABLE), "`.` changes nothing"),
    ("deep/../../../../../../..", O_RDONLY, To(ENOTCAPABLE), "nor do many steps"),
    ("/", O_RDONLY, To(ENOTCAPABLE), "an absolute path asks another handle"),
    ("/etc/passwd", O_RDONLY, To(ENOTCAPABLE), "whatever it names"),
    ("//beside", O_RDONLY, To(ENOTCAPABLE), "however many slashes it has"),
    ("absolute", O_RDONLY, To(ENOTCAPABLE), "so does an absolute link"),
    ("parent", O_RDONLY, To(ENOTCAPABLE), "a link's `..` counts as the path's"),
    ("parent/beside", O_RDONLY, To(ENOTCAPABLE), "in the middle of the path too"),
    ("far", O_RDONLY, To(ENOTCAPABLE), "and however far it leads"),
    ("chain", O_RDONLY, To(ENOTCAPABLE), "and through other links"),
    ("self", O_RDONLY, To(ELOOP), "a link to itself uses up the links"),
    ("hop41", O_RDONLY, To(ELOOP), "41 links are one too many"),
    ("hop40", O_RDONLY, In, "40 are not, and end inside"),
    ("todeep/../file", O_RDONLY, In, "`..` behind a link is that of its target: inside"),
    ("todeep/../../beside", O_RDONLY, To(ENOTCAPABLE), "one step more is outside"),
    ("dangling", O_WRONLY | O_CREAT, To(ENOTCAPABLE), "a link makes nothing outside"),
    ("absolute", O_RDONLY | O_NOFOLLOW, To(ELOOP), "a link that is not followed is no file"),
    ("absolute", O_WRONLY | O_CREAT | O_EXCL, To(EEXIST), "a link is a name that is taken"),
    ("file/", O_RDONLY, To(ENOTDIR), "a slash asks for a directory"),
    ("file/..", O_RDONLY, To(ENOTDIR), "a file has no parent"),
    ("file/x", O_RDONLY, To(ENOTDIR), "and nothing in it"),
    ("parent/", O_RDONLY, To(ENOTCAPABLE), "a slash follows the link, which leads out"),
    ("deep/..", O_RDONLY, In, "the directory itself is inside"),
    ("deep/.", O_RDONLY, In, "and so is one in it"),
    ("...", O_RDONLY, To(ENOENT), "three dots are a name"),
    (".. ", O_RDONLY, To(ENOENT), "and so are two and a blank"),
    ("..\\beside", O_RDONLY, To(ENOENT), "a backslash is a character"),
    ("C:\\", O_RDONLY, To(ENOENT), "a letter with a colon is no device"),
    ("file:/beside", O_RDONLY, To(ENOENT), "and a word with a colon no scheme"),
    ("scheme/file/beside", O_RDONLY, To(ENOENT), "schemes are names of a namespace"),
    ("FILE", O_RDONLY, To(ENOENT), "names are bytes: case matters"),
    ("fi\u{301}le", O_RDONLY, To(ENOENT), "and so does how a letter is written"),
    ("new\nline", O_RDONLY, To(ENOENT), "a line break is a character"),
    ("dev/fd/3", O_RDONLY, To(ENOENT), "handles have no names in a file system"),
    ("proc/self/root", O_RDONLY, To(ENOENT), "and processes none"),
    ("parent", O_WRONLY | O_CREAT, To(ENOTCAPABLE), "creating follows the same rules"),
    ("../new", O_WRONLY | O_CREAT, To(ENOTCAPABLE), "wherever the new name would be"),
    ("../new", O_CREAT | O_DIRECTORY | O_EXCL, To(ENOTCAPABLE), "and for directories"),
    ("deep", O_WRONLY, To(EISDIR), "a directory is not written"),
];

/// Paths of the table that lead a contained program to what it sees there: the names on the way to
/// what is allowed, and what is allowed itself.
const SEEN: &[&str] = &["..", "/", "deep"];

/// A directory `in` with the links that the table names.
fn fixture(name: &str) -> Result<Place, String> {
    let place = place(name)?;
    let beside = place.at("beside").display().to_string();
    for (name, target) in [
        ("absolute", beside.as_str()),
        ("parent", ".."),
        ("far", "../../../.."),
        ("chain", "chain2"),
        ("chain2", "deep/chain3"),
        ("deep/chain3", "../parent/beside"),
        ("self", "self"),
        ("todeep", "deep"),
        ("dangling", "../made"),
        ("hop1", "file"),
    ] {
        io(name, symlink(target, place.at("in").join(name)))?;
    }
    for hop in 2..=41 {
        let link = place.at("in").join(format!("hop{hop}"));
        io("link", symlink(format!("hop{}", hop - 1), link))?;
    }
    Ok(place)
}

/// The directory of a fixture as a handle that is BENEATH.
fn cage(place: &Place) -> Result<Handle, String> {
    cage_at(&place.at("in").display().to_string())
}

/// A directory as a handle that is BENEATH.
fn cage_at(path: &str) -> Result<Handle, String> {
    let cage = at("open", Handle::open(path, (O_RDONLY | O_DIRECTORY) as u64))?;
    at("limit", limit(&cage, Rights::all(), Rights::all(), handle_flags::BENEATH))?;
    Ok(cage)
}

fn judge(what: &str, opened: Result<Handle, clavis::Error>, comes: Comes, why: &str) -> Verdict {
    match (opened, comes) {
        (Ok(_), In) => Ok(()),
        (Err(error), To(expected)) if error.errno() == expected => Ok(()),
        (Ok(_), To(_)) => Err(format!("{what:?} was opened, but {why}")),
        (Err(error), _) => Err(format!("{what:?}: error {} ({why})", error.errno())),
    }
}

fn by_handle() -> Verdict {
    let place = fixture("by-handle")?;
    let cage = cage(&place)?;
    tried(&place, &cage, ENOTDIR)
}

/// The same through a view of everything.
fn by_view() -> Verdict {
    let place = fixture("by-view")?;
    let view = Viewed::start("escapes", "/")?;
    let cage = cage_at(&view.at(&place.at("in").display().to_string()))?;
    // Files that a view gives have no LOOKUP at all.
    tried(&place, &cage, ENOTCAPABLE)
}

fn tried(place: &Place, cage: &Handle, beneath_files: i32) -> Verdict {
    for (path, flags, comes, why) in WAYS {
        judge(path, Handle::open_at(cage, path, *flags as u64), *comes, why)?;
    }
    let refused = |path: &str, expected: i32, why: &str| {
        judge(path, Handle::open_at(cage, path, O_RDONLY as u64), To(expected), why)
    };
    refused(&"../".repeat(1300), ENOTCAPABLE, "3900 bytes of `..` are as good as one")?;
    refused(&"a/".repeat(2049), ENAMETOOLONG, "a path has at most 4096 bytes")?;
    refused(&"a".repeat(256), ENAMETOOLONG, "a name at most 255")?;
    refused("file\0/../../beside", EINVAL, "a NUL is no part of a path")?;
    let file = at("file", Handle::open_at(cage, "file", O_RDONLY as u64))?;
    judge(
        "x",
        Handle::open_at(&file, "x", O_RDONLY as u64),
        To(beneath_files),
        "a file is no directory",
    )?;
    let number = file.number();
    drop(file);
    let stale = Handle::from_number(number);
    judge("x", Handle::open_at(&stale, "x", 0), To(EBADF), "a closed number means nothing")?;
    _ = stale.into_number();
    let listed = io("list", fs::read_dir(place.at("in")))?;
    let dots = listed.flatten().any(|entry| entry.file_name() == "..");
    check(!dots, "a listing tells of what is above")?;
    check(!place.at("made").exists() && !place.at("new").exists(), "something was made outside")
}

fn contained() -> Verdict {
    let place = fixture("contained")?;
    let allowed = "-a rwc:{}/in";
    for (path, _, comes, why) in WAYS {
        // Blanks and line breaks are words of their own on this command line.
        if path.contains([' ', '\n']) {
            continue;
        }
        let line = format!("{allowed} {PROGRAM} --act open {{}}/in/{path}");
        let outcome = contain(&line, &place)?;
        let inside = outcome.status.success();
        let right = inside == (matches!(comes, In) || SEEN.contains(path));
        check(right && !outcome.said.contains("outside"), &format!("{path:?} was opened: {why}"))?;
    }
    check(!place.at("made").exists() && !place.at("new").exists(), "something was made outside")
}

fn moved() -> Verdict {
    let place = fixture("moved")?;
    let cage = cage(&place)?;
    let deep = at("deep", Handle::open_at(&cage, "deep", (O_RDONLY | O_DIRECTORY) as u64))?;
    io("move out", fs::rename(place.at("in/deep"), place.at("deep")))?;
    at("what it has", Handle::open_at(&deep, "file", O_RDONLY as u64))?;
    for path in ["..", "../beside", "../in/file"] {
        let why = "it is BENEATH wherever it lies";
        judge(path, Handle::open_at(&deep, path, O_RDONLY as u64), To(ENOTCAPABLE), why)?;
    }
    io("remove", fs::remove_dir_all(place.at("in")))?;
    judge("file", Handle::open_at(&cage, "file", 0), To(ENOENT), "nothing is in what was removed")?;
    judge("..", Handle::open_at(&cage, "..", 0), To(ENOTCAPABLE), "and nothing above it")?;
    io("again", fs::create_dir(place.at("in")))?;
    io("again", fs::write(place.at("in/file"), "new"))?;
    let why = "what takes its name is another directory";
    judge("file", Handle::open_at(&cage, "file", 0), To(ENOENT), why)
}

fn raced() -> Verdict {
    let place = fixture("raced")?;
    let cage = cage(&place)?;
    race(&place, &cage)
}

/// The same where a view walks.
fn raced_view() -> Verdict {
    let place = fixture("raced-view")?;
    let view = Viewed::start("raced", "/")?;
    let cage = cage_at(&view.at(&place.at("in").display().to_string()))?;
    race(&place, &cage)
}

fn race(place: &Place, cage: &Handle) -> Verdict {
    let (swap, spare) = (place.at("in/swap"), place.at("in/spare"));
    io("mkdir", fs::create_dir(&swap))?;
    io("write", fs::write(swap.join("beside"), "inside"))?;
    io("link", symlink("..", &spare))?;
    let (going, stop) =
        (std::sync::atomic::AtomicBool::new(true), std::sync::atomic::Ordering::SeqCst);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let third = place.at("in/third");
            while going.load(stop) {
                _ = fs::rename(&swap, &third);
                _ = fs::rename(&spare, &swap);
                _ = fs::rename(&third, &spare);
            }
        });
        let walk = || {
            for _ in 0..400 {
                let Ok(found) = Handle::open_at(cage, "swap/beside", O_RDONLY as u64) else {
                    continue;
                };
                let mut text = [0; 16];
                let length = at("read", found.read_at(&mut text, 0))?;
                check(text.get(..length) == Some(b"inside"), "a walk ended outside")?;
            }
            Ok(())
        };
        let walked = walk();
        going.store(false, stop);
        walked
    })
}

fn reopened() -> Verdict {
    let place = fixture("reopened")?;
    let cage = cage(&place)?;
    let most = Rights::all() - Rights::WRITE - Rights::APPEND - Rights::TRUNCATE;
    let narrow = at("derive", Handle::derive(&cage, most, most))?;
    let file = at("open", Handle::open_at(&narrow, "file", O_RDONLY as u64))?;
    let why = "a handle gives at most what its inherit mask has";
    let again = Handle::open_at(&narrow, "file", O_RDWR as u64);
    judge("file", again, To(ENOTCAPABLE), why)?;
    let again = Handle::open_at(&file, ".", O_RDWR as u64);
    judge(".", again, To(ENOTCAPABLE), why)?;
    let copy = at("dup", Handle::duplicate(&file, At::Lowest))?;
    let written = copy.write_at(b"x", 0).err().map(|error| error.errno());
    check(written == Some(ENOTCAPABLE), "a copy can be written")?;
    let number = Number::from_raw(copy.number().raw());
    // SAFETY: what is mapped is never touched.
    let mapped = unsafe {
        let (read, write) = (libc::PROT_READ, libc::PROT_WRITE);
        let descriptor = number.raw() as i32;
        libc::mmap(std::ptr::null_mut(), 4096, read | write, libc::MAP_SHARED, descriptor, 0)
    };
    check(mapped == libc::MAP_FAILED, "it is mapped for writing")
}

fn brought_in() -> Verdict {
    let place = fixture("brought-in")?;
    let allowed = "-a rwc:{}/in -s memory -a rx:/scheme/initfs/bin";
    for command in ["ln {}/beside {}/in/x", "mv {}/beside {}/in/x", "cp {}/beside {}/in/x"] {
        let outcome = contain(&format!("{allowed} {command}"), &place)?;
        check(!outcome.status.success(), &format!("{command} did it"))?;
    }
    // A link can be made to anywhere; it leads nowhere.
    contain(&format!("{allowed} ln -s {{}}/beside {{}}/in/x"), &place)?.says("")?;
    let outcome = contain(&format!("{allowed} cat {{}}/in/x"), &place)?;
    check(!outcome.status.success() && !outcome.said.contains("outside"), &outcome.said)
}

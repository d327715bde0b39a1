//! Views of directories: `view` over the file system of this machine.
use super::contain::place;
use super::place::{Place, io};
use super::support::{at, check};
use crate::run::{Case, Verdict};
use clavis::handle::query;
use clavis::namespace::Namespace;
use clavis::{Child, Command, Give, Handle, Rights};
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use syscall::flag::{O_DIRECTORY, O_RDONLY};

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_view_of_a_directory_shows_it_and_changes_it", run: whole },
    Case { name: "a_file_opened_through_a_view_outlives_the_view", run: outlives },
    Case { name: "a_file_opened_through_a_view_reaches_nothing_beside_it", run: alone },
    Case { name: "links_in_a_view_lead_where_the_namespace_says", run: links },
    Case { name: "a_handle_under_a_policy_opens_what_matches_and_only_weakens", run: narrowed },
    Case { name: "an_open_directory_of_a_view_follows_its_directory", run: follows },
    Case { name: "an_open_that_meets_a_link_or_a_directory_is_walked_by_the_view", run: walked },
];

/// A view that is served while this value lives.
pub(super) struct Viewed {
    name: String,
    process: Child,
}

impl Viewed {
    /// Of that directory.
    pub(super) fn start(name: &str, directory: &str) -> Result<Viewed, String> {
        let name = format!("view-{name}-{}", std::process::id());
        let namespace = at("namespace", Namespace::current())?;
        // The name is there from now on; what is opened under it waits for the server.
        drop(at("ticket", namespace.ticket(&name))?);
        let command = Command::new("/scheme/initfs/bin/view").args([name.as_str(), directory]);
        let command = command.own_streams().namespace(Give::Own).cwd(Give::Own, "");
        Ok(Viewed { name, process: at("start", command.spawn())? })
    }

    /// A path in it.
    pub(super) fn at(&self, path: &str) -> String {
        format!("/scheme/{}/{path}", self.name)
    }
}

impl Drop for Viewed {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.process.kill();
        if let Ok(namespace) = Namespace::current() {
            _ = namespace.unbind(&self.name);
        }
    }
}

fn viewed(name: &str) -> Result<(Place, Viewed), String> {
    let place = place(name)?;
    let viewed = Viewed::start(name, &place.at("in").display().to_string())?;
    Ok((place, viewed))
}

fn whole() -> Verdict {
    let (place, view) = viewed("whole")?;
    let text = io("read", fs::read_to_string(view.at("deep/file")))?;
    check(text == "deep", &text)?;
    io("write", fs::write(view.at("new"), "new"))?;
    io("mkdir", fs::create_dir_all(view.at("x/y")))?;
    io("rename", fs::rename(view.at("new"), view.at("x/y/moved")))?;
    io("link", fs::hard_link(view.at("file"), view.at("x/linked")))?;
    let text = io("read below", fs::read_to_string(place.at("in/x/y/moved")))?;
    check(text == "new", &text)?;
    check(fs::read(place.at("in/x/linked")).is_ok_and(|text| text == b"inside"), "no link")?;
    let mut names: Vec<String> = io("list", fs::read_dir(view.at("")))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    check(names == ["deep", "file", "x"], &format!("{names:?}"))?;
    let shown = io("canonicalize", fs::canonicalize(view.at("x/../deep/file")))?;
    check(shown.display().to_string() == view.at("deep/file"), &shown.display().to_string())?;
    let meta = io("stat", fs::metadata(view.at("file")))?;
    check(meta.is_file() && meta.len() == 6, "the metadata are others")?;
    let read_only = std::os::unix::fs::PermissionsExt::from_mode(0o400);
    io("chmod", fs::set_permissions(view.at("file"), read_only))?;
    let meta = io("stat below", fs::metadata(place.at("in/file")))?;
    check(meta.permissions().readonly(), "the mode did not change")?;
    io("remove", fs::remove_dir_all(view.at("x")))?;
    check(!place.at("in/x").exists(), "it is still there")?;
    check(fs::read(view.at("../beside")).is_err(), "it leads outside")?;
    check(fs::read(view.at("none")).is_err(), "something is there")
}

fn outlives() -> Verdict {
    let (_place, view) = viewed("outlives")?;
    let mut file = io("open", fs::File::open(view.at("file")))?;
    let directory = at("directory", Handle::open(&view.at("deep"), LIST))?;
    at("kill", view.process.kill())?;
    at("wait", view.process.wait())?;
    let mut text = String::new();
    io("read", file.read_to_string(&mut text))?;
    check(text == "inside", &text)?;
    check(Handle::open_at(&directory, "file", O_RDONLY as u64).is_err(), "a dead view answers")
}

const LIST: u64 = (O_RDONLY | O_DIRECTORY) as u64;

fn alone() -> Verdict {
    let (_place, view) = viewed("alone")?;
    let file = at("open", Handle::open(&view.at("file"), O_RDONLY as u64))?;
    let info = at("query", query(&file))?;
    let beyond = Rights::LOOKUP | Rights::LINK | Rights::RENAME | Rights::REMOVE | Rights::CREATE;
    check((info.rights & beyond).is_empty(), &format!("{:?}", info.rights))?;
    check((info.inherit & beyond).is_empty(), &format!("{:?}", info.inherit))?;
    check(!info.rights.contains(Rights::WRITE), "it can be written")?;
    check(Handle::open_at(&file, "", O_RDONLY as u64).is_err(), "it opens something")
}

fn links() -> Verdict {
    let (place, view) = viewed("links")?;
    io("link", symlink("deep/file", place.at("in/inner")))?;
    io("link", symlink("../beside", place.at("in/outer")))?;
    io("link", symlink("/scheme/initfs/etc/motd", place.at("in/absolute")))?;
    let text = io("inner", fs::read_to_string(view.at("inner")))?;
    check(text == "deep", &text)?;
    check(fs::read(view.at("outer")).is_err(), "a link led out of the view")?;
    let motd = io("absolute", fs::read(view.at("absolute")))?;
    check(fs::read("/scheme/initfs/etc/motd").is_ok_and(|text| text == motd), "another text")?;
    let target = io("read_link", fs::read_link(view.at("inner")))?;
    check(target.display().to_string() == "deep/file", "another target")?;
    io("link", symlink("file", view.at("made")))?;
    check(fs::read(place.at("in/made")).is_ok_and(|text| text == b"inside"), "another link")
}

fn follows() -> Verdict {
    let (place, view) = viewed("follows")?;
    let deep = at("deep", Handle::open(&view.at("deep"), LIST))?;
    io("rename", fs::rename(view.at("deep"), view.at("moved")))?;
    io("again", fs::create_dir(view.at("deep")))?;
    io("again", fs::write(view.at("deep/file"), "another"))?;
    let file = at("file", Handle::open_at(&deep, "file", O_RDONLY as u64))?;
    let mut text = [0; 8];
    let length = at("read", file.read_at(&mut text, 0))?;
    check(text.get(..length) == Some(b"deep"), "another file")?;
    // Also when somebody else moves it.
    io("rename below", fs::rename(place.at("in/moved"), place.at("elsewhere")))?;
    at("file", Handle::open_at(&deep, "file", O_RDONLY as u64)).map(drop)
}

fn narrowed() -> Verdict {
    use clavis::abi::error::{EACCES, EINVAL, ENOENT, ENOTCAPABLE};
    use syscall::flag::O_RDWR;
    let (place, view) = viewed("narrowed")?;
    io("write", fs::write(place.at("in/a.txt"), "text"))?;
    let root = at("root", Handle::open(&view.at(""), LIST))?;
    let name = view.at("");
    let ask = |of: &Handle, text: &str| {
        Handle::ask(of, format!("policy\n{text}").as_bytes(), clavis::Place::Upper)
    };
    let narrow = at("policy", ask(&root, &format!("allow r {name}*.txt\n")))?;
    let errno = |of: &Handle, path: &str, flags: usize| {
        Handle::open_at(of, path, flags as u64).err().map(|error| error.errno())
    };
    check(errno(&narrow, "a.txt", O_RDONLY).is_none(), "what matches is not opened")?;
    check(errno(&narrow, "a.txt", O_RDWR) == Some(EACCES), "it is written")?;
    check(errno(&narrow, "file", O_RDONLY) == Some(ENOENT), "what does not match is opened")?;
    check(errno(&root, "file", O_RDWR).is_none(), "the other handle is narrow too")?;
    // It is handed on, and weakened again: by a policy, and by rights.
    let again = at("again", ask(&narrow, &format!("allow rw {name}***\nhide {name}a*\n")))?;
    check(errno(&again, "a.txt", O_RDONLY) == Some(ENOENT), "it was widened")?;
    let all = Rights::all();
    let weak = at("derive", Handle::derive(&narrow, all, all - Rights::READ))?;
    check(errno(&weak, "a.txt", O_RDONLY) == Some(ENOTCAPABLE), "READ is back")?;
    let wrong = ask(&narrow, "allow everything\n").err().map(|error| error.errno());
    check(wrong == Some(EINVAL), "it is no policy")
}

fn walked() -> Verdict {
    use clavis::abi::error::{EISDIR, ELOOP, ENOENT, ENOTDIR};
    use clavis::open_flags::{NO_SYMLINKS, NOT_DIRECTORY, WALK};
    use syscall::flag::O_NOFOLLOW;
    let (place, view) = viewed("walked")?;
    for name in ["link", "unseen-link"] {
        io("link", symlink("deep", place.at("in").join(name)))?;
    }
    io("write", fs::write(place.at("in/unseen-file"), "unseen"))?;
    let root = at("root", Handle::open(&view.at(""), LIST))?;
    let read = |of: &Handle, path: &str, flags: u64| {
        let opened = Handle::open_at(of, path, O_RDONLY as u64 | flags);
        let mut text = [0; 16];
        let read = opened.and_then(|file| file.read_at(&mut text, 0));
        let text = read
            .map(|length| String::from_utf8_lossy(text.get(..length).unwrap_or(&[])).into_owned());
        text.map_err(|error| error.errno())
    };
    let deep = || Ok("deep".to_owned());
    for (path, flags, expected) in [
        ("deep/file", 0, deep()),
        ("deep/file", WALK, deep()),
        ("link/file", 0, deep()),
        ("link/file", NO_SYMLINKS, Err(ELOOP)),
        ("link", O_NOFOLLOW as u64, Err(ELOOP)),
        ("link", NOT_DIRECTORY, Err(EISDIR)),
        ("deep", 0, Err(EISDIR)),
        ("file/x", 0, Err(ENOTDIR)),
        ("none", 0, Err(ENOENT)),
    ] {
        let found = read(&root, path, flags);
        check(found == expected, &format!("{path} {flags:#x}: {found:?}"))?;
    }
    // A directory that was opened so is one.
    let directory = at("directory", Handle::open_at(&root, "link", O_RDONLY as u64))?;
    check(read(&directory, "file", 0) == deep(), "it leads elsewhere")?;
    // What is hidden on the way is not there, whatever it is, though more may be said of what lies below.
    let name = view.at("");
    let hide = |path: &str| format!("hide {name}{path}\nallow r {name}{path}/*\n");
    let text = format!("policy\nallow r {name}***\n{}{}", hide("unseen-file"), hide("unseen-link"));
    let narrow = at("policy", Handle::ask(&root, text.as_bytes(), clavis::Place::Upper))?;
    for path in ["unseen-file/x", "unseen-link/file", "none/x"] {
        let found = read(&narrow, path, 0);
        check(found == Err(ENOENT), &format!("{path}: {found:?}"))?;
    }
    check(read(&narrow, "link/file", 0) == deep(), "what is allowed is not opened")
}

//! Names: every open goes through the namespace manager, and nothing else can be named.
use super::support::{Peer, at, check, refused};
use crate::peer::ask;
use crate::run::{Case, Verdict};
use clavis::abi::error::{EEXIST, ENOENT, ENOTCAPABLE};
use clavis::handle::limit;
use clavis::namespace::{Name, Namespace, permissions};
use clavis::{Handle, Rights, handle_flags, open_flags};
use std::fs;
use syscall::flag::{O_RDONLY, O_RDWR};

pub(crate) const CASES: &[Case] = &[
    Case { name: "an_open_reaches_its_server_through_the_namespace_manager", run: open_through },
    Case {
        name: "a_name_outside_the_namespace_is_not_found_and_its_server_never_hears",
        run: outside,
    },
    Case { name: "a_closed_fork_holds_the_listed_names_and_no_more", run: closed_fork },
    Case { name: "a_fork_narrows_what_is_opened_through_a_name", run: narrowed_name },
    Case { name: "a_sealed_namespace_does_not_change", run: sealed },
    Case { name: "an_open_waits_for_a_service_that_has_not_registered_yet", run: waits },
    Case { name: "a_relative_open_follows_the_directory_through_a_rename", run: renamed_cwd },
    Case { name: "a_path_that_leaves_its_directory_is_refused", run: beneath },
    Case { name: "files_in_the_file_scheme_keep_what_was_written", run: files },
];

fn bound(mode: &str) -> Result<(Peer, Namespace), String> {
    let peer = Peer::start(mode)?;
    let namespace = at("namespace", Namespace::current())?;
    at("bind", namespace.bind(&Name::whole("peer"), &peer.root))?;
    Ok((peer, namespace))
}

fn open_through() -> Verdict {
    let (peer, _namespace) = bound("normal")?;
    let opened = at("open", Handle::open("/scheme/peer/some/file", O_RDWR as u64))?;
    let heard = peer.ask(ask::HEARD)?;
    check(heard == 1, &format!("the server heard {heard} requests instead of one open"))?;
    drop(opened);
    peer.settle()?;
    check(peer.ask(ask::CLOSED)? == 1, "the server was not told of the close")
}

fn outside() -> Verdict {
    let (peer, namespace) = bound("normal")?;
    let narrow = at("fork", namespace.fork_closed(&[Name::whole("initfs")]))?;
    let path = "/scheme/peer/file";
    refused("open", Handle::open_at(narrow.handle(), path, O_RDONLY as u64), ENOENT)?;
    refused("another", Handle::open_at(narrow.handle(), "/scheme/no/x", O_RDONLY as u64), ENOENT)?;
    check(peer.ask(ask::HEARD)? == 0, "the server heard of an open that was not its own")
}

fn closed_fork() -> Verdict {
    let (_peer, namespace) = bound("normal")?;
    let names = [Name::whole("initfs"), Name::whole("peer")];
    let narrow = at("fork", namespace.fork_closed(&names))?;
    let mut seen = at("names", narrow.names())?;
    seen.sort();
    check(seen == ["initfs", "peer"], &format!("the fork holds {seen:?}"))?;
    let root = at("open", Handle::open("/scheme/peer", O_RDWR as u64))?;
    at("bind later", namespace.bind(&Name::whole("later"), &root))?;
    refused("later", Handle::open_at(narrow.handle(), "/scheme/later", 0), ENOENT)
}

fn narrowed_name() -> Verdict {
    let (peer, namespace) = bound("normal")?;
    let most = Rights::all() - Rights::WRITE - Rights::APPEND - Rights::SET_ATTR;
    let narrow = at("fork", namespace.fork_closed(&[Name::narrowed("peer", most)]))?;
    let path = "/scheme/peer/file";
    let writing = Handle::open_at(narrow.handle(), path, O_RDWR as u64);
    refused("open for writing", writing, ENOTCAPABLE)?;
    check(peer.ask(ask::HEARD)? == 0, "the server heard of an open that was refused")?;
    let reading = at("open", Handle::open_at(narrow.handle(), path, O_RDONLY as u64))?;
    let info = at("query", clavis::handle::query(&reading))?;
    check(most.contains(info.rights), &format!("it has {:?}", info.rights - most))?;
    check(most.contains(info.inherit), "its inherit mask is wider than the name's")
}

fn sealed() -> Verdict {
    let (peer, namespace) = bound("normal")?;
    let fork = at("fork", namespace.fork_closed(&[Name::whole("initfs")]))?;
    at("seal", fork.seal())?;
    let bound = fork.bind(&Name::whole("peer"), &peer.root);
    check(bound.is_err(), "a name was bound in a sealed namespace")?;
    check(fork.unbind("initfs").is_err(), "a name was removed from a sealed namespace")?;
    let shrunk = at("shrink", namespace.shrink(permissions::LIST))?;
    let bound = shrunk.bind(&Name::whole("other"), &peer.root);
    check(bound.is_err_and(|error| error.errno() != EEXIST), "a name was bound without permission")
}

fn waits() -> Verdict {
    let peer = Peer::start("normal")?;
    let namespace = at("namespace", Namespace::current())?;
    let slot = at("slot", clavis::object::slot("late"))?;
    at("bind", namespace.bind(&Name::whole("late"), &slot))?;
    let opener =
        std::thread::spawn(|| Handle::open("/scheme/late/file", O_RDONLY as u64).map(|_| ()));
    while peer.ask(ask::HEARD)? < 3 {
        std::thread::yield_now();
    }
    check(!opener.is_finished(), "an open of an empty slot did not wait")?;
    let root = at("derive", Handle::derive(&peer.root, Rights::all(), Rights::all()))?;
    at("fill", clavis::handle::send_away(&slot, root, &[]))?;
    match opener.join() {
        Ok(opened) => at("open", opened)?,
        Err(_) => return Err("the opener panicked".into()),
    }
    let again = at("derive", Handle::derive(&peer.root, Rights::all(), Rights::all()))?;
    refused("fill again", clavis::handle::send_away(&slot, again, &[]), EEXIST)
}

fn renamed_cwd() -> Verdict {
    let io = |what: &str, result: std::io::Result<()>| result.map_err(|e| format!("{what}: {e}"));
    io("mkdir", fs::create_dir("/before"))?;
    io("write", fs::write("/before/file", "here"))?;
    io("cd", std::env::set_current_dir("/before"))?;
    io("rename", fs::rename("/before", "/after"))?;
    let text = fs::read_to_string("file").map_err(|e| format!("read: {e}"))?;
    check(text == "here", "the relative name led elsewhere")?;
    io("write", fs::write("second", "too"))?;
    let text = fs::read_to_string("/after/second").map_err(|e| format!("read: {e}"))?;
    io("clean", fs::remove_dir_all("/after"))?;
    check(text == "too", "the relative name led elsewhere")
}

fn beneath() -> Verdict {
    let io = |what: &str, result: std::io::Result<()>| result.map_err(|e| format!("{what}: {e}"));
    io("mkdir", fs::create_dir_all("/cage/inner"))?;
    io("write", fs::write("/secret", "no"))?;
    let flags = O_RDONLY as u64 | syscall::O_DIRECTORY as u64;
    let cage = at("open", Handle::open("/cage", flags))?;
    at("limit", limit(&cage, Rights::all(), Rights::all(), handle_flags::BENEATH))?;
    for path in ["..", "../secret", "inner/../../secret", "/secret", "inner/../..", "./../secret"] {
        let opened = Handle::open_at(&cage, path, O_RDONLY as u64);
        check(opened.is_err(), &format!("{path} led outside"))?;
    }
    let inner = at("inner", Handle::open_at(&cage, "inner", flags))?;
    refused("sticky", Handle::open_at(&inner, "..", flags), ENOTCAPABLE)?;
    let file = at("open", Handle::open("/", flags))?;
    let asked = Handle::open_at(&file, "../x", O_RDONLY as u64 | open_flags::BENEATH);
    refused("by flag", asked, ENOTCAPABLE)?;
    io("clean", fs::remove_dir_all("/cage"))?;
    io("clean", fs::remove_file("/secret"))
}

fn files() -> Verdict {
    let io = |what: &str, result: std::io::Result<()>| result.map_err(|e| format!("{what}: {e}"));
    let content: Vec<u8> = (0..300_000u32).map(|n| (n * 7 % 251) as u8).collect();
    io("write", fs::write("/big", &content))?;
    let read = fs::read("/big").map_err(|e| format!("read: {e}"))?;
    check(read == content, "what was read is not what was written")?;
    io("copy", fs::copy("/big", "/copy").map(drop))?;
    let metadata = fs::metadata("/copy").map_err(|e| format!("stat: {e}"))?;
    check(metadata.len() == 300_000, "the copy has another length")?;
    let missing = fs::read("/missing").map_err(|e| e.raw_os_error());
    check(missing == Err(Some(ENOENT)), "a missing file is not reported as such")?;
    io("remove", fs::remove_file("/big"))?;
    io("remove", fs::remove_file("/copy"))
}

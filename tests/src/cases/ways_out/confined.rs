//! The same paths for who has given something up: in capability mode, under a veil, contained,
//! under a policy, and from a contained shell.
use super::super::apart::{apart, done};
use super::super::contain::contain;
use super::super::place::{Place, io};
use super::super::support::check;
use super::super::{capsicum, unveil};
use super::ways::Comes::{self, In, To};
use super::ways::{SEEN, WALKED, WAYS, long};
use super::{cage, fixture, native, untouched};
use crate::run::{Case, PROGRAM, Verdict};
use clavis::Handle;
use clavis::abi::error::{ECAPMODE, ENOENT, ENOSYS, ENOTCAPABLE, ENOTDIR};
use std::ffi::c_int;
use std::fs::File;
use std::io::Read;

pub(crate) const CASES: &[Case] = &[
    Case { name: "no_known_path_leads_out_in_capability_mode", run: capability },
    Case { name: "no_known_path_leads_out_of_a_veil", run: veiled },
    Case { name: "no_known_path_gives_back_what_a_promise_took", run: pledged },
    Case { name: "no_path_of_the_table_leads_a_contained_program_out", run: contained },
    Case { name: "no_known_path_leads_a_program_under_a_policy_out", run: policy },
    Case { name: "no_known_path_leads_a_contained_shell_out", run: shell },
];

/// What C's `openat` makes of it in capability mode: an absolute path has nowhere to start.
fn in_capability_mode(path: &str, comes: Comes) -> Comes {
    match comes {
        To(ENOTCAPABLE) if path.starts_with('/') => To(ECAPMODE),
        comes => comes,
    }
}

fn capability() -> Verdict {
    let place = fixture("capability-ways")?;
    let cage = cage(&place)?.into_fd();
    let number = cage.map_err(|error| error.to_string())?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&number);
    apart(|| {
        capsicum::enter()?;
        let tried = |path: &str, flags: usize, comes: Comes, why: &str| {
            match (done(capsicum::open_at(number, path, flags as c_int)), comes) {
                (Ok(opened), In) => {
                    // SAFETY: it was just opened.
                    unsafe { libc::close(opened as c_int) };
                    Ok(())
                }
                (Err(error), To(expected)) if error == expected => Ok(()),
                (other, _) => Err(format!("{path:?}: {other:?}, but {why}")),
            }
        };
        for (path, flags, comes, why) in WAYS {
            tried(path, *flags, in_capability_mode(path, *comes), why)?;
        }
        for (path, comes, why) in long() {
            tried(&path, syscall::O_RDONLY, comes, why)?;
        }
        tried("", syscall::O_RDONLY, To(ENOENT), "an empty path names nothing")
    })?;
    untouched(&place)
}

/// Whether who sees only the directory by its own path opens something there.
fn opens(path: &str, comes: Comes) -> bool {
    matches!(comes, In) || SEEN.contains(&path)
}

fn veiled() -> Verdict {
    let place = fixture("veiled-ways")?;
    apart(|| {
        let inside = place.at("in");
        check(unveil::unveil(&inside, "rwc") == 0 && unveil::lock() == 0, "there is no veil")?;
        let whole = |path: &str| format!("{}/{path}", inside.display());
        for (path, _, comes, why) in WAYS {
            let opened = File::open(whole(path));
            check(opened.is_ok() == opens(path, *comes), &format!("{path:?}: {opened:?}: {why}"))?;
            // OpenBSD has no such error.
            let refused = opened.as_ref().err().and_then(|error| error.raw_os_error());
            check(refused != Some(ENOTCAPABLE), &format!("{path:?}: {opened:?}"))?;
            let mut said = String::new();
            if opened.is_ok_and(|mut file| file.read_to_string(&mut said).is_ok()) {
                check(!said.contains("outside"), &format!("{path:?} was read"))?;
            }
            // To create is no other way: `untouched` tells.
            drop(File::options().write(true).create(true).truncate(false).open(whole(path)));
        }
        for (path, _, why) in long() {
            // However far it climbs: above the veil's first name is that name alone.
            let names = std::fs::read_dir(whole(&path)).into_iter().flatten().flatten();
            let own = place.at("").file_name().map(std::ffi::OsStr::to_owned);
            check(names.map(|name| Some(name.file_name())).all(|name| name == own), why)?;
        }
        Ok(())
    })?;
    untouched(&place)
}

fn pledged() -> Verdict {
    let place = fixture("pledged-ways")?;
    let cage = cage(&place)?;
    // Who keeps its promises of paths meets what everybody meets.
    apart(|| {
        check(unveil::pledge(Some("stdio rpath wpath cpath"), None) == 0, "there is no pledge")?;
        native::tried(&place, &cage, ENOTDIR)
    })?;
    // Who gave them up opens nothing: the C library says why, and without it it is not there.
    apart(|| {
        check(unveil::pledge(Some("stdio error"), None) == 0, "there is no pledge")?;
        let number = clavis::AsNumber::number(&cage).raw() as c_int;
        for (path, flags, ..) in WAYS {
            let whole = format!("{}/in/{path}", place.at("").display());
            let said = [
                File::open(&whole).err().and_then(|error| error.raw_os_error()),
                done(capsicum::open_at(number, path, *flags as c_int)).err(),
            ];
            check(said == [Some(ENOSYS); 2], &format!("{path:?}: {said:?}"))?;
            let raw = [
                Handle::open_at(&cage, path, *flags as u64).is_ok(),
                Handle::open(&whole, *flags as u64).is_ok(),
            ];
            check(raw == [false; 2], &format!("{path:?} was opened: {raw:?}"))?;
        }
        Ok(())
    })?;
    untouched(&place)
}

fn contained() -> Verdict {
    let place = fixture("contained")?;
    tried(&place, &format!("-a rwc:{{}}/in {PROGRAM} --act open "), &[])
}

fn policy() -> Verdict {
    let place = fixture("policy-ways")?;
    let text =
        format!("allow rwc {}/in/***\n", place.at("").display().to_string().trim_end_matches('/'));
    io("policy", std::fs::write(place.at("policy"), text))?;
    tried(&place, &format!("--policy {{}}/policy {PROGRAM} --act open "), WALKED)
}

fn shell() -> Verdict {
    let place = fixture("contained-shell")?;
    let tools = "-a rx:/scheme/initfs/bin -s memory -s pipe";
    tried(&place, &format!("-a rwc:{{}}/in {tools} sh -c true_<_"), &[])
}

/// Every path that is one word at the end of the command line. `also` are those that open something
/// besides.
fn tried(place: &Place, line: &str, also: &[&str]) -> Verdict {
    // The shell's own words end where those of the line do, and it has characters of its own.
    let apart: &[char] =
        if line.ends_with('_') { &[' ', '\n', '\\', '\u{1b}'] } else { &[' ', '\n'] };
    for (path, _, comes, why) in WAYS.iter().filter(|way| !way.0.contains(apart)) {
        let outcome = contain(&format!("{line}{{}}/in/{path}"), place)?;
        let opens = opens(path, *comes) || also.contains(path);
        let right = outcome.status.success() == opens;
        let told = format!("{path:?} ({why}): {} {}", outcome.status, outcome.said);
        check(right && !outcome.said.contains("outside"), &told)?;
    }
    untouched(place)
}

//! Namespaces as sandboxes: each way to narrow one, from outside and from inside.
use super::contain::{contain, place, run};
use super::place::Place;
use super::support::check;
use crate::run::{Case, Verdict};
use clavis::Command;

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_scheme_can_be_chrooted_to_a_directory", run: chroot },
    Case { name: "a_masked_name_is_an_empty_directory", run: masked },
    Case { name: "a_name_can_be_bound_to_the_null_device", run: nulled },
    Case { name: "a_renamed_name_leads_where_it_led", run: renamed },
    Case { name: "a_hidden_name_does_not_exist", run: hidden },
    Case { name: "a_sealed_namespace_cannot_be_edited_by_its_holder", run: sealed },
    Case { name: "ns_shows_the_places_within_names", run: shown },
    Case { name: "namespaces_nest_thirty_two_deep", run: nested },
];

/// Runs `ns run` with words, in a namespace that has what tools need.
fn ns(line: &str, place: &Place) -> Result<super::contain::Outcome, String> {
    let words = place.words(&format!("run {line}"));
    run(Command::new("/scheme/initfs/bin/ns").args(words))
}

fn chroot() -> Verdict {
    let place = place("chroot")?;
    let line = "--only file,initfs --bind file={}/in --";
    ns(&format!("{line} cat /file"), &place)?.says("inside")?;
    ns(&format!("{line} ls -1 /"), &place)?.says("deep\nfile\n")?;
    ns(&format!("{line} cat /../beside"), &place)?.fails(1, "")?;
    ns(&format!("{line} cat {{}}/in/file"), &place)?.fails(1, "no such file")?;
    let line = "--only file,initfs --bind file=r:{}/in --";
    ns(&format!("{line} rm /file"), &place)?.fails(1, "REMOVE")
}

fn masked() -> Verdict {
    let place = place("masked")?;
    let line = "--mask file --";
    ns(&format!("{line} ls -1 /"), &place)?.says("")?;
    ns(&format!("{line} cat {{}}/beside"), &place)?.fails(1, "no such file")?;
    ns(&format!("{line} mkdir /x"), &place)?.fails(1, "no such file")
}

fn nulled() -> Verdict {
    let place = place("nulled")?;
    ns("--bind log=/scheme/null -- cat /scheme/log", &place)?.says("")
}

fn renamed() -> Verdict {
    let place = place("renamed")?;
    let line = "--only file,initfs --rename file=disk --";
    ns(&format!("{line} cat /scheme/disk{{}}/beside"), &place)?.says("outside")?;
    ns(&format!("{line} cat {{}}/beside"), &place)?.fails(1, "no such file")?;
    ns("--rename file=initfs -- true", &place)?.fails(1, "exists already")
}

fn hidden() -> Verdict {
    let place = place("hidden")?;
    ns("--hide file,log -- cat {}/beside", &place)?.fails(1, "no such file")?;
    ns("--hide file,log -- ls /scheme/log", &place)?.fails(1, "no such file")
}

fn sealed() -> Verdict {
    let place = place("sealed")?;
    let inside = "-s initfs -s file -s memory /scheme/initfs/bin/ns";
    for edit in ["unbind_file", "mask_file", "rename_file=x", "bind_x=/", "seal"] {
        let line = format!("{inside} {}", edit.replace('_', " "));
        let outcome = contain(&line, &place)?;
        check(!outcome.status.success(), &format!("{edit}: {}", outcome.said))?;
    }
    let outcome = contain(&format!("{inside} ls"), &place)?;
    outcome.fails(0, "file")?;
    check(outcome.said.contains("sealed"), &outcome.said)
}

fn shown() -> Verdict {
    let place = place("shown")?;
    let outcome = contain("-a r:{}/in -a r:/scheme/initfs/etc /scheme/initfs/bin/ns", &place)?;
    let expected = format!("file{}/in", place.at("").display().to_string().trim_end_matches('/'));
    outcome.fails(0, &expected)?;
    outcome.fails(0, "initfs/etc")
}

fn nested() -> Verdict {
    use super::support::{at, refused};
    use clavis::abi::error::EDQUOT;
    use clavis::namespace::{Name, Namespace};
    let place = place("nested")?;
    let mut all = vec![at("namespace", Namespace::current())?];
    let path = format!("/scheme/file{}", place.at("beside").display());
    // The console's own namespaces and this case's are above.
    loop {
        let Some(last) = all.last() else { return Err("none".into()) };
        match last.fork_closed(&[Name::whole("file")]) {
            Ok(child) => all.push(child),
            Err(error) => {
                refused("fork", Err::<(), _>(error), EDQUOT)?;
                break;
            }
        }
        let Some(child) = all.last() else { return Err("none".into()) };
        at("open", clavis::Handle::open_at(child.handle(), &path, syscall::O_RDONLY as u64))?;
    }
    check(all.len() >= 28, &format!("only {} deep", all.len()))
}

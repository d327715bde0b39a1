//! What can be seen of others: where handles come from, and what was refused.
use super::support::{at, check, refused};
use crate::run::{Case, PROGRAM, Verdict};
use clavis::abi::call::Call;
use clavis::abi::error::{EKEYREJECTED, ENOENT};
use clavis::abi::params::{Denial, DenialRule, NO_HANDLE, Step};
use clavis::audit::{Reader, Refusal, report};
use clavis::{AsNumber, Command, EntryKind, Handle, Number, Rights, process};

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_process_tells_where_each_handle_comes_from", run: origins },
    Case { name: "a_refusal_is_read_in_the_ring_with_its_right", run: right },
    Case { name: "a_name_that_a_namespace_lacks_is_read_in_the_ring", run: name },
    Case { name: "who_watches_the_ring_is_woken_by_a_refusal", run: woken },
    Case { name: "who_reports_to_the_ring_is_named_and_cannot_read_it", run: reported },
    Case { name: "the_tool_audit_shows_refusals_and_escapes_names", run: audit },
];

/// The refusals that the ring has of this process, the newest last.
fn own(ring: &mut Reader) -> Result<Vec<Refusal>, String> {
    let mut all = Vec::new();
    loop {
        let more = at("ring", ring.more())?;
        if more.is_empty() {
            return Ok(all);
        }
        let me = process::number() as u64;
        all.extend(more.into_iter().filter(|row| row.process == me));
    }
}

fn null_without_rights() -> Result<Handle, String> {
    let file = at("null", Handle::open("/dev/null", 0))?;
    at("derive", Handle::derive(&file, Rights::DUP, Rights::empty()))
}

fn origins() -> Verdict {
    let me = process::number() as u64;
    let own = clavis::startup::number(EntryKind::SelfProcess).ok_or("no handle to itself")?;
    let file = at("motd", Handle::open("/scheme/initfs/etc/motd", 0))?;
    let rows = at("inspect", process::inspect(&own))?;
    let row = |number: Number| rows.iter().find(|row| row.number == number).ok_or("not there");
    let opened = row(file.number())?;
    check(opened.origin.step == Some(Step::Opened), "the file was not opened")?;
    check(opened.origin.maker == Some(me), "somebody else opened it")?;
    let namespace = clavis::startup::number(EntryKind::Namespace).ok_or("no namespace")?;
    let via = opened.origin.via.map(|number| number.raw());
    check(via == Some(namespace.raw()), &format!("opened through {via:?}, not the namespace"))?;
    check(opened.object != 0, "its endpoint has no number")?;
    let given = row(own)?;
    check(given.origin.step == Some(Step::Given), "the handle to itself was not given")?;
    check(given.object == me, "it is another process")?;
    let maker = at("usage", process::usage(&own))?.maker;
    check(given.origin.from == Some(maker), "given by another than its maker")?;
    let child = Command::new(PROGRAM).arg("--act").arg("sleep");
    let child = at("spawn", child.handle_at(Number::from_raw(40), &file).spawn())?;
    let rows = at("inspect", process::inspect(child.handle()))?;
    let got = rows.iter().find(|row| row.number.raw() == 40).ok_or("it was not given")?;
    let (step, from, maker) = (got.origin.step, got.origin.from, got.origin.maker);
    check((step, from, maker) == (Some(Step::Given), Some(me), Some(me)), "given otherwise")?;
    check(got.object == opened.object, "it is of another endpoint")?;
    at("kill", child.kill())
}

fn right() -> Verdict {
    let mut ring = at("ring", Reader::new())?;
    own(&mut ring)?;
    let mute = null_without_rights()?;
    refused("read", mute.read_at(&mut [0], u64::MAX), EKEYREJECTED)?;
    let rows = own(&mut ring)?;
    let [row] = rows.as_slice() else { return Err(format!("{} refusals", rows.len())) };
    check(row.reporter.is_none(), "somebody else than the kernel said so")?;
    check(row.denial.handle == mute.number().raw() as u64, "another handle")?;
    check(row.denial.rule == DenialRule::Rights as u64, "another rule")?;
    let missing = Rights::from_bits_truncate(row.denial.missing);
    check(missing.contains(Rights::READ), &format!("{missing:?} was missing"))?;
    check(row.name == "null", &format!("its label is {:?}", row.name))
}

fn name() -> Verdict {
    let mut ring = at("ring", Reader::new())?;
    own(&mut ring)?;
    refused("open", Handle::open("/scheme/treasury/gold", 0), ENOENT)?;
    let rows = own(&mut ring)?;
    let [row] = rows.as_slice() else { return Err(format!("{} refusals", rows.len())) };
    check(row.name.contains("treasury"), &format!("the name is {:?}", row.name))?;
    check(row.denial.rule == DenialRule::Name as u64, "another rule")?;
    check(row.denial.handle == NO_HANDLE, "it names a handle")?;
    check(row.reporter.is_some(), "the kernel said so")
}

fn woken() -> Verdict {
    let mut ring = at("ring", Reader::new())?;
    let watch = at("watch", ring.watch())?;
    own(&mut ring)?;
    let mute = null_without_rights()?;
    let refused = std::thread::spawn(move || mute.read_at(&mut [0], u64::MAX).is_err());
    loop {
        at("wait", watch.wait())?;
        if !own(&mut ring)?.is_empty() {
            return check(refused.join().unwrap_or(false), "it was not refused");
        }
    }
}

fn reported() -> Verdict {
    let mut ring = at("ring", Reader::new())?;
    own(&mut ring)?;
    let me = process::number() as u64;
    let denial = Denial::new(Call::OpenAt as usize, 0, Rights::empty(), DenialRule::Policy);
    at("report", report(me, denial, "cellar"))?;
    let rows = own(&mut ring)?;
    let [row] = rows.as_slice() else { return Err(format!("{} refusals", rows.len())) };
    check((row.reporter, row.name.as_str()) == (Some(me), "cellar"), "it says otherwise")?;
    let writer = clavis::startup::number(EntryKind::Report).ok_or("may not report")?;
    let mut buffer = [0; 256];
    let read = clavis::handle::query(&writer).map(|info| info.rights.contains(Rights::READ));
    check(!at("query", read)?, "who reports may read")?;
    let reader = clavis::startup::number(EntryKind::Audit).ok_or("may not read")?;
    let copy = at("derive", Handle::derive(&reader, Rights::all(), Rights::all()))?;
    refused("write", copy.write_at(&buffer, u64::MAX), EKEYREJECTED)?;
    at("read", copy.read_at(&mut buffer, 0)).map(drop)
}

fn audit() -> Verdict {
    let name = "/scheme/\u{1b}[2Jcellar\u{202e}";
    refused("open", Handle::open(name, 0), ENOENT)?;
    let program = Command::new("/scheme/initfs/bin/audit").own_startup(EntryKind::Audit);
    let (from, to) = at("pipe", clavis::object::pipe(0))?;
    let number = process::number().to_string();
    let child = program.arg("-p").arg(&number).stdout(&to);
    let child = at("spawn", child.spawn())?;
    drop(to);
    let mut said = String::new();
    std::io::Read::read_to_string(&mut &from, &mut said).map_err(|error| error.to_string())?;
    at("wait", child.wait())?;
    check(said.contains("/scheme/?[2Jcellar?: the namespace has no such name"), &said)
}

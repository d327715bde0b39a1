//! How a process came to hold a handle, what is under it, and what would take it away: in words.
use crate::graph::lease_name;
use crate::model::short;
use crate::{Held, Process, Snapshot, State};
use clavis_abi::Rights;
use clavis_abi::params::{ObjectType, Step, long_number};
use clavis_render::rights;
use std::collections::BTreeSet;

/// Says it, a line for each step and each thing that would take it away; `None` if that process
/// has no such handle.
#[must_use]
pub fn told(snapshot: &Snapshot, process: u64, number: u64) -> Option<String> {
    let holder = snapshot.process(process)?;
    let held = holder.handle(number)?;
    let mut text = format!(
        "handle {} of process {}: {}, {}\n",
        short(held.number),
        holder.title(),
        held.title(),
        rights::compact(held.rights)
    );
    for line in steps(snapshot, holder, held) {
        text.push_str(&format!("  {line}\n"));
    }
    for line in endings(snapshot, holder, held) {
        text.push_str(&format!("  it ends {line}\n"));
    }
    Some(text)
}

/// Where it comes from, step by step back.
fn steps(snapshot: &Snapshot, holder: &Process, held: &Held) -> Vec<String> {
    let mut lines = Vec::new();
    let mut seen = BTreeSet::new();
    let (mut holder, mut held) = (holder, held);
    while seen.insert((holder.number, held.number)) {
        let who = name(snapshot, held.from);
        let via = long_number(held.via).map(|number| number as u64);
        let there = via.map_or_else(|| "a handle".to_owned(), |via| format!("its {}", short(via)));
        let (line, next) = match held.step() {
            None => ("it came in a way that this program does not know".to_owned(), None),
            Some(Step::Made) if held.maker == 0 => ("the kernel gave it".to_owned(), None),
            Some(Step::Made) => (format!("{} made it", name(snapshot, held.maker)), None),
            Some(Step::Opened) => {
                let way = via.and_then(|via| holder.handle(via));
                let what = way.map_or_else(|| "closed since".to_owned(), Held::title);
                let through = via.map_or_else(|| "a handle".to_owned(), short);
                let line = format!("{} opened it through {through} ({what})", holder.title());
                (line, way.map(|way| (holder, way)))
            }
            Some(step) => {
                let before =
                    snapshot.process(held.from).and_then(|from| Some((from, from.handle(via?)?)));
                let before = before.filter(|(_, before)| before.is_like(held));
                let line = match step {
                    Step::Given => format!("{who} gave it {there} when it made {}", holder.title()),
                    Step::Forked => {
                        format!("{} has it from {who} by fork, {there}", holder.title())
                    }
                    Step::Sent => format!("{who} sent it {there}"),
                    Step::Answered => format!("{who} answered an open with {there}"),
                    Step::Put => format!("{who} put {there} into its table before it was made"),
                    _ => format!("borrowed of {who}, {there}: to ask its name only"),
                };
                let line = match before {
                    Some(_) => line,
                    None => format!("{line}, which is no longer there"),
                };
                (line, before)
            }
        };
        lines.push(line);
        match next {
            Some(next) => (holder, held) = next,
            None => {
                if held.step() != Some(Step::Made) && held.maker != 0 {
                    let opened =
                        if held.kind() == Some(ObjectType::Scheme) { "opened" } else { "made" };
                    lines.push(format!(
                        "{} {opened} it in the beginning",
                        name(snapshot, held.maker)
                    ));
                }
                return lines;
            }
        }
    }
    lines.push("and so on: these handles are copies of each other".to_owned());
    lines
}

/// What would take it away.
fn endings(snapshot: &Snapshot, holder: &Process, held: &Held) -> Vec<String> {
    let mut lines = Vec::new();
    if held.state == State::Ended {
        return vec![format!("with lease {}, and that has ended already", lease_name(held.lease))];
    }
    if held.lease != 0 {
        let lease = lease_name(held.lease);
        let owners = who_holds(snapshot, |own| {
            own.kind() == Some(ObjectType::Lease) && own.object == held.lease
        });
        lines.push(match owners.as_slice() {
            [] => format!("with lease {lease}, which joins others or is nobody's any more"),
            owners => format!("with lease {lease}, which is held by {}", list(owners)),
        });
    }
    if held.kind() == Some(ObjectType::Scheme) && held.object != 0 {
        let servers = who_holds(snapshot, |own| {
            own.kind() == Some(ObjectType::Socket)
                && own.object == held.object
                && own.rights.contains(Rights::READ)
        });
        lines.push(match servers.as_slice() {
            [] => "never: its server is already gone, and calls fail".to_owned(),
            servers => format!("with its server: {}", list(servers)),
        });
    }
    let account = holder.account;
    let masters = who_holds(snapshot, |own| {
        let means = (own.kind(), own.object);
        let is_account = means == (Some(ObjectType::Account), account);
        let is_process = means == (Some(ObjectType::Process), holder.number);
        (is_account || is_process) && own.rights.intersects(Rights::SIGNAL | Rights::MANAGE)
    });
    let masters: Vec<_> =
        masters.into_iter().filter(|(number, _)| *number != holder.number).collect();
    let by = match masters.as_slice() {
        [] => String::new(),
        masters => format!(", which can be ended by {}", list(masters)),
    };
    lines.push(format!("when it is closed, or with process {}{by}", holder.title()));
    lines
}

/// The processes that have such a handle, each with the first.
fn who_holds(snapshot: &Snapshot, is_such: impl Fn(&Held) -> bool) -> Vec<(u64, String)> {
    let found = snapshot.processes.iter().filter_map(|process| {
        let held = process.handles.iter().find(|held| is_such(held))?;
        let text = format!("process {} as {}", process.title(), short(held.number));
        Some((process.number, text))
    });
    found.collect()
}

fn list(names: &[(u64, String)]) -> String {
    const MOST: usize = 4;
    let shown: Vec<&str> = names.iter().take(MOST).map(|(_, name)| name.as_str()).collect();
    let more = match names.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

fn name(snapshot: &Snapshot, number: u64) -> String {
    match snapshot.process(number) {
        Some(process) => format!("process {}", process.title()),
        None => format!("process {number}, which has ended,"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use clavis_abi::params::upper_number;

    fn scheme(number: u64, step: Step, from: u64, via: u64) -> Held {
        let (kind, step) = (ObjectType::Scheme as u64, step as u64);
        let (object, maker, label) = (9, 1, "file".to_owned());
        let rights = Rights::READ;
        Held { kind, step, from, via, object, maker, label, rights, ..sample::held(number) }
    }

    fn process(number: u64, name: &str, handles: Vec<Held>) -> Process {
        Process { number, name: name.into(), handles, account: 3, ..Process::default() }
    }

    #[test]
    fn a_chain_is_followed_to_who_opened_it() {
        let names = Held {
            kind: ObjectType::Scheme as u64,
            step: Step::Made as u64,
            object: 5,
            ..sample::held(upper_number(8, 0) as u64)
        };
        let opened = scheme(7, Step::Opened, 0, 0x8008);
        let lease = Held { kind: ObjectType::Lease as u64, object: 1 << 32 | 6, ..sample::held(4) };
        let shell = process(1, "/bin/sh", vec![opened, names, lease]);
        let mut given = scheme(0, Step::Given, 1, 7);
        given.lease = 1 << 32 | 6;
        let cat = process(2, "cat", vec![given]);
        let socket = Held { kind: ObjectType::Socket as u64, object: 9, ..sample::held(3) };
        let server = process(4, "ramfs", vec![socket]);
        let text = told(&Snapshot::new(vec![shell, cat, server]), 2, 0).unwrap();
        let expected = "\
handle 0 of process 2 (cat): an object of file, READ
  process 1 (sh) gave it its 7 when it made 2 (cat)
  1 (sh) opened it through u8 (scheme)
  the kernel gave it
  it ends with lease 6, which is held by process 1 (sh) as 4
  it ends with its server: process 4 (ramfs) as 3
  it ends when it is closed, or with process 2 (cat)
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_chain_ends_where_its_holder_has_closed_it_or_ended() {
        let shell = process(1, "sh", vec![]);
        let cat = process(2, "cat", vec![scheme(0, Step::Given, 1, 7)]);
        let text = told(&Snapshot::new(vec![shell, cat.clone()]), 2, 0).unwrap();
        assert!(text.contains(
            "process 1 (sh) gave it its 7 when it made 2 (cat), which is no longer there"
        ));
        assert!(text.contains("process 1 (sh) opened it in the beginning"));
        let text = told(&Snapshot::new(vec![cat]), 2, 0).unwrap();
        assert!(text.contains("process 1, which has ended, gave it"), "{text}");
        assert!(text.contains("its server is already gone"), "{text}");
    }

    #[test]
    fn every_handle_of_every_picture_is_told_in_lines_that_nothing_breaks() {
        sample::each(300, |snapshot, _| {
            for process in &snapshot.processes {
                for held in &process.handles {
                    let text = told(snapshot, process.number, held.number).unwrap();
                    assert!(text.lines().count() >= 3);
                    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
                }
                assert_eq!(told(snapshot, process.number, 40), None);
            }
            assert_eq!(told(snapshot, 77, 0), None);
        });
    }
}

//! What changed between two moments.
use crate::model::short;
use crate::{Held, Process, Snapshot, State};
use clavis_render::{origin, rights};
use std::collections::BTreeMap;

/// One change. Together, in order, they lead from one picture to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A process is there that was not, with these handles.
    Began(Process),
    /// A process is gone, with these handles.
    Ended(Process),
    /// What is told of a process beside its handles was otherwise: before and now.
    Became(Process, Process),
    /// A process has a handle that it had not.
    Gained(u64, Held),
    /// A process has no longer a handle.
    Lost(u64, Held),
    /// A process has something else, or with other rights, at a number: before and now.
    Altered(u64, Held, Held),
}

/// The changes from one picture to another, by process and handle.
#[must_use]
pub fn between(before: &Snapshot, now: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    let olds = before.processes.iter().map(|process| (process.number, process));
    let news = now.processes.iter().map(|process| (process.number, process));
    for (number, pair) in pairs(olds, news) {
        match pair {
            (Some(old), None) => changes.push(Change::Ended(old.clone())),
            (None, Some(new)) => changes.push(Change::Began(new.clone())),
            (Some(old), Some(new)) => {
                let bare = |one: &Process| Process { handles: Vec::new(), ..one.clone() };
                if bare(old) != bare(new) {
                    changes.push(Change::Became(bare(old), bare(new)));
                }
                let old = old.handles.iter().map(|held| (held.number, held));
                let new = new.handles.iter().map(|held| (held.number, held));
                changes.extend(pairs(old, new).into_values().filter_map(|pair| match pair {
                    (Some(old), None) => Some(Change::Lost(number, old.clone())),
                    (None, Some(new)) => Some(Change::Gained(number, new.clone())),
                    (Some(old), Some(new)) if old != new => {
                        Some(Change::Altered(number, old.clone(), new.clone()))
                    }
                    _ => None,
                }));
            }
            (None, None) => {}
        }
    }
    changes
}

/// What is under each number on both sides.
fn pairs<'a, T>(
    old: impl Iterator<Item = (u64, &'a T)>,
    new: impl Iterator<Item = (u64, &'a T)>,
) -> BTreeMap<u64, (Option<&'a T>, Option<&'a T>)> {
    let mut pairs = BTreeMap::new();
    for (number, value) in old {
        pairs.insert(number, (Some(value), None));
    }
    for (number, value) in new {
        pairs.entry(number).or_insert((None, None)).1 = Some(value);
    }
    pairs
}

/// The changes in words: `+` for what is new, `-` for what is gone, `*` for what is otherwise.
#[must_use]
pub fn told(changes: &[Change]) -> String {
    changes.iter().map(line).collect()
}

fn line(change: &Change) -> String {
    match change {
        Change::Began(process) => {
            format!("+ process {} with {} handles\n", process.title(), process.handles.len())
        }
        Change::Ended(process) => {
            format!("- process {} with {} handles\n", process.title(), process.handles.len())
        }
        Change::Became(old, new) => {
            format!("* process {}: now {}, in account {}\n", old.title(), new.title(), new.account)
        }
        Change::Gained(process, held) => format!("+ {process}/{}\n", handle(held)),
        Change::Lost(process, held) => format!("- {process}/{}\n", handle(held)),
        Change::Altered(process, old, new) if old.is_like(new) && old.state != new.state => {
            let told =
                if new.state == State::Ended { "ended with its lease" } else { "good again" };
            format!("* {process}/{}; now {told}\n", handle(old))
        }
        Change::Altered(process, old, new) if old.is_like(new) && old.lease == new.lease => {
            let [old_rights, new_rights] = [old, new].map(|held| rights::compact(held.rights));
            let told = if old_rights == new_rights { came(new) } else { new_rights };
            format!("* {process}/{}; now {told}\n", handle(old))
        }
        Change::Altered(process, old, new) => {
            format!("* {process}/{}; now {}\n", handle(old), handle(new))
        }
    }
}

fn handle(held: &Held) -> String {
    let lent = match held.lease {
        0 => String::new(),
        lease => format!(" under lease {}", crate::graph::lease_name(lease)),
    };
    let rights = rights::compact(held.rights);
    format!("{} {}{lent}: {rights}, {}", short(held.number), held.title(), came(held))
}

fn came(held: &Held) -> String {
    let process = |number: u64| (number != 0).then_some(number);
    let via = clavis_abi::params::long_number(held.via);
    origin::brief(held.step(), process(held.maker), process(held.from), via)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    /// The picture after some changes.
    fn apply(before: &Snapshot, changes: &[Change]) -> Snapshot {
        let mut all: BTreeMap<u64, Process> =
            before.processes.iter().map(|one| (one.number, one.clone())).collect();
        for change in changes {
            match change.clone() {
                Change::Began(process) => {
                    assert!(all.insert(process.number, process).is_none());
                }
                Change::Ended(process) => {
                    assert_eq!(all.remove(&process.number), Some(process));
                }
                Change::Became(_, new) => {
                    let old = all.get_mut(&new.number).unwrap();
                    *old = Process { handles: std::mem::take(&mut old.handles), ..new };
                }
                Change::Gained(number, held) => {
                    all.get_mut(&number).unwrap().handles.push(held);
                }
                Change::Lost(number, held) => {
                    all.get_mut(&number).unwrap().handles.retain(|one| *one != held);
                }
                Change::Altered(number, old, new) => {
                    let handles = &mut all.get_mut(&number).unwrap().handles;
                    *handles.iter_mut().find(|one| **one == old).unwrap() = new;
                }
            }
        }
        Snapshot::new(all.into_values().collect())
    }

    fn turned(change: Change) -> Change {
        match change {
            Change::Began(process) => Change::Ended(process),
            Change::Ended(process) => Change::Began(process),
            Change::Became(old, new) => Change::Became(new, old),
            Change::Gained(process, held) => Change::Lost(process, held),
            Change::Lost(process, held) => Change::Gained(process, held),
            Change::Altered(process, old, new) => Change::Altered(process, new, old),
        }
    }

    #[test]
    fn nothing_changes_between_a_moment_and_itself() {
        sample::each(100, |snapshot, _| assert_eq!(between(snapshot, snapshot), []));
    }

    #[test]
    fn changes_lead_from_one_picture_to_the_other_and_turned_back_again() {
        sample::each(300, |before, chance| {
            let now = sample::snapshot(chance);
            let changes = between(before, &now);
            assert_eq!(apply(before, &changes), now);
            let back: Vec<Change> = changes.into_iter().map(turned).collect();
            assert_eq!(between(&now, before), back);
        });
    }

    #[test]
    fn every_change_is_a_line_that_nothing_breaks() {
        sample::each(200, |before, chance| {
            let now = sample::snapshot(chance);
            let changes = between(before, &now);
            let text = told(&changes);
            assert_eq!(text.lines().count(), changes.len());
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        });
    }
}

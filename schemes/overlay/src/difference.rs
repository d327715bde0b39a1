//! What became of the directory: one change for each name and each file.
//!
//! What is there already is named by where it stands below, what is new by where it will stand. A
//! change *needs* others without which it makes no sense: the directory that it is in has to be made
//! or renamed, what stood in its place has to go, a directory that is removed has to be empty.
use crate::node::{Id, Place, Ref, Stamp};
use crate::overlay::Overlay;
use crate::tree::with;
use beneath::Kind;
use clavis_abi::limits::PATH_MAX;
use clavis_view::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use syscall::error::Result;

/// What became of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was made; of a file, with that many bytes.
    Made(Kind, u64),
    /// Something else stands there: what did, and what does.
    Replaced((Kind, u64), (Kind, u64)),
    /// It holds something else, with that many bytes before and now; and what is known of it changed.
    Changed(u64, u64, Vec<String>),
    /// What is known of it changed.
    Set(Vec<String>),
    /// It has that name now.
    Renamed(String),
    /// It has that name too.
    Named(String),
    /// It was removed.
    Removed(Kind, u64),
}

/// One thing that can be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path from the root of the overlay, with a slash before each name.
    pub path: String,
    /// What became of it.
    pub what: What,
    /// What it needs, by place in the list.
    pub needs: Vec<usize>,
}

/// How it is done.
#[derive(Debug)]
pub(crate) enum Act<H> {
    /// Something new gets its first name.
    Make(Place<H>),
    /// Something gets a further name.
    Link(Place<H>),
    /// What stands below gets another name.
    Move(Place<H>, Place<H>),
    /// What stands below loses a name, with what stood there.
    Remove(Place<H>, Stamp),
    /// What stands below holds something else, or is something else.
    Fill,
}

/// A change, and how it is done.
#[derive(Debug)]
pub(crate) struct Step<H> {
    pub(crate) change: Change,
    pub(crate) act: Act<H>,
    /// None for what was removed.
    pub(crate) node: Option<Ref<H>>,
    /// What stands below under the name that it gets, and goes with that.
    pub(crate) replaces: Option<Stamp>,
    /// What has to be done before, of what it needs.
    pub(crate) after: Vec<usize>,
}

impl<H> Step<H> {
    /// The name that it gets.
    pub(crate) fn target(&self) -> Option<&Place<H>> {
        match &self.act {
            Act::Make(to) | Act::Link(to) | Act::Move(_, to) => Some(to),
            Act::Remove(..) | Act::Fill => None,
        }
    }

    /// The name that it takes away, and from what.
    fn source(&self) -> Option<(&Place<H>, Id)> {
        match &self.act {
            Act::Move(from, _) => self.node.as_ref().map(|node| (from, node.id)),
            Act::Remove(from, was) => Some((from, was.id)),
            _ => None,
        }
    }
}

/// A name that stands for something else than below.
struct Turned<H> {
    place: Place<H>,
    was: Option<Stamp>,
    now: Option<Ref<H>>,
}

/// A path, from the places of what lies on it.
fn path<H>(place: &Place<H>, of: impl Fn(&Ref<H>) -> Option<Place<H>>) -> String {
    let mut names = vec![place.name.clone()];
    let mut here = place.directory.clone();
    let mut length = 0_usize;
    while let Some(place) = of(&here).filter(|_| length < PATH_MAX) {
        length = length.saturating_add(place.name.len()).saturating_add(1);
        names.push(place.name);
        here = place.directory;
    }
    names.iter().rev().flat_map(|name| ["/", name]).collect()
}

/// Where it stands below.
pub(crate) fn before<H>(place: &Place<H>) -> String {
    path(place, |node| node.origin.borrow().clone())
}

/// Where it stands here.
fn after<H>(place: &Place<H>) -> String {
    path(place, |node| node.place.borrow().clone())
}

impl<S: Store> Overlay<S> {
    /// What became of the directory. What is told and done about it by place in this list is about
    /// the list that was made last.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn difference(&self) -> Result<Vec<Change>> {
        Ok(self.plan_anew()?.iter().map(|step| step.change.clone()).collect())
    }

    /// Every name that stands for something else than below.
    fn turned(&self) -> Result<Vec<Turned<S::Handle>>> {
        let mut pending: Vec<Ref<S::Handle>> = Vec::new();
        for (node, _) in self.changed.borrow().values() {
            if node.is_directory() {
                pending.push(node.clone());
            }
        }
        let mut turned = Vec::new();
        while let Some(directory) = pending.pop() {
            with(&directory, |names| {
                for (name, entry) in &names.names {
                    if entry.now.as_ref().map(|node| node.id) == entry.was.map(|was| was.id) {
                        continue;
                    }
                    let place = Place { directory: directory.clone(), name: name.clone() };
                    turned.push(Turned { place, was: entry.was, now: entry.now.clone() });
                    let new = entry.now.iter().filter(|now| now.below.is_none());
                    pending.extend(new.filter(|now| now.is_directory()).cloned());
                }
            })?;
        }
        Ok(turned)
    }

    pub(crate) fn steps(&self) -> Result<Vec<Step<S::Handle>>> {
        let turned = self.turned()?;
        // Names that things lost, and names that they got.
        let mut lost: BTreeMap<Id, Vec<&Turned<S::Handle>>> = BTreeMap::new();
        for name in &turned {
            if let Some(was) = name.was {
                lost.entry(was.id).or_default().push(name);
            }
        }
        let mut steps = Vec::new();
        let mut first: BTreeSet<Id> = BTreeSet::new();
        // Names that went to another place with what they stood for, and who came to names.
        let (mut moved, mut came) = (BTreeSet::new(), BTreeMap::new());
        for name in &turned {
            let Some(node) = &name.now else { continue };
            let from = lost.get_mut(&node.id).and_then(Vec::pop).map(|lost| lost.place.clone());
            let new = first.insert(node.id) && node.below.is_none();
            moved.extend(from.as_ref().map(Place::key));
            came.insert(name.place.key(), steps.len());
            steps.push(self.placed(name, node, from, new)?);
        }
        for name in &turned {
            let Some(was) = name.was.filter(|_| !moved.contains(&name.place.key())) else {
                continue;
            };
            if name.now.is_some() {
                let came = came.get(&name.place.key());
                if let Some(step) = came.and_then(|index| steps.get_mut(*index)) {
                    step.replaces = Some(was);
                    if let What::Made(kind, length) = step.change.what {
                        step.change.what = What::Replaced((was.kind, was.length), (kind, length));
                    }
                }
                continue;
            }
            steps.push(step(
                before(&name.place),
                What::Removed(was.kind, was.length),
                Act::Remove(name.place.clone(), was),
                None,
            ));
        }
        for (node, _) in self.changed.borrow().values() {
            steps.extend(self.filled(node)?);
        }
        steps.sort_by(|one, two| one.change.path.cmp(&two.change.path));
        self.needs(&mut steps);
        Ok(steps)
    }

    /// The step by which something gets a name.
    fn placed(
        &self,
        name: &Turned<S::Handle>,
        node: &Ref<S::Handle>,
        from: Option<Place<S::Handle>>,
        new: bool,
    ) -> Result<Step<S::Handle>> {
        let to = name.place.clone();
        let target = after(&to);
        let made = node.clone();
        if new {
            let length = self.stat_of(node)?.st_size;
            let what = What::Made(node.kind, length);
            return Ok(step(target, what, Act::Make(to), Some(made)));
        }
        let origin = node.origin.borrow().clone();
        let from = from.or(origin.clone().filter(|_| node.is_directory()));
        Ok(match from {
            Some(from) => {
                let path = before(&from);
                step(path, What::Renamed(target), Act::Move(from, to), Some(made))
            }
            None => {
                let known = origin.as_ref().unwrap_or(&to);
                let path = if node.below.is_some() { before(known) } else { after(known) };
                step(path, What::Named(target), Act::Link(to), Some(made))
            }
        })
    }

    /// The step by which what stands below gets what it holds here.
    fn filled(&self, node: &Ref<S::Handle>) -> Result<Option<Step<S::Handle>>> {
        let (attributes, stamp) = (node.attributes.get(), node.stamp.get());
        let (Some(below), Some(stamp)) = (&node.below, stamp) else { return Ok(None) };
        let filled = node.is_filled();
        let names = i64::from(stamp.links).saturating_add(node.links.get());
        let gone = node.is_removed() || !node.is_directory() && names <= 0;
        if !filled && !attributes.any() || gone {
            return Ok(None);
        }
        let stat = self.stat_of(node)?;
        let said = attributes.said(&self.store.stat(below)?);
        let what = match filled {
            true => What::Changed(stamp.length, stat.st_size, said),
            false => What::Set(said),
        };
        let origin = node.origin.borrow();
        let path = origin.as_ref().map_or_else(|| "/".to_owned(), before);
        Ok(Some(step(path, what, Act::Fill, Some(node.clone()))))
    }

    /// Finds out what needs what.
    fn needs(&self, steps: &mut [Step<S::Handle>]) {
        let mut placed: BTreeMap<Id, usize> = BTreeMap::new();
        let mut gone: BTreeMap<(Id, String), usize> = BTreeMap::new();
        for (index, step) in steps.iter().enumerate() {
            if let (Act::Make(_) | Act::Move(..), Some(node)) = (&step.act, &step.node) {
                placed.insert(node.id, index);
            }
            if let Some((from, _)) = step.source() {
                gone.insert(from.key(), index);
            }
        }
        for (index, step) in steps.iter_mut().enumerate() {
            let (mut needs, mut before) = (BTreeSet::new(), BTreeSet::new());
            if let Some(to) = step.target() {
                let mut here = Some(to.directory.clone());
                for _ in 0..PATH_MAX {
                    let Some(directory) = here else { break };
                    needs.extend(placed.get(&directory.id));
                    let place = directory.place.borrow();
                    here = place.as_ref().map(|place| place.directory.clone());
                }
                // Whoever stood there goes elsewhere.
                before.extend(gone.get(&to.key()));
            }
            if let (Act::Link(_), Some(node)) = (&step.act, &step.node) {
                before.extend(placed.get(&node.id).filter(|_| node.below.is_none()));
            }
            let emptied = match &step.act {
                Act::Remove(_, was) => Some(was),
                _ => step.replaces.as_ref(),
            };
            if let Some(was) = emptied.filter(|was| was.kind == Kind::Directory) {
                let inside = gone.range((was.id, String::new())..);
                let inside = inside.take_while(|((directory, _), _)| *directory == was.id);
                before.extend(inside.map(|(_, index)| index));
            }
            before.remove(&index);
            needs.extend(&before);
            needs.remove(&index);
            step.after = before.into_iter().collect();
            step.change.needs = needs.into_iter().collect();
        }
    }
}

fn step<H>(path: String, what: What, act: Act<H>, node: Option<Ref<H>>) -> Step<H> {
    let change = Change { path, what, needs: Vec::new() };
    Step { change, act, node, replaces: None, after: Vec::new() }
}

/// Takes back what was accepted and needs something that was not. Answers what that was, and what it
/// lacked.
pub fn close(changes: &[Change], accepted: &mut [bool]) -> Vec<(usize, usize)> {
    let mut dropped = Vec::new();
    loop {
        let lacks = |change: &Change| {
            let lacked = |need: &&usize| !accepted.get(**need).copied().unwrap_or(false);
            change.needs.iter().find(lacked).copied()
        };
        let found = changes.iter().enumerate().find_map(|(index, change)| {
            let accepted = accepted.get(index).copied().unwrap_or(false);
            lacks(change).filter(|_| accepted).map(|lacked| (index, lacked))
        });
        let Some((index, lacked)) = found else { return dropped };
        if let Some(accepted) = accepted.get_mut(index) {
            *accepted = false;
        }
        dropped.push((index, lacked));
    }
}

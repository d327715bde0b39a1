//! Carrying out what was accepted.
//!
//! First all is compared with what stands below: what is not as the program saw it is not touched.
//! Then all that is new is written under names of its own, beside where it will stand; until that
//! has succeeded nothing that stands below is changed. After one more look names are put in place
//! one by one: each by itself is there or not. What goes wrong then ends it, and is told.
use crate::difference::{Act, Step, close};
use crate::node::{Body, Place, Ref};
use crate::overlay::Overlay;
use crate::staged::{Stage, pour};
use beneath::Kind;
use clavis_abi::Rights;
use clavis_view::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use syscall::AT_REMOVEDIR;
use syscall::error::{EINVAL, EIO, ELOOP, ENOENT, Error, Result};
use syscall::flag::{O_NOFOLLOW, O_RDWR};

/// Flag of a rename: fail when the new name exists.
const NOREPLACE: u32 = 1;

/// Why something that was accepted was not even begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// It is not what the program saw.
    Changed,
    /// It is gone, or its directory is.
    Gone,
    /// Something stands there already.
    There,
    /// It needs this other change.
    Needs(usize),
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was carried out, by place in the difference, in that order.
    pub done: Vec<usize>,
    /// What was not, and why.
    pub conflicts: Vec<(usize, Conflict)>,
    /// What failed; what is in neither list then was not begun.
    pub failed: Option<(usize, Error)>,
    /// Paths below that were to be temporary and could not be removed, or that hold what a file
    /// was to hold that is half written.
    pub left: Vec<String>,
}

/// A commit that is under way.
struct Commit<'o, S: Store> {
    overlay: &'o Overlay<S>,
    steps: &'o [Step<S::Handle>],
    stage: Stage<'o, S>,
    accepted: Vec<bool>,
    done: BTreeSet<usize>,
    /// Where what is to be moved stands now, if not where it stood.
    aside: BTreeMap<usize, Place<S::Handle>>,
    report: Report,
}

impl<S: Store> Overlay<S> {
    /// Carries out what was accepted of the difference, once. What needs something that was not
    /// accepted is not.
    ///
    /// # Errors
    /// What the file system answers when the difference is made out.
    pub fn commit(&self, accepted: &[bool]) -> Result<Report> {
        let steps = self.plan()?;
        let mut accepted = accepted.to_vec();
        accepted.resize(steps.len(), false);
        let commit = Commit {
            overlay: self,
            steps: &steps,
            stage: Stage::new(self),
            accepted,
            done: BTreeSet::new(),
            aside: BTreeMap::new(),
            report: Report::default(),
        };
        Ok(commit.run())
    }
}

impl<S: Store> Commit<'_, S> {
    fn run(mut self) -> Report {
        self.close();
        if let Err(failed) = self.carry_out() {
            self.report.failed = Some(failed);
        }
        let left = self.stage.end();
        self.report.left.extend(left.iter().map(crate::difference::before));
        self.report
    }

    fn carry_out(&mut self) -> std::result::Result<(), (usize, Error)> {
        self.verify()?;
        for index in self.pending() {
            self.write(index).map_err(|error| (index, error))?;
        }
        self.verify()?;
        for index in self.pending() {
            if matches!(self.step(index), Some(step) if matches!(step.act, Act::Fill)) {
                self.put(index).map_err(|error| (index, error))?;
                self.finish(index);
            }
        }
        while !self.pending().is_empty() {
            self.go_on()?;
        }
        Ok(())
    }

    fn step(&self, index: usize) -> Option<&Step<S::Handle>> {
        self.steps.get(index)
    }

    /// What was accepted and is not done.
    fn pending(&self) -> Vec<usize> {
        let accepted = self.accepted.iter().enumerate().filter(|(_, accepted)| **accepted);
        accepted.map(|(index, _)| index).filter(|index| !self.done.contains(index)).collect()
    }

    fn finish(&mut self, index: usize) {
        self.done.insert(index);
        self.report.done.push(index);
    }

    fn refuse(&mut self, index: usize, conflict: Conflict) {
        if let Some(accepted) = self.accepted.get_mut(index) {
            *accepted = false;
        }
        self.report.conflicts.push((index, conflict));
        self.stage.forget(index);
    }

    fn close(&mut self) {
        let changes: Vec<_> = self.steps.iter().map(|step| step.change.clone()).collect();
        for (index, lacked) in close(&changes, &mut self.accepted) {
            self.refuse(index, Conflict::Needs(lacked));
        }
    }

    /// Compares all with what stands below.
    fn verify(&mut self) -> std::result::Result<(), (usize, Error)> {
        for index in self.pending() {
            let Some(step) = self.steps.get(index) else { continue };
            let conflict = self.overlay.conflict(step).map_err(|error| (index, error))?;
            if let Some(conflict) = conflict {
                self.refuse(index, conflict);
            }
        }
        self.close();
        Ok(())
    }

    /// Writes what is new.
    fn write(&mut self, index: usize) -> Result<()> {
        let Some(step) = self.steps.get(index) else { return Ok(()) };
        match (&step.act, &step.node) {
            (Act::Make(to), Some(node)) => self.stage.make(index, node, to),
            (Act::Fill, Some(node)) if node.is_filled() => {
                let origin = node.origin.borrow().clone().ok_or(Error::new(EINVAL))?;
                self.stage.replace(index, node, &origin)
            }
            _ => Ok(()),
        }
    }

    /// Puts in place what a file is to hold.
    fn put(&mut self, index: usize) -> Result<()> {
        let node = self.step(index).and_then(|step| step.node.clone());
        let node = node.ok_or(Error::new(EINVAL))?;
        let store = &self.overlay.store;
        let below = node.below.as_ref().ok_or(Error::new(EINVAL))?;
        let several = node.stamp.get().is_some_and(|was| was.links > 1);
        if !node.is_filled() || several {
            if let Body::File { content: Some(content), .. } = &*node.body.borrow() {
                // All of its names have to see it.
                let flags = (O_RDWR | O_NOFOLLOW) as u64;
                let file = store.open(below, "", flags, Rights::all())?;
                let written = store.cut(&file, 0).and_then(|()| pour(store, &file, content));
                if written.is_err() {
                    // What it was to hold stays beside it.
                    let beside = self.stage.waits(index)?;
                    self.stage.settled(index);
                    self.report.left.push(crate::difference::before(&beside));
                }
                written?;
            }
            let all = node.attributes.get().all(node.is_filled());
            all.iter().try_for_each(|attribute| store.set(below, attribute))?;
            self.stage.forget(index);
            return Ok(());
        }
        let origin = node.origin.borrow().clone().ok_or(Error::new(EINVAL))?;
        self.rename(&self.stage.waits(index)?, &origin, 0)?;
        self.stage.settled(index);
        Ok(())
    }

    fn rename(&self, from: &Place<S::Handle>, to: &Place<S::Handle>, flags: u32) -> Result<()> {
        let old = (self.stage.directory(&from.directory)?, &*from.name);
        let new = (self.stage.directory(&to.directory)?, &*to.name);
        self.overlay.store.rename(old, new, flags)
    }

    fn unlink(&self, place: &Place<S::Handle>, kind: Kind) -> Result<()> {
        let flags = if kind == Kind::Directory { AT_REMOVEDIR } else { 0 };
        let directory = self.stage.directory(&place.directory)?;
        self.overlay.store.unlink((directory, &place.name), flags)
    }

    /// Does what can be done now.
    fn go_on(&mut self) -> std::result::Result<(), (usize, Error)> {
        let pending = self.pending();
        let mut any = false;
        let mut last = None;
        for index in &pending {
            let ready = self.step(*index).is_some_and(|step| {
                let gone = |need: &usize| self.done.contains(need) || self.aside.contains_key(need);
                step.after.iter().all(gone)
            });
            if !ready {
                continue;
            }
            match self.change(*index) {
                Ok(()) => {
                    self.finish(*index);
                    any = true;
                }
                // A directory would come to lie in itself: what lies in it moves out first.
                Err(error) if matches!(error.errno, EINVAL | ELOOP) => last = Some((*index, error)),
                Err(error) => return Err((*index, error)),
            }
        }
        if any {
            return Ok(());
        }
        // They stand in each other's way: one steps aside.
        for index in &pending {
            let Some(step) = self.steps.get(*index) else { continue };
            let Act::Move(from, to) = &step.act else { continue };
            if self.aside.contains_key(index) {
                continue;
            }
            let (overlay, directory) = (self.overlay, &to.directory);
            let moved = self.stage.with_free_name(|stage, name| {
                let old = (stage.directory(&from.directory)?, &*from.name);
                overlay.store.rename(old, (stage.directory(directory)?, name), NOREPLACE)
            });
            if let Ok((name, ())) = moved {
                self.aside.insert(*index, Place { directory: directory.clone(), name });
                return Ok(());
            }
        }
        let first = pending.first().copied().unwrap_or_default();
        Err(last.unwrap_or((first, Error::new(EIO))))
    }

    /// Makes, moves, links or removes one name.
    fn change(&mut self, index: usize) -> Result<()> {
        let Some(step) = self.steps.get(index) else { return Ok(()) };
        let kind = step.node.as_ref().map_or(Kind::File, |node| node.kind);
        let flags = match step.replaces {
            Some(was) if was.kind == Kind::Directory || kind == Kind::Directory => {
                self.unlink(step.target().ok_or(Error::new(EINVAL))?, was.kind)?;
                NOREPLACE
            }
            Some(_) => 0,
            None => NOREPLACE,
        };
        match &step.act {
            Act::Make(to) if self.stage.is_waiting(index) => {
                self.rename(&self.stage.waits(index)?, to, flags)?;
                self.stage.settled(index);
                Ok(())
            }
            // It came along with the directory that it is in.
            Act::Make(_) | Act::Fill => Ok(()),
            Act::Move(from, to) => self.rename(self.aside.get(&index).unwrap_or(from), to, flags),
            Act::Remove(from, was) => self.unlink(from, was.kind),
            Act::Link(to) => self.link(step, to, flags),
        }
    }

    fn link(&self, step: &Step<S::Handle>, to: &Place<S::Handle>, flags: u32) -> Result<()> {
        let node = step.node.as_ref().ok_or(Error::new(EINVAL))?;
        if flags == 0 {
            self.unlink(to, Kind::File)?;
        }
        let new = (self.stage.directory(&to.directory)?, &*to.name);
        for from in self.names(node) {
            let old = (self.stage.directory(&from.directory)?, &*from.name);
            match self.overlay.store.link(old, new) {
                Err(error) if error.errno == ENOENT => {}
                linked => return linked,
            }
        }
        Err(Error::new(ENOENT))
    }

    /// Names that something has below now.
    fn names(&self, node: &Ref<S::Handle>) -> Vec<Place<S::Handle>> {
        let (mut names, mut refilled) = (Vec::new(), false);
        for (index, step) in self.steps.iter().enumerate() {
            if step.node.as_ref() != Some(node) {
                continue;
            }
            match (&step.act, self.done.contains(&index)) {
                (Act::Make(to) | Act::Move(_, to) | Act::Link(to), true) => names.push(to.clone()),
                (Act::Move(from, _), false) => {
                    names.push(self.aside.get(&index).unwrap_or(from).clone());
                }
                (Act::Fill, done) => refilled = done,
                _ => {}
            }
        }
        // Where it was found, unless it lost that name.
        let found = [node.origin.borrow().clone(), node.place.borrow().clone()];
        let found = found.into_iter().flatten().filter(|at| at.directory.below.is_some());
        let there = |at: &Place<S::Handle>| {
            refilled || matches!(self.stage.look(at), Ok(Some(id)) if id == node.id)
        };
        names.extend(found.filter(|_| node.below.is_some()).filter(there));
        names
    }
}

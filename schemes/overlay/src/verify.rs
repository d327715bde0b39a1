//! Whether what stands below is what the program saw.
use crate::commit::Conflict;
use crate::difference::{Act, Step};
use crate::lower::LIST;
use crate::node::{Place, Ref, Stamp};
use crate::overlay::Overlay;
use crate::tree::with;
use beneath::Kind;
use clavis_abi::Rights;
use clavis_view::store::Store;
use syscall::error::Result;

impl<S: Store> Overlay<S> {
    /// Why a step is not to be carried out.
    pub(crate) fn conflict(&self, step: &Step<S::Handle>) -> Result<Option<Conflict>> {
        if let Some(to) = step.target()
            && let Some(below) = &to.directory.below
        {
            if self.store.stat(below)?.st_nlink == 0 {
                return Ok(Some(Conflict::Gone));
            }
            let was =
                with(&to.directory, |names| names.names.get(&to.name).and_then(|entry| entry.was))?;
            if let Some(conflict) = self.differs(to, was, step.replaces.is_some())? {
                return Ok(Some(conflict));
            }
        }
        let emptied = match &step.act {
            Act::Remove(from, was) => Some((from, *was)),
            _ => step.target().zip(step.replaces),
        };
        if let Some((place, was)) = emptied
            && was.kind == Kind::Directory
            && self.has_more(place, was)?
        {
            return Ok(Some(Conflict::Changed));
        }
        match (&step.act, &step.node) {
            (Act::Remove(from, was), _) => self.differs(from, Some(*was), true),
            (Act::Move(from, _), Some(node)) => self.differs(from, node.stamp.get(), false),
            (Act::Fill, Some(node)) => self.refilled(node),
            _ => Ok(None),
        }
    }

    /// Whether a name stands for something else than it did; `holds`: or that holds something else.
    fn differs(
        &self,
        place: &Place<S::Handle>,
        was: Option<Stamp>,
        holds: bool,
    ) -> Result<Option<Conflict>> {
        let now = self.look(&place.directory, &place.name)?;
        let now = now.map(|(_, stat)| Stamp::of(&stat));
        Ok(match (was, now) {
            (None, None) => None,
            (None, Some(_)) => Some(Conflict::There),
            (Some(_), None) => Some(Conflict::Gone),
            (Some(was), Some(now)) if was.id != now.id => Some(Conflict::Changed),
            (Some(was), Some(now)) if holds && !was.holds(&now) => Some(Conflict::Changed),
            _ => None,
        })
    }

    /// Whether in a directory there is something that the program never saw go.
    fn has_more(&self, place: &Place<S::Handle>, was: Stamp) -> Result<bool> {
        let Some((below, _)) = self.look(&place.directory, &place.name)? else {
            return Ok(false);
        };
        let node = self.changed.borrow().get(&was.id).map(|(node, _)| node.clone());
        let listing = self.store.open(&below, "", LIST, Rights::all())?;
        let (mut after, mut any, mut more) = (0, true, false);
        while any && !more {
            any = false;
            self.store.list(&listing, after, &mut |found| {
                (any, after) = (true, found.next);
                let known = node.as_ref().is_some_and(|node| {
                    let known = with(node, |names| names.names.contains_key(found.name));
                    known.unwrap_or(false)
                });
                more |= !known && !matches!(found.name, "." | "..");
                !more
            })?;
        }
        Ok(more)
    }

    fn refilled(&self, node: &Ref<S::Handle>) -> Result<Option<Conflict>> {
        let (Some(below), Some(was)) = (&node.below, node.stamp.get()) else { return Ok(None) };
        let now = Stamp::of(&self.store.stat(below)?);
        if now.links == 0 && !node.is_directory() {
            return Ok(Some(Conflict::Gone));
        }
        if node.is_filled() && !was.holds(&now) {
            return Ok(Some(Conflict::Changed));
        }
        match &*node.origin.borrow() {
            Some(origin) if was.links <= 1 => self.differs(origin, Some(was), false),
            _ => Ok(None),
        }
    }
}

//! A namespace in which a policy decides that can shrink while the program runs.
use crate::guarded::{self, Names};
use crate::learn::is_file_system;
use clavis::handle::query;
use clavis::namespace::{Name, Namespace};
use clavis::{Handle, Lease, Place, Rights};
use clavis_broker::Broker;
use clavis_policy::{Below as Said, Running};
use clavis_view::guest::{Lend, Server};
use clavis_view::{Below, Decision, Guarded, Judge};
use containment::Trouble;
use std::cell::RefCell;
use std::sync::Arc;
use syscall::error::{EACCES, Error, Result};

/// What a policy that can shrink decides, and what of it no view carries out.
pub(crate) struct Live {
    pub(crate) running: Arc<Running<Lease>>,
    /// The program's, with the power to take names away.
    pub(crate) namespace: Namespace,
    /// Names that are bound as they are.
    pub(crate) plain: Vec<Name>,
}

impl Live {
    /// Builds it. Every file system is a view here, so that it can shrink path by path.
    pub(crate) fn build(
        own: &Namespace,
        running: &Arc<Running<Lease>>,
        broker: Option<&Broker>,
    ) -> std::result::Result<Live, Trouble> {
        let Names { plain, mut viewed } = guarded::names(own, &running.guard(), broker)?;
        let (files, plain): (Vec<Name>, Vec<Name>) = plain.into_iter().partition(|name| {
            guarded::root(&name.name).is_ok_and(|directory| is_file_system(&directory))
        });
        viewed.extend(files.into_iter().map(|name| name.name));
        let mut roots = Vec::new();
        for name in viewed {
            let directory = guarded::root(&name)?;
            let (running, own) = (Arc::clone(running), name.clone());
            let root = guarded::serve(&name, move || {
                let lender = Lender { running: Arc::clone(&running), front: front(&own) };
                Server::lending(&own, &directory, Judging::new(running, &own), Box::new(lender))
            })?;
            roots.push((name, root));
        }
        guarded::add(broker, &mut roots)?;
        let namespace = guarded::bound(own, &plain, &roots)?;
        Ok(Live { running: Arc::clone(running), namespace, plain })
    }

    /// Takes the names away of which the policy does not say any more what it said: what no view
    /// carries out is there as a whole or not at all.
    pub(crate) fn prune(&mut self) -> clavis::Result<usize> {
        let guard = self.running.guard();
        let before = self.plain.len();
        let mut failed = None;
        self.plain.retain(|name| {
            let path = front(&name.name);
            let whole = guard.below(&path) == Said::Same;
            if whole && guard.decide(&path).rights().contains(name.rights) {
                return true;
            }
            let unbound = self.namespace.unbind(&name.name);
            let kept = unbound.is_err();
            failed = failed.take().or(unbound.err());
            kept
        });
        failed.map_or(Ok(before.saturating_sub(self.plain.len())), Err)
    }
}

fn front(name: &str) -> String {
    format!("/scheme/{name}")
}

/// Judges by the guard as it is at each moment.
struct Judging {
    running: Arc<Running<Lease>>,
    name: String,
    /// What it was when it was last asked, and how often it had changed then.
    seen: RefCell<(u64, Guarded)>,
}

impl Judging {
    fn new(running: Arc<Running<Lease>>, name: &str) -> Judging {
        // Counted before: what changes in between is seen as a change.
        let seen = (running.changes(), Guarded::new(&running.guard(), name));
        Judging { running, name: name.to_owned(), seen: RefCell::new(seen) }
    }

    fn about<T>(&self, ask: impl Fn(&Guarded) -> T) -> T {
        let mut seen = self.seen.borrow_mut();
        let changes = self.running.changes();
        if seen.0 != changes {
            *seen = (changes, Guarded::new(&self.running.guard(), &self.name));
        }
        ask(&seen.1)
    }
}

impl Judge for Judging {
    fn decide(&self, path: &str) -> Decision {
        self.about(|guarded| guarded.decide(path))
    }

    fn below(&self, path: &str) -> Below {
        self.about(|guarded| guarded.below(path))
    }

    fn used(&self, _: &str, _: Rights) {}
}

/// The rights that a file is lent with: who opened it to read changes nothing through it, so that
/// what takes away writing leaves it.
fn as_used(rights: Rights) -> Rights {
    if rights.intersects(Rights::WRITE | Rights::APPEND) {
        return rights;
    }
    rights - (Rights::SET_ATTR | Rights::SYNC | Rights::TRUNCATE | Rights::MAP_WRITE)
}

/// Lends what a view gives away, so that it can be taken back path by path.
struct Lender {
    running: Arc<Running<Lease>>,
    front: String,
}

impl Lend for Lender {
    fn lend(&self, opened: Handle, path: &str) -> Result<Handle> {
        let failed = |error: clavis::Error| Error::new(error.errno());
        let rights = as_used(query(&opened).map_err(failed)?.rights);
        let path = [self.front.as_str(), path].concat();
        let lent = self.running.give(&path, rights, Lease::new, |lease| {
            lease.lend_to(&opened, rights, rights, Place::Lowest)
        });
        lent.map_err(failed)?.ok_or(Error::new(EACCES))
    }
}

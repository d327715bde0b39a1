//! Advisory locks on ranges of files. They bind nobody but those who ask for them.
//!
//! A lock belongs to a process or to an open handle, as who took it wished; the same owner's locks
//! never conflict, and a new one replaces what the owner held of its range. Whoever owns it, a lock
//! ends with the handle that it was taken through.
use crate::tree::NodeId;
use serde::{Deserialize, Serialize};
use slotmap::SecondaryMap;
use syscall::error::{EINVAL, ENOLCK, EWOULDBLOCK, Error, Result};

/// Most locks that one handle can have: who wants more has to close or unlock.
const PER_HANDLE: usize = 256;
/// Most locks on one file, all of which are looked at for each new one.
const PER_FILE: usize = 2048;
/// Most locks in all, which are memory that no file pays for.
const TOTAL: usize = 1 << 15;

/// Whose a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// A process.
    Process(usize),
    /// An open handle.
    Handle(usize),
}

/// What others may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Take shared locks.
    Shared,
    /// Take none.
    Exclusive,
}

/// Bytes from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    first: u64,
    last: u64,
}

impl Range {
    /// A range by its start and length; 0 reaches to the end, wherever that will be.
    ///
    /// # Errors
    /// `EINVAL` when it ends beyond all numbers.
    pub fn new(start: u64, length: u64) -> Result<Range> {
        let last = match length.checked_sub(1) {
            None => Some(u64::MAX),
            Some(more) => start.checked_add(more),
        };
        Ok(Range { first: start, last: last.ok_or(Error::new(EINVAL))? })
    }

    /// Its first byte.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.first
    }

    /// Its length; 0 when it reaches to the end.
    #[must_use]
    pub fn length(&self) -> u64 {
        if self.last == u64::MAX {
            0
        } else {
            self.last.saturating_sub(self.first).saturating_add(1)
        }
    }

    fn meets(&self, other: &Range) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// What of it lies before and behind another range.
    fn without(&self, other: &Range) -> [Option<Range>; 2] {
        let before = other.first.checked_sub(1).filter(|last| *last >= self.first);
        let behind = other.last.checked_add(1).filter(|first| *first <= self.last);
        [
            before.map(|last| Range { first: self.first, last: last.min(self.last) }),
            behind.map(|first| Range { first: first.max(self.first), last: self.last }),
        ]
    }
}

/// A lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Whose it is.
    pub owner: Owner,
    /// What others may still do.
    pub kind: Kind,
    /// Which bytes it is on.
    pub range: Range,
    /// The handle that it was taken through.
    through: usize,
}

/// The locks of a file system.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Locks {
    of: SecondaryMap<NodeId, Vec<Lock>>,
    total: usize,
}

impl Locks {
    /// The first lock of somebody else that one would conflict with.
    #[must_use]
    pub fn conflict(&self, node: NodeId, owner: Owner, kind: Kind, range: Range) -> Option<&Lock> {
        self.of.get(node)?.iter().find(|held| {
            held.owner != owner
                && held.range.meets(&range)
                && (held.kind == Kind::Exclusive || kind == Kind::Exclusive)
        })
    }

    /// Takes a lock.
    ///
    /// # Errors
    /// `EWOULDBLOCK` while somebody else's is in the way; `ENOLCK` when there are too many.
    pub fn lock(
        &mut self,
        node: NodeId,
        through: usize,
        owner: Owner,
        kind: Kind,
        range: Range,
    ) -> Result<()> {
        if self.conflict(node, owner, kind, range).is_some() {
            return Err(Error::new(EWOULDBLOCK));
        }
        // Cutting into an own lock can leave one piece more.
        self.room(node, through, 2)?;
        self.unlock(node, owner, range)?;
        let lock = Lock { owner, kind, range, through };
        match self.of.get_mut(node) {
            Some(held) => held.push(lock),
            None => {
                self.of.insert(node, vec![lock]);
            }
        }
        self.total = self.total.saturating_add(1);
        Ok(())
    }

    /// Refuses when so many more would be too many.
    fn room(&self, node: NodeId, through: usize, more: usize) -> Result<()> {
        let held = self.of.get(node).map(Vec::as_slice).unwrap_or_default();
        let own = held.iter().filter(|held| held.through == through).count();
        let fits = |count: usize, most: usize| count.saturating_add(more) <= most;
        if fits(own, PER_HANDLE) && fits(held.len(), PER_FILE) && fits(self.total, TOTAL) {
            Ok(())
        } else {
            Err(Error::new(ENOLCK))
        }
    }

    /// Lets go of what the owner has locked in a range, which may be nothing.
    ///
    /// # Errors
    /// `ENOLCK` when a lock would fall into two pieces and there are too many.
    pub fn unlock(&mut self, node: NodeId, owner: Owner, range: Range) -> Result<()> {
        let Some(held) = self.of.get(node) else { return Ok(()) };
        let (own, mut rest): (Vec<Lock>, Vec<Lock>) =
            held.iter().partition(|held| held.owner == owner && held.range.meets(&range));
        for lock in own {
            let pieces = lock.range.without(&range).into_iter().flatten();
            rest.extend(pieces.map(|range| Lock { range, ..lock }));
        }
        // Only one lock that holds the whole range can become two.
        let more = rest.len().saturating_sub(held.len());
        if let (1.., Some(last)) = (more, rest.last()) {
            self.room(node, last.through, more)?;
        }
        self.replace(node, rest);
        Ok(())
    }

    /// Ends every lock that was taken through a handle.
    pub fn close(&mut self, node: NodeId, through: usize) {
        if let Some(held) = self.of.get(node) {
            let rest = held.iter().filter(|lock| lock.through != through).copied().collect();
            self.replace(node, rest);
        }
    }

    /// Keeps these locks of a file and no others.
    fn replace(&mut self, node: NodeId, locks: Vec<Lock>) {
        let before = self.of.get(node).map_or(0, Vec::len);
        self.total = self.total.saturating_sub(before).saturating_add(locks.len());
        if locks.is_empty() {
            self.of.remove(node);
        } else {
            self.of.insert(node, locks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    fn node() -> NodeId {
        SlotMap::<NodeId, ()>::with_key().insert(())
    }

    fn range(start: u64, length: u64) -> Range {
        Range::new(start, length).unwrap()
    }

    const A: Owner = Owner::Process(1);
    const B: Owner = Owner::Process(2);

    #[test]
    fn shared_locks_live_together_and_an_exclusive_one_alone() {
        let (mut locks, node) = (Locks::default(), node());
        locks.lock(node, 0, A, Kind::Shared, range(0, 10)).unwrap();
        locks.lock(node, 1, B, Kind::Shared, range(5, 10)).unwrap();
        let wanted = locks.lock(node, 0, A, Kind::Exclusive, range(0, 6));
        assert_eq!(wanted, Err(Error::new(EWOULDBLOCK)));
        locks.lock(node, 0, A, Kind::Exclusive, range(0, 5)).unwrap();
        let conflict = locks.conflict(node, B, Kind::Shared, range(0, 0)).unwrap();
        assert_eq!((conflict.owner, conflict.range.start(), conflict.range.length()), (A, 0, 5));
    }

    #[test]
    fn unlocking_the_middle_leaves_both_sides() {
        let (mut locks, node) = (Locks::default(), node());
        locks.lock(node, 0, A, Kind::Exclusive, range(0, 0)).unwrap();
        locks.unlock(node, A, range(10, 5)).unwrap();
        locks.lock(node, 1, B, Kind::Exclusive, range(10, 5)).unwrap();
        assert!(locks.conflict(node, B, Kind::Shared, range(9, 1)).is_some());
        assert!(locks.conflict(node, B, Kind::Shared, range(u64::MAX, 1)).is_some());
        locks.unlock(node, A, range(0, 0)).unwrap();
        assert!(locks.conflict(node, B, Kind::Exclusive, range(0, 0)).is_none());
    }

    #[test]
    fn locks_end_with_the_handle_that_took_them() {
        let (mut locks, node) = (Locks::default(), node());
        locks.lock(node, 7, Owner::Handle(7), Kind::Exclusive, range(0, 1)).unwrap();
        locks.lock(node, 7, A, Kind::Exclusive, range(1, 1)).unwrap();
        locks.lock(node, 8, A, Kind::Exclusive, range(2, 1)).unwrap();
        locks.close(node, 7);
        assert!(locks.conflict(node, B, Kind::Shared, range(0, 2)).is_none());
        assert!(locks.conflict(node, B, Kind::Shared, range(2, 1)).is_some());
        locks.close(node, 8);
        assert!(locks.of.is_empty() && locks.total == 0);
    }

    #[test]
    fn one_handle_cannot_take_locks_without_end() {
        let (mut locks, node) = (Locks::default(), node());
        let refused = (0..).map(|n| locks.lock(node, 0, A, Kind::Shared, range(2 * n, 1)));
        let taken = refused.take_while(Result::is_ok).take(10_000).count();
        assert_eq!(taken, PER_HANDLE - 1);
        locks.lock(node, 1, B, Kind::Shared, range(0, 0)).unwrap();
        locks.unlock(node, A, range(0, 0)).unwrap();
        locks.lock(node, 0, A, Kind::Shared, range(0, 0)).unwrap();
        let cut = (0..).map(|n| locks.unlock(node, A, range(4 * n + 1, 1)));
        assert_eq!(cut.take_while(Result::is_ok).take(10_000).count(), PER_HANDLE - 1);
    }

    #[test]
    fn one_file_and_the_whole_have_a_bound_too() {
        let mut nodes = SlotMap::<NodeId, ()>::with_key();
        let mut locks = Locks::default();
        let mut taken = 0;
        for file in 0..40 {
            let node = nodes.insert(());
            let before = taken;
            for place in 0..3000 {
                let (through, at) = ((place / 200) as usize, range(2 * place, 1));
                let owner = Owner::Process(file);
                taken += usize::from(locks.lock(node, through, owner, Kind::Shared, at).is_ok());
            }
            assert!(taken - before < PER_FILE);
        }
        assert_eq!((taken, locks.total), (TOTAL - 1, TOTAL - 1));
    }

    #[test]
    fn random_locks_agree_with_a_byte_map() {
        // The last cell stands for everything behind.
        const BYTES: u64 = 33;
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..300 {
            let (mut locks, node) = (Locks::default(), node());
            let mut model = [[None::<Kind>; BYTES as usize]; 2];
            for _ in 0..60 {
                let (start, length) = (random.u64(0..24), random.u64(0..8));
                let end = if length == 0 { BYTES } else { start + length };
                let bytes = start as usize..end as usize;
                let who = random.usize(0..2);
                let owner = [A, B][who];
                if random.u8(0..3) == 0 {
                    locks.unlock(node, owner, range(start, length)).unwrap();
                    model[who][bytes].fill(None);
                    continue;
                }
                let kind = if random.bool() { Kind::Shared } else { Kind::Exclusive };
                let free = model[1 - who][bytes.clone()].iter().all(|held| {
                    held.is_none() || (*held == Some(Kind::Shared) && kind == Kind::Shared)
                });
                let taken = locks.lock(node, who, owner, kind, range(start, length));
                assert_eq!(taken.is_ok(), free);
                if free {
                    model[who][bytes].fill(Some(kind));
                }
            }
        }
    }
}

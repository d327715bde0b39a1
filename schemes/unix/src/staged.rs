//! Handles between a message and the call that brings or takes them: sent ahead by a client, or
//! received and not taken yet. A socket has few of either; the oldest gives way.
use clavis::Handle;
use std::collections::VecDeque;

/// Batches that one socket can have.
const BATCHES: usize = 4;

struct Batch {
    number: u64,
    socket: usize,
    handles: Vec<Handle>,
}

/// The batches of all sockets.
#[derive(Default)]
pub(crate) struct Staged {
    batches: VecDeque<Batch>,
    last: u64,
}

impl Staged {
    /// Keeps handles for a socket; their number.
    pub(crate) fn put(&mut self, socket: usize, handles: Vec<Handle>) -> u64 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        if self.batches.iter().filter(|batch| batch.socket == socket).count() >= BATCHES
            && let Some(oldest) = self.batches.iter().position(|batch| batch.socket == socket)
        {
            self.batches.remove(oldest);
        }
        let number = self.last;
        self.batches.push_back(Batch { number, socket, handles });
        number
    }

    /// Takes the handles of a socket with that number.
    pub(crate) fn take(&mut self, socket: usize, number: u64) -> Option<Vec<Handle>> {
        let place = |batch: &Batch| batch.socket == socket && batch.number == number;
        let at = self.batches.iter().position(place)?;
        self.batches.remove(at).map(|batch| batch.handles)
    }

    /// Puts handles back that were not sent after all.
    pub(crate) fn restore(&mut self, socket: usize, number: u64, handles: Vec<Handle>) {
        self.batches.push_back(Batch { number, socket, handles });
    }

    /// Closes what a socket has.
    pub(crate) fn forget(&mut self, socket: usize) {
        self.batches.retain(|batch| batch.socket != socket);
    }

    /// How many handles there are.
    pub(crate) fn count(&self) -> usize {
        self.batches.iter().map(|batch| batch.handles.len()).sum()
    }
}

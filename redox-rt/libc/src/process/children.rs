//! The processes that this one has forked and not yet waited for: numbers and handles.
//!
//! A signal handler may wait for children while it interrupts a thread that does the same, so
//! nothing here takes a lock: a row belongs to whoever moves its number out of it.
use clavis_abi::error::Result;
use clavis_rt::{Handle, Number, sys};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use libc::{EAGAIN, pid_t};

/// Children that can be there at once.
const ROWS: usize = 1024;
/// The number of a row that is being filled.
const TAKEN: u32 = u32::MAX;

struct Row {
    /// The child's number; 0: the row is free.
    process: AtomicU32,
    handle: AtomicUsize,
}

static CHILDREN: [Row; ROWS] =
    [const { Row { process: AtomicU32::new(0), handle: AtomicUsize::new(0) } }; ROWS];

/// The rows behind these were never taken.
static REACHED: AtomicUsize = AtomicUsize::new(0);

/// A row that was taken for a child that is yet to come.
pub(super) struct Place(&'static Row);

impl Place {
    /// Takes a free row.
    pub(super) fn take() -> Result<Place> {
        let free = CHILDREN.iter().enumerate().find(|(_, row)| change(row, 0, TAKEN));
        let (index, row) = free.ok_or(crate::errno::error(EAGAIN))?;
        REACHED.fetch_max(index + 1, Ordering::Relaxed);
        Ok(Place(row))
    }

    /// Puts a child into it.
    pub(super) fn fill(self, process: pid_t, handle: Handle) {
        self.0.handle.store(handle.into_number().raw(), Ordering::Relaxed);
        self.0.process.store(process as u32, Ordering::Release);
        core::mem::forget(self);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.process.store(0, Ordering::Release);
    }
}

fn change(row: &Row, from: u32, to: u32) -> bool {
    row.process.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

fn rows() -> impl Iterator<Item = &'static Row> {
    CHILDREN.iter().take(REACHED.load(Ordering::Relaxed))
}

/// The children: number and handle. The handle of one that was waited for meanwhile is `EBADF`.
pub(crate) fn all() -> impl Iterator<Item = (pid_t, Number)> {
    rows().filter_map(|row| match row.process.load(Ordering::Acquire) {
        0 | TAKEN => None,
        process => {
            let handle = row.handle.load(Ordering::Relaxed);
            Some((process as pid_t, Number::from_raw(handle)))
        }
    })
}

/// The handle of a child.
pub(crate) fn handle_of(process: pid_t) -> Option<Number> {
    all().find(|child| child.0 == process).map(|child| child.1)
}

/// Lets go of a child. False when another thread did so first.
pub(super) fn forget(process: pid_t, handle: Number) -> bool {
    let row = rows().find(|row| {
        row.handle.load(Ordering::Relaxed) == handle.raw() && change(row, process as u32, TAKEN)
    });
    let Some(row) = row else { return false };
    // It is open: only its row's owner closes it.
    let _ = sys::file::close(handle);
    row.process.store(0, Ordering::Release);
    true
}

/// In the copy of a process: the children are its parent's.
pub(super) fn forget_all() {
    for (process, handle) in all() {
        forget(process, handle);
    }
}

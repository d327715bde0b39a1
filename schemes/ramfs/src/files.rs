//! A file system that outlives its process: its state is a snapshot and the changes since, in a log
//! that the next instance reads, and pages that it finds where they were.
//!
//! A change is performed, then recorded, then answered. Until it is recorded it has written nothing
//! but pages that nobody has, and bytes that its client is writing: death before leaves no trace
//! of it, death behind leaves all of it, with the tag and result of its request.
use crate::handles::Handles;
use crate::journal::Change;
use crate::store::{Space, Store};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use state_log::Log;
use syscall::error::{EIO, ENOSPC, Error, Result};

/// Bytes of log beyond twice the snapshot that are kept before there is a new one.
const SLACK: usize = 256 * 1024;
/// The bits of a tag that name a place in the endpoint's queue; the others count its tenants.
const PLACE: u32 = 0xFFFF;

/// What the last request that changed anything was, and its result.
type Done = Option<(u32, Outcome)>;

/// What a request that changed something brought its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// This result.
    Result(usize),
    /// A handle with this number.
    Opened(usize),
    /// A place in the store.
    Mapped(usize),
}

/// A frame of the log.
#[derive(Serialize, Deserialize)]
enum Frame<'a> {
    /// The whole state.
    Whole(&'a [u8]),
    /// A change, the request that asked for it, and when that was.
    Step { tag: Option<u32>, now: Time, change: Change<'a> },
    /// The last request was answered.
    Answered,
}

/// The file system.
pub struct Files<'l> {
    handles: Handles,
    log: Log<'l>,
    /// Bytes of the snapshot in the log.
    whole: usize,
    done: Done,
    /// The request that is being carried out.
    serving: Option<u32>,
    frame: Vec<u8>,
}

fn damaged<E>(_: E) -> Error {
    Error::new(EIO)
}

fn outcome(change: &Change<'_>, result: usize) -> Outcome {
    match change {
        Change::Open { .. } => Outcome::Opened(result),
        Change::Map { .. } => Outcome::Mapped(result),
        _ => Outcome::Result(result),
    }
}

impl<'l> Files<'l> {
    /// The file system that lies in the log and the store, or, where the log is fresh (zeroes), an
    /// empty one that keeps at most `limit` bytes, with the root as handle 0 and maybe a directory.
    ///
    /// # Errors
    /// `EINVAL`: the log is too small. `EIO`: it holds something else.
    pub fn open(
        log: &'l mut [u8],
        store: Store,
        limit: u64,
        directory: Option<&str>,
        now: Time,
    ) -> Result<Files<'l>> {
        let log = Log::open(log).map_err(|error| Error::new(error.errno))?;
        let mut files = Files {
            handles: Handles::within(Space::empty(limit), now),
            log,
            whole: 0,
            done: None,
            serving: None,
            frame: Vec::new(),
        };
        if files.log.exists() {
            files.replay(store)?;
            // What there is will do if this fails.
            let _ = files.snapshot();
        } else {
            files.handles.tree.settle_in(store);
            if let Some(name) = directory {
                files.handles = files.handles.with_directory(name)?;
            }
            files.handles.root()?;
            files.snapshot()?;
        }
        Ok(files)
    }

    /// Does again what was done since the last snapshot.
    fn replay(&mut self, store: Store) -> Result<()> {
        let mut store = Some(store);
        let frames: Vec<Vec<u8>> = self.log.frames().map(<[u8]>::to_vec).collect();
        for bytes in &frames {
            match postcard::from_bytes(bytes).map_err(damaged)? {
                Frame::Whole(bytes) => {
                    self.whole = bytes.len();
                    (self.handles, self.done) = postcard::from_bytes(bytes).map_err(damaged)?;
                    self.handles.tree.settle_in(store.take().ok_or(Error::new(EIO))?);
                    // The pages are as they were left.
                    self.handles.freeze(true);
                }
                Frame::Step { tag, now, change } => {
                    let result = change.perform(&mut self.handles, None, now)?;
                    self.was_done(tag, &change, result);
                }
                Frame::Answered => self.done = None,
            }
        }
        self.handles.freeze(false);
        if store.is_some() { Err(Error::new(EIO)) } else { Ok(()) }
    }

    /// What does not change anything.
    #[must_use]
    pub fn handles(&self) -> &Handles {
        &self.handles
    }

    /// What came of the request with that tag, if it was the last that changed anything.
    #[must_use]
    pub fn done(&self, tag: u32) -> Option<Outcome> {
        self.done.filter(|(done, _)| *done == tag).map(|(_, outcome)| outcome)
    }

    /// A request is about to be carried out.
    pub fn begin(&mut self, tag: u32) {
        self.serving = Some(tag);
        if self.done.is_some_and(|(done, _)| (done ^ tag) & PLACE == 0) {
            // Its place has another request, so that one was answered. Tags come round: forget it.
            self.done = None;
            // Without room for this there is none for another change either.
            let _ = self.encode(&Frame::Answered).and_then(|()| self.record());
        }
    }

    /// Makes a change for the request that is being carried out. `data` is what a write writes.
    ///
    /// # Errors
    /// As [`Change::perform`]; `ENOSPC` when it cannot be recorded.
    pub fn change(&mut self, change: Change<'_>, data: Option<&[u8]>, now: Time) -> Result<usize> {
        let tag = self.serving;
        self.encode(&Frame::Step { tag, now, change })?;
        self.make_room()?;
        let result = change.perform(&mut self.handles, data, now)?;
        self.record()?;
        self.was_done(tag, &change, result);
        Ok(result)
    }

    fn was_done(&mut self, tag: Option<u32>, change: &Change<'_>, result: usize) {
        if let Some(tag) = tag {
            self.done = Some((tag, outcome(change, result)));
        }
    }

    /// As [`Files::change`], for a notice.
    ///
    /// # Errors
    /// As [`Files::change`].
    pub fn note(&mut self, change: Change<'_>, now: Time) -> Result<()> {
        let serving = self.serving.take();
        let result = self.change(change, None, now);
        self.serving = serving;
        result.map(drop)
    }

    fn encode(&mut self, frame: &Frame<'_>) -> Result<()> {
        let mut bytes = std::mem::take(&mut self.frame);
        bytes.clear();
        self.frame = postcard::to_extend(frame, bytes).map_err(damaged)?;
        Ok(())
    }

    fn record(&mut self) -> Result<()> {
        self.log.append(&self.frame).map_err(|_| Error::new(ENOSPC))
    }

    /// Makes sure that the frame can be appended.
    fn make_room(&mut self) -> Result<()> {
        let much = self.whole.saturating_mul(2).saturating_add(SLACK);
        if self.log.used() >= much || !self.log.fits(self.frame.len()) {
            let frame = std::mem::take(&mut self.frame);
            // Not needed yet, maybe: a failure shows when there is no room any more.
            let _ = self.snapshot();
            self.frame = frame;
        }
        if self.log.fits(self.frame.len()) { Ok(()) } else { Err(Error::new(ENOSPC)) }
    }

    /// Writes the whole state anew into the idle half of the log, and goes on with what a successor
    /// would read there: so both will do the same.
    fn snapshot(&mut self) -> Result<()> {
        let full = |_| Error::new(ENOSPC);
        let whole = postcard::to_allocvec(&(&self.handles, self.done)).map_err(damaged)?;
        self.encode(&Frame::Whole(&whole))?;
        let mut snapshot = self.log.begin();
        self.log.add(&mut snapshot, &self.frame).map_err(full)?;
        let (mut handles, done): (Handles, Done) = postcard::from_bytes(&whole).map_err(damaged)?;
        handles.tree.settle_in(std::mem::take(&mut self.handles.tree.space.store));
        self.log.finish(snapshot);
        (self.handles, self.done, self.whole) = (handles, done, whole.len());
        self.frame = Vec::new();
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! What is known of clients, in a log that outlives the process: a snapshot, and each step since.
//!
//! A step is recorded before it takes effect, so an instance that dies leaves what it was about to
//! do; whoever asked for it asks the next one again, which looks what of it was done.
use crate::line::Writer;
use serde::{Deserialize, Serialize};
use slab::Slab;
use state_log::Log;
use syscall::error::{EIO, ENOSPC, Error, Result};

/// Bytes of log beyond twice the snapshot that are kept before there is a new one.
const SLACK: usize = 64 * 1024;

/// Something that a client has open.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Handle {
    Root,
    Reader { position: u64 },
    Writer(Writer),
}

/// A change, as it is recorded.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Step<'a> {
    /// The directory is opened.
    Root,
    /// A reader begins there.
    Reader { position: u64 },
    /// A writer of that name begins.
    Writer { name: &'a str },
    /// A reader went there.
    Read { number: usize, to: u64 },
    /// A writer writes; the kernel's log ends there.
    Write { number: usize, data: &'a [u8], at: u64 },
    /// A handle is gone; the kernel's log ends there.
    Close { number: usize, at: u64 },
    /// The last request was answered.
    Answered,
}

/// What a step did.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Deed {
    /// It opened this number.
    Opened(usize),
    /// It read with this number, from there.
    Read { number: usize, from: u64 },
    /// These lines go to the kernel's log, behind that position.
    Said { number: usize, at: u64, lines: Vec<String> },
    /// Nothing that anybody asks for again.
    Nothing,
}

/// A frame of the log.
#[derive(Serialize, Deserialize)]
enum Frame<'a> {
    /// The whole state.
    Whole(&'a [u8]),
    /// A step, and the request that asked for it.
    Step(Option<u32>, #[serde(borrow)] Step<'a>),
}

/// The state.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    open: Slab<Handle>,
    /// The last step: whose it was, and what it did.
    last: Option<(Option<u32>, Deed)>,
}

impl State {
    fn apply(&mut self, request: Option<u32>, step: Step<'_>) {
        let deed = match step {
            Step::Root => Deed::Opened(self.open.insert(Handle::Root)),
            Step::Reader { position } => {
                Deed::Opened(self.open.insert(Handle::Reader { position }))
            }
            Step::Writer { name } => {
                Deed::Opened(self.open.insert(Handle::Writer(Writer::new(name))))
            }
            Step::Read { number, to } => match self.open.get_mut(number) {
                Some(Handle::Reader { position }) => {
                    Deed::Read { number, from: std::mem::replace(position, to) }
                }
                _ => Deed::Nothing,
            },
            Step::Write { number, data, at } => {
                let mut lines = Vec::new();
                if let Some(Handle::Writer(writer)) = self.open.get_mut(number) {
                    writer.write(data, |line| lines.push(line.to_owned()));
                }
                Deed::Said { number, at, lines }
            }
            Step::Close { number, at } => {
                let mut lines = Vec::new();
                if let Some(Handle::Writer(mut writer)) = self.open.try_remove(number) {
                    writer.finish(|line| lines.push(line.to_owned()));
                }
                Deed::Said { number, at, lines }
            }
            Step::Answered => Deed::Nothing,
        };
        self.last = Some((request, deed));
    }
}

/// The state and its log.
#[derive(Debug)]
pub(crate) struct Kept<'m> {
    state: State,
    log: Log<'m>,
    /// Bytes of the last snapshot.
    whole: usize,
}

fn damaged<E>(_: E) -> Error {
    Error::new(EIO)
}

impl<'m> Kept<'m> {
    /// What lies in the memory. Zeroes: the directory is open, as number 0.
    ///
    /// # Errors
    /// `EINVAL` for memory that is too small, `EIO` for what is nothing of ours.
    pub(crate) fn open(memory: &'m mut [u8]) -> Result<Self> {
        let log = Log::open(memory).map_err(|error| Error::new(error.errno))?;
        let mut kept = Self { state: State::default(), log, whole: 0 };
        for bytes in kept.log.frames() {
            match postcard::from_bytes(bytes).map_err(damaged)? {
                Frame::Whole(bytes) => {
                    kept.state = postcard::from_bytes(bytes).map_err(damaged)?;
                    kept.whole = bytes.len();
                }
                Frame::Step(request, step) => kept.state.apply(request, step),
            }
        }
        if !kept.log.exists() {
            kept.state.apply(None, Step::Root);
            kept.snapshot()?;
        }
        Ok(kept)
    }

    /// What a number stands for.
    pub(crate) fn get(&self, number: usize) -> Option<&Handle> {
        self.state.open.get(number)
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.state.open.len()
    }

    /// What the last step did, and for whom.
    pub(crate) fn last(&mut self) -> Option<(Option<u32>, &mut Deed)> {
        self.state.last.as_mut().map(|(request, deed)| (*request, deed))
    }

    /// Records a step and makes it.
    ///
    /// # Errors
    /// `ENOSPC`: nothing has changed.
    pub(crate) fn take(&mut self, request: Option<u32>, step: Step<'_>) -> Result<()> {
        let frame = postcard::to_allocvec(&Frame::Step(request, step)).map_err(damaged)?;
        let much = self.whole.saturating_mul(2).saturating_add(SLACK);
        if self.log.used() >= much || !self.log.fits(frame.len()) {
            // Not needed yet, maybe: if it fails there is no room below either.
            _ = self.snapshot();
        }
        self.log.append(&frame).map_err(|_| Error::new(ENOSPC))?;
        self.state.apply(request, step);
        Ok(())
    }

    /// Writes the whole state anew into the idle half of the log, and goes on with what a successor
    /// would read there, so that both will give the same numbers.
    fn snapshot(&mut self) -> Result<()> {
        let full = |_| Error::new(ENOSPC);
        let whole = postcard::to_allocvec(&self.state).map_err(damaged)?;
        let frame = postcard::to_allocvec(&Frame::Whole(&whole)).map_err(damaged)?;
        let mut snapshot = self.log.begin();
        self.log.add(&mut snapshot, &frame).map_err(full)?;
        let state = postcard::from_bytes(&whole).map_err(damaged)?;
        self.log.finish(snapshot);
        (self.state, self.whole) = (state, whole.len());
        Ok(())
    }
}

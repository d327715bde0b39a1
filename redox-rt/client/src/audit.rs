//! The audit ring: refusals that anybody met, for programs that were given it.
use crate::error::{Error, Result};
use crate::handle::{AsNumber, Handle, Number, read, write};
use crate::{object, startup};
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::error::{EAGAIN, ENOENT};
use clavis_abi::params::{AuditRecord, Denial, OFFSET_OWN};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::data::Event;
use clavis_abi::syscall::flag::EventFlags;
use core::time::Duration;
use zerocopy::{FromBytes, IntoBytes};

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// How many there were before.
    pub number: u64,
    /// When, since boot.
    pub time: Duration,
    /// The process that was refused.
    pub process: u64,
    /// The process that says so; `None`: the kernel.
    pub reporter: Option<u64>,
    /// What was refused, and why.
    pub denial: Denial,
    /// The label of the handle, or the name that was refused: chosen by anybody.
    pub name: String,
}

impl Refusal {
    fn from_raw(record: &AuditRecord) -> Refusal {
        let end = record.name.iter().position(|&byte| byte == 0).unwrap_or(record.name.len());
        let name = record.name.get(..end).unwrap_or_default();
        Refusal {
            number: record.number,
            time: Duration::from_nanos(record.time),
            process: record.process,
            reporter: (record.reporter != 0).then_some(record.reporter),
            denial: record.denial,
            name: String::from_utf8_lossy(name).into_owned(),
        }
    }
}

/// Reads refusals in order, each once, from the oldest that the ring still has.
#[derive(Debug)]
pub struct Reader {
    ring: Number,
    next: u64,
    lost: u64,
}

impl Reader {
    /// Begins with the oldest.
    ///
    /// # Errors
    /// `ENOENT` when this process was not given the ring.
    pub fn new() -> Result<Reader> {
        let ring = startup::number(EntryKind::Audit).ok_or(Error::from_errno(ENOENT))?;
        Ok(Reader { ring, next: 0, lost: 0 })
    }

    /// What came since the last time, or some of it; nothing if there is nothing more now.
    ///
    /// # Errors
    /// Refused without READ and SEEK.
    pub fn more(&mut self) -> Result<Vec<Refusal>> {
        const ROWS: usize = 32;
        let mut bytes = [0; ROWS * size_of::<AuditRecord>()];
        let length = match read(self.ring, &mut bytes, self.next) {
            Err(error) if error.errno() == EAGAIN => return Ok(Vec::new()),
            length => length?,
        };
        let rows = bytes.get(..length).unwrap_or_default().chunks_exact(size_of::<AuditRecord>());
        let rows = rows.filter_map(|row| AuditRecord::read_from_bytes(row).ok());
        let rows: Vec<Refusal> = rows.map(|row| Refusal::from_raw(&row)).collect();
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            self.lost = self.lost.saturating_add(first.number.saturating_sub(self.next));
            self.next = last.number.saturating_add(1);
        }
        Ok(rows)
    }

    /// How many refusals were overwritten before they were read here.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Something to wait with for more.
    ///
    /// # Errors
    /// Refused without EVENT; what making an event queue yields.
    pub fn watch(&self) -> Result<Watch> {
        let queue = object::event_queue()?;
        let id = self.ring.raw();
        let event = Event { id, flags: EventFlags::EVENT_READ, data: id };
        write(queue.number(), &event, OFFSET_OWN)?;
        Ok(Watch(queue))
    }
}

/// Tells when there are more refusals.
#[derive(Debug)]
pub struct Watch(Handle);

impl Watch {
    /// Waits until something was recorded since the last time.
    ///
    /// # Errors
    /// What reading an event queue yields.
    pub fn wait(&self) -> Result<()> {
        read(self.0.number(), &mut [0; size_of::<Event>()], OFFSET_OWN).map(drop)
    }
}

/// Tells the ring what this process refused another one, by a rule of its own. The kernel adds who
/// says so and when. Never waits.
///
/// # Errors
/// `ENOENT` when this process may not report.
pub fn report(process: u64, denial: Denial, name: &str) -> Result<()> {
    let ring = startup::number(EntryKind::Report).ok_or(Error::from_errno(ENOENT))?;
    let mut record = AuditRecord { process, denial, ..AuditRecord::default() };
    record.name.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    write(ring, record.as_bytes(), OFFSET_OWN).map(drop)
}

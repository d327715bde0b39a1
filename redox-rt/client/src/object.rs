//! Kernel objects made from the factories that this process was given.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::{Error, Result, check};
use crate::handle::{AsNumber, Handle, Number, control, owned, read, write};
use crate::startup;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::error::{EINVAL, EIO, ENOENT};
use clavis_abi::params::{CounterRow, LOG_ECHO, OFFSET_OWN, OUT_UPPER, power};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::dirent::DirentHeader;
use clavis_abi::syscall::{CallFlags, StdFsCallKind, TimeSpec};
use core::time::Duration;
use zerocopy::FromBytes;

fn create(kind: EntryKind, first: u64, second: u64) -> Result<Handle> {
    // SAFETY: the callers pass an address only for a slot's label, which they borrow.
    owned(unsafe { c::clavis_create(kind as u64, first, second, OUT_UPPER) })
}

/// Makes a memory object. See [`crate::memory`] for mapping it.
///
/// # Errors
/// `ENOENT` without a factory; `EDQUOT`, `ENOMEM`.
pub fn memory(bytes: u64) -> Result<Handle> {
    create(EntryKind::FactoryMemory, bytes, 0)
}

/// Makes an empty slot with that label.
///
/// # Errors
/// `ENOENT` without a factory; `EINVAL` for a label that is too long.
pub fn slot(label: &str) -> Result<Handle> {
    create(EntryKind::FactorySlot, label.as_ptr() as u64, label.len() as u64)
}

/// Makes an empty handle table.
///
/// # Errors
/// `ENOENT` without a factory.
pub fn table() -> Result<Handle> {
    create(EntryKind::FactoryTable, 0, 0)
}

/// A handle to an interrupt line.
///
/// # Errors
/// `ENOENT` without a factory; `EBUSY` when a driver has it; `EINVAL`.
pub fn irq(line: u32) -> Result<Handle> {
    create(EntryKind::FactoryIrq, u64::from(line), 0)
}

/// A handle to a range of I/O ports. Port `first + n` is read and written at offset `n`.
///
/// # Errors
/// `ENOENT` without a factory; `EBUSY`, `EINVAL`.
pub fn ports(first: u16, count: u16) -> Result<Handle> {
    create(EntryKind::FactoryPort, u64::from(first), u64::from(count))
}

/// A handle to device memory.
///
/// # Errors
/// `ENOENT` without a factory; `EINVAL` for memory that is no device's.
pub fn window(physical: u64, bytes: u64) -> Result<Handle> {
    create(EntryKind::FactoryWindow, physical, bytes)
}

/// Makes an event queue.
///
/// # Errors
/// `ENOENT` without a factory.
pub fn event_queue() -> Result<Handle> {
    create(EntryKind::FactoryEvent, 0, 0)
}

/// Makes a timer of a clock (`CLOCK_MONOTONIC` 4, `CLOCK_REALTIME` 1).
///
/// # Errors
/// `ENOENT` without a factory; `EINVAL`.
pub fn timer(clock: u64) -> Result<Handle> {
    create(EntryKind::FactoryTime, clock, 0)
}

/// A handle to the process of that number.
///
/// # Errors
/// `ENOENT` without a factory or such a process.
pub fn process(number: u64) -> Result<Handle> {
    create(EntryKind::FactoryProcess, number, 0)
}

/// Makes a pipe: its read end and its write end. `flags` are description flags for both.
///
/// # Errors
/// `ENOENT` without a factory.
pub fn pipe(flags: usize) -> Result<(Handle, Handle)> {
    let mut ends = [0; 2];
    // SAFETY: it writes two words.
    check(unsafe { c::clavis_pipe(flags, OUT_UPPER, ends.as_mut_ptr()) })?;
    let [reader, writer] = ends.map(|raw| Handle::from_number(Number::from_raw(raw)));
    Ok((reader, writer))
}

/// How many objects of a type were made and destroyed since boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What is counted.
    pub name: String,
    /// Made.
    pub created: u64,
    /// Destroyed.
    pub destroyed: u64,
}

fn given(kind: EntryKind) -> Result<Number> {
    startup::number(kind).ok_or(Error::from_errno(ENOENT))
}

/// The kernel's counters, if this process was given them.
///
/// # Errors
/// `ENOENT` when it was not.
pub fn counters() -> Result<Vec<Counter>> {
    const ROWS: usize = 128;
    let mut bytes = vec![0; ROWS * size_of::<CounterRow>()];
    let length = read(given(EntryKind::Counters)?, &mut bytes, 0)?;
    let rows = bytes.get(..length).unwrap_or_default();
    let rows = rows.chunks_exact(size_of::<CounterRow>());
    Ok(rows
        .filter_map(|row| CounterRow::read_from_bytes(row).ok())
        .map(|row| {
            let end = row.name.iter().position(|&byte| byte == 0).unwrap_or(row.name.len());
            let name = row.name.get(..end).unwrap_or_default();
            let name = String::from_utf8_lossy(name).into_owned();
            Counter { name, created: row.created, destroyed: row.destroyed }
        })
        .collect())
}

/// Sets the time of day, as the time since 1970, if this process was given the clock.
///
/// # Errors
/// `ENOENT` when it was not; `EINVAL` for a time that the kernel cannot count.
pub fn set_clock(time: Duration) -> Result<()> {
    let tv_sec = i64::try_from(time.as_secs()).map_err(|_| Error::from_errno(EINVAL))?;
    let tv_nsec = i32::try_from(time.subsec_nanos()).map_err(|_| Error::from_errno(EINVAL))?;
    let time = TimeSpec { tv_sec, tv_nsec };
    write(given(EntryKind::Clock)?, &time, OFFSET_OWN).map(drop)
}

/// What init tells of the services, if this process was given it: rows of the crate
/// `service-manifest`.
///
/// # Errors
/// `ENOENT` when it was not.
pub fn board() -> Result<Vec<u8>> {
    const MOST: usize = 64 * 1024;
    let mut bytes = vec![0; MOST];
    let length = read(given(EntryKind::Board)?, &mut bytes, 0)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// Switches the machine off, if this process was given the power to.
///
/// # Errors
/// `ENOENT` when it was not; what the machine cannot do.
pub fn power_off() -> Result<()> {
    write(given(EntryKind::Power)?, &[power::OFF], OFFSET_OWN).map(drop)
}

/// Restarts the machine, if this process was given the power to.
///
/// # Errors
/// As [`power_off`].
pub fn restart() -> Result<()> {
    write(given(EntryKind::Power)?, &[power::RESTART], OFFSET_OWN).map(drop)
}

/// The kernel log, if this process was given it.
#[must_use]
pub fn log() -> Option<Number> {
    startup::number(EntryKind::Log)
}

/// Whether the kernel itself writes its log to serial line and screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Echo {
    /// It does not: a driver has taken over.
    Off = 0,
    /// It does.
    On = 1,
}

/// Sets whether the kernel itself writes its log to serial line and screen.
///
/// # Errors
/// Refused without CONTROL.
pub fn log_echo(log: &impl AsNumber, echo: Echo) -> Result<()> {
    control(log, LOG_ECHO, echo as usize).map(drop)
}

/// The names in a directory or listing.
///
/// # Errors
/// Refused without LIST; what the server answers.
pub fn list(dir: &impl AsNumber) -> Result<Vec<String>> {
    const HEADER: usize = size_of::<DirentHeader>();
    let mut names = Vec::new();
    let mut opaque = 0;
    let mut buffer = vec![0u8; 4096];
    loop {
        let words = [StdFsCallKind::Getdents as u64, opaque, HEADER as u64];
        let flags = (CallFlags::STD_FS | CallFlags::READ | CallFlags::WRITE).bits();
        let (number, start, length) = (dir.number().raw(), buffer.as_mut_ptr(), buffer.len());
        // SAFETY: it writes within the buffer and reads the words.
        let answer =
            unsafe { c::clavis_call(number, start, length, flags, words.as_ptr(), words.len()) };
        let mut rest = buffer.get(..check(answer)?).ok_or(Error::from_errno(EIO))?;
        if rest.is_empty() {
            return Ok(names);
        }
        while !rest.is_empty() {
            let entry = Entry::read(rest).ok_or(Error::from_errno(EIO))?;
            opaque = entry.next;
            names.push(entry.name);
            rest = rest.get(entry.length..).ok_or(Error::from_errno(EIO))?;
        }
    }
}

/// A directory entry as it lies in memory: `DirentHeader`, name, NUL.
struct Entry {
    next: u64,
    length: usize,
    name: String,
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<Entry> {
        const HEADER: usize = size_of::<DirentHeader>();
        let next = u64::from_ne_bytes(bytes.get(8..16)?.try_into().ok()?);
        let length = usize::from(u16::from_ne_bytes(bytes.get(16..18)?.try_into().ok()?));
        let name = bytes.get(HEADER..length)?;
        let end = name.iter().position(|&byte| byte == 0)?;
        let name = String::from_utf8_lossy(name.get(..end)?).into_owned();
        (length > HEADER).then_some(Entry { next, length, name })
    }
}

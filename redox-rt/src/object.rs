//! Kernel objects made from factories, and what is read from and written to them.
use crate::handle::{Handle, Number, Place};
use crate::startup;
use crate::sync::{Mutex, RawMutex};
use crate::sys;
use crate::{confinement, namespace};
use alloc::sync::Arc;
use alloc::vec::Vec;
use clavis_abi::error::{ENOENT, Error, Result};
use clavis_abi::params::{CounterRow, LOG_ECHO};
use clavis_abi::startup::EntryKind;
use syscall::flag::{O_RDONLY, O_RDWR};
use zerocopy::FromBytes;

/// The factory of memory, once it was opened by its name: each spawn asks for it.
static MEMORY: Mutex<Option<Arc<Handle>>> = Mutex::const_new(RawMutex::new(), None);

/// Makes a memory object of that many bytes.
///
/// # Errors
/// `ENOKEY` or `ENOENT` without a factory; see the call table.
pub fn memory(bytes: u64, place: Place) -> Result<Handle> {
    if let Some(factory) = startup::handle(EntryKind::FactoryMemory) {
        return sys::clavis::create(factory, bytes, 0, place);
    }
    if let Some(factory) = confinement::kept(EntryKind::FactoryMemory) {
        return sys::clavis::create(factory.number(), bytes, 0, place);
    }
    let opened = MEMORY.lock().clone();
    let factory = match opened {
        Some(factory) => factory,
        None => {
            let factory = Arc::new(namespace::open("/scheme/memory", 0, Place::Upper)?);
            let displaced = MEMORY.lock().replace(factory.clone());
            drop(displaced);
            factory
        }
    };
    sys::clavis::create(factory.number(), bytes, 0, place)
}

/// Holds the lock of this module, for a fork.
#[must_use]
pub(crate) fn hold() -> impl Sized {
    MEMORY.lock()
}

/// Forgets what was opened by name: the process has another namespace now.
pub(crate) fn forget_opened() {
    let opened = MEMORY.lock().take();
    drop(opened);
}

/// Makes an empty slot with that label.
///
/// # Errors
/// `ENOENT` without a factory; see the call table.
pub fn slot(label: &str, place: Place) -> Result<Handle> {
    with_factory(EntryKind::FactorySlot, |factory| sys::clavis::create_slot(factory, label, place))
}

/// Makes an empty handle table.
///
/// # Errors
/// `ENOENT` without a factory; see the call table.
pub fn table(place: Place) -> Result<Handle> {
    with_factory(EntryKind::FactoryTable, |factory| sys::clavis::create(factory, 0, 0, place))
}

/// A handle to an interrupt line.
///
/// # Errors
/// `ENOENT` without a factory; see the call table.
pub fn irq(line: u32, place: Place) -> Result<Handle> {
    with_factory(EntryKind::FactoryIrq, |factory| {
        sys::clavis::create(factory, u64::from(line), 0, place)
    })
}

/// A handle to a range of I/O ports.
///
/// # Errors
/// `ENOENT` without a factory; see the call table.
pub fn ports(first: u16, count: u16, place: Place) -> Result<Handle> {
    with_factory(EntryKind::FactoryPort, |factory| {
        sys::clavis::create(factory, u64::from(first), u64::from(count), place)
    })
}

/// A handle to device memory.
///
/// # Errors
/// `ENOENT` without a factory; see the call table.
pub fn window(physical: u64, bytes: u64, place: Place) -> Result<Handle> {
    with_factory(EntryKind::FactoryWindow, |factory| {
        sys::clavis::create(factory, physical, bytes, place)
    })
}

/// Makes an event queue.
///
/// # Errors
/// `ENOENT` without a factory; see the call table.
pub fn event_queue(place: Place) -> Result<Handle> {
    open(EntryKind::FactoryEvent, "/scheme/event", "", O_RDWR, place)
}

/// Makes a pipe; answers its read end and its write end. `flags` are description flags for both.
///
/// # Errors
/// `ENOENT` without a factory; see the call table.
pub fn pipe(flags: usize, place: Place) -> Result<(Handle, Handle)> {
    let reader = open(EntryKind::FactoryPipe, "/scheme/pipe", "", O_RDONLY | flags, place)?;
    let writer = sys::file::dup(reader.number(), b"write", place)?;
    Ok((reader, writer))
}

/// Makes a timer of a clock.
///
/// # Errors
/// `ENOENT` without a factory; see the call table.
pub fn timer(clock: usize, place: Place) -> Result<Handle> {
    let path = alloc::format!("{clock}");
    open(EntryKind::FactoryTime, "/scheme/time", &path, O_RDWR, place)
}

/// A handle to the process of that number.
///
/// # Errors
/// `ENOENT` without a factory or such a process.
pub fn process(number: usize, place: Place) -> Result<Handle> {
    let path = alloc::format!("{number}");
    open(EntryKind::FactoryProcess, "/scheme/proc", &path, O_RDWR, place)
}

/// Opens a path of a factory: the startup handle if there is one, else the name in the namespace.
fn open(kind: EntryKind, name: &str, path: &str, flags: usize, place: Place) -> Result<Handle> {
    if let Some(factory) = startup::handle(kind) {
        return sys::file::openat(factory, path, flags as u64, place);
    }
    match confinement::kept(kind) {
        Some(factory) => sys::file::openat(factory.number(), path, flags as u64, place),
        None if path.is_empty() => namespace::open(name, flags as u64, place),
        None => namespace::open(&alloc::format!("{name}/{path}"), flags as u64, place),
    }
}

/// Runs an action on a factory that was given to this process.
fn with_factory<T>(kind: EntryKind, action: impl FnOnce(Number) -> Result<T>) -> Result<T> {
    action(startup::handle(kind).ok_or(Error::new(ENOENT))?)
}

/// Reads the counters object: how many objects of each type were made and destroyed.
///
/// # Errors
/// `EKEYREJECTED` without READ.
pub fn counters(number: Number) -> Result<Vec<CounterRow>> {
    let mut bytes = alloc::vec![0; 64 * size_of::<CounterRow>()];
    let length = sys::file::read_at(number, &mut bytes, 0)?;
    let rows = bytes.get(..length).unwrap_or_default();
    Ok(rows
        .chunks_exact(size_of::<CounterRow>())
        .filter_map(|row| CounterRow::read_from_bytes(row).ok())
        .collect())
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
/// `EKEYREJECTED` without CONTROL.
pub fn log_echo(log: Number, echo: Echo) -> Result<()> {
    sys::file::fcntl(log, LOG_ECHO, echo as usize).map(drop)
}

/// Asks the power handle for an operation of [`clavis_abi::params::power`].
///
/// # Errors
/// `EKEYREJECTED` without WRITE; what the machine cannot do.
pub fn power(number: Number, operation: u8) -> Result<()> {
    sys::file::write(number, &[operation]).map(drop)
}

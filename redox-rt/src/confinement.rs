//! Capability mode: a process that names nothing but what it holds.
//!
//! Entering it is not a check but a loss: the kernel is told that every handle of this process, now
//! and later, opens only beneath itself, and what led from a path to an object without naming a
//! handle is closed. Its children and what it becomes by exec have no more.
use crate::handle::{Handle, Number, Place};
use crate::sync::{Mutex, RawMutex};
use crate::{account, namespace, startup, sys};
use alloc::sync::Arc;
use clavis_abi::Rights;
use clavis_abi::error::{ECAPMODE, Error, Result};
use clavis_abi::params::handle_flags;
use clavis_abi::startup::EntryKind;
use core::sync::atomic::{AtomicBool, Ordering};

pub mod pledge;
pub mod veil;

/// In place of a handle: the process itself.
pub const OWN: Number = Number::from_raw(usize::MAX);

static ENTERED: AtomicBool = AtomicBool::new(false);

/// What makes objects without names, and where it is found before.
const NAMELESS: [(EntryKind, &str); 4] = [
    (EntryKind::FactoryMemory, "/scheme/memory/."),
    (EntryKind::FactoryEvent, "/scheme/event/."),
    (EntryKind::FactoryPipe, "/scheme/pipe/."),
    (EntryKind::FactoryTime, "/scheme/time/."),
];

/// What gives power over things that everybody shares.
const SHARED: [EntryKind; 12] = [
    EntryKind::Console,
    EntryKind::BootImage,
    EntryKind::Log,
    EntryKind::Power,
    EntryKind::Counters,
    EntryKind::Framebuffer,
    EntryKind::Clock,
    EntryKind::Board,
    EntryKind::FactoryProcess,
    EntryKind::FactoryIrq,
    EntryKind::FactoryPort,
    EntryKind::FactoryWindow,
];

/// Factories that were opened before their names went.
static KEPT: Mutex<[Option<Arc<Handle>>; NAMELESS.len()]> =
    Mutex::const_new(RawMutex::new(), [const { None }; NAMELESS.len()]);

/// Enters capability mode, for ever. A second time changes nothing.
///
/// # Errors
/// None known.
pub fn enter() -> Result<()> {
    if is_entered() {
        return Ok(());
    }
    for (index, (kind, path)) in NAMELESS.iter().enumerate() {
        if startup::handle(*kind).is_none()
            && let Ok(factory) = namespace::open(path, 0, Place::Upper)
            && let Some(place) = KEPT.lock().get_mut(index)
        {
            *place = Some(Arc::new(factory));
        }
    }
    sys::clavis::limit(OWN, Rights::all(), Rights::all(), handle_flags::BENEATH)?;
    ENTERED.store(true, Ordering::Release);
    namespace::leave();
    for kind in SHARED {
        if let Some(number) = startup::handle(kind) {
            // It may have been closed already.
            let _ = sys::file::close(number);
        }
    }
    if let Some(account) = account::own() {
        // Processes are made in it; nobody in it is named.
        let most = Rights::all() - Rights::SIGNAL - Rights::INSPECT;
        let _ = sys::clavis::limit(account, most, most, 0);
    }
    Ok(())
}

/// Whether this process is in capability mode: it entered it, or it began without a namespace and
/// a current directory.
#[must_use]
pub fn is_entered() -> bool {
    ENTERED.load(Ordering::Acquire)
}

/// The process begins with neither: it is in capability mode.
pub(crate) fn begin() {
    ENTERED.store(true, Ordering::Release);
}

/// Whether paths can be asked for at all.
///
/// # Errors
/// `ENOKEY` in capability mode.
pub fn outside() -> Result<()> {
    if is_entered() { Err(Error::new(ECAPMODE)) } else { Ok(()) }
}

/// A factory that was kept when its name went.
pub(crate) fn kept(kind: EntryKind) -> Option<Arc<Handle>> {
    let index = NAMELESS.iter().position(|row| row.0 == kind)?;
    KEPT.lock().get(index)?.clone()
}

/// Factories that were kept, for the program that this process becomes.
pub fn handed_on() -> impl Iterator<Item = (EntryKind, Arc<Handle>)> {
    NAMELESS.iter().filter_map(|row| Some((row.0, kept(row.0)?)))
}

/// Holds the locks of this module, for a fork.
#[must_use]
pub fn hold() -> impl Sized {
    // In the order in which they are taken.
    (pledge::hold(), veil::hold(), KEPT.lock())
}

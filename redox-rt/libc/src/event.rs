//! Event queues: `redox_event_queue_*_v1` and what `poll` is built on.
use crate::errno::error;
use crate::pointer::{get_if, put};
use crate::redox::used;
use crate::signal::Watch;
use clavis_abi::error::{ETIMEDOUT, Error, Result};
use clavis_rt::sys::file;
use clavis_rt::sys::time::set_deadline;
use clavis_rt::{Number, Place, object};
use libc::{EINVAL, sigset_t, timespec};
use syscall::data::Event;
use syscall::flag::EventFlags;

/// Bytes of one event of the kernel.
pub(crate) const EVENT_SIZE: usize = size_of::<Event>();

/// An event as `redox_event` lays it out.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct RawEvent {
    fd: usize,
    user_data: usize,
    flags: u32,
}

/// Registers interest in a handle; no flags end it.
///
/// # Errors
/// `EPERM`: the object is always ready. `EBADF`; what the server answers.
pub(crate) fn register(queue: Number, fd: usize, flags: EventFlags, data: usize) -> Result<()> {
    let event = Event { id: fd, flags, data };
    file::write(queue, &event).map(drop)
}

/// Waits for events until an instant (monotonic nanoseconds; `None`: for ever). None: it came.
///
/// Uses the thread's deadline; one that was set before is gone afterwards.
pub(crate) fn read(queue: Number, buffer: &mut [u8], until: Option<u64>) -> Result<usize> {
    wait(until, || file::read(queue, buffer))
}

/// As [`read`], but a signal's handler ends it: `EINTR`.
pub(crate) fn read_watched(
    queue: Number,
    buffer: &mut [u8],
    until: Option<u64>,
    watch: &Watch,
) -> Result<usize> {
    wait(until, || watch.read(queue, buffer))
}

fn wait(until: Option<u64>, read: impl FnOnce() -> Result<usize>) -> Result<usize> {
    if let Some(until) = until {
        // Zero would mean that there is none.
        set_deadline(Some(until.max(1)))?;
    }
    let result = read();
    if until.is_some() {
        set_deadline(None)?;
    }
    match result {
        Err(Error { errno: ETIMEDOUT }) if until.is_some() => Ok(0),
        result => result.map(|bytes| bytes / EVENT_SIZE),
    }
}

/// Takes one event out of what the kernel wrote.
pub(crate) fn event(bytes: &[u8]) -> Option<Event> {
    let word = |at: usize| {
        let word = bytes.get(at..)?.first_chunk()?;
        Some(usize::from_ne_bytes(*word))
    };
    let flags = EventFlags::from_bits_retain(word(8)?);
    Some(Event { id: word(0)?, flags, data: word(16)? })
}

/// Makes an event queue.
#[unsafe(no_mangle)]
pub extern "C" fn redox_event_queue_create_v1(flags: u32) -> usize {
    used(|| {
        if flags != 0 {
            return Err(error(EINVAL));
        }
        Ok(object::event_queue(Place::Lowest)?.into_number().raw())
    })
}

/// Waits for events, at most for `timeout` (null: for ever), with another set of blocked signals if
/// one is given. Answers how many there are; `EINTR` when a signal's handler has run.
///
/// # Safety
/// C contract: `buffer` takes `amount` events, `timeout` and `blocked` are null or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_event_queue_get_events_v1(
    queue: usize,
    buffer: *mut RawEvent,
    amount: usize,
    flags: u32,
    timeout: *const timespec,
    blocked: *const sigset_t,
) -> usize {
    used(|| {
        if flags != 0 {
            return Err(error(EINVAL));
        }
        // SAFETY: the contract.
        let until = unsafe { crate::time::until(timeout) }?;
        // SAFETY: the contract.
        let blocked = unsafe { get_if(blocked) };
        let mut bytes = [0; 16 * EVENT_SIZE];
        let room = amount.min(16) * EVENT_SIZE;
        let part = bytes.get_mut(..room).ok_or(error(EINVAL))?;
        let watch = Watch::begin(blocked);
        let found = read_watched(Number::from_raw(queue), part, until, &watch)?;
        drop(watch);
        for (index, bytes) in part.chunks_exact(EVENT_SIZE).take(found).enumerate() {
            let event = event(bytes).ok_or(error(libc::EIO))?;
            let flags = event.flags.bits() as u32;
            let event = RawEvent { fd: event.id, user_data: event.data, flags };
            // SAFETY: the contract; `found` is at most `amount`.
            unsafe { put(buffer.wrapping_add(index), event) }?;
        }
        Ok(found)
    })
}

/// Registers interest in a handle; no flags end it.
#[unsafe(no_mangle)]
pub extern "C" fn redox_event_queue_ctl_v1(
    queue: usize,
    fd: usize,
    flags: u32,
    user_data: usize,
) -> usize {
    used(|| {
        let flags = EventFlags::from_bits(flags as usize).ok_or(error(EINVAL))?;
        register(Number::from_raw(queue), fd, flags, user_data).map(|()| 0)
    })
}

/// Closes an event queue.
#[unsafe(no_mangle)]
pub extern "C" fn redox_event_queue_destroy_v1(queue: usize) -> usize {
    used(|| file::close(Number::from_raw(queue)).map(|()| 0))
}

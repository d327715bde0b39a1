//! `poll`, over an event queue of the moment.
use crate::errno::{answer, error};
use crate::event::{EVENT_SIZE, event, read, register};
use clavis_abi::error::{EBADF, EPERM, Error, Result};
use clavis_rt::sys::time::{Clock, now};
use clavis_rt::{Place, object};
use core::ffi::{c_int, c_short};
use libc::{
    EFAULT, EINVAL, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLRDNORM, POLLWRNORM, nfds_t, pollfd,
};
use syscall::flag::EventFlags;

/// What a hang-up adds to an event.
const HANGUP: usize = 4;
/// How many descriptors one call may ask about.
const POLL_MAX: nfds_t = 1024;

/// Waits until a descriptor is ready. Answers how many are; 0 after `timeout` milliseconds (a
/// negative one never ends).
///
/// # Safety
/// C contract: `amount` entries are readable and writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn poll(entries: *mut pollfd, amount: nfds_t, timeout: c_int) -> c_int {
    if amount > POLL_MAX {
        return crate::errno::fail(EINVAL);
    }
    let entries = if amount == 0 {
        &mut []
    } else if entries.is_null() {
        return crate::errno::fail(EFAULT);
    } else {
        // SAFETY: the contract.
        unsafe { core::slice::from_raw_parts_mut(entries, amount as usize) }
    };
    let until = u64::try_from(timeout)
        .ok()
        .map(|timeout| now(Clock::Monotonic).saturating_add(timeout.saturating_mul(1_000_000)));
    answer(wait(entries, until))
}

/// The kernel's name for what C waits for.
fn interest(events: c_short) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::EVENT_READ, events & (POLLIN | POLLRDNORM) != 0);
    flags.set(EventFlags::EVENT_WRITE, events & (POLLOUT | POLLWRNORM) != 0);
    // A hang-up alone cannot be asked for: it comes with any interest.
    if flags.is_empty() { EventFlags::EVENT_READ } else { flags }
}

/// C's name for what happened, of what was waited for.
fn happened(flags: EventFlags, events: c_short) -> c_short {
    let mut result = 0;
    if flags.contains(EventFlags::EVENT_READ) {
        result |= events & (POLLIN | POLLRDNORM);
    }
    if flags.contains(EventFlags::EVENT_WRITE) {
        result |= events & (POLLOUT | POLLWRNORM);
    }
    if flags.bits() & HANGUP != 0 {
        result |= POLLHUP;
    }
    result
}

fn ready(entries: &[pollfd]) -> c_int {
    entries.iter().filter(|entry| entry.revents != 0).count() as c_int
}

/// Waits until an instant (monotonic nanoseconds; `None`: for ever). Answers how many are ready.
pub(crate) fn wait(entries: &mut [pollfd], until: Option<u64>) -> Result<c_int> {
    let queue = object::event_queue(Place::Upper)?;
    for entry in entries.iter_mut() {
        entry.revents = 0;
    }
    for index in 0..entries.len() {
        let Some(&pollfd { fd, .. }) = entries.get(index) else { break };
        let earlier = entries.get(..index).unwrap_or_default();
        // A queue has one registration per handle: the first entry asks for all with its number.
        if fd < 0 || earlier.iter().any(|entry| entry.fd == fd) {
            continue;
        }
        let same = entries.iter().filter(|entry| entry.fd == fd);
        let events = same.fold(0, |all, entry| all | entry.events);
        let now = match register(queue.number(), fd as usize, interest(events), fd as usize) {
            Ok(()) => continue,
            Err(Error { errno: EPERM }) => events & !POLLHUP,
            Err(Error { errno: EBADF }) => POLLNVAL,
            Err(error) => return Err(error),
        };
        for entry in entries.iter_mut().filter(|entry| entry.fd == fd) {
            entry.revents = if now == POLLNVAL { now } else { now & entry.events };
        }
    }
    // With something ready already, only look.
    let until = if ready(entries) > 0 { Some(1) } else { until };
    loop {
        let mut bytes = [0; 16 * EVENT_SIZE];
        let found = read(queue.number(), &mut bytes, until)?;
        for bytes in bytes.chunks_exact(EVENT_SIZE).take(found) {
            let event = event(bytes).ok_or(error(EINVAL))?;
            for entry in entries.iter_mut().filter(|entry| entry.fd as usize == event.data) {
                entry.revents |= happened(event.flags, entry.events);
            }
        }
        let count = ready(entries);
        if count > 0 || found == 0 {
            return Ok(count);
        }
    }
}

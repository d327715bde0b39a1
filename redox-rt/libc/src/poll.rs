//! `poll` and `ppoll`, over an event queue of the moment.
use crate::errno::{answer, error};
use crate::event::{EVENT_SIZE, event, read_watched, register};
use crate::pointer::get_if;
use crate::promises::{Operation, promised};
use crate::signal::Watch;
use clavis_abi::error::{EBADF, EPERM, Error, Result};
use clavis_rt::sys::time::{Clock, now};
use clavis_rt::{Place, object};
use core::ffi::{c_int, c_short};
use libc::{
    EFAULT, EINVAL, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLRDNORM, POLLWRNORM, nfds_t, pollfd,
    sigset_t, timespec,
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
    // SAFETY: the contract.
    let entries = unsafe { lent(entries, amount) };
    let until = u64::try_from(timeout)
        .ok()
        .map(|timeout| now(Clock::Monotonic).saturating_add(timeout.saturating_mul(1_000_000)));
    answer(entries.and_then(|entries| wait(entries, until, None)))
}

/// As [`poll`], with a finer time (null: for ever), and with another set of blocked signals
/// meanwhile if one is given.
///
/// # Safety
/// C contract: `amount` entries are readable and writable, `timeout` and `blocked` are null or
/// readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ppoll(
    entries: *mut pollfd,
    amount: nfds_t,
    timeout: *const timespec,
    blocked: *const sigset_t,
) -> c_int {
    // SAFETY: the contract.
    let entries = unsafe { lent(entries, amount) };
    // SAFETY: the contract.
    let until = unsafe { crate::time::until(timeout) };
    // SAFETY: the contract.
    let mask = unsafe { get_if(blocked) };
    answer(entries.and_then(|entries| wait(entries, until?, mask)))
}

/// The entries that C lends.
///
/// # Safety
/// `amount` entries are readable and writable.
unsafe fn lent<'a>(entries: *mut pollfd, amount: nfds_t) -> Result<&'a mut [pollfd]> {
    match amount {
        0 => Ok(&mut []),
        _ if amount > POLL_MAX => Err(error(EINVAL)),
        _ if entries.is_null() => Err(error(EFAULT)),
        // SAFETY: the caller's promise.
        _ => Ok(unsafe { core::slice::from_raw_parts_mut(entries, amount as usize) }),
    }
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

/// Waits until an instant (monotonic nanoseconds; `None`: for ever), with a mask blocking those
/// signals meanwhile. Answers how many are ready; `EINTR` when a signal's handler has run.
pub(crate) fn wait(
    entries: &mut [pollfd],
    until: Option<u64>,
    mask: Option<sigset_t>,
) -> Result<c_int> {
    promised(Operation::Stdio)?;
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
    let watch = Watch::begin(mask);
    loop {
        let mut bytes = [0; 16 * EVENT_SIZE];
        let found = read_watched(queue.number(), &mut bytes, until, &watch)?;
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

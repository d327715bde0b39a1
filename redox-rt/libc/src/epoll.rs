//! `epoll_*` over event queues.
//!
//! The kernel's events are edges, told once. What a level-triggered interest needs beyond that is
//! kept here: an interest that was reported is registered anew before the next wait, which makes
//! the kernel tell again whether its object is ready. Interests end with their descriptor's close.
use crate::errno::{answer, error, fail, status};
use crate::event::{EVENT_SIZE, event, read_watched, register};
use crate::pointer::{fd, get, put};
use crate::promises::{Operation, promised};
use crate::signal::Watch;
use alloc::vec::Vec;
use clavis_abi::error::{EPERM, Error, Result};
use clavis_rt::Number;
use clavis_rt::Place;
use clavis_rt::object;
use clavis_rt::sync::{Mutex, RawMutex};
use clavis_rt::sys::time::{Clock, now};
use core::ffi::c_int;
use core::sync::atomic::{AtomicUsize, Ordering};
use libc::{
    EBADF, EEXIST, EINVAL, ENOENT, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD,
    EPOLLET, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLRDHUP, EPOLLRDNORM, EPOLLWRNORM,
    epoll_event,
};
use syscall::flag::EventFlags;

/// What a hang-up adds to an event of the kernel.
const HANGUP: usize = 4;
/// Events that one read takes out of the kernel.
const BATCH: usize = 16;

/// What a program wants to know of a descriptor.
#[derive(Clone, Copy, Debug)]
struct Interest {
    descriptor: c_int,
    events: u32,
    data: u64,
    state: State,
}

/// What the kernel knows of an interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The kernel tells its next edge.
    Armed,
    /// Its last edge was told: a level must be asked for again.
    Told,
    /// It was reported once, and that was all that was wanted.
    Spent,
}

/// An epoll object: its descriptors, which are duplicates of each other, and its interests.
struct Epoll {
    descriptors: Vec<c_int>,
    interests: Vec<Interest>,
}

impl Epoll {
    fn is(&self, descriptor: c_int) -> bool {
        self.descriptors.contains(&descriptor)
    }
}

static EPOLLS: Mutex<Vec<Epoll>> = Mutex::const_new(RawMutex::new(), Vec::new());
/// How many there are, so that a close need not take the lock where there are none.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// The kernel's name for what C waits for.
fn interest(events: u32) -> EventFlags {
    let asks = |mask: c_int| events & mask as u32 != 0;
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::EVENT_READ, asks(EPOLLIN | EPOLLRDNORM | EPOLLRDHUP));
    flags.set(EventFlags::EVENT_WRITE, asks(EPOLLOUT | EPOLLWRNORM));
    // A hang-up alone cannot be asked for: it comes with any interest.
    if flags.is_empty() { EventFlags::EVENT_READ } else { flags }
}

/// C's name for what happened, of what was asked for; a hang-up is told unasked.
fn happened(flags: EventFlags, events: u32) -> u32 {
    let mut result = 0;
    if flags.contains(EventFlags::EVENT_READ) {
        result |= EPOLLIN | EPOLLRDNORM;
    }
    if flags.contains(EventFlags::EVENT_WRITE) {
        result |= EPOLLOUT | EPOLLWRNORM;
    }
    if flags.bits() & HANGUP != 0 {
        result |= EPOLLRDHUP;
    }
    let unasked = if flags.bits() & HANGUP != 0 { EPOLLHUP } else { 0 };
    result as u32 & events | unasked as u32
}

/// Makes an epoll object; `size` must be positive.
#[unsafe(no_mangle)]
pub extern "C" fn epoll_create(size: c_int) -> c_int {
    if size <= 0 { fail(EINVAL) } else { epoll_create1(0) }
}

/// Makes an epoll object, with `EPOLL_CLOEXEC` one that does not outlive exec.
#[unsafe(no_mangle)]
pub extern "C" fn epoll_create1(flags: c_int) -> c_int {
    if flags & !EPOLL_CLOEXEC != 0 {
        return fail(EINVAL);
    }
    answer(promised(Operation::Stdio).and_then(|()| {
        let queue = object::event_queue(Place::Lowest)?;
        if flags & EPOLL_CLOEXEC != 0 {
            crate::io::close_on_exec(queue.number())?;
        }
        let mut epolls = EPOLLS.lock();
        epolls.try_reserve(1).map_err(|_| error(libc::ENOMEM))?;
        let mut descriptors = Vec::new();
        descriptors.try_reserve(1).map_err(|_| error(libc::ENOMEM))?;
        let descriptor = crate::fcntl::descriptor(queue);
        // Closed past this library, the number may still be noted for something else.
        drop_number(&mut epolls, descriptor);
        descriptors.push(descriptor);
        epolls.push(Epoll { descriptors, interests: Vec::new() });
        ALIVE.store(epolls.len(), Ordering::Release);
        Ok(descriptor)
    }))
}

/// Forgets what was kept for a descriptor that is being closed or replaced.
pub(crate) fn forget(descriptor: c_int) {
    if ALIVE.load(Ordering::Acquire) == 0 {
        return;
    }
    let mut epolls = EPOLLS.lock();
    drop_number(&mut epolls, descriptor);
    ALIVE.store(epolls.len(), Ordering::Release);
}

fn drop_number(epolls: &mut Vec<Epoll>, descriptor: c_int) {
    for epoll in epolls.iter_mut() {
        epoll.descriptors.retain(|own| *own != descriptor);
        epoll.interests.retain(|interest| interest.descriptor != descriptor);
    }
    epolls.retain(|epoll| !epoll.descriptors.is_empty());
}

/// Notes that a descriptor was duplicated: both mean the same epoll object, if the first does.
pub(crate) fn duplicated(descriptor: c_int, copy: c_int) {
    if ALIVE.load(Ordering::Acquire) == 0 {
        return;
    }
    let mut epolls = EPOLLS.lock();
    if let Some(epoll) = epolls.iter_mut().find(|epoll| epoll.is(descriptor)) {
        epoll.descriptors.push(copy);
    }
}

/// Adds, changes or removes interest in a descriptor. `EEXIST`, `ENOENT`; `EPERM` for objects that
/// are always ready; `EINVAL` for what is no epoll object.
///
/// # Safety
/// C contract: `wanted` is readable unless interest is removed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_ctl(
    queue: c_int,
    operation: c_int,
    descriptor: c_int,
    wanted: *mut epoll_event,
) -> c_int {
    let wanted = if operation == EPOLL_CTL_DEL {
        Ok((0, 0))
    } else {
        // SAFETY: the contract.
        unsafe { get(wanted.cast_const()) }.map(|wanted| (wanted.events, wanted.u64))
    };
    status(wanted.and_then(|(events, data)| control(queue, operation, descriptor, events, data)))
}

fn control(
    queue: c_int,
    operation: c_int,
    descriptor: c_int,
    events: u32,
    data: u64,
) -> Result<()> {
    let (number, watched) = (fd(queue)?, fd(descriptor)?);
    if EPOLLS.lock().iter().any(|epoll| epoll.is(queue) && epoll.is(descriptor)) {
        return Err(error(EINVAL));
    }
    let flags = interest(events);
    let fresh = Interest { descriptor, events, data, state: State::Armed };
    // The kernel is asked without the lock: registering can mean a call to a server, which may be
    // another thread of this process. What was noted is taken back when it refuses.
    match operation {
        EPOLL_CTL_ADD => {
            with(queue, |interests| match find(interests, descriptor) {
                Some(_) => Err(error(EEXIST)),
                None => {
                    interests.try_reserve(1).map_err(|_| error(libc::ENOMEM))?;
                    interests.push(fresh);
                    Ok(())
                }
            })?;
            register(number, watched.raw(), flags, watched.raw()).inspect_err(|_| {
                let _ = with(queue, |interests| remove(interests, descriptor));
            })
        }
        EPOLL_CTL_MOD => {
            with(queue, |interests| {
                let found = find(interests, descriptor);
                let slot = found.and_then(|index| interests.get_mut(index));
                *slot.ok_or(error(ENOENT))? = fresh;
                Ok(())
            })?;
            register(number, watched.raw(), flags, watched.raw())
        }
        EPOLL_CTL_DEL => {
            with(queue, |interests| remove(interests, descriptor))?;
            register(number, watched.raw(), EventFlags::empty(), 0)
        }
        _ => Err(error(EINVAL)),
    }
}

/// Does something with the interests of an epoll object, under the lock; `EINVAL` for another one.
fn with<T>(queue: c_int, action: impl FnOnce(&mut Vec<Interest>) -> Result<T>) -> Result<T> {
    let mut epolls = EPOLLS.lock();
    let epoll = epolls.iter_mut().find(|epoll| epoll.is(queue));
    action(&mut epoll.ok_or(error(EINVAL))?.interests)
}

fn find(interests: &[Interest], descriptor: c_int) -> Option<usize> {
    interests.iter().position(|interest| interest.descriptor == descriptor)
}

fn remove(interests: &mut Vec<Interest>, descriptor: c_int) -> Result<()> {
    let index = find(interests, descriptor).ok_or(error(ENOENT))?;
    interests.swap_remove(index);
    Ok(())
}

/// Waits for events, at most `timeout` milliseconds (a negative one never ends). Answers how many
/// were written; `EINTR` when a signal's handler has run.
///
/// # Safety
/// C contract: `place` takes `room` events.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_wait(
    queue: c_int,
    place: *mut epoll_event,
    room: c_int,
    timeout: c_int,
) -> c_int {
    let Some(room) = usize::try_from(room).ok().filter(|room| *room > 0) else {
        return fail(EINVAL);
    };
    let until = u64::try_from(timeout)
        .ok()
        .map(|timeout| now(Clock::Monotonic).saturating_add(timeout.saturating_mul(1_000_000)));
    answer(fd(queue).and_then(|number| {
        let watch = Watch::begin(None);
        loop {
            ask_again(queue, number)?;
            let mut bytes = [0; BATCH * EVENT_SIZE];
            let bytes = bytes.get_mut(..room.min(BATCH) * EVENT_SIZE).unwrap_or_default();
            let found = read_watched(number, bytes, until, &watch)?;
            let mut written = 0;
            for bytes in bytes.chunks_exact(EVENT_SIZE).take(found) {
                let event = event(bytes).ok_or(error(EINVAL))?;
                let Some((events, data)) = report(queue, number, event.data as c_int, event.flags)
                else {
                    continue;
                };
                let event = epoll_event { events, u64: data, _pad: 0 };
                // SAFETY: the contract; no more are written than were read, at most `room`.
                unsafe { put(place.wrapping_add(written), event) }?;
                written += 1;
            }
            if written > 0 || found == 0 {
                return Ok(written as c_int);
            }
        }
    }))
}

/// Registers anew what was told and is wanted as long as it lasts.
fn ask_again(queue: c_int, number: Number) -> Result<()> {
    loop {
        let next = with(queue, |interests| {
            let told = interests.iter_mut().find(|interest| interest.state == State::Told);
            Ok(told.map(|told| {
                told.state = State::Armed;
                *told
            }))
        })?;
        let Some(told) = next else { return Ok(()) };
        let watched = told.descriptor as usize;
        match register(number, watched, interest(told.events), watched) {
            // Closed past this library: its registration is gone with the handle.
            Ok(()) | Err(Error { errno: EBADF | EPERM }) => {}
            Err(error) => return Err(error),
        }
    }
}

/// What to report of an event of the kernel, if its interest is still there.
fn report(
    queue: c_int,
    number: Number,
    descriptor: c_int,
    flags: EventFlags,
) -> Option<(u32, u64)> {
    let interest = with(queue, |interests| {
        let found = find(interests, descriptor).and_then(|index| interests.get_mut(index));
        let interest = found.ok_or(error(ENOENT))?;
        if happened(flags, interest.events) == 0 || interest.state == State::Spent {
            return Err(error(ENOENT));
        }
        if interest.events & EPOLLONESHOT as u32 != 0 {
            interest.state = State::Spent;
        } else if interest.events & EPOLLET as u32 == 0 {
            interest.state = State::Told;
        }
        Ok(*interest)
    })
    .ok()?;
    if interest.state == State::Spent {
        // A handle that is gone has no registration left to end.
        let _ = register(number, descriptor as usize, EventFlags::empty(), 0);
    }
    Some((happened(flags, interest.events), interest.data))
}

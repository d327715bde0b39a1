//! `select` and `pselect`, over `poll`.
use crate::errno::{answer, error};
use crate::fdset::{contains, keep};
use crate::pointer::{get, get_if};
use crate::poll;
use alloc::vec::Vec;
use clavis_abi::error::Result;
use core::ffi::{c_int, c_short};
use libc::{
    EBADF, EINVAL, FD_SETSIZE, POLLHUP, POLLIN, POLLNVAL, POLLOUT, fd_set, pollfd, sigset_t,
    timespec, timeval,
};

type Words = [u64; FD_SETSIZE / u64::BITS as usize];

const _: () = assert!(size_of::<Words>() == size_of::<fd_set>());

/// The words of a set that C lends.
///
/// # Safety
/// Null or a set that nobody else touches meanwhile.
unsafe fn words<'a>(set: *mut fd_set) -> Option<&'a mut Words> {
    // SAFETY: the caller's promise; same size, integers both.
    unsafe { set.cast::<Words>().as_mut() }
}

/// Waits until a descriptor below `bound` is ready, at most for `timeout` (null: for ever). Only
/// ready ones stay in the sets; nothing is ever exceptional. Answers how many stayed.
///
/// # Safety
/// C contract: the sets are null or distinct sets, `timeout` is null or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn select(
    bound: c_int,
    readable: *mut fd_set,
    writable: *mut fd_set,
    exceptional: *mut fd_set,
    timeout: *mut timeval,
) -> c_int {
    // SAFETY: the contract.
    let patience = (!timeout.is_null()).then(|| unsafe { get(timeout.cast_const()) });
    let patience = match patience {
        None => None,
        Some(Ok(time)) if time.tv_sec >= 0 && (0..1_000_000).contains(&time.tv_usec) => {
            Some(timespec { tv_sec: time.tv_sec, tv_nsec: i64::from(time.tv_usec) * 1000 })
        }
        Some(_) => return crate::errno::fail(EINVAL),
    };
    let patience = patience.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: the same contract.
    unsafe { pselect(bound, readable, writable, exceptional, patience, core::ptr::null()) }
}

/// As [`select`], with a finer time, and with another set of blocked signals meanwhile if one is
/// given.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pselect(
    bound: c_int,
    readable: *mut fd_set,
    writable: *mut fd_set,
    exceptional: *mut fd_set,
    timeout: *const timespec,
    blocked: *const sigset_t,
) -> c_int {
    // SAFETY: the contract.
    let readable = unsafe { words(readable) };
    // SAFETY: the contract.
    let writable = unsafe { words(writable) };
    // SAFETY: the contract.
    let exceptional = unsafe { words(exceptional) };
    // SAFETY: the contract.
    let until = unsafe { crate::time::until(timeout) };
    // SAFETY: the contract.
    let mask = unsafe { get_if(blocked) };
    answer(until.and_then(|until| wait(bound, [readable, writable, exceptional], until, mask)))
}

fn wait(
    bound: c_int,
    sets: [Option<&mut Words>; 3],
    until: Option<u64>,
    mask: Option<sigset_t>,
) -> Result<c_int> {
    let bound = usize::try_from(bound).ok().filter(|bound| *bound <= FD_SETSIZE);
    let bound = bound.ok_or(error(EINVAL))?;
    let mut entries = Vec::new();
    for descriptor in 0..bound {
        let asks = |set: &Option<&mut Words>, events: c_short| {
            let set = set.as_ref().map(|set| set.as_slice());
            if contains(set, descriptor) { Some(events) } else { None }
        };
        let [readable, writable, exceptional] = &sets;
        let asked = [asks(readable, POLLIN), asks(writable, POLLOUT), asks(exceptional, 0)];
        if asked.iter().any(Option::is_some) {
            let events = asked.into_iter().flatten().fold(0, |all, events| all | events);
            entries.try_reserve(1).map_err(|_| error(libc::ENOMEM))?;
            entries.push(pollfd { fd: descriptor as c_int, events, revents: 0 });
        }
    }
    poll::wait(&mut entries, until, mask)?;
    if entries.iter().any(|entry| entry.revents & POLLNVAL != 0) {
        return Err(error(EBADF));
    }
    let mut count = 0;
    // A hang-up makes a read or write answer at once, which is what *ready* means here.
    for (set, events) in sets.into_iter().zip([POLLIN | POLLHUP, POLLOUT | POLLHUP, 0]) {
        let Some(set) = set else { continue };
        count += keep(set, bound, |descriptor| {
            let entry = entries.iter().find(|entry| entry.fd as usize == descriptor);
            entry.is_some_and(|entry| entry.revents & events != 0)
        });
    }
    Ok(count as c_int)
}

//! The alternate stack for handlers.
use crate::errno::fail;
use crate::pointer::{get, put_if};
use clavis_rt::tls;
use core::ffi::c_int;
use core::ptr;
use libc::{EINVAL, ENOMEM, EPERM, SS_DISABLE, stack_t};

/// `ss_flags` of a thread that runs on it.
const SS_ONSTACK: c_int = 1;
/// Fewest bytes of one: what the entry stores there, and a little for the handler.
const LEAST: usize = 2048;

/// The calling thread's.
pub(super) fn current() -> stack_t {
    let place = &tls::current().signal;
    let (base, top) = (place.stack_base.get(), place.stack_top.get());
    // The address of anything on the stack says which stack it is.
    let here = ptr::from_ref(&place).addr();
    let ss_flags = match top {
        0 => SS_DISABLE,
        top if (base..top).contains(&here) => SS_ONSTACK,
        _ => 0,
    };
    stack_t { ss_sp: ptr::with_exposed_provenance_mut(base), ss_flags, ss_size: top - base }
}

/// Sets and tells the stack that handlers with `SA_ONSTACK` run on. `EPERM` on that stack itself,
/// `ENOMEM` for one below 2 KiB.
///
/// # Safety
/// C contract: `new` is null or readable, `old` null or writable; the memory is the thread's for
/// as long as the stack is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaltstack(new: *const stack_t, old: *mut stack_t) -> c_int {
    let before = current();
    if !new.is_null() {
        // SAFETY: the contract.
        let Ok(new) = (unsafe { get(new) }) else { return fail(EINVAL) };
        if before.ss_flags == SS_ONSTACK {
            return fail(EPERM);
        }
        let (base, top) = match new.ss_flags {
            SS_DISABLE => (0, 0),
            0 if new.ss_size < LEAST => return fail(ENOMEM),
            0 => (new.ss_sp.expose_provenance(), new.ss_size),
            _ => return fail(EINVAL),
        };
        let Some(top) = base.checked_add(top) else { return fail(EINVAL) };
        let place = &tls::current().signal;
        // Never a top without its base: a signal may come in between.
        place.stack_top.set(0);
        place.stack_base.set(base);
        place.stack_top.set(top);
    }
    // SAFETY: the contract.
    unsafe { put_if(old, before) };
    0
}

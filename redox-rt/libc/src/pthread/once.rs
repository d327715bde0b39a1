//! `pthread_once`.
use clavis_rt::sync::Once;
use core::ffi::c_int;
use libc::pthread_once_t;

const _: () = assert!(size_of::<Once>() == size_of::<pthread_once_t>());

/// Calls a function unless it was called; waits while another thread calls it.
///
/// # Safety
/// C contract: `place` started as zeroes and outlives the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_once(
    place: *mut pthread_once_t,
    action: extern "C" fn(),
) -> c_int {
    // SAFETY: the contract; same size and alignment, an atomic inside whose first state is zero.
    let once = unsafe { &*place.cast::<Once>() };
    once.call(|| action());
    0
}

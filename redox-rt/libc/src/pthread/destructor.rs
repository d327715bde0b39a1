//! `__cxa_thread_atexit_impl`: destructors of thread-local variables.
use crate::local::{self, Word};
use alloc::boxed::Box;
use core::ffi::{c_int, c_void};

/// A registered destructor; they form a list, the last registered first.
struct Destructor {
    action: unsafe extern "C" fn(*mut c_void),
    object: *mut c_void,
    next: usize,
}

/// Registers a destructor that runs when the calling thread ends.
///
/// # Safety
/// C contract: `action` may be called with `object` in this thread as long as it lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __cxa_thread_atexit_impl(
    action: unsafe extern "C" fn(*mut c_void),
    object: *mut c_void,
    _image: *mut c_void,
) -> c_int {
    let next = local::get(Word::Destructors);
    let entry = Box::into_raw(Box::new(Destructor { action, object, next }));
    local::set(Word::Destructors, entry as usize);
    0
}

/// Runs the calling thread's destructors, and those that they register.
pub(crate) fn run_destructors() {
    loop {
        let entry = local::get(Word::Destructors) as *mut Destructor;
        if entry.is_null() {
            return;
        }
        // SAFETY: the list holds boxes of this thread, and this one is taken out of it.
        let entry = unsafe { Box::from_raw(entry) };
        local::set(Word::Destructors, entry.next);
        // SAFETY: what the registration promised.
        unsafe { (entry.action)(entry.object) };
    }
}

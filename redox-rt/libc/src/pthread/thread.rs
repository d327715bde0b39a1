//! `pthread_create` and the life of a thread.
use super::attr::attributes;
use super::{run_destructors, run_key_destructors};
use crate::errno::number;
use crate::promises::{Operation, promised};
use alloc::boxed::Box;
use clavis_rt::thread::{self, Options, Thread};
use clavis_rt::tls;
use core::ffi::{c_char, c_int, c_void};
use libc::{EDEADLK, EINVAL, ERANGE, ESRCH, pthread_attr_t, pthread_t};

type Start = extern "C" fn(*mut c_void) -> *mut c_void;

/// What a new thread is told.
struct Birth {
    start: Start,
    argument: *mut c_void,
}

/// Starts a thread. `EAGAIN` when the account has none left, `ENOMEM`, `EINVAL`.
///
/// # Safety
/// C contract: `place` takes a thread, `attr` is null or initialised, and `start` may be called
/// with `argument` in another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    place: *mut pthread_t,
    attr: *const pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    if let Err(refused) = promised(Operation::Stdio) {
        return refused.errno;
    }
    // SAFETY: the contract.
    let attributes = unsafe { attributes(attr) };
    let options = Options { stack_size: attributes.stack_size, guard_size: attributes.guard_size };
    let birth = Box::into_raw(Box::new(Birth { start, argument }));
    // SAFETY: `begin` takes exactly this box, once, in the new thread.
    match unsafe { Thread::start(options, begin, birth.cast()) } {
        Ok(thread) if attributes.detached() => {
            // SAFETY: the contract. A detached thread's name is good for comparing alone.
            unsafe { place.write(thread.into_raw_copy()) };
            0
        }
        Ok(thread) => {
            // SAFETY: the contract.
            unsafe { place.write(thread.into_raw().cast()) };
            0
        }
        Err(error) => {
            // SAFETY: the thread never started, so the box is still only ours.
            drop(unsafe { Box::from_raw(birth) });
            number::<()>(Err(error))
        }
    }
}

/// Ways of a thread into C.
trait IntoC {
    /// Detaches it and answers what its name was.
    fn into_raw_copy(self) -> pthread_t;
}

impl IntoC for Thread {
    fn into_raw_copy(self) -> pthread_t {
        let raw = self.into_raw();
        // SAFETY: the address was just given by `into_raw` and not taken back yet.
        drop(unsafe { Thread::from_raw(raw) });
        raw.cast()
    }
}

/// A thread's first function.
extern "C" fn begin(birth: *mut u8) -> *mut u8 {
    // SAFETY: `pthread_create` made the box for this call alone.
    let birth = unsafe { Box::from_raw(birth.cast::<Birth>()) };
    let Birth { start, argument } = *birth;
    let result = start(argument);
    end(result)
}

fn end(result: *mut c_void) -> ! {
    run_destructors();
    run_key_destructors();
    thread::exit(result.cast())
}

/// Ends the calling thread.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_exit(result: *mut c_void) -> ! {
    end(result)
}

/// Waits for a thread's end. `EDEADLK` for the caller itself, `ESRCH` for the first thread, which
/// ends with the process.
///
/// # Safety
/// C contract: a joinable thread, not joined or detached before; `result` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_join(thread: pthread_t, result: *mut *mut c_void) -> c_int {
    if thread == pthread_self() {
        return EDEADLK;
    }
    // SAFETY: the contract: the name is what `pthread_create` gave, and it is given up here.
    let Some(thread) = (unsafe { Thread::from_raw(thread.cast()) }) else { return ESRCH };
    let value = thread.join();
    // SAFETY: the contract.
    unsafe { crate::pointer::put_if(result, value.cast()) };
    0
}

/// Lets a thread run on its own.
///
/// # Safety
/// C contract: a joinable thread, not joined or detached before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_detach(thread: pthread_t) -> c_int {
    if is_first(thread) {
        return EINVAL;
    }
    // SAFETY: the contract: the name is what `pthread_create` gave, and it is given up here.
    let Some(thread) = (unsafe { Thread::from_raw(thread.cast()) }) else { return ESRCH };
    thread.detach();
    0
}

/// Whether that is the name of the first thread, called from it.
fn is_first(name: pthread_t) -> bool {
    thread::current_record().is_null() && name == pthread_self()
}

/// The name of the calling thread.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_self() -> pthread_t {
    let record = thread::current_record();
    if record.is_null() {
        // The first thread has no record: its thread block names it.
        return core::ptr::from_ref(tls::current()).cast_mut().cast();
    }
    record.cast()
}

/// The number of a thread by its name.
///
/// # Safety
/// A thread of this process that was not joined.
pub(crate) unsafe fn number_of(name: pthread_t) -> usize {
    if name == pthread_self() {
        return tls::current().number.get();
    }
    // SAFETY: the caller's promise. Only the first thread's name is no record, and it is that of
    // a thread block, whose first word points to itself.
    unsafe { thread::number_of(name.cast()) }
}

/// Whether two names are the same.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_equal(a: pthread_t, b: pthread_t) -> c_int {
    c_int::from(a == b)
}

/// Threads have no names of their own here: a name of up to 15 bytes is accepted and forgotten,
/// a longer one is `ERANGE`.
///
/// # Safety
/// C contract: `name` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_setname_np(_thread: pthread_t, name: *const c_char) -> c_int {
    // SAFETY: the contract.
    if unsafe { crate::string::strnlen(name, 16) } > 15 { ERANGE } else { 0 }
}

/// Threads cannot be cancelled: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_cancel(_thread: pthread_t) -> c_int {
    libc::ENOSYS
}

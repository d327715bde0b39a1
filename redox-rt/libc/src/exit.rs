//! How a program ends.
use alloc::vec::Vec;
use clavis_rt::sync::Mutex;
use clavis_rt::sys::thread;
use core::ffi::{c_int, c_void};

/// What was registered to run at the end.
#[derive(Clone, Copy)]
enum Action {
    /// By `atexit`.
    Plain(extern "C" fn()),
    /// By `__cxa_atexit`, with the argument (as a number, so that the list can be shared).
    With(unsafe extern "C" fn(*mut c_void), usize),
}

static ACTIONS: Mutex<Vec<Action>> = Mutex::const_new(clavis_rt::sync::RawMutex::new(), Vec::new());

/// What comes last of all, if anything was told: streams are written.
static LAST: Mutex<Option<fn()>> = Mutex::const_new(clavis_rt::sync::RawMutex::new(), None);

/// Says what [`exit`] does after all that was registered.
pub(crate) fn finally(action: fn()) {
    *LAST.lock() = Some(action);
}

fn register(action: Action) -> c_int {
    let mut actions = ACTIONS.lock();
    if actions.try_reserve(1).is_err() {
        return -1;
    }
    actions.push(action);
    0
}

/// Registers a function that [`exit`] calls; the last registered comes first.
#[unsafe(no_mangle)]
pub extern "C" fn atexit(action: extern "C" fn()) -> c_int {
    register(Action::Plain(action))
}

/// Registers a destructor that [`exit`] calls.
///
/// # Safety
/// C contract: `action` may be called with `argument` at the end, from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __cxa_atexit(
    action: unsafe extern "C" fn(*mut c_void),
    argument: *mut c_void,
    _image: *mut c_void,
) -> c_int {
    register(Action::With(action, argument as usize))
}

/// Ends the process in order: destructors of the calling thread's variables, then what was
/// registered, then what the linker placed in `.fini_array`; then streams are written.
#[unsafe(no_mangle)]
pub extern "C" fn exit(code: c_int) -> ! {
    crate::pthread::run_destructors();
    loop {
        // Taken out before it runs, and run without the lock: it may register more.
        let action = ACTIONS.lock().pop();
        match action {
            Some(Action::Plain(action)) => action(),
            // SAFETY: what the registration promised.
            Some(Action::With(action, argument)) => unsafe { action(argument as *mut c_void) },
            None => break,
        }
    }
    crate::crt0::finish();
    // Taken out: no lock is held while it runs.
    let last = LAST.lock().take();
    if let Some(last) = last {
        last();
    }
    thread::exit(code)
}

/// Ends the process at once.
#[unsafe(no_mangle)]
pub extern "C" fn _exit(code: c_int) -> ! {
    thread::exit(code)
}

/// Ends the process at once.
#[unsafe(no_mangle)]
pub extern "C" fn _Exit(code: c_int) -> ! {
    thread::exit(code)
}

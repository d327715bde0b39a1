//! `_start`: the first instruction of every program. It relocates the image, takes the startup
//! block into use (both are the runtime's work), runs constructors and calls `main`.
use crate::{env, exit, place};
use alloc::vec::Vec;
use clavis_rt::startup::Startup;
use core::ffi::{c_char, c_int};
use core::ptr;

clavis_rt::entry!(start);

unsafe extern "C" {
    /// The program's own entry; std's calls the Rust `main`.
    fn main(
        count: c_int,
        arguments: *const *const c_char,
        environment: *const *mut c_char,
    ) -> c_int;
}

type Initialiser = unsafe extern "C" fn(c_int, *const *const c_char, *const *mut c_char);
type Finaliser = unsafe extern "C" fn();

unsafe extern "C" {
    // The linker defines the bounds of the arrays; hidden, so that they are reached relative to
    // the instruction pointer.
    static __init_array_start: [Initialiser; 0];
    static __init_array_end: [Initialiser; 0];
    static __fini_array_start: [Finaliser; 0];
    static __fini_array_end: [Finaliser; 0];
}

fn start(startup: &'static Startup<'static>) -> i32 {
    // They lie in the startup block, which stays. C may not write to them.
    let mut arguments: Vec<*const c_char> = startup.args().map(|arg| arg.as_ptr()).collect();
    let count = c_int::try_from(arguments.len()).unwrap_or(c_int::MAX);
    arguments.push(ptr::null());
    let arguments: &'static [*const c_char] = arguments.leak();
    env::adopt(startup.envs().filter(|variable| place::is_handed_on(variable)));
    place::show(startup);
    let (arguments, environment) = (arguments.as_ptr(), env::current());
    // SAFETY: the linker's array of constructors.
    for action in unsafe { array(&raw const __init_array_start, &raw const __init_array_end) } {
        // SAFETY: constructors take what `main` takes.
        unsafe { action(count, arguments, environment) };
    }
    // SAFETY: the program's `main` by the C convention, called once, with all in place.
    exit::exit(unsafe { main(count, arguments, environment) })
}

/// Runs what the linker placed in `.fini_array`, the last first.
pub(crate) fn finish() {
    // SAFETY: the linker's array of finalisers.
    let actions = unsafe { array(&raw const __fini_array_start, &raw const __fini_array_end) };
    for action in actions.iter().rev() {
        // SAFETY: they take nothing, and the process ends behind them.
        unsafe { action() };
    }
}

/// The functions between two bounds.
///
/// # Safety
/// The bounds are those of one array of functions.
unsafe fn array<T: Copy>(start: *const [T; 0], end: *const [T; 0]) -> &'static [T] {
    let length = (end as usize - start as usize) / size_of::<T>();
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(start.cast(), length) }
}

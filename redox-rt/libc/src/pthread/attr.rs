//! `pthread_attr_*`: what a new thread shall have, and what a running one has.
use clavis_abi::PAGE_SIZE;
use clavis_rt::thread::{STACK_DEFAULT, STACK_MIN};
use clavis_rt::tls;
use core::ffi::{c_int, c_void};
use libc::{EINVAL, ENOTSUP, pthread_attr_t, pthread_t};

/// The thread is joinable.
const JOINABLE: u32 = 0;
/// The thread is detached from the start.
const DETACHED: u32 = 1;

/// What lies in a `pthread_attr_t`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Attributes {
    /// Lowest address of a running thread's stack; 0 in attributes for new ones.
    stack_base: usize,
    /// Bytes of the stack.
    pub(super) stack_size: usize,
    /// Bytes of the guard below it.
    pub(super) guard_size: usize,
    state: u32,
    rest: u32,
}

const _: () = assert!(size_of::<Attributes>() == size_of::<pthread_attr_t>());
const _: () = assert!(align_of::<Attributes>() == align_of::<pthread_attr_t>());

impl Attributes {
    /// What a thread gets when nothing was asked.
    pub(super) const DEFAULT: Attributes = Attributes {
        stack_base: 0,
        stack_size: STACK_DEFAULT,
        guard_size: PAGE_SIZE,
        state: JOINABLE,
        rest: 0,
    };

    /// Whether it shall be detached from the start.
    pub(super) fn detached(&self) -> bool {
        self.state == DETACHED
    }
}

/// The attributes behind a pointer; the default ones for null.
///
/// # Safety
/// Null or initialised attributes.
pub(super) unsafe fn attributes(place: *const pthread_attr_t) -> Attributes {
    if place.is_null() {
        return Attributes::DEFAULT;
    }
    // SAFETY: the caller's promise.
    unsafe { place.cast::<Attributes>().read() }
}

/// Changes initialised attributes.
///
/// # Safety
/// Initialised attributes.
unsafe fn change(place: *mut pthread_attr_t, change: impl FnOnce(&mut Attributes)) -> c_int {
    // SAFETY: the caller's promise.
    change(unsafe { &mut *place.cast::<Attributes>() });
    0
}

/// Makes attributes.
///
/// # Safety
/// C contract: `place` takes attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_init(place: *mut pthread_attr_t) -> c_int {
    // SAFETY: the contract.
    unsafe { place.cast::<Attributes>().write(Attributes::DEFAULT) };
    0
}

/// Ends attributes, which hold nothing.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_attr_destroy(_place: *mut pthread_attr_t) -> c_int {
    0
}

/// Sets the bytes of the stack; `EINVAL` when they are too few.
///
/// # Safety
/// C contract: initialised attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setstacksize(
    place: *mut pthread_attr_t,
    size: usize,
) -> c_int {
    if size < STACK_MIN.min(PAGE_SIZE) || size > isize::MAX as usize {
        return EINVAL;
    }
    // SAFETY: the contract.
    unsafe { change(place, |attributes| attributes.stack_size = size) }
}

/// The bytes of the stack.
///
/// # Safety
/// C contract: initialised attributes, a writable size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getstacksize(
    place: *const pthread_attr_t,
    size: *mut usize,
) -> c_int {
    // SAFETY: the contract.
    let attributes = unsafe { attributes(place) };
    // SAFETY: the contract.
    unsafe { size.write(attributes.stack_size) };
    0
}

/// Sets the bytes of the guard.
///
/// # Safety
/// C contract: initialised attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setguardsize(
    place: *mut pthread_attr_t,
    size: usize,
) -> c_int {
    if size > isize::MAX as usize {
        return EINVAL;
    }
    // SAFETY: the contract.
    unsafe { change(place, |attributes| attributes.guard_size = size) }
}

/// The bytes of the guard.
///
/// # Safety
/// C contract: initialised attributes, a writable size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getguardsize(
    place: *const pthread_attr_t,
    size: *mut usize,
) -> c_int {
    // SAFETY: the contract.
    let attributes = unsafe { attributes(place) };
    // SAFETY: the contract.
    unsafe { size.write(attributes.guard_size) };
    0
}

/// Sets whether the thread is detached from the start; `EINVAL` for neither.
///
/// # Safety
/// C contract: initialised attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setdetachstate(
    place: *mut pthread_attr_t,
    state: c_int,
) -> c_int {
    let Some(state) = u32::try_from(state).ok().filter(|state| *state <= DETACHED) else {
        return EINVAL;
    };
    // SAFETY: the contract.
    unsafe { change(place, |attributes| attributes.state = state) }
}

/// Whether the thread is detached from the start.
///
/// # Safety
/// C contract: initialised attributes, a writable state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getdetachstate(
    place: *const pthread_attr_t,
    state: *mut c_int,
) -> c_int {
    // SAFETY: the contract.
    let attributes = unsafe { attributes(place) };
    // SAFETY: the contract.
    unsafe { state.write(attributes.state as c_int) };
    0
}

/// Stacks are the runtime's own: one given by the caller is `ENOTSUP`.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_attr_setstack(
    _place: *mut pthread_attr_t,
    _base: *mut c_void,
    _size: usize,
) -> c_int {
    ENOTSUP
}

/// Where the stack lies.
///
/// # Safety
/// C contract: initialised attributes, a writable address and size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getstack(
    place: *const pthread_attr_t,
    base: *mut *mut c_void,
    size: *mut usize,
) -> c_int {
    // SAFETY: the contract.
    let attributes = unsafe { attributes(place) };
    // SAFETY: the contract.
    unsafe { base.write(attributes.stack_base as *mut c_void) };
    // SAFETY: the contract.
    unsafe { size.write(attributes.stack_size) };
    0
}

/// What the calling thread has; of another thread nothing is known (`ENOTSUP`).
///
/// # Safety
/// C contract: `place` takes attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_getattr_np(
    thread: pthread_t,
    place: *mut pthread_attr_t,
) -> c_int {
    if thread != super::thread::pthread_self() {
        return ENOTSUP;
    }
    let block = tls::current();
    let attributes = Attributes {
        stack_base: block.stack_base.get(),
        stack_size: block.stack_size.get(),
        ..Attributes::DEFAULT
    };
    // SAFETY: the contract.
    unsafe { place.cast::<Attributes>().write(attributes) };
    0
}

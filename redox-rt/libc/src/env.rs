//! The environment.
//!
//! `environ` and `getenv` hand out addresses that stay good until the variable is set again; C
//! has no better rule. Changes are made under a lock.
use crate::errno::fail;
use alloc::vec::Vec;
use clavis_rt::sync::Mutex;
use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};
use libc::{EINVAL, ENOMEM};

/// The variables, as C sees them: an array of `NAME=value`, ended by null. C may point it
/// elsewhere.
#[unsafe(no_mangle)]
pub static environ: AtomicPtr<*mut c_char> = AtomicPtr::new(ptr::null_mut());

/// The array that this module keeps, and which of its strings it made itself.
struct Variables {
    array: Vec<*mut c_char>,
    own: Vec<*mut c_char>,
}

// SAFETY: the addresses are of strings that belong to the process, not to a thread.
unsafe impl Send for Variables {}

static VARIABLES: Mutex<Variables> = Mutex::const_new(
    clavis_rt::sync::RawMutex::new(),
    Variables { array: Vec::new(), own: Vec::new() },
);

/// Takes the variables of the startup block into use.
pub(crate) fn adopt<'a>(strings: impl Iterator<Item = &'a CStr>) {
    let mut variables = VARIABLES.lock();
    variables.array = strings.map(|string| string.as_ptr().cast_mut()).collect();
    variables.publish();
}

/// Holds the variables while the process is copied.
pub(crate) fn hold() -> impl Sized {
    VARIABLES.lock()
}

/// The array as it is now.
pub(crate) fn current() -> *const *mut c_char {
    environ.load(Ordering::Acquire)
}

impl Variables {
    /// Ends the array with null and lets C see it.
    fn publish(&mut self) {
        if self.array.last().is_none_or(|last| !last.is_null()) {
            self.array.push(ptr::null_mut());
        }
        environ.store(self.array.as_mut_ptr(), Ordering::Release);
    }

    /// Takes over what C made of `environ` meanwhile.
    fn refresh(&mut self) {
        let seen = environ.load(Ordering::Acquire);
        if ptr::eq(seen, self.array.as_ptr()) {
            return;
        }
        // SAFETY: C's rule: `environ` is null or an array of strings that ends with null.
        self.array = unsafe { entries(seen) }.collect();
        self.publish();
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        self.array.iter().position(|&entry| {
            // SAFETY: the array holds null or strings.
            unsafe { value(entry, name) }.is_some()
        })
    }

    /// Puts a string in the place of the variable of that name, or behind the last. There is room.
    fn place(&mut self, name: &[u8], string: *mut c_char) {
        match self.find(name).and_then(|place| self.array.get_mut(place)) {
            Some(slot) => {
                let before = core::mem::replace(slot, string);
                self.release(before);
            }
            None => {
                // The new string takes the place of the null, which follows it.
                self.array.pop();
                self.array.push(string);
            }
        }
    }

    /// Gives a replaced string back, if it was made here.
    fn release(&mut self, entry: *mut c_char) {
        if let Some(index) = self.own.iter().position(|own| *own == entry) {
            self.own.swap_remove(index);
            // SAFETY: made by malloc in `setenv`, and out of the array.
            unsafe { crate::malloc::free(entry.cast()) };
        }
    }
}

/// The entries of an array that ends with null.
///
/// # Safety
/// The array is null, or holds strings up to a null.
unsafe fn entries(array: *const *mut c_char) -> impl Iterator<Item = *mut c_char> {
    let mut place = array;
    core::iter::from_fn(move || {
        if place.is_null() {
            return None;
        }
        // SAFETY: the caller's promise: no null was met yet.
        let entry = unsafe { place.read() };
        place = place.wrapping_add(1);
        (!entry.is_null()).then_some(entry)
    })
}

/// The value in a string `NAME=value`, if that is the name.
///
/// # Safety
/// The entry is null or a string.
unsafe fn value(entry: *mut c_char, name: &[u8]) -> Option<*mut c_char> {
    if entry.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(entry) }.to_bytes();
    (bytes.strip_prefix(name)?.first() == Some(&b'=')).then(|| entry.wrapping_add(name.len() + 1))
}

/// A variable's name; `None` when it cannot be one.
///
/// # Safety
/// Null or a string.
unsafe fn checked_name<'a>(name: *const c_char) -> Option<&'a [u8]> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    (!name.is_empty() && !name.contains(&b'=')).then_some(name)
}

/// The value of a variable, or null.
///
/// # Safety
/// C contract: `name` is NUL-terminated; nobody changes the variable while the answer is read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getenv(name: *const c_char) -> *mut c_char {
    // SAFETY: the contract.
    let Some(name) = (unsafe { checked_name(name) }) else { return ptr::null_mut() };
    let _changes = VARIABLES.lock();
    let array = environ.load(Ordering::Acquire);
    // SAFETY: C's rule on `environ`.
    let mut entries = unsafe { entries(array) };
    // SAFETY: its entries are strings.
    entries.find_map(|entry| unsafe { value(entry, name) }).unwrap_or(ptr::null_mut())
}

/// Sets a variable; without `overwrite` only if there is none.
///
/// # Safety
/// C contract: both are NUL-terminated; nobody uses an earlier answer of `getenv` for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setenv(
    name: *const c_char,
    value: *const c_char,
    overwrite: c_int,
) -> c_int {
    // SAFETY: the contract.
    let Some(name) = (unsafe { checked_name(name) }) else { return fail(EINVAL) };
    if value.is_null() {
        return fail(EINVAL);
    }
    // SAFETY: the contract.
    let value = unsafe { CStr::from_ptr(value) }.to_bytes_with_nul();
    let mut variables = VARIABLES.lock();
    variables.refresh();
    if overwrite == 0 && variables.find(name).is_some() {
        return 0;
    }
    if variables.array.try_reserve(2).is_err() || variables.own.try_reserve(1).is_err() {
        return fail(ENOMEM);
    }
    let string = crate::malloc::malloc(name.len() + 1 + value.len()).cast::<u8>();
    if string.is_null() {
        return fail(ENOMEM);
    }
    let mut at = string;
    for part in [name, b"=", value] {
        // SAFETY: the three parts are what the block was made for.
        unsafe { ptr::copy_nonoverlapping(part.as_ptr(), at, part.len()) };
        at = at.wrapping_add(part.len());
    }
    let string = string.cast::<c_char>();
    variables.own.push(string);
    variables.place(name, string);
    variables.publish();
    0
}

/// Makes a string of the caller's part of the environment: `NAME=value`, or `NAME` to remove it.
///
/// # Safety
/// C contract: `string` is NUL-terminated and stays as long as it is in the environment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putenv(string: *mut c_char) -> c_int {
    if string.is_null() {
        return fail(EINVAL);
    }
    // SAFETY: the contract.
    let bytes = unsafe { CStr::from_ptr(string) }.to_bytes();
    let Some(end) = bytes.iter().position(|byte| *byte == b'=') else {
        // SAFETY: the contract.
        return unsafe { unsetenv(string) };
    };
    let Some(name) = bytes.get(..end).filter(|name| !name.is_empty()) else { return fail(EINVAL) };
    let mut variables = VARIABLES.lock();
    variables.refresh();
    if variables.array.try_reserve(2).is_err() {
        return fail(ENOMEM);
    }
    variables.place(name, string);
    variables.publish();
    0
}

/// Removes a variable.
///
/// # Safety
/// C contract: `name` is NUL-terminated; nobody uses an earlier answer of `getenv` for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unsetenv(name: *const c_char) -> c_int {
    // SAFETY: the contract.
    let Some(name) = (unsafe { checked_name(name) }) else { return fail(EINVAL) };
    let mut variables = VARIABLES.lock();
    variables.refresh();
    while let Some(place) = variables.find(name) {
        let before = variables.array.remove(place);
        variables.release(before);
    }
    variables.publish();
    0
}

/// Removes all variables.
#[unsafe(no_mangle)]
pub extern "C" fn clearenv() -> c_int {
    let mut variables = VARIABLES.lock();
    variables.refresh();
    for entry in core::mem::take(&mut variables.array) {
        variables.release(entry);
    }
    variables.publish();
    0
}

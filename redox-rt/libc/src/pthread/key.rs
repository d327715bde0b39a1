//! `pthread_key_*`: numbered words of every thread, with destructors.
use crate::local::{self, Word};
use alloc::boxed::Box;
use alloc::vec::Vec;
use clavis_rt::sync::Mutex;
use core::ffi::{c_int, c_void};
use core::ptr;
use libc::{EAGAIN, EINVAL, pthread_key_t};

/// How many keys there can be.
const KEYS_MAX: usize = 256;
/// How often destructors are run for values that destructors stored.
const ITERATIONS: usize = 4;

type Action = unsafe extern "C" fn(*mut c_void);

/// A key: the count of its creations (a value stored for an earlier one is none of this one's)
/// and its destructor.
#[derive(Clone, Copy)]
struct Key {
    generation: usize,
    used: bool,
    action: Option<Action>,
}

static KEYS: Mutex<[Key; KEYS_MAX]> =
    Mutex::new([Key { generation: 0, used: false, action: None }; KEYS_MAX]);

/// A thread's value for a key.
#[derive(Clone, Copy)]
struct Value {
    generation: usize,
    value: *const c_void,
}

/// A thread's values by key, as far as it has stored any.
type Values = Vec<Value>;

/// The calling thread's values, once it has stored one.
fn values() -> Option<&'static mut Values> {
    let place = local::get(Word::Specific) as *mut Values;
    // SAFETY: the word holds null or a box of this thread that lives until the thread's end, and
    // no caller keeps the reference beyond its own call.
    unsafe { place.as_mut() }
}

fn generation(key: pthread_key_t) -> Option<usize> {
    KEYS.lock().get(key).filter(|entry| entry.used).map(|entry| entry.generation)
}

/// Makes a key; `EAGAIN` when all are in use.
///
/// # Safety
/// C contract: `place` takes a key; `action` may be called with what is stored under it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_key_create(
    place: *mut pthread_key_t,
    action: Option<Action>,
) -> c_int {
    let mut keys = KEYS.lock();
    let Some((number, key)) = keys.iter_mut().enumerate().find(|(_, key)| !key.used) else {
        return EAGAIN;
    };
    *key = Key { generation: key.generation + 1, used: true, action };
    drop(keys);
    // SAFETY: the contract.
    unsafe { place.write(number) };
    0
}

/// Ends a key; values stored under it are forgotten without their destructor.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_key_delete(key: pthread_key_t) -> c_int {
    match KEYS.lock().get_mut(key).filter(|key| key.used) {
        Some(key) => {
            key.used = false;
            key.action = None;
            0
        }
        None => EINVAL,
    }
}

/// Stores the calling thread's value of a key; `EINVAL` when there is no such key.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_setspecific(key: pthread_key_t, value: *const c_void) -> c_int {
    let Some(generation) = generation(key) else { return EINVAL };
    if values().is_none() {
        local::set(Word::Specific, Box::into_raw(Box::<Values>::default()) as usize);
    }
    if let Some(values) = values() {
        if values.len() <= key {
            values.resize(key + 1, Value { generation: 0, value: ptr::null() });
        }
        values[key] = Value { generation, value };
    }
    0
}

/// The calling thread's value of a key, or null.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_getspecific(key: pthread_key_t) -> *mut c_void {
    let Some(entry) = values().and_then(|values| values.get(key).copied()) else {
        return ptr::null_mut();
    };
    if generation(key) == Some(entry.generation) { entry.value.cast_mut() } else { ptr::null_mut() }
}

/// Takes the next value with a destructor from the calling thread.
fn next_value(from: &mut usize) -> Option<(Action, *mut c_void)> {
    let values = values()?;
    while let Some(entry) = values.get_mut(*from) {
        let key = KEYS.lock().get(*from).copied();
        *from += 1;
        let value = core::mem::replace(&mut entry.value, ptr::null());
        let current = key.filter(|key| key.used && key.generation == entry.generation);
        if let (false, Some(action)) = (value.is_null(), current.and_then(|key| key.action)) {
            return Some((action, value.cast_mut()));
        }
    }
    None
}

/// Runs the destructors of the calling thread's values, then gives the array back.
pub(crate) fn run_key_destructors() {
    for _ in 0..ITERATIONS {
        let (mut from, mut ran) = (0, false);
        while let Some((action, value)) = next_value(&mut from) {
            ran = true;
            // SAFETY: what the key's creation promised.
            unsafe { action(value) };
        }
        if !ran {
            break;
        }
    }
    let place = local::get(Word::Specific) as *mut Values;
    local::set(Word::Specific, 0);
    if !place.is_null() {
        // SAFETY: the box of this thread, taken out of its word.
        drop(unsafe { Box::from_raw(place) });
    }
}

//! The C symbols that the client crate links against: `clavis_abi::runtime` lists them.
//!
//! They are as unsafe as every C interface: pointers must be valid for what the list says. What
//! lies behind the pointers is checked as if a stranger had written it.
#![expect(unsafe_code, reason = "a C interface")]

use crate::handle::{Handle, Number, Place};
use clavis_abi::error::{EFAULT, EINVAL, ENOENT, Error, Result, mux};
use clavis_abi::params::{OUT_LOWEST, OUT_UPPER};
use clavis_abi::runtime::{Bytes, NONE, OWN};
use core::ptr::NonNull;

mod channel;
mod handles;
mod memory;
mod namespaces;
mod objects;
mod processes;
mod relay;

/// Checks every symbol's type against the list.
mod signatures {
    use super::channel::*;
    use super::handles::*;
    use super::memory::*;
    use super::namespaces::*;
    use super::objects::*;
    use super::processes::*;
    use super::relay::*;
    use clavis_abi::runtime::*;

    macro_rules! check {
        ($($doc:literal $name:ident($($argument:ident: $type:ty),*);)*) => {
            $(const _: unsafe extern "C" fn($($type),*) -> usize = $name;)*
        };
    }
    clavis_abi::with_runtime_functions!(check);
}

fn number(raw: usize) -> Number {
    Number::from_raw(raw)
}

fn place(raw: usize) -> Place {
    match raw {
        OUT_LOWEST => Place::Lowest,
        OUT_UPPER => Place::Upper,
        raw => Place::At(number(raw)),
    }
}

/// A handle argument that may be [`NONE`] or [`OWN`].
fn choice(raw: u64, own: Option<Number>) -> Result<Option<Number>> {
    match raw {
        NONE => Ok(None),
        OWN => own.map(Some).ok_or(Error::new(ENOENT)),
        raw => Ok(Some(number(raw as usize))),
    }
}

fn answer(result: Result<Handle>) -> usize {
    mux(result.map(|handle| handle.into_number().raw()))
}

fn done(result: Result<()>) -> usize {
    mux(result.map(|()| 0))
}

/// # Safety
/// `length` readable bytes lie there, unchanged while the answer lives.
unsafe fn bytes<'a>(start: *const u8, length: usize) -> Result<&'a [u8]> {
    // SAFETY: passed on.
    unsafe { array(start, length) }
}

/// # Safety
/// As [`bytes`].
unsafe fn text<'a>(start: *const u8, length: usize) -> Result<&'a str> {
    // SAFETY: passed on.
    let bytes = unsafe { bytes(start, length) }?;
    core::str::from_utf8(bytes).map_err(|_| Error::new(EINVAL))
}

/// # Safety
/// As [`bytes`].
unsafe fn text_of<'a>(string: Bytes) -> Result<&'a str> {
    // SAFETY: passed on.
    unsafe { text(string.start, string.length) }
}

/// # Safety
/// `count` valid values lie there, unchanged while the answer lives.
unsafe fn array<'a, T>(start: *const T, count: usize) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if start.is_null() || !start.is_aligned() {
        return Err(Error::new(EFAULT));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(start, count) })
}

/// # Safety
/// `count` valid values lie there, used by nobody else while the answer lives.
unsafe fn array_mut<'a, T>(start: *mut T, count: usize) -> Result<&'a mut [T]> {
    if count == 0 {
        return Ok(&mut []);
    }
    if start.is_null() || !start.is_aligned() {
        return Err(Error::new(EFAULT));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts_mut(start, count) })
}

/// # Safety
/// A valid value lies there, unchanged while the answer lives.
unsafe fn one<'a, T>(at: *const T) -> Result<&'a T> {
    let at = NonNull::new(at.cast_mut()).filter(|at| at.is_aligned()).ok_or(Error::new(EFAULT))?;
    // SAFETY: the caller's promise.
    Ok(unsafe { at.as_ref() })
}

/// Stores a result behind a pointer.
///
/// # Safety
/// A value can be written there.
unsafe fn store<T>(at: *mut T, result: Result<T>) -> usize {
    let value = match result {
        Ok(value) => value,
        Err(error) => return mux(Err(error)),
    };
    if at.is_null() || !at.is_aligned() {
        return mux(Err(Error::new(EFAULT)));
    }
    // SAFETY: the caller's promise.
    unsafe { at.write(value) };
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::{null, null_mut};

    #[test]
    fn a_null_pointer_is_a_bad_address_unless_nothing_lies_there() {
        // SAFETY: null is answered with an error.
        let words = unsafe { array::<u64>(null(), 3) };
        assert_eq!(words, Err(Error::new(EFAULT)));
        // SAFETY: nothing lies there.
        let words = unsafe { array::<u64>(null(), 0) };
        assert_eq!(words, Ok(&[][..]));
        // SAFETY: null is answered with an error.
        let stored = unsafe { store(null_mut::<u64>(), Ok(1)) };
        assert_eq!(clavis_abi::error::demux(stored), Err(Error::new(EFAULT)));
    }

    #[test]
    fn text_that_is_not_utf8_is_invalid() {
        let bytes = [0xFF, 0xFE];
        // SAFETY: two bytes lie there.
        let text = unsafe { text(bytes.as_ptr(), bytes.len()) };
        assert_eq!(text, Err(Error::new(EINVAL)));
    }

    #[test]
    fn own_means_what_the_process_has() {
        assert_eq!(choice(OWN, Some(number(5))), Ok(Some(number(5))));
        assert_eq!(choice(OWN, None), Err(Error::new(ENOENT)));
        assert_eq!(choice(NONE, Some(number(5))), Ok(None));
        assert_eq!(choice(7, None), Ok(Some(number(7))));
    }
}

//! `redox_*`: what the published crate `libredox` (0.1 and 0.2) links against. Each answers a
//! value, or the negated error number in the last page of the value range; errno is not touched.
use crate::promises::{Operation, promised};
use clavis_abi::error::{Result, mux};
use clavis_rt::{Handle, Number};

pub mod call;
pub mod file;
pub mod namespace;
pub mod system;

/// The result of these functions.
pub(crate) type RawResult = usize;

/// Encodes a result.
pub(crate) fn raw(action: impl FnOnce() -> Result<usize>) -> RawResult {
    mux(action())
}

/// As [`raw`], for actions without a value.
pub(crate) fn done(action: impl FnOnce() -> Result<()>) -> RawResult {
    raw(|| action().map(|()| 0))
}

/// A handle that the caller owns from now on.
pub(crate) fn given(handle: Handle) -> usize {
    handle.into_number().raw()
}

/// As [`raw`], for what uses descriptors or memory, of who promised to.
pub(crate) fn used(action: impl FnOnce() -> Result<usize>) -> RawResult {
    raw(|| promised(Operation::Stdio).and_then(|()| action()))
}

/// A handle by its number.
pub(crate) fn number(fd: usize) -> Number {
    Number::from_raw(fd)
}

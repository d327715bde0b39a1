//! The namespace of the process.
use super::{RawResult, done, given, number, raw};
use crate::errno::error;
use crate::pointer::{bytes, get, text_of};
use alloc::vec::Vec;
use clavis_rt::confinement;
use clavis_rt::namespace::{self, message};
use clavis_rt::sys::call::Sending;
use clavis_rt::sys::{self, file};
use clavis_rt::{Handle, Place};
use libc::{EINVAL, iovec};

/// The namespace handle; it stays the process' own.
#[unsafe(no_mangle)]
pub extern "C" fn redox_get_ns_v0() -> RawResult {
    raw(|| namespace::namespace().map(|handle| handle.number().raw()))
}

/// As [`redox_get_ns_v0`]: there is one namespace per process.
#[unsafe(no_mangle)]
pub extern "C" fn redox_get_ens_v0() -> RawResult {
    redox_get_ns_v0()
}

/// Replaces the namespace of the process by a handle, which it takes over. Answers 0; `ENOKEY` in
/// capability mode.
#[unsafe(no_mangle)]
pub extern "C" fn redox_setns_v0(fd: usize) -> RawResult {
    raw(|| {
        // Whether it is a handle at all is known before the old one goes.
        sys::clavis::query(number(fd))?;
        confinement::outside()?;
        drop(namespace::set_namespace(Some(Handle::from_number(number(fd)))));
        Ok(0)
    })
}

/// Enters the null namespace when both are 0; namespaces have no numbers, so others are `EINVAL`.
#[unsafe(no_mangle)]
pub extern "C" fn redox_setrens_v1(real: usize, effective: usize) -> RawResult {
    done(|| {
        if (real, effective) != (0, 0) {
            return Err(error(EINVAL));
        }
        drop(namespace::set_namespace(None));
        Ok(())
    })
}

/// Makes a closed namespace of the listed names of the process' own, as a handle.
///
/// # Safety
/// `names` are `amount` readable buffers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_mkns_v1(
    names: *const iovec,
    amount: usize,
    _flags: u32,
) -> RawResult {
    raw(|| {
        let mut message = Vec::new();
        message.extend_from_slice(&clavis_abi::namespace::message::FORK.to_le_bytes());
        for index in 0..amount {
            // SAFETY: the contract.
            let name = unsafe { get(names.wrapping_add(index)) }?;
            // SAFETY: the contract.
            let name = unsafe { bytes(name.iov_base, name.iov_len) };
            message.extend_from_slice(&(name.len() as u64).to_le_bytes());
            message.extend_from_slice(name);
        }
        let parent = namespace::namespace()?;
        file::dup(parent.number(), &message, Place::Lowest).map(given)
    })
}

/// Registers a scheme: its root handle, which is given away, under a name of a namespace.
///
/// # Safety
/// `name` is readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_register_scheme_to_ns_v0(
    namespace: usize,
    name: *const u8,
    length: usize,
    root: usize,
) -> RawResult {
    // SAFETY: the contract.
    let name = unsafe { text_of(name, length) };
    done(|| {
        let ticket = message::register(number(namespace), name?, Place::Upper)?;
        message::send_root(ticket.number(), number(root), Sending::Move)
    })
}

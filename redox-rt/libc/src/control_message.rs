//! `CMSG_*`: walking the control messages of a `msghdr`. C has macros for this; on this target
//! crates link against functions.
use core::ffi::c_uchar;
use core::ptr;
use libc::{cmsghdr, msghdr};

/// Bytes of a head, up to where its data starts.
const HEAD: usize = size_of::<cmsghdr>().next_multiple_of(size_of::<usize>());

/// Where the data of a control message starts.
#[unsafe(no_mangle)]
pub extern "C" fn CMSG_DATA(message: *const cmsghdr) -> *mut c_uchar {
    message.cast::<c_uchar>().wrapping_add(HEAD).cast_mut()
}

/// The first control message, or null when the buffer cannot hold one.
///
/// # Safety
/// C contract: a readable head.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CMSG_FIRSTHDR(head: *const msghdr) -> *mut cmsghdr {
    // SAFETY: the contract.
    let Some(head) = (unsafe { head.as_ref() }) else { return ptr::null_mut() };
    if head.msg_controllen < size_of::<cmsghdr>() {
        return ptr::null_mut();
    }
    head.msg_control.cast()
}

/// The control message behind one (the first for null), or null when the buffer holds no more.
///
/// # Safety
/// C contract: a readable head, and null or a control message of its buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CMSG_NXTHDR(head: *const msghdr, message: *const cmsghdr) -> *mut cmsghdr {
    if message.is_null() {
        // SAFETY: the same contract.
        return unsafe { CMSG_FIRSTHDR(head) };
    }
    // SAFETY: the contract.
    let Some(head) = (unsafe { head.as_ref() }) else { return ptr::null_mut() };
    // SAFETY: the contract.
    let length = unsafe { (*message).cmsg_len };
    let end = (head.msg_control as usize).checked_add(head.msg_controllen);
    let step = length.max(size_of::<cmsghdr>()).checked_next_multiple_of(size_of::<usize>());
    let next = step.and_then(|step| (message as usize).checked_add(step));
    let fits = next.and_then(|next| next.checked_add(size_of::<cmsghdr>())).zip(end);
    match (next, fits) {
        (Some(next), Some((behind, end))) if behind <= end => {
            message.cast::<u8>().wrapping_add(next - message as usize).cast_mut().cast()
        }
        _ => ptr::null_mut(),
    }
}

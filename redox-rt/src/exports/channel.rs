//! CALL, handles in flight, and the server's side.
use super::{answer, array, array_mut, done, mux, number, one, place, store};
use crate::handle::Number;
use crate::sys;
use crate::sys::call::{Sending, Table};
use alloc::vec::Vec;
use clavis_abi::error::{EINVAL, Error};
use clavis_abi::params::{MintParams, RequestInfo};
use syscall::flag::CallFlags;

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_call(
    handle: usize,
    payload: *mut u8,
    length: usize,
    flags: usize,
    words: *const u64,
    count: usize,
) -> usize {
    let flags = CallFlags::from_bits_retain(flags);
    if flags.intersects(CallFlags::MULTIPLE_FDS2 | CallFlags::FD) {
        // Two handles and handles in flight have functions of their own.
        return mux(Err(Error::new(EINVAL)));
    }
    // SAFETY: the caller's promise on `words`.
    let words = unsafe { array(words, count) };
    mux(words.and_then(|words| {
        // SAFETY: the caller's promise on `payload`.
        unsafe { sys::call::raw_call(handle, payload as usize, length, flags, words) }
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_send(
    channel: usize,
    handles: *const usize,
    count: usize,
    copy: usize,
    words: *const u64,
    word_count: usize,
) -> usize {
    // SAFETY: the caller's promise on `handles`.
    let handles = unsafe { array(handles, count) };
    // SAFETY: the caller's promise on `words`.
    let words = unsafe { array(words, word_count) };
    let sending = if copy == 0 { Sending::Move } else { Sending::Clone };
    mux(handles.and_then(|handles| {
        let numbers: Vec<Number> = handles.iter().map(|&raw| number(raw)).collect();
        sys::call::send(number(channel), &numbers, sending, words?)
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_receive(
    channel: usize,
    handles: *mut usize,
    count: usize,
    upper: usize,
) -> usize {
    let table = if upper == 0 { Table::Lower } else { Table::Upper };
    // SAFETY: the caller's promise on `handles`.
    let handles = unsafe { array_mut(handles, count) };
    mux(handles.and_then(|handles| {
        let received = sys::call::receive(number(channel), handles.len(), table, &[])?;
        let arrived = received.len();
        for (to, handle) in handles.iter_mut().zip(received) {
            *to = handle.into_number().raw();
        }
        Ok(arrived)
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_declare(socket: usize, flags: u64) -> usize {
    done(sys::clavis::declare(number(socket), flags))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_mint(
    socket: usize,
    params: *const MintParams,
    to: usize,
) -> usize {
    // SAFETY: the caller's promise on `params`.
    let params = unsafe { one(params) };
    answer(params.and_then(|params| sys::clavis::mint(number(socket), params, place(to))))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_request_info(
    socket: usize,
    tag: u32,
    info: *mut RequestInfo,
) -> usize {
    // SAFETY: the caller's promise on `info`.
    unsafe { store(info, sys::clavis::request_info(number(socket), tag)) }
}

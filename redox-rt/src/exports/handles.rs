//! Handles: opening, duplicating, reading, narrowing, asking.
use super::{answer, array_mut, bytes, choice, done, number, place, store, text};
use crate::namespace;
use crate::sys;
use clavis_abi::Rights;
use clavis_abi::error::{EFAULT, EINVAL, ERANGE, Error, mux};
use clavis_abi::params::{Denial, HandleInfo, InspectRow, LeaseParams, OFFSET_OWN};

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_open(
    dir: u64,
    path: *const u8,
    length: usize,
    flags: u64,
    to: usize,
) -> usize {
    // SAFETY: the caller's promise on `path`.
    let path = unsafe { text(path, length) };
    answer(path.and_then(|path| match choice(dir, None)? {
        // An absolute path is the directory's or namespace's own matter: it is never looked up
        // with authority that was not named.
        Some(dir) if path.is_empty() || path.starts_with('/') => {
            sys::file::openat(dir, path, flags, place(to))
        }
        Some(dir) => namespace::open_from(dir, path, flags, place(to)),
        None => namespace::open(path, flags, place(to)),
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_close(handle: usize) -> usize {
    done(sys::file::close(number(handle)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_dup(
    handle: usize,
    message: *const u8,
    length: usize,
    to: usize,
) -> usize {
    // SAFETY: the caller's promise on `message`.
    let message = unsafe { bytes(message, length) };
    answer(message.and_then(|message| sys::file::dup(number(handle), message, place(to))))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_read(
    handle: usize,
    buffer: *mut u8,
    length: usize,
    offset: u64,
) -> usize {
    // SAFETY: the caller's promise on `buffer`.
    let buffer = unsafe { array_mut(buffer, length) };
    mux(buffer.and_then(|buffer| match offset {
        OFFSET_OWN => sys::file::read(number(handle), buffer),
        offset => sys::file::read_at(number(handle), buffer, offset),
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_write(
    handle: usize,
    start: *const u8,
    length: usize,
    offset: u64,
) -> usize {
    // SAFETY: the caller's promise on `start`.
    let bytes = unsafe { bytes(start, length) };
    mux(bytes.and_then(|bytes| match offset {
        OFFSET_OWN => sys::file::write(number(handle), bytes),
        offset => sys::file::write_at(number(handle), bytes, offset),
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_control(
    handle: usize,
    command: usize,
    argument: usize,
) -> usize {
    mux(sys::file::fcntl(number(handle), command, argument))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_limit(
    handle: usize,
    rights: u64,
    inherit: u64,
    flags: u64,
) -> usize {
    let (rights, inherit) = masks(rights, inherit);
    done(sys::clavis::limit(number(handle), rights, inherit, flags))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_derive(
    handle: usize,
    rights: u64,
    inherit: u64,
    flags: u64,
    to: usize,
) -> usize {
    let (rights, inherit) = masks(rights, inherit);
    answer(sys::clavis::derive(number(handle), rights, inherit, flags, place(to)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_lease_create(
    params: *const LeaseParams,
    to: usize,
) -> usize {
    // SAFETY: the caller's promise on `params`.
    let params = unsafe { params.as_ref() }.ok_or(Error::new(EFAULT));
    answer(params.and_then(|params| sys::clavis::lease(params, place(to))))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_lend(
    handle: usize,
    lease: usize,
    rights: u64,
    inherit: u64,
    to: usize,
) -> usize {
    let (rights, inherit) = masks(rights, inherit);
    answer(sys::clavis::lend(number(handle), number(lease), rights, inherit, place(to)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_revoke(lease: usize) -> usize {
    done(sys::clavis::revoke(number(lease)))
}

pub(super) fn masks(rights: u64, inherit: u64) -> (Rights, Rights) {
    (Rights::from_bits_truncate(rights), Rights::from_bits_truncate(inherit))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_query(handle: usize, info: *mut HandleInfo) -> usize {
    // SAFETY: the caller's promise on `info`.
    unsafe { store(info, sys::clavis::query(number(handle))) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_last_denial(denial: *mut Denial) -> usize {
    match sys::clavis::last_denial() {
        None => 0,
        Some(last) => {
            // SAFETY: the caller's promise on `denial`.
            let stored = unsafe { store(denial, Ok(last)) };
            if stored == 0 { 1 } else { stored }
        }
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_inspect(
    process: usize,
    cursor: u64,
    rows: *mut InspectRow,
    count: usize,
) -> usize {
    // SAFETY: the caller's promise on `rows`.
    let rows = unsafe { array_mut(rows, count) };
    mux(rows.and_then(|rows| sys::clavis::inspect(number(process), cursor, rows)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_borrow(process: usize, handle: usize, to: usize) -> usize {
    answer(sys::clavis::borrow(number(process), number(handle), place(to)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_path(
    handle: usize,
    buffer: *mut u8,
    length: usize,
) -> usize {
    // SAFETY: the caller's promise on `buffer`.
    let buffer = unsafe { array_mut(buffer, length) };
    mux(buffer.and_then(|buffer| {
        let path = namespace::path_of(number(handle))?;
        let part = buffer.get_mut(..path.len()).ok_or(Error::new(ERANGE))?;
        part.copy_from_slice(path.as_bytes());
        Ok(path.len())
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_cwd_set(handle: usize) -> usize {
    done(namespace::change_directory_to(number(handle)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_table_put(
    table: usize,
    handle: usize,
    at: usize,
    rights: u64,
    inherit: u64,
) -> usize {
    if at == usize::MAX {
        return mux(Err(Error::new(EINVAL)));
    }
    let (rights, inherit) = masks(rights, inherit);
    done(sys::clavis::table_put(number(table), number(handle), number(at), rights, inherit))
}

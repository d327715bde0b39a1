//! Mappings.
use crate::errno::{fail, status};
use crate::pointer::fd;
use crate::promises::{Operation, promised};
use clavis_abi::PAGE_SIZE;
use clavis_abi::error::Result;
use clavis_rt::Number;
use clavis_rt::sys::memory;
use core::ffi::{c_int, c_void};
use libc::{
    EINVAL, MAP_ANON, MAP_FAILED, MAP_FIXED, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ,
    PROT_WRITE, off_t,
};
use syscall::data::Map;
use syscall::flag::MapFlags;

/// `mlockall` for what is mapped now.
const MCL_CURRENT: c_int = 1;
/// `mlockall` for what will be mapped.
const MCL_FUTURE: c_int = 2;
/// `MAP_FIXED` that refuses what is in use.
const FIXED_NOREPLACE: c_int = 0xC;

/// The kernel's flags for C's protection. `None`: unknown bits.
fn protection(wanted: c_int) -> Option<MapFlags> {
    let rows = [
        (PROT_READ, MapFlags::PROT_READ),
        (PROT_WRITE, MapFlags::PROT_WRITE),
        (PROT_EXEC, MapFlags::PROT_EXEC),
    ];
    if wanted & !(PROT_READ | PROT_WRITE | PROT_EXEC) != 0 {
        return None;
    }
    Some(
        rows.iter()
            .filter(|row| wanted & row.0 != 0)
            .fold(MapFlags::empty(), |all, row| all | row.1),
    )
}

/// The kernel's flags for C's.
pub(crate) fn map_flags(wanted: c_int, flags: c_int) -> Option<MapFlags> {
    let kind = match flags & (MAP_SHARED | MAP_PRIVATE) {
        MAP_SHARED => MapFlags::MAP_SHARED,
        MAP_PRIVATE => MapFlags::MAP_PRIVATE,
        _ => return None,
    };
    let place = match flags & FIXED_NOREPLACE {
        0 => MapFlags::empty(),
        MAP_FIXED => MapFlags::MAP_FIXED,
        FIXED_NOREPLACE => MapFlags::MAP_FIXED_NOREPLACE,
        _ => return None,
    };
    Some(protection(wanted)? | kind | place)
}

/// Whether memory may be asked for with a protection.
fn promised_memory(flags: MapFlags) -> Result<()> {
    promised(Operation::Stdio)?;
    match flags.contains(MapFlags::PROT_EXEC) {
        true => promised(Operation::MapExecutable),
        false => Ok(()),
    }
}

/// Maps an object, or anonymous memory without one.
///
/// # Safety
/// With a fixed address that replaces, nothing else relies on what lies there.
pub(crate) unsafe fn map(
    object: Option<Number>,
    address: usize,
    length: usize,
    flags: MapFlags,
    offset: u64,
) -> Result<usize> {
    let invalid = crate::errno::error(EINVAL);
    promised_memory(flags)?;
    let size = length.checked_next_multiple_of(PAGE_SIZE).filter(|size| *size > 0);
    let map = Map { offset: offset as usize, size: size.ok_or(invalid)?, flags, address };
    // SAFETY: the caller's promise.
    unsafe { memory::fmap(object, &map) }
}

/// Maps what a range has of a file that ends in it or before it, which servers refuse (`EINVAL`): what
/// lies behind the file's last page is taken, and whoever touches it meets a fault.
///
/// # Safety
/// As [`map`].
unsafe fn past_the_end(
    file: Number,
    address: usize,
    length: usize,
    flags: MapFlags,
    offset: u64,
) -> Result<usize> {
    let invalid = crate::errno::error(EINVAL);
    let stat = clavis_rt::sys::file::fstat(file)?;
    let page = PAGE_SIZE as u64;
    let end = stat.st_size.checked_next_multiple_of(page).ok_or(invalid)?;
    let there = usize::try_from(end.saturating_sub(offset)).map_err(|_| invalid)?;
    let is_file = stat.st_mode & libc::S_IFMT as u16 == libc::S_IFREG as u16;
    if !is_file || !offset.is_multiple_of(page) || there >= length {
        return Err(invalid);
    }
    let access = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::PROT_EXEC;
    let nothing = (flags & !access & !MapFlags::MAP_SHARED) | MapFlags::MAP_PRIVATE;
    // SAFETY: the caller's promise.
    let base = unsafe { map(None, address, length, nothing, 0) }?;
    if there > 0 {
        let within = (flags & !MapFlags::MAP_FIXED_NOREPLACE) | MapFlags::MAP_FIXED;
        // SAFETY: it replaces a part of what was just mapped.
        if let Err(error) = unsafe { map(Some(file), base, there, within, offset) } {
            // SAFETY: nobody knows of that mapping.
            let _ = unsafe { memory::funmap(base, length.next_multiple_of(PAGE_SIZE)) };
            return Err(error);
        }
    }
    Ok(base)
}

/// Maps a file or anonymous memory; `MAP_FAILED` with the error recorded.
///
/// # Safety
/// C contract: with `MAP_FIXED`, nothing else relies on what lies there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    address: *mut c_void,
    length: usize,
    wanted: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: off_t,
) -> *mut c_void {
    let plan = || {
        let invalid = crate::errno::error(EINVAL);
        let object = if flags & MAP_ANON != 0 { None } else { Some(fd(descriptor)?) };
        let offset = u64::try_from(offset).map_err(|_| invalid)?;
        Ok((object, map_flags(wanted, flags).ok_or(invalid)?, offset))
    };
    let mapped = plan().and_then(|(object, flags, offset)| {
        // SAFETY: the contract.
        match (object, unsafe { map(object, address as usize, length, flags, offset) }) {
            (Some(file), Err(error)) if error.errno == EINVAL => {
                // SAFETY: the contract.
                unsafe { past_the_end(file, address as usize, length, flags, offset) }
            }
            (_, mapped) => mapped,
        }
    });
    match mapped {
        Ok(address) => core::ptr::with_exposed_provenance_mut(address),
        Err(error) => {
            crate::errno::set_errno(error.errno);
            MAP_FAILED
        }
    }
}

/// Unmaps whole pages.
///
/// # Safety
/// C contract: nothing refers to the range any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(address: *mut c_void, length: usize) -> c_int {
    let Some(length) = length.checked_next_multiple_of(PAGE_SIZE) else { return fail(EINVAL) };
    // SAFETY: the contract.
    status(
        promised(Operation::Stdio)
            .and_then(|()| unsafe { memory::funmap(address as usize, length) }),
    )
}

/// Changes the protection of whole pages.
///
/// # Safety
/// C contract: nothing needs a permission that is taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mprotect(address: *mut c_void, length: usize, wanted: c_int) -> c_int {
    let length = length.checked_next_multiple_of(PAGE_SIZE);
    let (Some(length), Some(flags)) = (length, protection(wanted)) else { return fail(EINVAL) };
    let promised = promised_memory(flags);
    // SAFETY: the contract.
    status(promised.and_then(|()| unsafe { memory::mprotect(address as usize, length, flags) }))
}

/// Advice is not needed: accepted, without effect.
#[unsafe(no_mangle)]
pub extern "C" fn madvise(_address: *mut c_void, _length: usize, _advice: c_int) -> c_int {
    0
}

/// A mapping is the object's own memory: what was written is there. A medium is reached by
/// `fsync` on the file.
#[unsafe(no_mangle)]
pub extern "C" fn msync(_address: *mut c_void, _length: usize, _flags: c_int) -> c_int {
    0
}

/// Memory is never moved out: accepted, without effect.
#[unsafe(no_mangle)]
pub extern "C" fn mlock(_address: *const c_void, _length: usize) -> c_int {
    0
}

/// Memory is never moved out: accepted, without effect.
#[unsafe(no_mangle)]
pub extern "C" fn munlock(_address: *const c_void, _length: usize) -> c_int {
    0
}

/// Memory is never moved out: accepted, without effect. Unknown flags are `EINVAL`.
#[unsafe(no_mangle)]
pub extern "C" fn mlockall(flags: c_int) -> c_int {
    if flags & !(MCL_CURRENT | MCL_FUTURE) == 0 && flags != 0 { 0 } else { fail(EINVAL) }
}

/// Memory is never moved out: accepted, without effect.
#[unsafe(no_mangle)]
pub extern "C" fn munlockall() -> c_int {
    0
}

//! Capsicum, as FreeBSD's `sys/capsicum.h` declares it: capability mode and limits of descriptors.
//!
//! What FreeBSD tells apart and the kernel here does not is kept together: `cap_rights_get` answers
//! what is enforced. The crate `capsicum` says which rights those are.
use crate::errno::{answer, error, fail, status};
use crate::pointer::{fd, get, put};
use capsicum::{CapRights, Right, fcntls, held, ioctls, kept, permits};
use clavis_abi::Rights;
use clavis_abi::error::{ENOTCAPABLE, Result};
use clavis_abi::params::{HandleInfo, handle_flags};
use clavis_rt::sys::call::call_in;
use clavis_rt::sys::{clavis, file};
use clavis_rt::{Number, Place, confinement};
use core::arch::naked_asm;
use core::ffi::{c_int, c_uint, c_ulong};
use libc::{EFAULT, EINVAL};
use syscall::flag::CallFlags;

/// `CAP_RIGHTS_VERSION`.
const VERSION: c_int = 0;
/// `CAP_IOCTLS_ALL`: every command is allowed.
const IOCTLS_ALL: isize = isize::MAX;
/// What `ioctl` goes by: calls to a service, and handles that it makes.
const IOCTL: Rights = Rights::CALL.union(Rights::DERIVE);

/// Enters capability mode: no path leads anywhere any more but beneath a descriptor. The process,
/// what it forks and what it becomes stay in it.
#[unsafe(no_mangle)]
pub extern "C" fn cap_enter() -> c_int {
    status(confinement::enter())
}

/// Whether the process is in capability mode: 1 or 0.
///
/// # Safety
/// C contract: `mode` takes an integer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cap_getmode(mode: *mut c_uint) -> c_int {
    // SAFETY: the contract.
    status(unsafe { put(mode, c_uint::from(confinement::is_entered())) })
}

/// Whether the process is in capability mode.
#[unsafe(no_mangle)]
pub extern "C" fn cap_sandboxed() -> bool {
    confinement::is_entered()
}

macro_rules! listed {
    ($($(#[$documentation:meta])* $name:ident $by:path;)*) => {$(
        $(#[$documentation])*
        ///
        /// # Safety
        /// C contract: `rights` points to a set; the rights end with 0.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            version: c_int,
            rights: *mut CapRights,
            first: u64,
            second: u64,
            third: u64,
            fourth: u64,
        ) -> *mut CapRights {
            // In: edi = version, rsi = rights; rdx, rcx, r8, r9 = the first of the list; the return
            // address, and behind it the rest. Pushed in front of that rest they make an array.
            naked_asm!(
                "pop rax",
                "push r9; push r8; push rcx; push rdx",
                "mov rdx, rsp",
                "push rax; push rax",
                "call {by}",
                "pop rcx; pop rcx",
                "add rsp, 32",
                "jmp rcx",
                by = sym $by,
            )
        }
    )*};
}
listed! {
    /// Makes a set of the listed rights. Null, with `EINVAL`: one of them is none, or the version
    /// is another.
    __cap_rights_init init;
    /// Adds the listed rights; as `__cap_rights_init`.
    __cap_rights_set set;
    /// Takes the listed rights away; as `__cap_rights_init`.
    __cap_rights_clear clear;
    /// Whether all listed rights are in a set: not null.
    __cap_rights_is_set is_set;
}

/// Does something with each right of a list.
///
/// # Safety
/// The list ends with 0.
unsafe fn each(list: *const Right, mut action: impl FnMut(Right) -> bool) -> Result<()> {
    let mut at = list;
    loop {
        // SAFETY: no 0 was met yet.
        let right = unsafe { at.read() };
        if right == Right(0) {
            return Ok(());
        }
        if !action(right) {
            return Err(error(EINVAL));
        }
        at = at.wrapping_add(1);
    }
}

/// # Safety
/// `rights` is null or takes a set, the list ends with 0.
unsafe extern "C" fn init(
    version: c_int,
    rights: *mut CapRights,
    list: *const Right,
) -> *mut CapRights {
    if version != VERSION {
        return fail(EINVAL);
    }
    let mut all = CapRights::NONE;
    // SAFETY: the caller's promise.
    let listed = unsafe { each(list, |right| all.set(right)) };
    // SAFETY: the caller's promise.
    answer(listed.and_then(|()| unsafe { put(rights, all) }).map(|()| rights))
}

/// # Safety
/// As [`init`], and `rights` holds a set.
unsafe extern "C" fn set(
    version: c_int,
    rights: *mut CapRights,
    list: *const Right,
) -> *mut CapRights {
    // SAFETY: the caller's promise.
    unsafe { change(version, rights, list, CapRights::set) }
}

/// # Safety
/// As [`set`].
unsafe extern "C" fn clear(
    version: c_int,
    rights: *mut CapRights,
    list: *const Right,
) -> *mut CapRights {
    // SAFETY: the caller's promise.
    unsafe { change(version, rights, list, CapRights::clear) }
}

/// # Safety
/// As [`set`].
unsafe fn change(
    version: c_int,
    rights: *mut CapRights,
    list: *const Right,
    action: fn(&mut CapRights, Right) -> bool,
) -> *mut CapRights {
    if version != VERSION {
        return fail(EINVAL);
    }
    // SAFETY: the caller's promise.
    let changed = unsafe { get(rights) }.and_then(|mut all| {
        // SAFETY: the caller's promise.
        unsafe { each(list, |right| action(&mut all, right)) }?;
        // SAFETY: it is not null.
        unsafe { put(rights, all) }
    });
    answer(changed.map(|()| rights))
}

/// # Safety
/// As [`set`].
unsafe extern "C" fn is_set(
    version: c_int,
    rights: *mut CapRights,
    list: *const Right,
) -> *mut CapRights {
    if version != VERSION {
        return fail(EINVAL);
    }
    // SAFETY: the caller's promise.
    let all = unsafe { get(rights) }.and_then(|all| {
        // SAFETY: the caller's promise.
        unsafe { each(list, |right| all.is_set(right)) }
    });
    answer(all.map(|()| rights))
}

/// Whether a set is one.
///
/// # Safety
/// C contract: `rights` points to a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cap_rights_is_valid(rights: *const CapRights) -> bool {
    // SAFETY: the contract.
    unsafe { get(rights) }.is_ok_and(|rights| rights.is_valid())
}

/// Adds a set to another, and answers that.
///
/// # Safety
/// C contract: both point to sets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cap_rights_merge(
    rights: *mut CapRights,
    other: *const CapRights,
) -> *mut CapRights {
    // SAFETY: the contract.
    unsafe { combine(rights, other, CapRights::merge) }
}

/// Takes a set away from another, and answers that.
///
/// # Safety
/// C contract: both point to sets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cap_rights_remove(
    rights: *mut CapRights,
    other: *const CapRights,
) -> *mut CapRights {
    // SAFETY: the contract.
    unsafe { combine(rights, other, CapRights::remove) }
}

/// # Safety
/// Both are null or point to sets.
unsafe fn combine(
    rights: *mut CapRights,
    other: *const CapRights,
    action: fn(&mut CapRights, &CapRights),
) -> *mut CapRights {
    // SAFETY: the caller's promise.
    let all = unsafe { get(rights) };
    // SAFETY: the caller's promise.
    let other = unsafe { get(other) };
    answer(match (all, other) {
        (Ok(mut all), Ok(other)) => {
            action(&mut all, &other);
            // SAFETY: it is not null.
            unsafe { put(rights, all) }.map(|()| rights)
        }
        (Err(problem), _) | (_, Err(problem)) => Err(problem),
    })
}

/// Whether all of the second set is in the first.
///
/// # Safety
/// C contract: both point to sets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cap_rights_contains(
    rights: *const CapRights,
    other: *const CapRights,
) -> bool {
    // SAFETY: the contract.
    let rights = unsafe { get(rights) };
    // SAFETY: the contract.
    let other = unsafe { get(other) };
    matches!((rights, other), (Ok(rights), Ok(other)) if rights.contains(&other))
}

fn looked_at(descriptor: c_int) -> Result<(Number, HandleInfo, Rights)> {
    let number = fd(descriptor)?;
    let info = clavis::query(number)?;
    let most = Rights::from_bits_truncate(info.rights | info.inherit);
    Ok((number, info, most))
}

/// Limits a descriptor, and what is obtained through it, to a set of rights. A directory leads only
/// beneath itself from then on. `ENOTCAPABLE`: the set has more than the descriptor.
///
/// # Safety
/// C contract: `rights` points to a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cap_rights_limit(descriptor: c_int, rights: *const CapRights) -> c_int {
    // SAFETY: the contract.
    let set = unsafe { get(rights) };
    status(set.and_then(|set| {
        if !set.is_valid() {
            return Err(error(EINVAL));
        }
        let (number, _, most) = looked_at(descriptor)?;
        if !permits(most, &set) {
            return Err(error(ENOTCAPABLE));
        }
        if set == CapRights::ALL {
            return Ok(());
        }
        let rights = kept(&set);
        clavis::limit(number, rights, rights, handle_flags::BENEATH)
    }))
}

/// The rights of a descriptor, those included that only what is obtained through it can have.
///
/// # Safety
/// C contract: `rights` takes a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __cap_rights_get(
    version: c_int,
    descriptor: c_int,
    rights: *mut CapRights,
) -> c_int {
    if version != VERSION {
        return fail(EINVAL);
    }
    let looked = looked_at(descriptor);
    // SAFETY: the contract.
    status(looked.and_then(|(_, _, most)| unsafe { put(rights, held(most)) }))
}

/// Limits the commands of `fcntl`. Only `F_SETFL` can be taken; see `capsicum::fcntls`.
#[unsafe(no_mangle)]
pub extern "C" fn cap_fcntls_limit(descriptor: c_int, limit: u32) -> c_int {
    status(looked_at(descriptor).and_then(|(number, info, _)| {
        let taken = fcntls::taken(limit).ok_or(error(EINVAL))?;
        let has = fcntls::held(Rights::from_bits_truncate(info.rights));
        if limit & !has != 0 {
            return Err(error(ENOTCAPABLE));
        }
        let most = Rights::all() - taken;
        clavis::limit(number, most, most, 0)
    }))
}

/// The commands of `fcntl` that a descriptor takes.
///
/// # Safety
/// C contract: `limit` takes an integer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cap_fcntls_get(descriptor: c_int, limit: *mut u32) -> c_int {
    status(looked_at(descriptor).and_then(|(_, info, _)| {
        let held = fcntls::held(Rights::from_bits_truncate(info.rights));
        // SAFETY: the contract.
        unsafe { put(limit, held) }
    }))
}

/// The commands of `ioctl` that a terminal says a handle of it takes; `None`: it is no terminal.
fn commands(number: Number) -> Option<u8> {
    /// Call of a terminal.
    const COMMANDS: u64 = 7;
    let held = call_in(number, &[], CallFlags::empty(), &[COMMANDS]).ok()?;
    u8::try_from(held).ok()
}

/// Puts a handle that takes only some of the terminal's commands in the place of one.
fn limit_commands(number: Number, info: &HandleInfo, kept: u8) -> Result<()> {
    let less = file::dup(number, &ioctls::request(kept), Place::Upper)?;
    // What the descriptor and its description were told stays.
    let told = file::fcntl(number, libc::F_GETFL as usize, 0)? & libc::O_NONBLOCK as usize;
    if told != 0 {
        file::fcntl(less.number(), libc::F_SETFL as usize, told)?;
    }
    let closed = file::fcntl(number, libc::F_GETFD as usize, 0)?;
    let [rights, inherit] = [info.rights, info.inherit].map(Rights::from_bits_truncate);
    clavis::limit(less.number(), rights, inherit, info.flags & handle_flags::BENEATH)?;
    let placed = file::dup2(less.number(), number, &[])?;
    file::fcntl(placed.number(), libc::F_SETFD as usize, closed)?;
    core::mem::forget(placed);
    Ok(())
}

/// Limits the commands of `ioctl` to a list, which a terminal does. Of other descriptors none takes
/// any: that is the limit to none, which takes `accept` and its kin along, as they go by the same
/// right. `ENOTCAPABLE`: the list has more than the descriptor.
///
/// # Safety
/// C contract: there are `count` commands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cap_ioctls_limit(
    descriptor: c_int,
    list: *const c_ulong,
    count: usize,
) -> c_int {
    if count > ioctls::MOST {
        return fail(EINVAL);
    }
    let list: &[c_ulong] = match count {
        0 => &[],
        _ if list.is_null() => return fail(EFAULT),
        // SAFETY: the contract.
        _ => unsafe { core::slice::from_raw_parts(list, count) },
    };
    status(looked_at(descriptor).and_then(|(number, info, most)| {
        let held = if most.intersects(IOCTL) { commands(number) } else { Some(0) };
        let kept = ioctls::kept(list, held.unwrap_or(ioctls::UNLIMITED));
        match (kept.ok_or(error(ENOTCAPABLE))?, held) {
            (0, _) | (_, None) => {
                clavis::limit(number, Rights::all() - IOCTL, Rights::all() - IOCTL, 0)
            }
            (kept, Some(_)) => limit_commands(number, &info, kept),
        }
    }))
}

/// How many commands of `ioctl` a descriptor takes, and as many of them as there is room for; or
/// `CAP_IOCTLS_ALL`.
///
/// # Safety
/// C contract: `list` takes as many as `room` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cap_ioctls_get(
    descriptor: c_int,
    list: *mut c_ulong,
    room: usize,
) -> isize {
    answer(looked_at(descriptor).and_then(|(number, _, most)| {
        let held = if most.intersects(IOCTL) { commands(number) } else { Some(0) };
        let Some(commands) = ioctls::listed(held.unwrap_or(ioctls::UNLIMITED)) else {
            return Ok(IOCTLS_ALL);
        };
        let mut count = 0_usize;
        for command in commands {
            if count < room {
                // SAFETY: the contract.
                unsafe { put(list.wrapping_add(count), command) }?;
            }
            count += 1;
        }
        Ok(count as isize)
    }))
}

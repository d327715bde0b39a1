//! The process and its relatives, as POSIX sees them.
//!
//! Numbers of processes are information here, never authority; there are no users. A process
//! knows the children that it has forked, by their handles ([`children`]), and others as far as
//! its namespace shows them.
pub(crate) mod children;
pub mod descriptor;
pub mod exec;
pub mod exec_list;
pub mod fork;
pub mod group;
pub mod spawn;
pub mod system;
pub mod wait;

use crate::errno::{answer, error, fail, status};
use crate::promises::{Operation, promised};
use core::ffi::c_int;
use libc::{EINVAL, EPERM, gid_t, pid_t, rlimit, uid_t};

/// The number of this process.
#[unsafe(no_mangle)]
pub extern "C" fn getpid() -> pid_t {
    answer(promised(Operation::Stdio).map(|()| clavis_rt::sys::thread::process_number() as pid_t))
}

/// The number of the calling thread.
#[unsafe(no_mangle)]
pub extern "C" fn gettid() -> pid_t {
    clavis_rt::tls::current().number.get() as pid_t
}

macro_rules! nobody {
    ($($name:ident: $kind:ty),*) => {$(
        /// There are no users and groups: 0.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> $kind {
            0
        }
    )*};
}
nobody!(getuid: uid_t, geteuid: uid_t, getgid: gid_t, getegid: gid_t);

macro_rules! only_nobody {
    ($($name:ident: $kind:ty),*) => {$(
        /// There are no users and groups: 0 is what everybody is, all else is `EPERM`.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(wanted: $kind) -> c_int {
            status(promised(Operation::Identity).and_then(|()| {
                if wanted == 0 { Ok(()) } else { Err(error(EPERM)) }
            }))
        }
    )*};
}
only_nobody!(setuid: uid_t, seteuid: uid_t, setgid: gid_t, setegid: gid_t);

/// There are no groups: none is answered.
#[unsafe(no_mangle)]
pub extern "C" fn getgroups(_room: c_int, _groups: *mut gid_t) -> c_int {
    0
}

/// There are no groups: `EPERM` for any.
#[unsafe(no_mangle)]
pub extern "C" fn setgroups(amount: usize, _groups: *const gid_t) -> c_int {
    status(
        promised(Operation::Identity)
            .and_then(|()| if amount == 0 { Ok(()) } else { Err(error(EPERM)) }),
    )
}

/// Limits belong to accounts, not to processes: every one is told as unlimited, but the number
/// of descriptors.
///
/// # Safety
/// C contract: `place` takes a limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrlimit(resource: c_int, place: *mut rlimit) -> c_int {
    let bound = match resource {
        libc::RLIMIT_NOFILE => clavis_abi::limits::TABLE_HANDLES as u64,
        0..libc::RLIMIT_NLIMITS => u64::MAX,
        _ => return fail(EINVAL),
    };
    let limit = rlimit { rlim_cur: bound, rlim_max: bound };
    // SAFETY: the contract.
    crate::errno::status(unsafe { crate::pointer::put(place, limit) })
}

/// Limits belong to accounts: `EPERM`.
#[unsafe(no_mangle)]
pub extern "C" fn setrlimit(_resource: c_int, _limit: *const rlimit) -> c_int {
    status(promised(Operation::Priority).and_then(|()| Err::<(), _>(error(EPERM))))
}

//! Process descriptors, as FreeBSD's `sys/procdesc.h` declares them: a child that is known by a
//! descriptor alone and ends with it.
use super::fork::{Kept, copy, number_of};
use super::wait::{encoded, told};
use crate::errno::{answer, error, status};
use crate::fcntl::descriptor as owned;
use crate::pointer::{fd, put, put_if};
use crate::promises::{Operation, promised};
use clavis_abi::Rights;
use clavis_abi::error::{ECAPMODE, Result};
use clavis_abi::params::{ObjectType, cpu_time, handle_flags, process_flags, wait_flags};
use clavis_rt::sys::clavis;
use clavis_rt::{Handle, Number, Place, confinement};
use core::ffi::c_int;
use libc::{EBADF, EINVAL, SIGKILL, WCONTINUED, WNOHANG, WNOWAIT, WUNTRACED, pid_t, rusage};

/// The child lives on without its descriptor. Not in capability mode.
const PD_DAEMON: c_int = 1;
/// The descriptor is closed on exec.
const PD_CLOEXEC: c_int = 2;

/// Copies the process as `fork` does; the parent gets a descriptor of the child. When its last copy
/// is closed, and so at the parent's end too, the child is killed. `wait` does not see it. `EINVAL`:
/// unknown flags; `ECAPMODE`: `PD_DAEMON` in capability mode; as `fork`.
///
/// # Safety
/// C contract: `place` takes a descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pdfork(place: *mut c_int, flags: c_int) -> pid_t {
    answer((|| {
        if flags & !(PD_DAEMON | PD_CLOEXEC) != 0 {
            return Err(error(EINVAL));
        }
        if flags & PD_DAEMON != 0 {
            confinement::outside().map_err(|_| error(ECAPMODE))?;
        }
        promised(Operation::Process)?;
        // SAFETY: the contract. Whether it can be written is known before there is a child.
        unsafe { put(place, -1) }?;
        let mut made = None;
        let child = copy(Kept::Handle(&mut made))?;
        if let Some(process) = made {
            let descriptor = described(&process, flags);
            // Without a descriptor nobody would know it.
            let descriptor = descriptor.inspect_err(|_| {
                let _ = clavis::signal(process.number(), SIGKILL as usize);
            })?;
            // SAFETY: as above.
            unsafe { put(place, owned(descriptor)) }?;
        }
        Ok(child)
    })())
}

/// The descriptor of a child.
fn described(process: &Handle, flags: c_int) -> Result<Handle> {
    if flags & PD_DAEMON == 0 {
        clavis::declare(process.number(), process_flags::TIED)?;
    }
    let sticky = if flags & PD_CLOEXEC != 0 { handle_flags::CLOEXEC } else { 0 };
    clavis::derive(process.number(), Rights::all(), Rights::all(), sticky, Place::Lowest)
}

/// A descriptor of a process: `EBADF` for others.
fn process(descriptor: c_int) -> Result<Number> {
    let number = fd(descriptor)?;
    let is_process = clavis::query(number)?.object == ObjectType::Process as u64;
    if is_process { Ok(number) } else { Err(error(EBADF)) }
}

/// The number of the process.
///
/// # Safety
/// C contract: `place` takes a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pdgetpid(descriptor: c_int, place: *mut pid_t) -> c_int {
    let number = process(descriptor).and_then(number_of);
    // SAFETY: the contract.
    status(number.and_then(|number| unsafe { put(place, number) }))
}

/// Signals the process. `ESRCH`: it has ended.
#[unsafe(no_mangle)]
pub extern "C" fn pdkill(descriptor: c_int, signal: c_int) -> c_int {
    let signal = usize::try_from(signal).map_err(|_| error(EINVAL));
    let process = promised(Operation::Process).and_then(|()| process(descriptor));
    status(process.and_then(|process| clavis::signal(process, signal?)))
}

/// Waits for the process, as `wait4` does; of what it used, its time on a CPU is told. Answers its
/// number, or 0 with `WNOHANG` while nothing became of it.
///
/// # Safety
/// C contract: `place` is null or takes a status, `usage` is null or takes a usage.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pdwait4(
    descriptor: c_int,
    place: *mut c_int,
    options: c_int,
    usage: *mut rusage,
) -> pid_t {
    answer((|| {
        if options & !(WNOHANG | WUNTRACED | WCONTINUED | WNOWAIT) != 0 {
            return Err(error(EINVAL));
        }
        let process = process(descriptor)?;
        let now = if options & WNOHANG != 0 { wait_flags::NONBLOCK } else { 0 };
        let end = match clavis::wait(process, told(options) | now) {
            Err(problem) if problem.errno == libc::EAGAIN && now != 0 => return Ok(0),
            end => end?,
        };
        let spent = clavis::cpu_time(Some(process), cpu_time::PROCESS).unwrap_or(0);
        // SAFETY: the contract.
        unsafe { put_if(place, encoded(&end)) };
        // SAFETY: the contract.
        unsafe { put_if(usage, crate::cpu_time::usage(spent)) };
        number_of(process)
    })())
}

/// As [`pdwait4`], under its newer name: 0, or with `WNOHANG` and nothing to tell `EWOULDBLOCK`.
/// Further results (what its children used, a signal's information) are not told: those have to be
/// null, else `ENOTSUP`.
///
/// # Safety
/// C contract: as [`pdwait4`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pdwait(
    descriptor: c_int,
    place: *mut c_int,
    options: c_int,
    usage: *mut core::ffi::c_void,
    info: *mut core::ffi::c_void,
) -> c_int {
    if !usage.is_null() || !info.is_null() {
        return crate::errno::fail(libc::ENOTSUP);
    }
    // SAFETY: the same contract.
    match unsafe { pdwait4(descriptor, place, options, core::ptr::null_mut()) } {
        -1 => -1,
        0 => crate::errno::fail(libc::EWOULDBLOCK),
        _ => 0,
    }
}

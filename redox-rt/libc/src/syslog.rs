//! `syslog`: lines for the log of the system, `/scheme/log`.
use crate::fcntl::{open_flags, open_promised};
use crate::stdio::print::{Collected, write};
use crate::stdio::variadic::{VaList, variadic};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use c_stdio::format::Sink;
use clavis_rt::sys::file;
use clavis_rt::{Number, Place, startup};
use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use core::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use libc::{LOG_PID, LOG_PRIMASK, O_CLOEXEC, O_WRONLY};

static MASK: AtomicI32 = AtomicI32::new(0xFF);
static OPTIONS: AtomicI32 = AtomicI32::new(0);
static NAME: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());

/// The lines go to the standard error, too.
const TOO_TO_ERROR: c_int = 0x20;

/// What the priorities are called.
const PRIORITIES: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];

/// Says under which name lines are logged (null: the program's), and how: with the number of the
/// process (`LOG_PID`), to the standard error as well (`LOG_PERROR`). Facilities say nothing here.
///
/// # Safety
/// C contract: null or a string that stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openlog(name: *const c_char, options: c_int, _facility: c_int) {
    NAME.store(name.cast_mut(), Ordering::Relaxed);
    OPTIONS.store(options, Ordering::Relaxed);
}

/// Forgets what [`openlog`] said.
#[unsafe(no_mangle)]
pub extern "C" fn closelog() {
    NAME.store(ptr::null_mut(), Ordering::Relaxed);
    OPTIONS.store(0, Ordering::Relaxed);
}

/// Sets which priorities are of interest (0 only asks); answers the earlier ones.
#[unsafe(no_mangle)]
pub extern "C" fn setlogmask(mask: c_int) -> c_int {
    if mask == 0 { MASK.load(Ordering::Relaxed) } else { MASK.swap(mask, Ordering::Relaxed) }
}

/// The name that lines are logged under.
fn name() -> String {
    let given = NAME.load(Ordering::Relaxed);
    let name = if given.is_null() {
        startup::current().and_then(|startup| startup.args().next())
    } else {
        // SAFETY: the contract of `openlog`.
        Some(unsafe { CStr::from_ptr(given) })
    };
    let name = name.unwrap_or_default().to_string_lossy();
    // A name there is one component.
    String::from(name.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("program"))
}

/// Logs a line with a priority that is of interest. A process without `/scheme/log` logs nothing.
///
/// # Safety
/// C contract: `format` is NUL-terminated, the list has what it asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsyslog(priority: c_int, format: *const c_char, list: *mut VaList) {
    let level = priority & LOG_PRIMASK;
    if MASK.load(Ordering::Relaxed) & 1 << level == 0 {
        return;
    }
    let options = OPTIONS.load(Ordering::Relaxed);
    let mut line = Collected(Vec::new());
    if options & LOG_PID != 0 {
        // What is not there for want of memory shows.
        let _ = line.put(format!("[{}] ", crate::process::getpid()).as_bytes());
    }
    let word = PRIORITIES.get(level as usize).copied().unwrap_or_default();
    let _ = line.put(format!("{word}: ").as_bytes());
    // SAFETY: the contract.
    let written = unsafe { write(format, list, &mut line) };
    let mut line = line.0;
    if written.is_err() {
        line.extend_from_slice(b"(a line that cannot be printed)");
    }
    if line.last() != Some(&b'\n') {
        line.push(b'\n');
    }
    let name = name();
    let flags = open_flags(O_WRONLY | O_CLOEXEC, 0);
    // There is nobody to be told of a log that is not there.
    // What is said in the log needs no promise.
    if let Ok(log) = open_promised(None, &format!("/scheme/log/{name}"), flags, Place::Upper) {
        let _ = file::write_all(log.number(), &line);
    }
    if options & TOO_TO_ERROR != 0 {
        line.splice(0..0, format!("{name}: ").into_bytes());
        let _ = file::write_all(Number::from_raw(2), &line);
    }
}

variadic! {
    /// As [`vsyslog`], of arguments.
    syslog(priority: c_int, format: *const c_char), "16", "rdx", vsyslog;
}

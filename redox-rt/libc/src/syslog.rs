//! What of `syslog` needs no variable arguments. There is no `syslog` itself: a function with
//! variable arguments cannot be defined in stable Rust.
use core::ffi::{c_char, c_int};
use core::sync::atomic::{AtomicI32, Ordering};

static MASK: AtomicI32 = AtomicI32::new(0xFF);

/// Nothing has to be opened.
#[unsafe(no_mangle)]
pub extern "C" fn openlog(_name: *const c_char, _options: c_int, _facility: c_int) {}

/// Nothing has to be closed.
#[unsafe(no_mangle)]
pub extern "C" fn closelog() {}

/// Sets which priorities are of interest (0 only asks); answers the earlier ones.
#[unsafe(no_mangle)]
pub extern "C" fn setlogmask(mask: c_int) -> c_int {
    if mask == 0 { MASK.load(Ordering::Relaxed) } else { MASK.swap(mask, Ordering::Relaxed) }
}

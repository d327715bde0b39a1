//! The file mode creation mask.
use core::sync::atomic::{AtomicU16, Ordering};
use libc::mode_t;

static MASK: AtomicU16 = AtomicU16::new(0o022);

/// The permission bits that a new object gets when `mode` was asked.
pub(crate) fn creation_mode(mode: mode_t) -> u16 {
    mode as u16 & 0o7777 & !MASK.load(Ordering::Relaxed)
}

/// Sets the bits that new objects do not get; answers the earlier ones.
#[unsafe(no_mangle)]
pub extern "C" fn umask(mask: mode_t) -> mode_t {
    mode_t::from(MASK.swap(mask as u16 & 0o777, Ordering::Relaxed))
}

//! Where this program lies, for whoever reads a back trace of it: programs lie at another address
//! each time they start.
use alloc::format;
use clavis_rt::handle::Number;
use clavis_rt::startup::Startup;
use clavis_rt::sys::file;
use core::ffi::CStr;

/// The variable that asks this program and what it starts for it.
const ASKED: &[u8] = b"CLAVIS_SHOW_IMAGE=1";
/// The one that asks this program alone: what it starts may have to keep its standard error clean.
const ASKED_ONCE: &[u8] = b"CLAVIS_SHOW_IMAGE=once";

/// Whether a variable is for programs that this one starts, too.
pub(crate) fn is_handed_on(variable: &CStr) -> bool {
    variable.to_bytes() != ASKED_ONCE
}

/// Says it on standard error if the environment asks: `clavis: image ADDRESS of NAME`.
pub(crate) fn show(startup: &Startup<'_>) {
    if startup.envs().any(|variable| [ASKED, ASKED_ONCE].contains(&variable.to_bytes())) {
        let name = startup.args().next().unwrap_or_default().to_string_lossy();
        let line = format!("clavis: image {:#x} of {name}\n", startup.header().image_base);
        // Without standard error there is nobody to be told.
        _ = file::write(Number::from_raw(2), line.as_bytes());
    }
}

//! `libgcc_eh.a`: the `_Unwind_*` symbols that std's panics link against.
//!
//! All of it is the published crate `unwinding`; this package only makes an archive of it. It
//! finds frames through the linker's `__GNU_EH_FRAME_HDR`, so programs are linked with
//! `--eh-frame-hdr` (see `link.toml` beside this package).
#![no_std]

extern crate unwinding as _;

/// The unwinder has no recoverable inner errors: a panic in it ends the program where it stands.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

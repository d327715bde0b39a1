//! Text for the person: on the firmware's console (the screen; OVMF copies it to COM1) and, on
//! machines whose firmware keeps the serial line to itself, on COM1 directly.
use core::fmt::{self, Write};
use core::time::Duration;

use crate::firmware::{port, processor};

/// Prints a line.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    uefi::system::with_stdout(|out| {
        // A console that refuses text leaves nothing else to try.
        let _ = writeln!(out, "{text}");
    });
    if !processor::is_virtual() && has_com1() {
        let _ = write!(Com1, "{text}\r\n");
    }
}

/// Leaves a message on the screen for a while on a real machine, whose firmware would go on to
/// its next boot entry at once.
pub(crate) fn pause_to_read() {
    if !processor::is_virtual() {
        uefi::boot::stall(Duration::from_secs(10));
    }
}

struct Com1;

impl Write for Com1 {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // A UART that never becomes ready must not stop the boot.
            for _ in 0..10_000 {
                if port::read_com1(5) & 0x20 != 0 {
                    break;
                }
            }
            port::write_com1(0, byte);
        }
        Ok(())
    }
}

/// The scratch register of a UART remembers what is written to it.
fn has_com1() -> bool {
    port::write_com1(7, 0xA5);
    port::read_com1(7) == 0xA5
}

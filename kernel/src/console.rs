//! Where the kernel's words go: the first serial line and the screen.
use alloc::vec::Vec;
use core::fmt::{self, Write};
use spin::Mutex;
use uart_16550::backend::PioBackend;
use uart_16550::{BaudRate, Config, Uart16550};

use crate::clock;
use crate::screen::Screen;

/// First port of the serial line.
const COM1: u16 = 0x3F8;
/// Times that a full transmitter is asked again before a byte is given up: a line that nobody
/// serves must not stop the kernel.
const PATIENCE: u32 = 100_000;
/// Bytes of early lines that are kept for core's log.
const EARLY: usize = 4096;

/// The console.
pub(crate) struct Console {
    line: Option<Uart16550<PioBackend>>,
    pub(crate) screen: Option<Screen>,
    early: [u8; EARLY],
    early_len: usize,
}

/// The one console.
pub(crate) static CONSOLE: Mutex<Console> =
    Mutex::new(Console { line: None, screen: None, early: [0; EARLY], early_len: 0 });

impl Console {
    /// Sets the serial line up, if there is one.
    pub(crate) fn begin(&mut self) {
        // SAFETY: these are the ports of the first serial line; the kernel is its only user until
        // core gives them to a driver, after which it writes at a panic alone.
        let line = unsafe { Uart16550::new_port(COM1) };
        let config = Config { baud_rate: BaudRate::Baud115200, ..Config::DEFAULT };
        self.line = line.ok().and_then(|mut line| line.init(config).ok().map(|()| line));
    }

    /// Writes bytes to the line and the screen.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.split_last() {
                Some((b'\n', text)) => {
                    self.send(text);
                    self.send(b"\r\n");
                }
                _ => self.send(part),
            }
        }
        if let Some(screen) = &mut self.screen {
            screen.write(bytes);
        }
    }

    fn send(&mut self, mut bytes: &[u8]) {
        let Some(line) = &mut self.line else { return };
        let mut patience = PATIENCE;
        while !bytes.is_empty() && patience > 0 {
            let sent = line.send_bytes(bytes);
            bytes = bytes.get(sent..).unwrap_or_default();
            patience = if sent > 0 { PATIENCE } else { patience - 1 };
        }
    }

    /// The early lines, which are not kept any longer.
    pub(crate) fn early(&mut self) -> Vec<u8> {
        let lines = self.early[..self.early_len].to_vec();
        self.early_len = EARLY;
        lines
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text.as_bytes());
        let room = &mut self.early[self.early_len..];
        let kept = room.len().min(text.len());
        room[..kept].copy_from_slice(&text.as_bytes()[..kept]);
        self.early_len += kept;
        Ok(())
    }
}

/// Prints one line with the time since boot. For the boot code and for what is wrong with the
/// machine; core's lines come through `Machine::log`.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    let time = clock::now() / 1_000_000;
    // A console cannot fail.
    let _ = writeln!(CONSOLE.lock(), "[{:3}.{:03}] {line}", time / 1000, time % 1000);
}

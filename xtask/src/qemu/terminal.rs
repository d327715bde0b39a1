//! The person's terminal as the guest's.
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::qemu::machine::Event;

/// Ctrl-]: ends the machine, as in telnet. Ctrl-C belongs to the guest.
const LEAVE: u8 = 0x1D;

/// The terminal in raw mode, until it is dropped.
#[derive(Debug)]
pub(crate) struct Raw {
    before: Option<Termios>,
}

impl Raw {
    /// Every key goes to the guest as it is. Without a terminal nothing changes.
    pub(crate) fn enter() -> Raw {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Raw { before: None };
        }
        let Ok(before) = tcgetattr(&stdin) else { return Raw { before: None } };
        let mut raw = before.clone();
        raw.make_raw();
        match tcsetattr(&stdin, OptionalActions::Now, &raw) {
            Ok(()) => Raw { before: Some(before) },
            Err(_) => Raw { before: None },
        }
    }

    /// Whether keys come one by one.
    pub(crate) fn is_raw(&self) -> bool {
        self.before.is_some()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // If the terminal is gone there is nothing to restore.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Carries stdin to the guest until it ends or the person leaves.
pub(crate) fn forward(mut to: UnixStream, events: Sender<Event>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = std::io::stdin().read(&mut buffer) {
            let bytes = buffer.get(..read).unwrap_or_default();
            let leaves = bytes.contains(&LEAVE) && std::io::stdin().is_terminal();
            if leaves || to.write_all(bytes).is_err() {
                // The other side may be gone already.
                let _ = events.send(Event::Leave);
                return;
            }
        }
    });
}

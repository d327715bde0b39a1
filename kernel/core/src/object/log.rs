//! The kernel log: a ring that is read by handle.
use crate::prelude::*;
use clavis_abi::limits::LOG_BYTES;

/// The newest bytes of the log.
#[derive(Debug)]
pub struct LogRing {
    bytes: Vec<u8>,
    /// Bytes ever written.
    pub(crate) written: u64,
    /// Whether they go to the serial line and screen as well.
    pub(crate) echo: bool,
    /// Who is told of more.
    pub(crate) watchers: Watchers,
}

impl LogRing {
    pub(crate) fn new() -> core::result::Result<Self, NoMemory> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(LOG_BYTES).map_err(|_| NoMemory)?;
        bytes.resize(LOG_BYTES, 0);
        Ok(Self { bytes, written: 0, echo: true, watchers: Watchers::new() })
    }

    fn push(&mut self, text: &[u8]) {
        for byte in text {
            let at = (self.written % LOG_BYTES as u64) as usize;
            if let Some(place) = self.bytes.get_mut(at) {
                *place = *byte;
            }
            self.written = self.written.wrapping_add(1);
        }
    }
}

/// Bytes moved by one call.
const PIECE: usize = 512;

impl<M: Machine> Kernel<M> {
    /// Writes to the log, and to the machine's line and screen unless a driver took over.
    pub fn log(&mut self, text: &[u8]) {
        self.log.push(text);
        if self.log.echo {
            self.machine.log(text);
        }
        self.notify(Object::Plain(ObjectType::Log), READABLE);
    }

    /// Reads the log from a cursor on; the caller's cursor is moved behind what was read. Bytes
    /// that were overwritten are skipped.
    pub(crate) fn log_read(
        &mut self,
        caller: &Caller,
        cursor: u64,
        to: UserSlice,
    ) -> Result<(usize, u64)> {
        let oldest = self.log.written.saturating_sub(LOG_BYTES as u64);
        let from = cursor.max(oldest);
        refuse_if(from >= self.log.written, EAGAIN)?;
        let mut piece = [0; PIECE];
        let n = to.len.min(PIECE).min(usize::try_from(self.log.written - from).unwrap_or(PIECE));
        for (place, at) in piece.iter_mut().take(n).zip(from..) {
            let at = (at % LOG_BYTES as u64) as usize;
            *place = self.log.bytes.get(at).copied().unwrap_or(0);
        }
        self.write_user(caller.space, to.address, piece.get(..n).unwrap_or(&[]))?;
        Ok((n, from.saturating_add(n as u64)))
    }

    /// Appends a process's text.
    pub(crate) fn log_write(&mut self, caller: &Caller, from: UserSlice) -> Reply {
        let mut piece = [0; PIECE];
        let n = from.len.min(PIECE);
        let Some(text) = piece.get_mut(..n) else { return Ok(Outcome::Done(0)) };
        self.read_user(caller.space, from.address, text)?;
        self.log(text);
        Ok(Outcome::Done(n))
    }
}

//! Port ranges: a read or write at an offset goes to that one port, byte by byte.
use crate::prelude::*;

/// Bytes moved by one call.
const BURST: usize = 64;

impl<M: Machine> Kernel<M> {
    /// Reads a port once per byte.
    pub(crate) fn port_read(&mut self, caller: &Caller, port: u16, to: UserSlice) -> Reply {
        let mut bytes = [0; BURST];
        let n = to.len.min(BURST);
        let Some(bytes) = bytes.get_mut(..n) else { return Err(Error::new(EINVAL)) };
        for byte in bytes.iter_mut() {
            *byte = self.machine.port_in(port);
        }
        self.write_user(caller.space, to.address, bytes)?;
        Ok(Outcome::Done(n))
    }

    /// Writes a port once per byte.
    pub(crate) fn port_write(&mut self, caller: &Caller, port: u16, from: UserSlice) -> Reply {
        let mut bytes = [0; BURST];
        let n = from.len.min(BURST);
        let Some(bytes) = bytes.get_mut(..n) else { return Err(Error::new(EINVAL)) };
        self.read_user(caller.space, from.address, bytes)?;
        for byte in bytes.iter() {
            self.machine.port_out(port, *byte);
        }
        Ok(Outcome::Done(n))
    }

    /// The port at an offset of a range.
    pub(crate) fn port_at(first: u16, count: u16, offset: u64) -> clavis_abi::error::Result<u16> {
        u16::try_from(offset)
            .ok()
            .filter(|offset| *offset < count)
            .and_then(|offset| first.checked_add(offset))
            .ok_or(Error::new(EINVAL))
    }
}

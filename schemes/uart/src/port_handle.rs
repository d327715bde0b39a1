//! The ports of a controller behind the handle of a port range.
use crate::Ports;
use clavis::abi::error::EIO;
use clavis::{Error, Handle, Number, Result};
use std::mem::ManuallyDrop;

/// The handle of a range of ports: the offset of a read or write is the index of the port.
pub struct PortHandle(ManuallyDrop<Handle>);

impl PortHandle {
    /// Uses a handle that the process was started with.
    #[must_use]
    pub fn new(handle: Number) -> Self {
        // The runtime owns what a process is started with; here it is only used.
        Self(ManuallyDrop::new(Handle::from_number(handle)))
    }
}

impl Ports for PortHandle {
    type Error = Error;

    fn read(&mut self, port: u8) -> Result<u8> {
        let mut byte = [0];
        match self.0.read_at(&mut byte, u64::from(port))? {
            1 => {
                let [byte] = byte;
                Ok(byte)
            }
            _ => Err(Error::from_errno(EIO)),
        }
    }

    fn write(&mut self, port: u8, bytes: &[u8]) -> Result<()> {
        match self.0.write_at(bytes, u64::from(port))? {
            count if count == bytes.len() => Ok(()),
            _ => Err(Error::from_errno(EIO)),
        }
    }
}

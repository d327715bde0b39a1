//! Port I/O for the serial line and QEMU's exit device.
use x86_64::instructions::port::Port;

/// Writes a byte to a port of COM1 (0x3F8 to 0x3FF).
pub(crate) fn write_com1(offset: u16, value: u8) {
    // SAFETY: the ports of COM1 control nothing but the serial line; a machine without it ignores
    // the write.
    unsafe { Port::<u8>::new(0x3F8 | (offset & 7)).write(value) }
}

/// Reads a byte from a port of COM1.
pub(crate) fn read_com1(offset: u16) -> u8 {
    // SAFETY: as in `write_com1`; reading takes at most a received byte away.
    unsafe { Port::<u8>::new(0x3F8 | (offset & 7)).read() }
}

/// Writes to QEMU's exit device.
pub(crate) fn write_exit(value: u32) {
    // SAFETY: only called under QEMU, where the port is the exit device or nothing.
    unsafe { Port::<u32>::new(clavis_abi::boot::EXIT_PORT).write(value) }
}

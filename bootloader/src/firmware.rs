//! What the bootloader asks of the firmware and the processor. Each file is one subject.
pub(crate) mod acpi;
pub(crate) mod clock;
pub(crate) mod console;
pub(crate) mod entropy;
pub(crate) mod files;
pub(crate) mod frames;
pub(crate) mod jump;
pub(crate) mod memory;
pub(crate) mod port;
pub(crate) mod processor;
pub(crate) mod qemu;
pub(crate) mod screen;
pub(crate) mod tables;

/// Stops the processor for good.
pub(crate) fn halt() -> ! {
    loop {
        x86_64::instructions::hlt();
    }
}

//! What the firmware's tables say of the machine, as the bootloader hands it to the kernel, which
//! reads none of them itself.

/// Greatest number of I/O interrupt controllers.
pub const CONTROLLERS: usize = 16;
/// Greatest number of lines that are wired otherwise than their numbers say: those of ISA.
pub const OVERRIDES: usize = 16;
/// Greatest number of spans of ports that power management uses.
pub const POWER_SPANS: usize = 10;

/// Interrupt controllers, timer and power. A port is 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Platform {
    /// Physical address of the local interrupt controller; 0: the firmware describes none.
    pub local: u64,
    /// The other controllers; unused ones have the address 0.
    pub controllers: [Controller; CONTROLLERS],
    /// How many overrides are valid.
    pub override_count: u32,
    /// The line of the system control interrupt; `u32::MAX`: there is none.
    pub system_line: u32,
    /// ISA lines that are wired otherwise.
    pub overrides: [Override; OVERRIDES],
    /// The bits that the ACPI timer counts (ACPI 6.5, 4.8.2.1).
    pub timer_mask: u32,
    /// Port of the ACPI timer.
    pub timer: u16,
    /// Port of the reset register.
    pub reset: u16,
    /// Ports that power management uses, which no driver gets.
    pub power_ports: [Span; POWER_SPANS],
    /// Ports of the two sleep control registers (ACPI 6.5, 4.8.3.2).
    pub sleep: [u16; 2],
    /// What switches the machine off there: sleep type and SLP_EN at their places; 0: not known.
    pub soft_off: [u16; 2],
    /// Port that hands power management over from the firmware.
    pub enable: u16,
    /// What is written to it.
    pub enable_value: u8,
    /// What is written to the reset register.
    pub reset_value: u8,
}

/// An I/O interrupt controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Controller {
    /// Physical address.
    pub address: u64,
    /// The number of its first pin, counted over all controllers.
    pub first: u64,
}

/// An ISA line that is wired to another pin, or another way, than its number says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Override {
    /// Its number.
    pub isa: u32,
    /// The pin.
    pub pin: u32,
    /// [`LOW`] and [`LEVEL`].
    pub how: u32,
}

/// In [`Override::how`]: the signal is active low.
pub const LOW: u32 = 1;
/// In [`Override::how`]: it is a level, not an edge.
pub const LEVEL: u32 = 2;

/// A span of I/O ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Span {
    /// The first.
    pub first: u16,
    /// How many; 0: the span is unused.
    pub count: u16,
}

//! Interrupt controllers: the old pair is silenced, the local one ends interrupts and counts down
//! to the next deadline, the I/O ones bring the lines of devices.
use alloc::vec::Vec;
use clavis_abi::platform::{self, Platform};
use core::sync::atomic::{AtomicU64, Ordering};

use crate::paging::{self, Cache};
use crate::registers;

/// Vector of pin 0; the others follow.
const FIRST_PIN: u8 = 0x30;
/// Pins that have a vector.
const PINS: u32 = (TIMER - FIRST_PIN) as u32;
const TIMER: u8 = 0xE0;
const SPURIOUS: u8 = 0xFF;

/// Registers of the local controller (Intel SDM vol. 3A 12.4).
const ID: u64 = 0x20;
const TASK_PRIORITY: u64 = 0x80;
const END: u64 = 0xB0;
const SPURIOUS_VECTOR: u64 = 0xF0;
const COMMAND: u64 = 0x300;
const TIMER_ENTRY: u64 = 0x320;
const THERMAL_ENTRY: u64 = 0x330;
const COUNTER_ENTRY: u64 = 0x340;
const LINT0_ENTRY: u64 = 0x350;
const LINT1_ENTRY: u64 = 0x360;
const ERROR_ENTRY: u64 = 0x370;
const INITIAL: u64 = 0x380;
const CURRENT: u64 = 0x390;
const DIVIDE: u64 = 0x3E0;

const MASKED: u32 = 1 << 16;
/// Delivery mode of an entry: NMI.
const AS_NMI: u32 = 4 << 8;
/// Destination of an interrupt command: this CPU.
const TO_SELF: u32 = 1 << 18;

/// Where the local controller is mapped.
static LOCAL: AtomicU64 = AtomicU64::new(0);

fn local_read(register: u64) -> u32 {
    let address = LOCAL.load(Ordering::Relaxed) + register;
    // SAFETY: the local controller is mapped there; the registers used have no effect on memory.
    unsafe { (address as *const u32).read_volatile() }
}

fn local_write(register: u64, value: u32) {
    let address = LOCAL.load(Ordering::Relaxed) + register;
    // SAFETY: as above; every vector has a gate.
    unsafe { (address as *mut u32).write_volatile(value) };
}

/// What a vector is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Timer,
    /// A pin of the I/O controllers, counted over all of them.
    Line(u32),
    Spurious,
}

/// What a vector is for.
pub(crate) fn kind(vector: u8) -> Kind {
    match vector {
        TIMER => Kind::Timer,
        FIRST_PIN..TIMER => Kind::Line(u32::from(vector - FIRST_PIN)),
        _ => Kind::Spurious,
    }
}

/// Tells the local controller that an interrupt has been dealt with.
pub(crate) fn end_of_interrupt() {
    local_write(END, 0);
}

/// What the local timer has left.
pub(crate) fn timer_count() -> u32 {
    local_read(CURRENT)
}

/// Has the local timer interrupt after so many ticks; 0 stops it.
pub(crate) fn timer_start(ticks: u32) {
    local_write(INITIAL, ticks);
}

/// Moves the old controllers' vectors out of the exceptions' way and masks all their lines.
fn silence_old() {
    let ports = [0x20, 0xA0, 0x21, 0xA1, 0x21, 0xA1, 0x21, 0xA1, 0x21, 0xA1];
    let values = [0x11_u8, 0x11, 0x20, 0x28, 4, 2, 1, 1, 0xFF, 0xFF];
    for (port, value) in ports.into_iter().zip(values) {
        // SAFETY: the old interrupt controllers are the kernel's own.
        unsafe { registers::port_write(port, value) };
    }
}

/// Silences the old controllers and sets up the local one, its timer counting down from the
/// greatest value with no interrupt, ready to be measured.
pub(crate) fn begin(address: u64) -> Result<(), &'static str> {
    silence_old();
    // SAFETY: the tables say that there is a local controller, so its base register exists.
    let base = unsafe { registers::read_msr(0x1B) };
    if base & 1 << 10 != 0 {
        // x2APIC mode: the way back to registers in memory leads through "off".
        // SAFETY: interrupts are off and nothing is pending that the kernel waits for.
        unsafe { registers::write_msr(0x1B, base & !(3 << 10)) };
    }
    // SAFETY: switches the controller on where it is.
    unsafe { registers::write_msr(0x1B, base & !(1 << 10) | 1 << 11) };
    // SAFETY: the tables say that the local controller is there.
    let mapped = unsafe { paging::map_device(address, 4096, Cache::Off) };
    let mapped = mapped.ok_or("no memory to map the local interrupt controller")?;
    LOCAL.store(mapped, Ordering::Relaxed);
    let steps = [
        (TASK_PRIORITY, 0),
        (THERMAL_ENTRY, MASKED),
        (COUNTER_ENTRY, MASKED),
        (LINT0_ENTRY, MASKED),
        (LINT1_ENTRY, AS_NMI),
        (ERROR_ENTRY, MASKED),
        (SPURIOUS_VECTOR, 0x100 | u32::from(SPURIOUS)),
        // Divide by 16.
        (DIVIDE, 3),
        (TIMER_ENTRY, MASKED | u32::from(TIMER)),
        (INITIAL, u32::MAX),
    ];
    for (register, value) in steps {
        local_write(register, value);
    }
    Ok(())
}

/// Has the timer's end be an interrupt from now on.
pub(crate) fn timer_enable() {
    local_write(INITIAL, 0);
    local_write(TIMER_ENTRY, u32::from(TIMER));
}

/// An I/O controller.
struct IoApic {
    address: u64,
    first: u32,
    pins: u32,
}

impl IoApic {
    /// The window to a register. The kernel lock makes its choice and its use one.
    fn window(&self, register: u32) -> *mut u32 {
        // SAFETY: the controller is mapped there, and choosing a register changes nothing else.
        unsafe { (self.address as *mut u32).write_volatile(register) };
        (self.address + 0x10) as *mut u32
    }

    fn read(&self, register: u32) -> u32 {
        // SAFETY: the controller's window; reading has no effect.
        unsafe { self.window(register).read_volatile() }
    }

    fn write(&self, register: u32, value: u32) {
        // SAFETY: the controller's window; every vector has a gate.
        unsafe { self.window(register).write_volatile(value) };
    }
}

/// What is known of a pin.
#[derive(Clone, Copy, Default)]
struct Pin {
    /// The number that drivers know the line by: an ISA line's, or the pin's.
    line: u32,
    /// Redirection entry without mask.
    entry: u32,
    is_level: bool,
    /// The driver has not acknowledged the last interrupt, or there is no driver.
    masked: bool,
    /// The pin is masked in its controller.
    silent: bool,
    /// An edge came while masked: it is delivered at unmasking.
    pending: bool,
}

/// The lines of devices.
///
/// A level-triggered line is masked in its controller. An edge that came while its pin is masked
/// there would be lost, so an edge-triggered one is masked here: one further edge is remembered,
/// and only then is the pin silenced too.
#[derive(Default)]
pub(crate) struct Lines {
    controllers: Vec<IoApic>,
    pins: Vec<Pin>,
    /// The system control interrupt, which no driver gets.
    system: u32,
}

impl Lines {
    /// Maps the controllers and masks all pins.
    pub(crate) fn new(platform: &Platform) -> Result<Lines, &'static str> {
        let mut lines = Lines { system: platform.system_line, ..Lines::default() };
        let target = local_read(ID) & 0xFF00_0000;
        for one in platform.controllers.iter().filter(|one| one.address != 0) {
            // SAFETY: the tables say that an I/O controller is there.
            let mapped = unsafe { paging::map_device(one.address, 4096, Cache::Off) };
            let address = mapped.ok_or("no memory to map an interrupt controller")?;
            let mut controller = IoApic { address, first: one.first as u32, pins: 0 };
            controller.pins = (controller.read(1) >> 16 & 0xFF) + 1;
            for pin in 0..controller.pins {
                controller.write(0x10 + pin * 2, MASKED);
                controller.write(0x11 + pin * 2, target);
            }
            lines.controllers.push(controller);
        }
        let ends = lines.controllers.iter().map(|one| one.first.saturating_add(one.pins));
        let count = ends.max().unwrap_or(0).min(PINS);
        for number in 0..count {
            // ISA: edge, high. PCI: level, low.
            let isa = number < 16;
            lines.pins.push(Pin {
                line: number,
                entry: (u32::from(FIRST_PIN) + number) | if isa { 0 } else { LOW | LEVEL },
                is_level: !isa,
                masked: true,
                silent: true,
                pending: false,
            });
        }
        // A pin that takes the place of an ISA line is known by that line's number, and the pin
        // of that number is known by none unless it takes another's place.
        let changes = platform.overrides.iter().take(platform.override_count as usize);
        for change in changes.clone() {
            if let Some(pin) = lines.pins.get_mut(change.isa as usize)
                && pin.line == change.isa
            {
                pin.line = u32::MAX;
            }
        }
        for change in changes {
            if let Some(pin) = lines.pins.get_mut(change.pin as usize) {
                pin.line = change.isa;
                pin.is_level = change.how & platform::LEVEL != 0;
                pin.entry &= !(LOW | LEVEL);
                pin.entry |= if change.how & platform::LOW != 0 { LOW } else { 0 };
                pin.entry |= if pin.is_level { LEVEL } else { 0 };
            }
        }
        Ok(lines)
    }

    fn find(&self, line: u32) -> Option<usize> {
        self.pins.iter().position(|pin| pin.line == line)
    }

    /// Whether a driver may have a line: not the kernel's own (the interval timer, the link of the
    /// old controllers, the clock), nor the firmware's.
    pub(crate) fn permit(&self, line: u32) -> bool {
        let own = [0, 2, 8].contains(&line) || self.system == line;
        !own && line != u32::MAX && self.find(line).is_some()
    }

    fn silence(&mut self, number: usize, silent: bool) {
        let Some(pin) = self.pins.get_mut(number) else { return };
        pin.silent = silent;
        let entry = pin.entry | if silent { MASKED } else { 0 };
        let number = number as u32;
        let mut all = self.controllers.iter();
        if let Some(one) = all.find(|one| number >= one.first && number - one.first < one.pins) {
            one.write(0x10 + (number - one.first) * 2, entry);
        }
    }

    /// Masks or unmasks a line.
    pub(crate) fn mask(&mut self, line: u32, masked: bool) {
        let Some(number) = self.find(line) else { return };
        let Some(pin) = self.pins.get_mut(number) else { return };
        pin.masked = masked;
        let (is_level, silent) = (pin.is_level, pin.silent);
        if masked {
            if is_level {
                self.silence(number, true);
            }
            return;
        }
        let pending = core::mem::take(&mut pin.pending);
        if silent {
            self.silence(number, false);
        }
        if pending {
            local_write(COMMAND, TO_SELF | (u32::from(FIRST_PIN) + number as u32));
        }
    }

    /// An interrupt of a pin arrived. Returns the line that core is to hear of.
    pub(crate) fn arrived(&mut self, number: u32) -> Option<u32> {
        let pin = self.pins.get_mut(number as usize)?;
        if !pin.masked {
            return Some(pin.line);
        }
        if !pin.is_level {
            if pin.pending {
                self.silence(number as usize, true);
            } else {
                pin.pending = true;
            }
        }
        None
    }
}

/// Bits of a redirection entry: the signal is active low; it is a level.
const LOW: u32 = 1 << 13;
const LEVEL: u32 = 1 << 15;

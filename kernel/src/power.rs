//! Switching off and restarting.
use clavis_abi::boot::{EXIT_DONE, EXIT_INIT_ENDED, EXIT_PANIC, EXIT_RESTART};
use clavis_abi::params::power;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::registers;

/// Port of QEMU's exit device.
const EXIT_PORT: u16 = 0xF4;

/// Whether the command line says that QEMU's exit device is there.
static EXIT: AtomicBool = AtomicBool::new(false);

/// The register that resets the machine.
pub(crate) struct Reset {
    pub(crate) port: u16,
    pub(crate) value: u8,
}

/// How the machine is switched off (ACPI 6.5, 4.8.3.2).
pub(crate) struct Sleep {
    pub(crate) control_a: u16,
    pub(crate) control_b: Option<u16>,
    /// Port and value that hand power management over from the firmware.
    pub(crate) enable: Option<(u16, u8)>,
    /// The sleep types of "soft off".
    pub(crate) types: Option<(u8, u8)>,
}

/// What the tables say about power.
#[derive(Default)]
pub(crate) struct Power {
    pub(crate) reset: Option<Reset>,
    pub(crate) sleep: Option<Sleep>,
}

/// Uses QEMU's exit device from now on.
pub(crate) fn use_exit_device() {
    EXIT.store(true, Ordering::Relaxed);
}

/// Ends QEMU after a panic, if its exit device is there.
pub(crate) fn exit_after_panic() {
    exit(EXIT_PANIC);
}

fn exit(value: u32) {
    if EXIT.load(Ordering::Relaxed) {
        // SAFETY: the command line says that the port is QEMU's exit device.
        unsafe { registers::port_write(EXIT_PORT, value) };
    }
}

/// Waits about a microsecond for each step: a write to the unused port 0x80.
fn pause(steps: u32) {
    for _ in 0..steps {
        // SAFETY: the port shows diagnostic codes, if anything.
        unsafe { registers::port_write(0x80, 0_u8) };
    }
}

impl Power {
    /// Does what the operation says. Returns if the machine cannot.
    pub(crate) fn operate(&self, operation: u8) {
        match operation {
            power::OFF => self.off(),
            power::RESTART => self.restart(EXIT_RESTART),
            power::INIT_ENDED => self.restart(EXIT_INIT_ENDED),
            _ => {}
        }
    }

    fn off(&self) {
        exit(EXIT_DONE);
        let Some(Sleep { control_a, control_b, enable, types: Some((a, b)) }) = self.sleep else {
            return;
        };
        if let Some((port, value)) = enable
            && read(control_a) & 1 == 0
        {
            // SAFETY: the fixed table names this port and value for it.
            unsafe { registers::port_write(port, value) };
            for _ in 0..1000 {
                if read(control_a) & 1 != 0 {
                    break;
                }
                pause(1000);
            }
        }
        for (control, kind) in [(Some(control_a), a), (control_b, b)] {
            if let Some(control) = control {
                let value = read(control) & !(7 << 10) | u16::from(kind) << 10 | 1 << 13;
                // SAFETY: the fixed table says that this is the sleep control register.
                unsafe { registers::port_write(control, value) };
            }
        }
        pause(1_000_000);
    }

    fn restart(&self, why: u32) {
        exit(why);
        if let Some(Reset { port, value }) = self.reset {
            // SAFETY: the fixed table names this register and value for it.
            unsafe { registers::port_write(port, value) };
            pause(100_000);
        }
        // The keyboard controller's reset line, then a fault that nothing handles.
        // SAFETY: the machine restarts, which is what is wanted.
        unsafe { registers::port_write(0x64, 0xFE_u8) };
        pause(100_000);
        registers::triple_fault()
    }
}

fn read(control: u16) -> u16 {
    // SAFETY: the fixed table says that this is a power control register; reading has no effect.
    unsafe { registers::port_read(control) }
}

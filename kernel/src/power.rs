//! Switching off and restarting.
use clavis_abi::boot::{EXIT_DONE, EXIT_INIT_ENDED, EXIT_PANIC, EXIT_RESTART};
use clavis_abi::params::power;
use clavis_abi::platform::Platform;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::registers;

/// Port of QEMU's exit device.
const EXIT_PORT: u16 = 0xF4;

/// Whether the command line says that QEMU's exit device is there.
static EXIT: AtomicBool = AtomicBool::new(false);

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

/// Does what the operation says. Returns if the machine cannot.
pub(crate) fn operate(platform: &Platform, operation: u8) {
    match operation {
        power::OFF => off(platform),
        power::RESTART => restart(platform, EXIT_RESTART),
        power::INIT_ENDED => restart(platform, EXIT_INIT_ENDED),
        _ => {}
    }
}

fn off(platform: &Platform) {
    exit(EXIT_DONE);
    let Platform { sleep: [control, _], soft_off, enable, enable_value, .. } = *platform;
    if control == 0 || soft_off == [0; 2] {
        return;
    }
    if enable != 0 && read(control) & 1 == 0 {
        // SAFETY: the fixed table names this port and value for it.
        unsafe { registers::port_write(enable, enable_value) };
        for _ in 0..1000 {
            if read(control) & 1 != 0 {
                break;
            }
            pause(1000);
        }
    }
    for (control, value) in platform.sleep.into_iter().zip(soft_off).filter(|one| one.0 != 0) {
        let value = read(control) & !(7 << 10) | value;
        // SAFETY: the fixed table says that this is the sleep control register.
        unsafe { registers::port_write(control, value) };
    }
    pause(1_000_000);
}

fn restart(platform: &Platform, why: u32) {
    exit(why);
    if platform.reset != 0 {
        // SAFETY: the fixed table names this register and value for it.
        unsafe { registers::port_write(platform.reset, platform.reset_value) };
        pause(100_000);
    }
    // The keyboard controller's reset line, then a fault that nothing handles.
    // SAFETY: the machine restarts, which is what is wanted.
    unsafe { registers::port_write(0x64, 0xFE_u8) };
    pause(100_000);
    registers::triple_fault()
}

fn read(control: u16) -> u16 {
    // SAFETY: the fixed table says that this is a power control register; reading has no effect.
    unsafe { registers::port_read(control) }
}

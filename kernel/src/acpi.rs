//! What the firmware's tables say of the machine: interrupt controllers, timer, power.
use acpi::address::{AddressSpace, GenericAddress};
use acpi::fadt::Fadt;
use acpi::madt::MadtEntry;
use acpi::{AcpiHandler, AcpiTables, PhysicalMapping};
use alloc::vec::Vec;
use core::ptr::NonNull;

use crate::paging::{self, Cache};
use crate::power::{Power, Reset, Sleep};
use crate::registers;

/// Maps tables: most lie in RAM, which is mapped already; the others stay mapped once they are.
#[derive(Clone)]
struct Tables;

impl AcpiHandler for Tables {
    unsafe fn map_physical_region<T>(
        &self,
        physical_address: usize,
        size: usize,
    ) -> PhysicalMapping<Self, T> {
        let (physical, bytes) = (physical_address as u64, size as u64);
        let address = paging::in_direct_map(physical, bytes).or_else(|| {
            // SAFETY: the firmware says that a table is there; it is only read.
            unsafe { paging::map_device(physical, bytes, Cache::Off) }
        });
        let Some(start) = address.and_then(|address| NonNull::new(address as *mut T)) else {
            panic!("no memory to map the ACPI table at {physical:#x}");
        };
        // SAFETY: the mapping covers the region and is never taken away.
        unsafe { PhysicalMapping::new(physical_address, start, size, size, self.clone()) }
    }

    fn unmap_physical_region<T>(_region: &PhysicalMapping<Self, T>) {}
}

/// The ACPI power-management timer.
#[derive(Clone, Copy)]
pub(crate) struct PmTimer {
    port: u16,
    /// Bits that it counts.
    pub(crate) mask: u64,
}

impl PmTimer {
    /// Its count.
    pub(crate) fn read(&self) -> u64 {
        // SAFETY: the tables say that this port is the timer; reading has no effect.
        u64::from(unsafe { registers::port_read::<u32>(self.port) }) & self.mask
    }
}

/// An ISA line that is wired to another pin, or another way, than its number says.
pub(crate) struct Override {
    pub(crate) isa: u32,
    pub(crate) pin: u32,
    pub(crate) is_low: bool,
    pub(crate) is_level: bool,
}

/// The interrupt controllers.
pub(crate) struct Madt {
    /// Physical address of the local one.
    pub(crate) local: u64,
    /// Physical address and first pin of each of the others.
    pub(crate) controllers: Vec<(u64, u32)>,
    pub(crate) overrides: Vec<Override>,
}

/// What the tables say.
#[derive(Default)]
pub(crate) struct Platform {
    pub(crate) madt: Option<Madt>,
    pub(crate) pm_timer: Option<PmTimer>,
    /// The line of the system control interrupt.
    pub(crate) system_line: Option<u32>,
    pub(crate) power: Power,
    /// Ports of power management, as first and count.
    pub(crate) ports: Vec<(u16, u16)>,
}

/// The port of an address in port space.
fn port(address: &GenericAddress) -> Option<u16> {
    let is_port = address.address_space == AddressSpace::SystemIo && address.address != 0;
    if is_port { u16::try_from(address.address).ok() } else { None }
}

impl Platform {
    /// Reads the tables.
    ///
    /// # Errors
    /// The root table is missing or damaged.
    ///
    /// # Safety
    /// `rsdp` is where the firmware says that the root pointer is.
    pub(crate) unsafe fn read(rsdp: u64) -> Result<Platform, acpi::AcpiError> {
        // SAFETY: by this function's contract.
        let tables = unsafe { AcpiTables::from_rsdp(Tables, rsdp as usize) }?;
        let mut platform = Platform::default();
        if let Ok(madt) = tables.find_table::<acpi::madt::Madt>() {
            let mut found = Madt {
                local: u64::from(madt.get().local_apic_address),
                controllers: Vec::new(),
                overrides: Vec::new(),
            };
            for entry in madt.get().entries() {
                match entry {
                    MadtEntry::IoApic(one) => {
                        let place =
                            (u64::from(one.io_apic_address), one.global_system_interrupt_base);
                        found.controllers.push(place);
                    }
                    MadtEntry::InterruptSourceOverride(one) => found.overrides.push(Override {
                        isa: u32::from(one.irq),
                        pin: one.global_system_interrupt,
                        // ACPI 6.5, table 5.26: what ISA has unless it says otherwise.
                        is_low: one.flags & 3 == 3,
                        is_level: one.flags >> 2 & 3 == 3,
                    }),
                    MadtEntry::LocalApicAddressOverride(one) => {
                        found.local = one.local_apic_address
                    }
                    _ => {}
                }
            }
            platform.madt = Some(found);
        }
        if let Ok(fadt) = tables.find_table::<Fadt>() {
            platform.read_fixed(&fadt);
            if let Ok(dsdt) = tables.dsdt() {
                let (start, bytes) = (dsdt.address as u64, u64::from(dsdt.length));
                if let Some(sleep) = &mut platform.power.sleep
                    && let Some(address) = paging::in_direct_map(start, bytes)
                {
                    let length = bytes as usize;
                    // SAFETY: the table's bytes, in RAM that the memory map keeps for tables.
                    let code = unsafe { core::slice::from_raw_parts(address as *const u8, length) };
                    sleep.types = sleep_types(code);
                }
            }
        }
        Ok(platform)
    }

    /// Reads the fixed table (ACPI 6.5, 5.2.9).
    fn read_fixed(&mut self, fadt: &Fadt) {
        let (flags, smi) = (fadt.flags, fadt.smi_cmd_port);
        self.system_line = Some(u32::from(fadt.sci_interrupt));
        if let Ok(Some(block)) = fadt.pm_timer_block() {
            let mask = if flags.pm_timer_is_32_bit() { 0xFFFF_FFFF } else { 0xFF_FFFF };
            self.pm_timer = port(&block).map(|port| PmTimer { port, mask });
        }
        if flags.supports_system_reset_via_fadt()
            && let Ok(register) = fadt.reset_register()
        {
            self.power.reset = port(&register).map(|port| Reset { port, value: fadt.reset_value });
        }
        let control_b = fadt.pm1b_control_block().ok().flatten();
        if let Some(control_a) = fadt.pm1a_control_block().ok().as_ref().and_then(port) {
            self.power.sleep = Some(Sleep {
                control_a,
                control_b: control_b.as_ref().and_then(port),
                enable: u16::try_from(smi).ok().filter(|smi| *smi != 0).zip(Some(fadt.acpi_enable)),
                types: None,
            });
        }
        let blocks = [
            fadt.pm1a_event_block().ok(),
            fadt.pm1b_event_block().ok().flatten(),
            fadt.pm1a_control_block().ok(),
            control_b,
            fadt.pm_timer_block().ok().flatten(),
            fadt.gpe0_block().ok().flatten(),
            fadt.gpe1_block().ok().flatten(),
        ];
        for block in blocks.iter().flatten() {
            let bytes = u16::from(block.bit_width.div_ceil(8)).max(4);
            self.ports.extend(port(block).map(|first| (first, bytes)));
        }
        self.ports.extend(self.power.reset.as_ref().map(|reset| (reset.port, 1)));
        self.ports.extend(u16::try_from(smi).ok().filter(|smi| *smi != 0).map(|smi| (smi, 2)));
    }
}

/// The two sleep types of "soft off": the first two numbers of the package `_S5_`.
///
/// To run the firmware's byte code for one constant would take an interpreter. Every firmware
/// declares the package by the same few bytes (ACPI 6.5, 20.2.5): NameOp, the name, PackageOp,
/// a length of 1 to 4 bytes, the count, then numbers; so this looks for those bytes, once, from
/// start to end of the table.
fn sleep_types(code: &[u8]) -> Option<(u8, u8)> {
    let at = code.windows(4).position(|name| name == b"_S5_")?;
    let is_named =
        |back: usize, byte: u8| at.checked_sub(back).and_then(|at| code.get(at)) == Some(&byte);
    if !(is_named(1, 0x08) || is_named(1, b'\\') && is_named(2, 0x08)) {
        return None;
    }
    let mut bytes = code.get(at + 4..)?.iter().copied();
    if bytes.next()? != 0x12 {
        return None;
    }
    let more = bytes.next()? >> 6;
    let mut bytes = bytes.skip(usize::from(more) + 1);
    let mut number = || match bytes.next()? {
        0x0A => bytes.next(),
        0x0B => {
            let low = bytes.next();
            bytes.next()?;
            low
        }
        constant @ (0 | 1) => Some(constant),
        _ => None,
    };
    Some((number()? & 7, number()? & 7))
}

//! What the firmware's tables say of the machine: interrupt controllers, timer, power.
use core::pin::Pin;
use core::ptr::NonNull;

use acpi::address::{AddressSpace, GenericAddress};
use acpi::fadt::Fadt;
use acpi::madt::{Madt, MadtEntry};
use acpi::{AcpiHandler, AcpiTables, PhysicalMapping};
use clavis_abi::platform::{
    CONTROLLERS, Controller, LEVEL, LOW, OVERRIDES, Override, POWER_SPANS, Platform, Span,
};
use clavis_bootloader::Problem;
use clavis_bootloader::sleep::sleep_types;
use uefi::table::cfg::ConfigTableEntry;

/// Firmware runs with all memory mapped where it is (UEFI 2.10, 2.3.4).
#[derive(Clone)]
struct Here;

impl AcpiHandler for Here {
    unsafe fn map_physical_region<T>(
        &self,
        physical_address: usize,
        size: usize,
    ) -> PhysicalMapping<Self, T> {
        let Some(start) = NonNull::new(physical_address as *mut T) else {
            panic!("the firmware says that an ACPI table lies at address 0");
        };
        // SAFETY: the caller says that a table is there, and it stays there.
        unsafe { PhysicalMapping::new(physical_address, start, size, size, self.clone()) }
    }

    fn unmap_physical_region<T>(_region: &PhysicalMapping<Self, T>) {}
}

/// Physical address of the root pointer.
fn root_pointer() -> Option<usize> {
    uefi::system::with_config_table(|entries| {
        let find = |guid| entries.iter().find(|entry| entry.guid == guid);
        let entry = find(ConfigTableEntry::ACPI2_GUID);
        let address = entry.or_else(|| find(ConfigTableEntry::ACPI_GUID))?.address as usize;
        (address != 0).then_some(address)
    })
}

/// Reads the tables.
///
/// # Errors
/// There are none, the root table is damaged, or they describe more than there is room for.
pub(crate) fn platform() -> Result<Platform, Problem> {
    let root = root_pointer().ok_or(Problem::Machine("the firmware has no ACPI tables"))?;
    // SAFETY: the firmware says that the root pointer is there.
    let tables = unsafe { AcpiTables::from_rsdp(Here, root) };
    let tables = tables.map_err(|_| Problem::Machine("the ACPI tables are damaged"))?;
    let mut platform = Platform { system_line: u32::MAX, ..Platform::default() };
    if let Ok(madt) = tables.find_table::<Madt>() {
        read_controllers(&mut platform, madt.get())?;
    }
    if let Ok(fixed) = tables.find_table::<Fadt>() {
        read_fixed(&mut platform, &fixed);
        if let Ok(code) = tables.dsdt() {
            // SAFETY: the table's bytes, which nobody writes.
            let code = unsafe {
                core::slice::from_raw_parts(code.address as *const u8, code.length as usize)
            };
            if let Some(types) = sleep_types(code) {
                platform.soft_off = types.map(|kind| u16::from(kind) << 10 | 1 << 13);
            }
        }
    }
    let lacks = |what| Err(Problem::Machine(what));
    match (platform.local, platform.timer) {
        (0, _) => lacks("the firmware describes no interrupt controllers"),
        (_, 0) => lacks("the firmware describes no ACPI timer"),
        _ => Ok(platform),
    }
}

/// Reads the multiple APIC description table (ACPI 6.5, 5.2.12).
fn read_controllers(platform: &mut Platform, madt: Pin<&Madt>) -> Result<(), Problem> {
    platform.local = u64::from(madt.local_apic_address);
    let (mut controllers, mut overrides) = (0, 0);
    for entry in madt.entries() {
        match entry {
            MadtEntry::IoApic(one) => {
                let place = platform.controllers.get_mut(controllers);
                let place = place.ok_or(Problem::Machine("there are too many I/O controllers"))?;
                let first = u64::from(one.global_system_interrupt_base);
                *place = Controller { address: u64::from(one.io_apic_address), first };
                controllers += 1;
            }
            MadtEntry::InterruptSourceOverride(one) => {
                let place = platform.overrides.get_mut(overrides);
                let place = place.ok_or(Problem::Machine("there are too many overrides"))?;
                // ACPI 6.5, table 5.26: what ISA has unless it says otherwise.
                let low = if one.flags & 3 == 3 { LOW } else { 0 };
                let level = if one.flags >> 2 & 3 == 3 { LEVEL } else { 0 };
                let (isa, pin) = (u32::from(one.irq), one.global_system_interrupt);
                *place = Override { isa, pin, how: low | level };
                overrides += 1;
            }
            MadtEntry::LocalApicAddressOverride(one) => platform.local = one.local_apic_address,
            _ => {}
        }
    }
    platform.override_count = overrides as u32;
    Ok(())
}

/// The port of an address in port space, or 0.
fn port(address: Option<&GenericAddress>) -> u16 {
    let is_port = |address: &&GenericAddress| address.address_space == AddressSpace::SystemIo;
    address.filter(is_port).map_or(0, |one| u16::try_from(one.address).unwrap_or(0))
}

/// Reads the fixed table (ACPI 6.5, 5.2.9).
fn read_fixed(platform: &mut Platform, fixed: &Fadt) {
    let (flags, smi) = (fixed.flags, u16::try_from(fixed.smi_cmd_port).unwrap_or(0));
    platform.system_line = u32::from(fixed.sci_interrupt);
    let timer = fixed.pm_timer_block().ok().flatten();
    platform.timer = port(timer.as_ref());
    platform.timer_mask = if flags.pm_timer_is_32_bit() { u32::MAX } else { 0xFF_FFFF };
    if flags.supports_system_reset_via_fadt() {
        platform.reset = port(fixed.reset_register().ok().as_ref());
        platform.reset_value = fixed.reset_value;
    }
    let controls = [fixed.pm1a_control_block().ok(), fixed.pm1b_control_block().ok().flatten()];
    platform.sleep = [port(controls[0].as_ref()), port(controls[1].as_ref())];
    (platform.enable, platform.enable_value) = (smi, fixed.acpi_enable);
    let blocks = [
        fixed.pm1a_event_block().ok(),
        fixed.pm1b_event_block().ok().flatten(),
        fixed.gpe0_block().ok().flatten(),
        fixed.gpe1_block().ok().flatten(),
        timer,
    ];
    let spans = blocks.iter().chain(&controls).flatten().map(|block| Span {
        first: port(Some(block)),
        count: u16::from(block.bit_width.div_ceil(8)).max(4),
    });
    let own = [Span { first: platform.reset, count: 1 }, Span { first: smi, count: 2 }];
    let used = spans.chain(own).filter(|span| span.first != 0);
    for (place, span) in platform.power_ports.iter_mut().zip(used) {
        *place = span;
    }
}

const _: () = assert!(POWER_SPANS >= 9 && OVERRIDES >= 16 && CONTROLLERS >= 8);

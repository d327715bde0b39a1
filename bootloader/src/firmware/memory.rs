//! The firmware's memory map as claims.
use alloc::vec::Vec;

use clavis_abi::boot::MemoryKind;
use clavis_bootloader::Problem;
use clavis_bootloader::memory_map::Claim;
use uefi::boot::{self, MemoryType};
use uefi::mem::memory_map::MemoryMap;

const PAGE: u64 = clavis_abi::PAGE_SIZE as u64;

/// The map as it is now.
///
/// # Errors
/// [`Problem::Machine`] if the firmware does not give it.
pub(crate) fn claims() -> Result<Vec<Claim>, Problem> {
    let map = boot::memory_map(MemoryType::LOADER_DATA)
        .map_err(|_| Problem::Machine("the firmware does not give its memory map"))?;
    Ok(convert(&map).collect())
}

/// Converts a map, piece by piece (it allocates nothing).
pub(crate) fn convert(map: &impl MemoryMap) -> impl Iterator<Item = Claim> + '_ {
    map.entries().map(|entry| Claim {
        start: entry.phys_start,
        end: entry.phys_start.saturating_add(entry.page_count.saturating_mul(PAGE)),
        kind: kind(entry.ty),
    })
}

/// What a range is once boot services are gone.
fn kind(ty: MemoryType) -> MemoryKind {
    match ty {
        MemoryType::CONVENTIONAL
        | MemoryType::LOADER_CODE
        | MemoryType::LOADER_DATA
        | MemoryType::BOOT_SERVICES_CODE
        | MemoryType::BOOT_SERVICES_DATA => MemoryKind::Usable,
        MemoryType::ACPI_RECLAIM | MemoryType::ACPI_NON_VOLATILE => MemoryKind::Acpi,
        _ => MemoryKind::Reserved,
    }
}

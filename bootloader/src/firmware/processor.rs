//! What the processor can do.
use core::arch::x86_64::{__cpuid, CpuidResult};

use clavis_bootloader::Problem;
use clavis_bootloader::page_tables::Largest;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};

fn leaf(number: u32) -> Option<CpuidResult> {
    (__cpuid(number & 0x8000_0000).eax >= number).then(|| __cpuid(number))
}

/// Whether a hypervisor says that it is there (CPUID.1:ECX bit 31).
pub(crate) fn is_virtual() -> bool {
    leaf(1).is_some_and(|leaf| leaf.ecx >> 31 != 0)
}

/// The largest pages.
pub(crate) fn largest_page() -> Largest {
    match leaf(0x8000_0001) {
        Some(leaf) if leaf.edx >> 26 & 1 != 0 => Largest::Giga1,
        _ => Largest::Mega2,
    }
}

/// Whether RDRAND exists.
pub(crate) fn has_rdrand() -> bool {
    leaf(1).is_some_and(|leaf| leaf.ecx >> 30 & 1 != 0)
}

/// Refuses a machine that the kernel cannot run on.
///
/// # Errors
/// [`Problem::Machine`].
pub(crate) fn check() -> Result<(), Problem> {
    if Cr4::read().contains(Cr4Flags::L5_PAGING) {
        return Err(Problem::Machine(
            "the firmware uses 5-level paging, which is not supported (QEMU: -cpu max,-la57)",
        ));
    }
    if leaf(0x8000_0001).is_none_or(|leaf| leaf.edx >> 20 & 1 == 0) {
        return Err(Problem::Machine("the processor cannot forbid execution of pages (NX)"));
    }
    Ok(())
}

/// Makes the bits of the new page tables mean what they say: no execution where forbidden, no
/// writing by ring 0 where read-only.
pub(crate) fn prepare_paging() {
    // SAFETY: NXE only gives meaning to a bit that firmware tables leave clear or use likewise;
    // `check` saw that the processor has it.
    unsafe { Efer::update(|efer| efer.insert(EferFlags::NO_EXECUTE_ENABLE)) };
    // SAFETY: no code that writes to read-only pages runs between here and the kernel.
    unsafe { Cr0::update(|cr0| cr0.insert(Cr0Flags::WRITE_PROTECT)) };
}

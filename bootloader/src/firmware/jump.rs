//! The last instructions in the firmware's address space.
use core::arch::naked_asm;

/// Bytes that [`jump`] may take, for its identity mapping.
pub(crate) const JUMP_BYTES: u64 = 64;

/// Loads a root page table and calls the kernel.
///
/// Registers: `rdi` root table, `rsi` top of the kernel's stack, `rdx` address of the boot
/// information, `rcx` entry. The kernel finds the boot information in `rdi`, the stack as after a
/// call from address 0, and `rbp` = 0, so that back traces end.
///
/// # Safety
/// Boot services are gone and interrupts off. The root table maps this function's code at its
/// present address, the stack, the boot information, and the entry as the kernel expects them.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn jump(root: u64, stack: u64, info: u64, entry: u64) -> ! {
    naked_asm!(
        "cli",
        "mov cr3, rdi",
        "mov rsp, rsi",
        "mov rdi, rdx",
        "xor ebp, ebp",
        "push rbp",
        "cld",
        "jmp rcx",
    )
}

/// The address of [`jump`].
pub(crate) fn address() -> u64 {
    jump as *const () as u64
}

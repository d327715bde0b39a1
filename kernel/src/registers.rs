//! Every write to a register that the machine's safety rests on: control registers, model-specific
//! registers, descriptor-table registers, the interrupt flag, and the instructions that go with
//! them. Nothing else in the kernel writes one.
use core::arch::asm;
use core::sync::atomic::{AtomicU8, Ordering};
use x86_64::VirtAddr;
use x86_64::instructions::port::Port;
use x86_64::instructions::segmentation::{CS, DS, ES, FS, GS, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr3, Cr4, Cr4Flags, Efer, EferFlags};
use x86_64::registers::model_specific::{FsBase, GsBase, KernelGsBase, LStar, Msr, SFMask, Star};
use x86_64::registers::rflags::RFlags;
use x86_64::registers::xcontrol::{XCr0, XCr0Flags};
use x86_64::structures::gdt::{GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::idt::InterruptDescriptorTable;
use x86_64::structures::port::{PortRead, PortWrite};

use crate::context::VECTOR_BYTES;
use crate::cpu::Features;

/// How vector state is saved: see [`vectors_pass`].
static VECTORS: AtomicU8 = AtomicU8::new(FXSAVE);
const FXSAVE: u8 = 0;
const XSAVEOPT: u8 = 1;
const XSAVE: u8 = 2;
/// x87, SSE and AVX: the components that contexts have room for.
const COMPONENTS: u32 = 7;

/// Page-attribute entry 5 (PAT and PWT set in a page's entry) is write-combining; the rest are as
/// after reset. Intel SDM vol. 3A 13.12.
const PAT: u64 = 0x0007_0106_0007_0406;

/// Sets the control registers of this CPU to what the kernel relies on.
///
/// # Safety
/// To be called once on each CPU, by boot code, on page tables that map this code and its data
/// as supervisor pages.
pub(crate) unsafe fn control(features: &Features) {
    let mut cr0 = Cr0::read();
    cr0.insert(Cr0Flags::WRITE_PROTECT | Cr0Flags::NUMERIC_ERROR | Cr0Flags::MONITOR_COPROCESSOR);
    cr0.remove(Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED | Cr0Flags::ALIGNMENT_MASK);
    // SAFETY: protection and paging stay on; only write protection and the FPU bits change.
    unsafe { Cr0::write(cr0) };

    let mut efer = Efer::read();
    efer.insert(EferFlags::SYSTEM_CALL_EXTENSIONS);
    efer.set(EferFlags::NO_EXECUTE_ENABLE, features.nx);
    // SAFETY: long mode stays on; the bootloader's tables set no reserved bit with NX off.
    unsafe { Efer::write(efer) };

    // SAFETY: no breakpoints; 10 is the bit that is always set (Intel SDM vol. 3B 19.2.4).
    unsafe { asm!("mov dr7, {}", in(reg) 0x400_u64, options(nomem, nostack, preserves_flags)) };

    // CR4 is built from nothing but what is wanted, so FSGSBASE, PCE, PCID, VMX and TSD are off.
    let mut cr4 = Cr4Flags::PHYSICAL_ADDRESS_EXTENSION
        | Cr4Flags::OSFXSR
        | Cr4Flags::OSXMMEXCPT_ENABLE
        | Cr4Flags::DEBUGGING_EXTENSIONS;
    cr4.set(Cr4Flags::MACHINE_CHECK_EXCEPTION, features.machine_check);
    cr4.set(Cr4Flags::PAGE_GLOBAL, features.global_pages);
    cr4.set(Cr4Flags::OSXSAVE, features.xsave);
    cr4.set(Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION, features.umip);
    cr4.set(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION, features.smep);
    cr4.set(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION, features.smap);
    // SAFETY: each bit is set only where CPUID has the feature; PAE stays on, and four-level
    // paging was checked before.
    unsafe { Cr4::write(cr4) };

    let mut method = FXSAVE;
    if features.xsave {
        let mut components = XCr0Flags::X87 | XCr0Flags::SSE;
        components.set(XCr0Flags::AVX, features.avx);
        // SAFETY: OSXSAVE is set, and CPUID reports each component.
        unsafe { XCr0::write(components) };
        method = if features.xsaveopt { XSAVEOPT } else { XSAVE };
    }
    VECTORS.store(method, Ordering::Relaxed);
    if features.pat {
        // SAFETY: only entry 5 changes, which no mapping uses yet.
        unsafe { write_msr(0x277, PAT) };
    }
}

/// Sets what SYSCALL and SYSRET load, and the base of this CPU's own block.
///
/// # Safety
/// `entry` follows the register contract of [`crate::entry`]; `block` is this CPU's block, for
/// ever; the descriptor tables are loaded.
pub(crate) unsafe fn syscall(entry: VirtAddr, block: VirtAddr, kernel: u16, user: u16) {
    // SAFETY: the selectors are those of the loaded table, in the order that SYSRET demands.
    unsafe { Star::write_raw(user, kernel) };
    LStar::write(entry);
    // Everything a program could set to disturb the first instructions of the kernel is cleared.
    SFMask::write(
        RFlags::INTERRUPT_FLAG
            | RFlags::DIRECTION_FLAG
            | RFlags::TRAP_FLAG
            | RFlags::ALIGNMENT_CHECK
            | RFlags::NESTED_TASK
            | RFlags::IOPL_LOW
            | RFlags::IOPL_HIGH
            | RFlags::RESUME_FLAG
            | RFlags::ID,
    );
    // SYSENTER has no entry here: a null code selector makes it fault.
    // SAFETY: no kernel code uses SYSENTER.
    unsafe { write_msr(0x174, 0) };
    GsBase::write(block);
    KernelGsBase::write(VirtAddr::zero());
    FsBase::write(VirtAddr::zero());
}

/// Loads the descriptor tables, the segment registers and the task register.
///
/// # Safety
/// The selectors name a ring 0 code segment, a ring 0 data segment and an available task-state
/// segment of `gdt`; every present gate of `idt` follows the stack contract of [`crate::entry`].
pub(crate) unsafe fn tables(
    gdt: &'static GlobalDescriptorTable,
    idt: &'static InterruptDescriptorTable,
    code: SegmentSelector,
    data: SegmentSelector,
    task: SegmentSelector,
) {
    gdt.load();
    // SAFETY: a ring 0 code segment of the table just loaded, by this function's contract.
    unsafe { CS::set_reg(code) };
    // SAFETY: a ring 0 data segment of it.
    unsafe { SS::set_reg(data) };
    // SAFETY: the null selector is legal for data segments in 64-bit mode.
    unsafe { user_selectors_clear() };
    // SAFETY: an available task-state segment of it.
    unsafe { load_tss(task) };
    idt.load();
}

/// Nulls DS, ES and FS, so that no selector travels from one process to another.
///
/// # Safety
/// The FS base is to be written before user code runs: some processors clear it here.
unsafe fn user_selectors_clear() {
    // SAFETY: null selectors are legal in these registers in 64-bit mode.
    unsafe { DS::set_reg(SegmentSelector::NULL) };
    // SAFETY: as above.
    unsafe { ES::set_reg(SegmentSelector::NULL) };
    // SAFETY: as above; nothing in the kernel uses FS.
    unsafe { FS::set_reg(SegmentSelector::NULL) };
}

/// Nulls the selectors that a program can load, and with them its FS and GS bases; then writes the
/// FS base of the thread that runs next, which is canonical by its type.
pub(crate) fn selectors_pass(base: VirtAddr) {
    // SAFETY: the base is written at once.
    unsafe { user_selectors_clear() };
    FsBase::write(base);
    // SAFETY: interrupts are off, and the next swap brings the kernel's base back.
    unsafe { GS::swap() };
    // SAFETY: the null selector is legal; the user's base is the active one here.
    unsafe { GS::set_reg(SegmentSelector::NULL) };
    // SAFETY: undoes the swap above.
    unsafe { GS::swap() };
}

/// The physical address of the loaded root table.
pub(crate) fn root() -> u64 {
    Cr3::read_raw().0.start_address().as_u64()
}

/// Whether five-level paging is on, which this kernel's tables do not fit.
pub(crate) fn five_levels() -> bool {
    Cr4::read().contains(Cr4Flags::L5_PAGING)
}

/// Loads a root table and drops every translation that is not global.
///
/// # Safety
/// The table maps the kernel's half as [`crate::paging`] made it.
pub(crate) unsafe fn load_root(root: u64) {
    // SAFETY: by this function's contract.
    unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags)) };
}

/// Writes the base of local storage of the thread that runs next on this CPU. The address is
/// canonical by its type.
pub(crate) fn fs_base(base: VirtAddr) {
    FsBase::write(base);
}

/// Writes a model-specific register.
///
/// # Safety
/// As the register demands.
pub(crate) unsafe fn write_msr(register: u32, value: u64) {
    // SAFETY: by this function's contract.
    unsafe { Msr::new(register).write(value) };
}

/// Reads a model-specific register.
///
/// # Safety
/// The register exists.
pub(crate) unsafe fn read_msr(register: u32) -> u64 {
    // SAFETY: by this function's contract.
    unsafe { Msr::new(register).read() }
}

/// Saves the vector registers of one thread and loads those of another.
///
/// # Safety
/// Both are vector areas of contexts, written by this function or by [`crate::context`] only, so
/// that neither sets a reserved bit.
#[inline]
pub(crate) unsafe fn vectors_pass(from: *mut [u8; VECTOR_BYTES], to: *const [u8; VECTOR_BYTES]) {
    macro_rules! pass {
        ($save:literal, $load:literal) => {
            asm!(concat!($save, " [{}]"), concat!($load, " [{}]"), in(reg) from, in(reg) to,
                in("eax") COMPONENTS, in("edx") 0, options(nostack))
        };
    }
    match VECTORS.load(Ordering::Relaxed) {
        // SAFETY: both areas are aligned to 64 bytes and as large as the components; the first is
        // writable.
        XSAVEOPT => unsafe { pass!("xsaveopt64", "xrstor64") },
        // SAFETY: as above.
        XSAVE => unsafe { pass!("xsave64", "xrstor64") },
        // SAFETY: as above; the legacy area is the first 512 bytes.
        _ => unsafe { pass!("fxsave64", "fxrstor64") },
    }
}

/// Lets a pending interrupt in.
///
/// # Safety
/// The caller holds no lock.
pub(crate) unsafe fn window() {
    // SAFETY: the handlers preserve all registers; no lock is held that they take.
    unsafe { asm!("sti", "nop", "cli") };
}

/// Waits for an interrupt. STI delays interrupts by one instruction, so none is lost before HLT.
///
/// # Safety
/// The caller holds no lock.
pub(crate) unsafe fn wait() {
    // SAFETY: as in `window`.
    unsafe { asm!("sti", "hlt", "cli") };
}

/// Stops this CPU for ever.
pub(crate) fn halt() -> ! {
    loop {
        x86_64::instructions::interrupts::disable();
        x86_64::instructions::hlt();
    }
}

/// Loads an empty interrupt table and faults: the processor shuts down, which restarts the machine.
pub(crate) fn triple_fault() -> ! {
    static EMPTY: InterruptDescriptorTable = InterruptDescriptorTable::new();
    EMPTY.load();
    // SAFETY: no gate is present, so this shuts the processor down, as intended.
    unsafe { asm!("ud2", options(noreturn)) };
}

/// Reads a port of one, two or four bytes.
///
/// # Safety
/// Reading the port has no effect on memory or on a device that another part of the kernel owns.
pub(crate) unsafe fn port_read<T: PortRead>(port: u16) -> T {
    // SAFETY: by this function's contract.
    unsafe { Port::new(port).read() }
}

/// Writes a port of one, two or four bytes.
///
/// # Safety
/// Writing the value has no effect on memory or on a device that another part of the kernel owns.
pub(crate) unsafe fn port_write<T: PortWrite>(port: u16, value: T) {
    // SAFETY: by this function's contract.
    unsafe { Port::new(port).write(value) };
}

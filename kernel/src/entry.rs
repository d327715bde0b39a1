//! How the processor comes into the kernel and goes out again: the only code that runs with
//! registers that a program chose.
//!
//! Contract of all stubs: interrupts are off from the first instruction to the last (SYSCALL's
//! mask and interrupt gates see to it), so only NMI, #MC, #DF and #DB can come in between, and
//! those have stacks of their own and use no GS. In user mode the active GS base is the user's and
//! the hidden one this CPU's [`Block`]; in the kernel it is the other way round.
//!
//! Registers go straight into the thread's [`Context`]: SYSCALL's by moves, an interrupt's because
//! the first stack pointer of the task-state segment is the end of the context's register block.
//! RBX, RBP and R12 to R15 are not saved at first: the Rust code preserves them, so they are still
//! the thread's own when it returns. Only `switch`, when another thread runs next, stores
//! them. If the first thread has gone meanwhile, `Block::current` has been pointed elsewhere
//! ([`Block::forget`]), so nothing is written into a context with a new owner.
//!
//! SYSRET faults in ring 0 if RCX is not canonical. RCX is the address behind a SYSCALL
//! instruction, which is canonical because the last user page is never mapped; contexts that start
//! elsewhere leave through IRET, with an address that was checked.
use core::arch::naked_asm;
use core::mem::offset_of;
use x86_64::structures::tss::TaskStateSegment;

use crate::context::{BY_SYSCALL, Context, Registers, activate};
use crate::cpu::Block;
use crate::trap;

const RIP: usize = offset_of!(Registers, rip);
const CS: usize = offset_of!(Registers, cs);
const FLAGS: usize = offset_of!(Registers, rflags);
const RSP: usize = offset_of!(Registers, rsp);
const SS: usize = offset_of!(Registers, ss);
const RAX: usize = offset_of!(Registers, rax);
/// From here up, the registers that a call in Rust does not preserve.
const VOLATILE: usize = offset_of!(Registers, r9);
const ENTERED: usize = offset_of!(Registers, entered);

const _: () = assert!(offset_of!(Context, registers) == 0 && VOLATILE == 48 && RAX == 96);
const _: () = assert!(offset_of!(Block, task) % 4 == 0 && size_of::<TaskStateSegment>() == 104);

/// SYSCALL: `rax` number, `rdi rsi rdx r10 r8` arguments, `rcx` return address, `r11` flags.
/// Preserves all but `rax`, `rcx`, `r11`.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn syscall() {
    naked_asm!(
        "swapgs",
        "mov gs:[{scratch}], rsp",
        "mov rsp, gs:[{current}]",
        "mov [rsp + {rip}], rcx",
        "mov rcx, gs:[{scratch}]",
        "mov [rsp + {flags}], r11",
        "mov [rsp + {rsp_}], rcx",
        "add rsp, {rax}",
        "push rdi",
        "push rsi",
        "push rdx",
        "push r10",
        "push r8",
        "push r9",
        "mov rsp, gs:[{stack}]",
        "mov rcx, r10",
        "mov r9, rax",
        "call {handler}",
        "cmp rax, gs:[{current}]",
        "lea rsp, [rax + {volatile}]",
        "je {leave}",
        "mov rcx, gs:[{current}]",
        "mov qword ptr [rcx + {entered}], {by_syscall}",
        "jmp {switch}",
        scratch = const offset_of!(Block, scratch),
        current = const offset_of!(Block, current),
        stack = const offset_of!(Block, stack),
        rip = const RIP,
        flags = const FLAGS,
        rsp_ = const RSP,
        rax = const RAX,
        volatile = const VOLATILE,
        entered = const ENTERED,
        by_syscall = const BY_SYSCALL,
        handler = sym trap::syscall,
        leave = sym leave_by_sysret,
        switch = sym switch,
    )
}

/// Leaves through SYSRET. In: `rsp` = the context's `r9`; all registers that Rust preserves are
/// the thread's.
#[unsafe(naked)]
unsafe extern "sysv64" fn leave_by_sysret() {
    naked_asm!(
        "pop r9",
        "pop r8",
        "pop r10",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "pop rax",
        "mov rcx, [rsp + {rip}]",
        "mov r11, [rsp + {flags}]",
        "mov rsp, [rsp + {rsp_}]",
        "swapgs",
        "sysretq",
        rip = const RIP - RAX - 8,
        flags = const FLAGS - RAX - 8,
        rsp_ = const RSP - RAX - 8,
    )
}

/// Leaves through IRET. In: as [`leave_by_sysret`].
#[unsafe(naked)]
unsafe extern "sysv64" fn leave_by_iret() {
    naked_asm!(
        "pop r9",
        "pop r8",
        "pop r10",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "pop rax",
        "pop rcx",
        "pop r11",
        "add rsp, 16",
        "swapgs",
        "iretq",
    )
}

/// Passes the CPU to another thread and leaves to it. In: `rax` = its context; all registers that
/// Rust preserves are those of the current one.
#[unsafe(naked)]
unsafe extern "sysv64" fn switch() {
    naked_asm!(
        "mov rdi, gs:[{current}]",
        "lea rsp, [rdi + {volatile}]",
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov rsp, gs:[{stack}]",
        "mov rbx, rax",
        "mov rsi, rax",
        "call {activate}",
        "mov rsp, rbx",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "cmp qword ptr [rsp + {entered}], {by_syscall}",
        "je {by_sysret}",
        "jmp {by_iret}",
        current = const offset_of!(Block, current),
        stack = const offset_of!(Block, stack),
        volatile = const VOLATILE,
        entered = const ENTERED - VOLATILE,
        by_syscall = const BY_SYSCALL,
        activate = sym activate,
        by_sysret = sym leave_by_sysret,
        by_iret = sym leave_by_iret,
    )
}

/// Leaves to the first thread. In: `rdi` = its context.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn start(context: u64) -> ! {
    naked_asm!("mov rax, rdi", "jmp {switch}", switch = sym switch)
}

/// Bytes from one stub of [`vectors`] to the next.
pub(crate) const VECTOR_STEP: u64 = 16;

/// A stub for each of the 256 vectors: pushes a zero where the processor pushes no error code
/// (0x60227D00 has a bit for each exception that comes with one), then the vector.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn vectors() {
    naked_asm!(
        ".set clavis_vector, 0",
        ".rept 256",
        ".balign 16",
        ".if clavis_vector > 31 || !((0x60227D00 >> (clavis_vector & 31)) & 1)",
        "push 0",
        ".endif",
        ".byte 0x68",
        ".long clavis_vector",
        "jmp {common}",
        ".set clavis_vector, clavis_vector + 1",
        ".endr",
        common = sym interrupt,
    )
}

/// Behind every stub. On the stack: vector, error code, the processor's frame.
///
/// From user mode that stack is the context. LFENCE keeps the processor from running ahead with
/// the wrong GS (CVE-2019-1125); POPFQ clears AC, DF and NT, which gates leave as they were.
#[unsafe(naked)]
unsafe extern "sysv64" fn interrupt() {
    naked_asm!(
        "test byte ptr [rsp + 24], 3",
        "jz {kernel}",
        "swapgs",
        "lfence",
        "jmp {user}",
        kernel = sym interrupt_from_kernel,
        user = sym interrupt_from_user,
    )
}

/// In: `rsp` = the context's `entered`; the kernel's GS is active.
#[unsafe(naked)]
unsafe extern "sysv64" fn interrupt_from_user() {
    naked_asm!(
        "push r11",
        "push rcx",
        "push rax",
        "push rdi",
        "push rsi",
        "push rdx",
        "push r10",
        "push r8",
        "push r9",
        "mov rdi, [rsp + 72]",
        "mov rsi, [rsp + 80]",
        "mov rdx, [rsp + 88]",
        "mov rsp, gs:[{stack}]",
        "push 2",
        "popfq",
        "call {handler}",
        "cmp rax, gs:[{current}]",
        "lea rsp, [rax + {volatile}]",
        "je {leave}",
        "jmp {switch}",
        stack = const offset_of!(Block, stack),
        current = const offset_of!(Block, current),
        volatile = const VOLATILE,
        handler = sym trap::from_user,
        leave = sym leave_by_iret,
        switch = sym switch,
    )
}

/// From ring 0: an interrupt in a window, or a page fault of a copy. All registers are kept on the
/// kernel's own stack, in the layout of [`Registers`], which leaves it aligned to 16.
#[unsafe(naked)]
unsafe extern "sysv64" fn interrupt_from_kernel() {
    naked_asm!(
        "lfence",
        "push r11",
        "push rcx",
        "push rax",
        "push rdi",
        "push rsi",
        "push rdx",
        "push r10",
        "push r8",
        "push r9",
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov rdi, rsp",
        "call {handler}",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "pop r9",
        "pop r8",
        "pop r10",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "pop rax",
        "pop rcx",
        "pop r11",
        "add rsp, 16",
        "iretq",
        handler = sym trap::from_kernel,
    )
}

/// #DB, on its own stack. A program's goes the common way: the frame moves to its context. In
/// ring 0 there is none to expect (TF is masked, debug registers are never set); should one come,
/// single-stepping ends.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn debug() {
    naked_asm!(
        "test byte ptr [rsp + 8], 3",
        "jnz 2f",
        "and qword ptr [rsp + 16], ~0x100",
        "iretq",
        "2:",
        "swapgs",
        "lfence",
        "push rax",
        "mov rax, gs:[{current}]",
        "pop qword ptr [rax + {rax}]",
        "pop qword ptr [rax + {rip}]",
        "pop qword ptr [rax + {cs}]",
        "pop qword ptr [rax + {flags}]",
        "pop qword ptr [rax + {rsp_}]",
        "pop qword ptr [rax + {ss}]",
        "lea rsp, [rax + {rip}]",
        "mov rax, [rax + {rax}]",
        "push 0",
        "push 1",
        "jmp {common}",
        current = const offset_of!(Block, current),
        rax = const RAX,
        rip = const RIP,
        cs = const CS,
        flags = const FLAGS,
        rsp_ = const RSP,
        ss = const SS,
        common = sym interrupt_from_user,
    )
}

/// NMI.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn nmi() {
    naked_asm!("push 0", "push 2", "jmp {fatal}", fatal = sym fatal)
}

/// #DF, which brings its own error code.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn double_fault() {
    naked_asm!("push 8", "jmp {fatal}", fatal = sym fatal)
}

/// #MC.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn machine_check() {
    naked_asm!("push 0", "push 18", "jmp {fatal}", fatal = sym fatal)
}

/// What nothing returns from, on a stack of its own. Uses no GS: whose it is, is not known here.
#[unsafe(naked)]
unsafe extern "sysv64" fn fatal() {
    naked_asm!(
        "push r11",
        "push rcx",
        "push rax",
        "push rdi",
        "push rsi",
        "push rdx",
        "push r10",
        "push r8",
        "push r9",
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov rdi, rsp",
        "and rsp, -16",
        "push 2",
        "popfq",
        "call {handler}",
        "ud2",
        handler = sym trap::fatal,
    )
}

/// The kernel's first instruction. In: `rdi` = the boot block.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "sysv64" fn _start() -> ! {
    naked_asm!(
        "cli",
        "cld",
        "lea rsp, [rip + {stack}]",
        "add rsp, {size}",
        "xor ebp, ebp",
        "call {main}",
        "ud2",
        stack = sym crate::descriptor::STACK,
        size = const crate::descriptor::STACK_SIZE,
        main = sym crate::boot::main,
    )
}

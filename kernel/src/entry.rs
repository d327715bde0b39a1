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
use core::arch::global_asm;
use core::mem::offset_of;

use crate::context::{BY_SYSCALL, Context, R9, RAX, RCX, Registers, activate};
use crate::cpu::Block;
use crate::{boot, descriptor, panic, trap};

const _: () = assert!(offset_of!(Context, registers) == 0 && offset_of!(Registers, general) == 0);

/// Bytes from one stub of `clavis_vectors` to the next.
pub(crate) const VECTOR_STEP: u64 = 16;

unsafe extern "sysv64" {
    /// SYSCALL.
    pub(crate) fn clavis_syscall();
    /// The stub of vector 0; the others follow.
    pub(crate) fn clavis_vectors();
    /// #DB.
    pub(crate) fn clavis_debug();
    /// NMI.
    pub(crate) fn clavis_nmi();
    /// #DF.
    pub(crate) fn clavis_double_fault();
    /// #MC.
    pub(crate) fn clavis_machine_check();
    /// Leaves to the first thread. The context is a live one, and the stack is not needed again.
    pub(crate) fn clavis_start(context: u64) -> !;
}

// The parts of a register block, downwards as they are pushed, upwards as they are popped.
#[rustfmt::skip]
macro_rules! block {
    (push volatile) => { concat!("push r11; push rcx; push rax; push rdi; push rsi; push rdx;",
        "push r10; push r8; push r9") };
    (push preserved) => { "push rbx; push rbp; push r12; push r13; push r14; push r15" };
    (pop preserved) => { "pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx" };
    (pop arguments) => { "pop r9; pop r8; pop r10; pop rdx; pop rsi; pop rdi; pop rax" };
}

global_asm!(
    ".text",
    ".global _start, clavis_syscall, clavis_vectors, clavis_debug, clavis_nmi",
    ".global clavis_double_fault, clavis_machine_check, clavis_start",
    // The kernel's first instruction. In: rdi = the boot block.
    "_start:",
    "cli; cld",
    "lea rsp, [rip + {boot_stack} + {boot_stack_size}]",
    "xor ebp, ebp",
    "call {main}; ud2",
    //
    // SYSCALL: rax number, rdi rsi rdx r10 r8 arguments, rcx return address, r11 flags.
    // Preserves all but rax, rcx, r11.
    ".balign 16",
    "clavis_syscall:",
    "swapgs",
    "mov gs:[{scratch}], rsp",
    "mov rsp, gs:[{current}]",
    "mov [rsp + {rip}], rcx; mov [rsp + {flags}], r11",
    "mov rcx, gs:[{scratch}]; mov [rsp + {sp}], rcx",
    "add rsp, {rax}",
    "push rdi; push rsi; push rdx; push r10; push r8; push r9",
    "mov rsp, gs:[{stack}]",
    "mov rcx, r10; mov r9, rax",
    "call {on_syscall}",
    "cmp rax, gs:[{current}]; lea rsp, [rax + {volatile}]",
    "jne clavis_syscall_switch",
    //
    // Leaves through SYSRET. In: rsp = the context's r9; all registers that Rust preserves are the
    // thread's.
    "clavis_sysret:",
    block!(pop arguments),
    "mov rcx, [rsp + {rip} - {rcx}]; mov r11, [rsp + {flags} - {rcx}]",
    "mov rsp, [rsp + {sp} - {rcx}]",
    "swapgs; sysretq",
    //
    // Passes the CPU to another thread and leaves to it. In: rax = its context; all registers that
    // Rust preserves are those of the current one.
    "clavis_syscall_switch:",
    "mov rcx, gs:[{current}]",
    "mov qword ptr [rcx + {entered}], {by_syscall}",
    "clavis_switch:",
    "mov rdi, gs:[{current}]",
    "lea rsp, [rdi + {volatile}]",
    block!(push preserved),
    "mov rsp, gs:[{stack}]",
    "mov rbx, rax; mov rsi, rax",
    "call {activate}",
    "mov rsp, rbx",
    block!(pop preserved),
    "cmp qword ptr [rsp + {entered} - {volatile}], {by_syscall}",
    "je clavis_sysret",
    //
    // Leaves through IRET. In: as clavis_sysret.
    "clavis_iret:",
    block!(pop arguments),
    "pop rcx; pop r11; add rsp, 16",
    "swapgs; iretq",
    //
    "clavis_start:",
    "mov rax, rdi; jmp clavis_switch",
    //
    // A stub for each vector: pushes a zero where the processor pushes no error code (0x60227D00
    // has a bit for each exception that comes with one), then the vector.
    ".balign 16",
    "clavis_vectors:",
    ".set clavis_vector, 0; .rept 256; .balign 16",
    ".if clavis_vector > 31 || !((0x60227D00 >> (clavis_vector & 31)) & 1)",
    "push 0; .endif",
    ".byte 0x68; .long clavis_vector; jmp clavis_interrupt",
    ".set clavis_vector, clavis_vector + 1; .endr",
    //
    // Behind every stub. On the stack: vector, error code, the processor's frame. From user mode
    // that stack is the context. LFENCE keeps the processor from running ahead with the wrong GS
    // (CVE-2019-1125); POPFQ clears AC, DF and NT, which gates leave as they were.
    "clavis_interrupt:",
    "test byte ptr [rsp + 24], 3",
    "jz clavis_interrupt_in_kernel",
    "swapgs; lfence",
    "clavis_interrupt_in_user:",
    block!(push volatile),
    "mov rdi, [rsp + {entered} - {volatile}]; mov rsi, [rsp + {error} - {volatile}]",
    "mov rdx, [rsp + {rip} - {volatile}]",
    "mov rsp, gs:[{stack}]",
    "push 2; popfq",
    "call {from_user}",
    "cmp rax, gs:[{current}]; lea rsp, [rax + {volatile}]",
    "je clavis_iret",
    "jmp clavis_switch",
    //
    // From ring 0: an interrupt in a window, or a page fault of a copy. All registers are kept on
    // the kernel's own stack, in the layout of `Registers`, which leaves it aligned to 16.
    "clavis_interrupt_in_kernel:",
    "lfence",
    block!(push volatile),
    block!(push preserved),
    "mov rdi, rsp; call {from_kernel}",
    block!(pop preserved),
    block!(pop arguments),
    "pop rcx; pop r11; add rsp, 16",
    "iretq",
    //
    // #DB, on its own stack. A program's goes the common way: the frame moves to its context. In
    // ring 0 there is none to expect (TF is masked, debug registers are never set); should one
    // come, single-stepping ends.
    "clavis_debug:",
    "test byte ptr [rsp + 8], 3",
    "jnz 2f",
    "and qword ptr [rsp + 16], ~0x100",
    "iretq",
    "2:",
    "swapgs; lfence",
    "push rax; mov rax, gs:[{current}]",
    "pop qword ptr [rax + {rax}]; pop qword ptr [rax + {rip}]; pop qword ptr [rax + {cs}]",
    "pop qword ptr [rax + {flags}]; pop qword ptr [rax + {sp}]; pop qword ptr [rax + {ss}]",
    "lea rsp, [rax + {rip}]",
    "mov rax, [rax + {rax}]",
    "push 0; push 1; jmp clavis_interrupt_in_user",
    //
    // What nothing returns from, each on a stack of its own. No GS: whose it is, is not known here.
    "clavis_nmi:",
    "push 0; push 2; jmp 3f",
    "clavis_machine_check:",
    "push 0; push 18; jmp 3f",
    "clavis_double_fault:",
    "push 8",
    "3:",
    block!(push volatile),
    block!(push preserved),
    "mov rdi, rsp; and rsp, -16",
    "push 2; popfq",
    "call {fatal}; ud2",
    boot_stack = sym descriptor::STACK,
    boot_stack_size = const descriptor::STACK_SIZE,
    main = sym boot::main,
    scratch = const offset_of!(Block, scratch),
    current = const offset_of!(Block, current),
    stack = const offset_of!(Block, stack),
    volatile = const R9 * 8,
    rax = const RAX * 8,
    rcx = const RCX * 8,
    entered = const offset_of!(Registers, entered),
    error = const offset_of!(Registers, error),
    rip = const offset_of!(Registers, rip),
    cs = const offset_of!(Registers, cs),
    flags = const offset_of!(Registers, rflags),
    sp = const offset_of!(Registers, rsp),
    ss = const offset_of!(Registers, ss),
    by_syscall = const BY_SYSCALL,
    on_syscall = sym trap::syscall,
    from_user = sym trap::from_user,
    from_kernel = sym trap::from_kernel,
    fatal = sym panic::exception,
    activate = sym activate,
);

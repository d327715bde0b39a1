//! Segments, gates and stacks of the CPU.
use core::cell::UnsafeCell;
use x86_64::VirtAddr;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::idt::InterruptDescriptorTable;

use crate::cpu::{Block, block};
use crate::{entry, registers};

/// Selectors, in the order that SYSCALL and SYSRET demand (Intel SDM vol. 3A 6.8.8): kernel code,
/// kernel data; a slot for 32-bit code that does not exist, user data, user code.
const KERNEL_CODE: u16 = 0x08;
const KERNEL_DATA: u16 = 0x10;
/// What SYSRET counts from: it loads SS from here + 8 and CS from here + 16.
const SYSRET_BASE: u16 = 0x18 | 3;
pub(crate) const USER_DATA: u16 = 0x20 | 3;
pub(crate) const USER_CODE: u16 = 0x28 | 3;
const TASK: u16 = 0x30;

/// A stack with a page below it that [`crate::paging`] leaves out.
#[repr(C, align(4096))]
pub(crate) struct Stack<const BYTES: usize> {
    guard: [u8; 4096],
    bytes: UnsafeCell<[u8; BYTES]>,
}

// SAFETY: only the processor uses what is inside.
unsafe impl<const BYTES: usize> Sync for Stack<BYTES> {}

impl<const BYTES: usize> Stack<BYTES> {
    const fn new() -> Stack<BYTES> {
        Stack { guard: [0; 4096], bytes: UnsafeCell::new([0; BYTES]) }
    }

    fn top(&'static self) -> u64 {
        self.bytes.get() as u64 + BYTES as u64
    }

    fn guard(&'static self) -> u64 {
        self.guard.as_ptr() as u64
    }
}

/// The kernel stack of the CPU.
pub(crate) static STACK: Stack<{ 64 * 1024 }> = Stack::new();
/// Bytes of [`STACK`] with its guard page.
pub(crate) const STACK_SIZE: usize = 68 * 1024;
/// Stacks of #DB, NMI, #DF and #MC, in the order of the interrupt stack table.
static EXTRA: [Stack<8192>; 4] = [Stack::new(), Stack::new(), Stack::new(), Stack::new()];

/// The pages that must not be mapped.
pub(crate) fn guard_pages() -> [u64; 5] {
    let [debug, nmi, double, machine] = &EXTRA;
    [STACK.guard(), debug.guard(), nmi.guard(), double.guard(), machine.guard()]
}

/// The stack that an address lies on, as bottom and top.
pub(crate) fn stack_of(address: u64) -> Option<(u64, u64)> {
    let stacks = EXTRA.iter().map(|stack| (stack.guard() + 4096, stack.top()));
    let mut all = stacks.chain([(STACK.guard() + 4096, STACK.top())]);
    all.find(|(bottom, top)| (*bottom..*top).contains(&address))
}

struct Tables {
    gdt: GlobalDescriptorTable,
    idt: InterruptDescriptorTable,
}

static TABLES: spin::Once<Tables> = spin::Once::new();

/// Builds and loads the descriptor tables, and has SYSCALL lead to its stub.
pub(crate) fn load() {
    Block::prepare(STACK.top());
    // SAFETY: boot code, before the segment is loaded: nothing else accesses the block.
    let task = unsafe { &mut (*block()).task };
    let mut stacks = task.interrupt_stack_table;
    for (place, stack) in stacks.iter_mut().zip(&EXTRA) {
        *place = VirtAddr::new_truncate(stack.top());
    }
    task.interrupt_stack_table = stacks;

    let segment = &raw const *task;
    let tables = TABLES.call_once(|| {
        let mut gdt = GlobalDescriptorTable::new();
        gdt.append(Descriptor::kernel_code_segment());
        gdt.append(Descriptor::kernel_data_segment());
        gdt.append(Descriptor::kernel_data_segment());
        gdt.append(Descriptor::user_data_segment());
        gdt.append(Descriptor::user_code_segment());
        // SAFETY: the segment lives for ever.
        gdt.append(unsafe { Descriptor::tss_segment_unchecked(segment) });
        Tables { gdt, idt: gates() }
    });
    // SAFETY: the selectors are those of the entries above; the gates lead to the stubs.
    unsafe {
        registers::tables(
            &tables.gdt,
            &tables.idt,
            SegmentSelector(KERNEL_CODE),
            SegmentSelector(KERNEL_DATA),
            SegmentSelector(TASK),
        );
    }
    let stub = VirtAddr::new_truncate(entry::clavis_syscall as *const () as u64);
    // SAFETY: the stub is SYSCALL's, the block is this CPU's, the tables are loaded.
    unsafe {
        registers::syscall(stub, VirtAddr::new_truncate(block() as u64), KERNEL_CODE, SYSRET_BASE);
    }
}

/// The interrupt table: every vector has a gate with interrupts off, to its stub.
fn gates() -> InterruptDescriptorTable {
    let gate = |vector: usize| {
        let stub = entry::clavis_vectors as *const () as u64 + vector as u64 * entry::VECTOR_STEP;
        let (stub, stack) = match vector {
            1 => (entry::clavis_debug as *const () as u64, 1),
            2 => (entry::clavis_nmi as *const () as u64, 2),
            8 => (entry::clavis_double_fault as *const () as u64, 3),
            18 => (entry::clavis_machine_check as *const () as u64, 4),
            _ => (stub, 0),
        };
        // Programs may raise #BP and #OF by an instruction, and no other.
        let ring = if matches!(vector, 3 | 4) { 3 } else { 0 };
        let low = stub & 0xFFFF | u64::from(KERNEL_CODE) << 16 | stack << 32;
        // Present, an interrupt gate (Intel SDM vol. 3A 6.14.1).
        [low | (0x8E00 | ring << 13) << 32 | (stub >> 16 & 0xFFFF) << 48, stub >> 32]
    };
    let gates: [[u64; 2]; 256] = core::array::from_fn(gate);
    // SAFETY: the table's type is 256 gates of 16 bytes, which is what these are; each leads to a
    // stub for its vector, on a stack of the task-state segment that no other gate uses.
    unsafe { core::mem::transmute(gates) }
}

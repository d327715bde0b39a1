//! Segments, gates and stacks of the CPU.
use core::cell::UnsafeCell;
use x86_64::PrivilegeLevel;
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

    let tables = TABLES.call_once(|| {
        let mut gdt = GlobalDescriptorTable::new();
        gdt.append(Descriptor::kernel_code_segment());
        gdt.append(Descriptor::kernel_data_segment());
        gdt.append(Descriptor::kernel_data_segment());
        gdt.append(Descriptor::user_data_segment());
        gdt.append(Descriptor::user_code_segment());
        // SAFETY: the segment lives for ever.
        gdt.append(unsafe { Descriptor::tss_segment_unchecked(&raw const (*block()).task) });
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
    let stub = VirtAddr::new_truncate(entry::syscall as *const () as u64);
    // SAFETY: the stub is SYSCALL's, the block is this CPU's, the tables are loaded.
    unsafe {
        registers::syscall(stub, VirtAddr::new_truncate(block() as u64), KERNEL_CODE, SYSRET_BASE);
    }
}

/// The interrupt table: every vector has a gate with interrupts off.
fn gates() -> InterruptDescriptorTable {
    let mut idt = InterruptDescriptorTable::new();
    let stub = |vector: u64| {
        // The first stub lies at the next multiple: functions may start anywhere.
        let first = (entry::vectors as *const () as u64).next_multiple_of(entry::VECTOR_STEP);
        VirtAddr::new_truncate(first + vector * entry::VECTOR_STEP)
    };
    let own = |stub: unsafe extern "sysv64" fn()| VirtAddr::new_truncate(stub as *const () as u64);
    macro_rules! gate {
        ($gate:expr, $address:expr) => {{
            // SAFETY: the address is that of a stub for this vector.
            let options = unsafe { $gate.set_handler_addr($address) };
            // SAFETY: the selector is that of the kernel's code in the table built with this one.
            unsafe { options.set_code_selector(SegmentSelector(KERNEL_CODE)) }
        }};
        ($gate:expr, $address:expr, stack $index:expr) => {{
            let options = gate!($gate, $address);
            // SAFETY: the index is that of a stack of the task-state segment, used by this gate
            // alone.
            unsafe { options.set_stack_index($index) }
        }};
    }
    gate!(idt.divide_error, stub(0));
    gate!(idt.debug, own(entry::debug), stack 0);
    gate!(idt.non_maskable_interrupt, own(entry::nmi), stack 1);
    // The two that a program may raise by an instruction.
    gate!(idt.breakpoint, stub(3)).set_privilege_level(PrivilegeLevel::Ring3);
    gate!(idt.overflow, stub(4)).set_privilege_level(PrivilegeLevel::Ring3);
    gate!(idt.bound_range_exceeded, stub(5));
    gate!(idt.invalid_opcode, stub(6));
    gate!(idt.device_not_available, stub(7));
    gate!(idt.double_fault, own(entry::double_fault), stack 2);
    gate!(idt.invalid_tss, stub(10));
    gate!(idt.segment_not_present, stub(11));
    gate!(idt.stack_segment_fault, stub(12));
    gate!(idt.general_protection_fault, stub(13));
    gate!(idt.page_fault, stub(14));
    gate!(idt.x87_floating_point, stub(16));
    gate!(idt.alignment_check, stub(17));
    gate!(idt.machine_check, own(entry::machine_check), stack 3);
    gate!(idt.simd_floating_point, stub(19));
    gate!(idt.virtualization, stub(20));
    gate!(idt.cp_protection_exception, stub(21));
    for (gate, vector) in idt.slice_mut(32..=255).iter_mut().zip(32..) {
        gate!(gate, stub(vector));
    }
    idt
}

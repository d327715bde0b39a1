//! Which ports a driver may be given: none that the kernel uses itself, and none through which a
//! device writes memory or the machine is reprogrammed.
use clavis_abi::platform::Span;

/// Ports that no driver gets, as first and last.
const OWN: [(u16, u16); 15] = [
    // Memory access by the old DMA controllers, and their page registers.
    (0x00, 0x1F),
    (0x81, 0x8F),
    (0xC0, 0xDF),
    // Interrupt controllers.
    (0x20, 0x21),
    (0xA0, 0xA1),
    (0x4D0, 0x4D1),
    // Interval timer, and its gate.
    (0x40, 0x43),
    (0x61, 0x61),
    // Clock and configuration memory.
    (0x70, 0x77),
    // Fast reset.
    (0x92, 0x92),
    // Requests to the firmware's management mode.
    (0xB2, 0xB3),
    // QEMU's exit device.
    (0xF4, 0xF7),
    // QEMU's configuration device: it writes memory.
    (0x510, 0x51B),
    // Configuration space of PCI, and the reset register in it.
    (0xCF8, 0xCFF),
    // QEMU's hot-plug controllers.
    (0xAE00, 0xAFFF),
];

/// Whether `count` ports from `first` may be given away, with those of power management besides.
pub(crate) fn permit(first: u16, count: u16, power: &[Span]) -> bool {
    let Some(last) = count.checked_sub(1).and_then(|more| first.checked_add(more)) else {
        return false;
    };
    let apart = |from: u16, to: u16| last < from || to < first;
    let unused = |span: &Span| {
        span.count == 0 || apart(span.first, span.first.saturating_add(span.count - 1))
    };
    OWN.iter().all(|(from, to)| apart(*from, *to)) && power.iter().all(unused)
}

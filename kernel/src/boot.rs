//! From the bootloader to the first thread.
use alloc::string::String;
use clavis_abi::boot::{BootInfo, INIT_SEGMENTS, MAGIC, MEMORY_RANGES, Region};
use clavis_core::memory::Protection;
use clavis_core::{Boot, Kernel};
use core::fmt::Write;

use crate::apic::{self, Lines};
use crate::console::{CONSOLE, print};
use crate::context::Contexts;
use crate::cpu::Features;
use crate::frame::{self, FRAME, FRAMES, Frame, direct};
use crate::machine::Pc;
use crate::power;
use crate::random::Random;
use crate::screen::Screen;
use crate::trap::{self, KERNEL};
use crate::{clock, copy, descriptor, heap, paging, registers};

/// Comes from `_start`, on the kernel's own stack, with the bootloader's tables loaded.
pub(crate) extern "sysv64" fn main(info: *const BootInfo) -> ! {
    let mut console = CONSOLE.lock();
    console.begin();
    // A console cannot fail.
    let _ = writeln!(console, "clavis: kernel {}", env!("CARGO_PKG_VERSION"));
    drop(console);
    // SAFETY: the bootloader leaves the block's address in the register that this came from; the
    // block lies in RAM that the memory map keeps for it.
    let info = unsafe { &*info };
    if info.magic != MAGIC {
        panic!("the bootloader is of another version: its block begins with {:#x}", info.magic);
    }
    clock::begin(info.start_tsc);
    // SAFETY: the boot code, once, with the bootloader's block.
    if let Err(why) = unsafe { bring_up(info) } {
        panic!("the machine cannot run this kernel: {why}");
    }
    trap::start()
}

/// Brings up all parts and makes the kernel.
///
/// # Safety
/// Once, with a block that is true.
unsafe fn bring_up(info: &BootInfo) -> Result<(), &'static str> {
    let memory =
        info.memory.get(..info.memory_count as usize).ok_or("the memory map is too long")?;
    if info.init_count as usize > INIT_SEGMENTS || memory.len() > MEMORY_RANGES {
        return Err("the boot block's counts are too large");
    }
    if registers::five_levels() {
        return Err("the firmware left five-level paging on; switch it off in its settings");
    }
    let features = Features::detect();
    // SAFETY: boot code on the only CPU; the bootloader's tables map the kernel as supervisor.
    unsafe { registers::control(&features) };
    if features.smap {
        copy::smap_is_on();
    }
    descriptor::load();
    print(format_args!("cpu:{features}"));

    // SAFETY: once, with the bootloader's map.
    unsafe { FRAMES.lock().begin(memory) }?;
    // SAFETY: once, with the bootloader's map.
    unsafe { paging::begin(info, &features) }?;
    let ram: u64 =
        memory.iter().filter(|one| frame::is_ram(one)).map(|one| one.end - one.start).sum();
    let free = FRAMES.lock().free() as u64 * FRAME;
    print(format_args!("memory: {} MiB, {} MiB of it free", ram >> 20, free >> 20));
    heap::bound();
    CONSOLE.lock().screen = Screen::new(&info.framebuffer);

    let platform = &info.platform;
    apic::begin(platform.local)?;
    let (counter, timer) = clock::measure(platform);
    apic::timer_enable();
    let lines = Lines::new(platform)?;
    let (fast, slow) = (counter / 1000, timer / 1000);
    print(format_args!("time: counter {fast} kHz, timer {slow} kHz, by the ACPI timer"));

    let entropy = info.entropy.get(..info.entropy_len as usize).unwrap_or_default();
    let (random, seeded) = Random::new(entropy, features.rdrand);
    if !seeded {
        print(format_args!("random: neither firmware nor processor offers entropy: NOT SEEDED"));
    }
    let text = bytes_of(&info.command_line);
    let command_line = String::from(core::str::from_utf8(text).unwrap_or_else(|_| {
        print(format_args!("the command line is not UTF-8: ignored"));
        ""
    }));
    if command_line.lines().any(|line| line.trim() == "qemu-exit") {
        power::use_exit_device();
    }

    let screen = &info.framebuffer;
    let framebuffer = (screen.start != 0).then(|| (screen.start, screen.start + screen.len - 1));
    let controllers = platform.controllers.iter().map(|one| one.address & !(FRAME - 1));
    let machine = Pc {
        loaded: paging::kernel_root(),
        contexts: Contexts::default(),
        lines,
        platform: *platform,
        random,
        memory: memory.to_vec(),
        controllers: controllers.chain([platform.local & !(FRAME - 1)]).collect(),
        framebuffer,
        address_end: 1 << features.address_bits,
        epoch: u64::try_from(info.wall_clock).unwrap_or(0).saturating_mul(1_000_000_000),
        timer_scale: (u128::from(timer) << 32).div_euclid(1_000_000_000) as u64,
        deadline: None,
        is_quiet: true,
    };
    // SAFETY: once, with the bootloader's block.
    unsafe { make_kernel(info, machine, &command_line, framebuffer) }
}

/// Makes the kernel value and init.
///
/// # Safety
/// Once, with a block that is true.
unsafe fn make_kernel(
    info: &BootInfo,
    machine: Pc,
    command_line: &str,
    framebuffer: Option<(u64, u64)>,
) -> Result<(), &'static str> {
    const SHORT: &str = "no memory for the kernel's own objects";
    let mut kernel = Kernel::new(machine).map_err(|_| SHORT)?;
    let early = CONSOLE.lock().early();
    kernel.log(&early);
    kernel.machine().is_quiet = false;

    let segments = info.init.iter().take(info.init_count as usize);
    let mut init = segments.map(|segment| {
        let pages = (0..segment.pages).map(|page| segment.start + page * FRAME);
        // SAFETY: the bootloader keeps these frames for init's segment, and this is the only time
        // that they are turned into tokens.
        let frames = pages.filter_map(|start| unsafe { FRAMES.lock().mint(start) }).collect();
        let protection = Protection::from_bits_truncate(segment.protection as u8);
        (segment.address, protection, frames)
    });
    let starts = (0..info.image.len.div_ceil(FRAME)).map(|page| info.image.start + page * FRAME);
    // SAFETY: as above, for the boot image.
    let mut image = starts.filter_map(|start| unsafe { FRAMES.lock().mint(start) });
    let pages = |(first, last): (u64, u64)| (first, ((last - first + 1) / FRAME) as usize);
    let boot = Boot {
        init: &mut init,
        init_entry: info.init_entry,
        image: &mut image as &mut dyn Iterator<Item = Frame>,
        image_len: info.image.len,
        command_line,
        framebuffer: framebuffer.map(pages),
    };
    kernel.boot(boot).map_err(|_| SHORT)?;
    let kept = frame::kept(info);
    // SAFETY: the bootloader's tables and stack are not in use any more, its block not after this.
    let reclaimed =
        unsafe { FRAMES.lock().reclaim(&info.memory[..info.memory_count as usize], &kept) };
    let free = FRAMES.lock().free() as u64 * FRAME;
    print(format_args!(
        "kernel: ready; {} KiB taken back from the bootloader, {} MiB free",
        reclaimed * 4,
        free >> 20,
    ));
    *KERNEL.lock() = Some(kernel);
    Ok(())
}

/// The bytes of a region of the boot block.
fn bytes_of(region: &Region) -> &'static [u8] {
    if region.start == 0 || region.len == 0 {
        return &[];
    }
    // SAFETY: the bootloader says that the region is in RAM, which it keeps until `reclaim`.
    unsafe { core::slice::from_raw_parts(direct(region.start) as *const u8, region.len as usize) }
}

//! Computes in every vector register for a while, and finds out whether somebody else's numbers
//! came into them.
use clavis::abi::call::{Call, TABLE};
use std::arch::asm;
use std::thread;

/// The registers, one after another, 32 bytes each.
type Registers = [[u8; 32]; 16];

/// A pattern that no other seed gives.
fn pattern(seed: u64) -> Registers {
    let mut word = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    [(); 16].map(|()| {
        let mut register = [0; 32];
        for bytes in register.as_chunks_mut::<8>().0 {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed | 1);
            *bytes = word.to_ne_bytes();
        }
        register
    })
}

/// How the time between loading and storing is spent.
#[derive(Clone, Copy)]
enum Pause {
    /// In a loop, long enough to be preempted often.
    Computing,
    /// In a system call, and one that lets others run, so often.
    Calling { number: usize, args: [usize; 5], turns: u64 },
}

macro_rules! round_trip {
    ($load:literal, $register:literal, $put:expr, $back:expr, $pause:expr) => {{
        let (turns, call, args) = match $pause {
            Pause::Computing => (20_000_000, 0, [0; 5]),
            Pause::Calling { number, args, turns } => (turns, number, args),
        };
        // SAFETY: both arrays are sixteen registers long; every register that is changed is named,
        // and system calls change no others. Those that are made return and change nothing that
        // Rust knows of: see `arguments`.
        unsafe {
            asm!(
                concat!($load, " ", $register, "0, [{put}]"),
                concat!($load, " ", $register, "1, [{put} + 32]"),
                concat!($load, " ", $register, "2, [{put} + 64]"),
                concat!($load, " ", $register, "3, [{put} + 96]"),
                concat!($load, " ", $register, "4, [{put} + 128]"),
                concat!($load, " ", $register, "5, [{put} + 160]"),
                concat!($load, " ", $register, "6, [{put} + 192]"),
                concat!($load, " ", $register, "7, [{put} + 224]"),
                concat!($load, " ", $register, "8, [{put} + 256]"),
                concat!($load, " ", $register, "9, [{put} + 288]"),
                concat!($load, " ", $register, "10, [{put} + 320]"),
                concat!($load, " ", $register, "11, [{put} + 352]"),
                concat!($load, " ", $register, "12, [{put} + 384]"),
                concat!($load, " ", $register, "13, [{put} + 416]"),
                concat!($load, " ", $register, "14, [{put} + 448]"),
                concat!($load, " ", $register, "15, [{put} + 480]"),
                "2:",
                "test {call}, {call}",
                "jz 3f",
                "mov rax, {call}",
                "syscall",
                "mov eax, {letting_others}",
                "syscall",
                "3:",
                "dec {turns}",
                "jnz 2b",
                concat!($load, " [{back}], ", $register, "0"),
                concat!($load, " [{back} + 32], ", $register, "1"),
                concat!($load, " [{back} + 64], ", $register, "2"),
                concat!($load, " [{back} + 96], ", $register, "3"),
                concat!($load, " [{back} + 128], ", $register, "4"),
                concat!($load, " [{back} + 160], ", $register, "5"),
                concat!($load, " [{back} + 192], ", $register, "6"),
                concat!($load, " [{back} + 224], ", $register, "7"),
                concat!($load, " [{back} + 256], ", $register, "8"),
                concat!($load, " [{back} + 288], ", $register, "9"),
                concat!($load, " [{back} + 320], ", $register, "10"),
                concat!($load, " [{back} + 352], ", $register, "11"),
                concat!($load, " [{back} + 384], ", $register, "12"),
                concat!($load, " [{back} + 416], ", $register, "13"),
                concat!($load, " [{back} + 448], ", $register, "14"),
                concat!($load, " [{back} + 480], ", $register, "15"),
                put = in(reg) $put,
                back = in(reg) $back,
                turns = inout(reg) turns => _,
                call = in(reg) call,
                letting_others = const syscall::SYS_YIELD,
                in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
                in("r10") args[3], in("r8") args[4],
                out("rax") _, out("rcx") _, out("r11") _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                options(nostack),
            )
        }
    }};
}

/// Whether the registers kept what was put into them.
fn kept(seed: u64, pause: Pause) -> bool {
    let put = pattern(seed);
    let mut back: Registers = [[0; 32]; 16];
    let width = if std::arch::is_x86_feature_detected!("avx") {
        round_trip!("vmovdqu", "ymm", put.as_ptr(), back.as_mut_ptr(), pause);
        32
    } else {
        round_trip!("movdqu", "xmm", put.as_ptr(), back.as_mut_ptr(), pause);
        16
    };
    put.iter().zip(&back).all(|(put, back)| put.get(..width) == back.get(..width))
}

/// Arguments with which a call of that number returns without having changed anything. `None`: it
/// never returns. Most are refused for their handle; what takes none gets something harmless.
fn arguments(call: Call, time: &syscall::TimeSpec) -> Option<[usize; 5]> {
    /// A handle that does not exist, a signal that does not either, and no page of user memory.
    const NONE: usize = 0x7FFF;
    const NOWHERE: usize = 0x0000_8000_0000_0000;
    let time = &raw const *time as usize;
    Some(match call {
        Call::Exit | Call::ThreadExit => return None,
        Call::SetTls => [storage(), 0, 0, 0, 0],
        Call::SetDeadline | Call::Yield | Call::Identity | Call::SignalMask => [0; 5],
        Call::SignalActions | Call::ThreadCreate | Call::LastDenial => [NOWHERE; 5],
        Call::SignalWait => [0, NOWHERE, 0, 0, 0],
        Call::Nanosleep => [time, 0, 0, 0, 0],
        Call::ClockGettime => [syscall::CLOCK_MONOTONIC, NOWHERE, 0, 0, 0],
        // Waits for a word to change that does not, for as long as the time says.
        Call::Futex => [time, syscall::FUTEX_WAIT, 0, time, 0],
        Call::Funmap | Call::Mprotect | Call::Mremap => [NOWHERE, 4096, 0, 0, 0],
        _ => [NONE; 5],
    })
}

/// The base of this thread's local storage, which begins with its own address.
fn storage() -> usize {
    let base;
    // SAFETY: reads the first word of the storage, as the psABI for thread-local storage has it.
    unsafe { asm!("mov {}, fs:0", out(reg) base, options(nostack, readonly, preserves_flags)) };
    base
}

/// Makes every call there is, each several times.
fn kept_in_calls(seed: u64) -> Result<(), String> {
    let time = syscall::TimeSpec { tv_sec: 0, tv_nsec: 1000 };
    for row in TABLE {
        let Some(args) = arguments(row.call, &time) else { continue };
        let pause = Pause::Calling { number: row.call as usize, args, turns: 20 };
        if !kept(seed ^ (row.call as u64) << 8, pause) {
            return Err(format!("a register changed in {}", row.name));
        }
    }
    Ok(())
}

/// Does so in three threads that take turns, in both ways: in every call there is, and computing
/// while the others preempt.
pub(crate) fn survive(seed: u64) -> Result<(), String> {
    let threads: Vec<_> = (0..3)
        .map(|own| {
            thread::spawn(move || {
                let seed = seed * 8 + own;
                kept_in_calls(seed)?;
                let kept = kept(seed + 1000, Pause::Computing);
                if kept { Ok(()) } else { Err("a register changed in a loop".into()) }
            })
        })
        .collect();
    threads
        .into_iter()
        .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
}

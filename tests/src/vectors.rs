//! Computes in every vector register for a while, and finds out whether somebody else's numbers
//! came into them.
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
    /// In system calls that let others run.
    Yielding,
}

macro_rules! round_trip {
    ($load:literal, $register:literal, $put:expr, $back:expr, $pause:expr) => {{
        let (turns, call) = match $pause {
            Pause::Computing => (20_000_000u64, 0u64),
            Pause::Yielding => (200, syscall::SYS_YIELD as u64),
        };
        // SAFETY: both arrays are sixteen registers long; every register that is changed is named,
        // and the system call changes no others.
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

/// Does so in three threads, in both ways.
pub(crate) fn survive(seed: u64) -> bool {
    let threads: Vec<_> = (0..3)
        .map(|own| {
            thread::spawn(move || {
                let seed = seed * 8 + own;
                kept(seed, Pause::Yielding) && kept(seed + 1000, Pause::Computing)
            })
        })
        .collect();
    threads.into_iter().all(|thread| thread.join().unwrap_or(false))
}

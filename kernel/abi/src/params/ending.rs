//! Signals, and how a process ended or stopped.
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

wire! {
    /// What a process ended with, as read from its handle.
    pub struct ExitStatus {
        /// [`ExitKind`].
        pub kind: u64,
        /// Exit code, signal number, or address of the fault.
        pub code: u64,
    }
}

wire! {
    /// A signal.
    pub struct SignalInfo {
        /// Its number; 0: none.
        pub signal: u64,
        /// [`SignalCode`].
        pub code: u64,
        /// Number of the process that sent it last, or address of the fault.
        pub value: u64,
        /// All signals that still wait for this thread or its process.
        pub pending: u64,
        /// The signals that the thread blocks.
        pub blocked: u64,
        /// The signals that the process ignores.
        pub ignored: u64,
    }
}

wire! {
    /// What the kernel writes where a thread keeps it ([`crate::call::Call::SignalActions`])
    /// before it continues the thread at the entry address, all signals blocked, `rax` = the
    /// address of this, every other register as it was.
    pub struct SignalFrame {
        /// Where the thread was.
        pub rip: u64,
        /// Its stack pointer.
        pub rsp: u64,
        /// Its flags.
        pub rflags: u64,
        /// Its `rax`: the result of its call, if it was in one.
        pub rax: u64,
        /// The signals that it blocked.
        pub mask: u64,
        /// The signal.
        pub info: SignalInfo,
    }
}

/// Where a signal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum SignalCode {
    /// A process sent it.
    Sent = 0,
    /// The thread's own instruction raised it.
    Fault = 1,
    /// A process that the receiver made has ended.
    Child = 2,
}

/// Signals, numbered as the `libc` crate's redox module numbers them.
pub mod signal {
    /// Illegal instruction.
    pub const ILL: u64 = 4;
    /// Breakpoint or single step.
    pub const TRAP: u64 = 5;
    /// Alignment.
    pub const BUS: u64 = 7;
    /// Arithmetic.
    pub const FPE: u64 = 8;
    /// Ends a process; nobody catches, ignores or blocks it.
    pub const KILL: u64 = 9;
    /// Memory that is not there, or not for that.
    pub const SEGV: u64 = 11;
    /// A child has ended.
    pub const CHLD: u64 = 17;
    /// Lets a stopped process go on, whatever it does with the signal itself.
    pub const CONT: u64 = 18;
    /// Stops a process; nobody catches, ignores or blocks it.
    pub const STOP: u64 = 19;
    /// Asks a process to stop: the key for it was typed.
    pub const TSTP: u64 = 20;
    /// The greatest number.
    pub const MAX: u64 = 64;
    /// Stop a process unless caught or ignored: STOP, TSTP, TTIN, TTOU.
    pub const STOPS: u64 = bit(STOP) | bit(TSTP) | bit(21) | bit(22);
    /// Do not end a process: what stops it, and CHLD, CONT, URG, WINCH.
    pub const HARMLESS: u64 = STOPS | bit(CHLD) | bit(CONT) | bit(23) | bit(28);

    /// The place of a signal in a mask.
    #[must_use]
    pub const fn bit(signal: u64) -> u64 {
        1 << (signal.wrapping_sub(1) & 63)
    }
}

/// How a process ended, or what else became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum ExitKind {
    /// By EXIT, with the code.
    Exit = 0,
    /// By a signal, with its number.
    Signal = 1,
    /// By a fault, with the address of the instruction or datum.
    Fault = 2,
    /// With its account.
    Killed = 3,
    /// Memory that it had reserved could not be supplied.
    OutOfMemory = 4,
    /// It has not ended: it was stopped, by the signal with that number.
    Stopped = 5,
    /// It has not ended: it was stopped and goes on.
    Continued = 6,
}

/// What CPU_TIME tells, in nanoseconds.
pub mod cpu_time {
    /// The time that threads of the process have spent on a CPU, in user mode and in the kernel.
    pub const PROCESS: usize = 0;
    /// That of the processes that it made and that have ended, and of those that they made.
    pub const CHILDREN: usize = 1;
    /// That of the calling thread, whichever process is named.
    pub const THREAD: usize = 2;
}

/// What WAIT tells beside a process's end, and how.
pub mod wait_flags {
    /// That it was stopped.
    pub const STOPPED: u64 = 1;
    /// That it goes on.
    pub const CONTINUED: u64 = 2;
    /// What is told of a stop or a continuation is told again to the next who asks.
    pub const KEEP: u64 = 4;
    /// Do not wait.
    pub const NONBLOCK: u64 = 8;
    /// All of them.
    pub const ALL: u64 = STOPPED | CONTINUED | KEEP | NONBLOCK;
}

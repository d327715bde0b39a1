//! What signals mean, in words.
use core::ffi::{CStr, c_char, c_int};

/// What a signal means. The answer stays.
#[unsafe(no_mangle)]
pub extern "C" fn strsignal(signal: c_int) -> *const c_char {
    let words: &CStr = match signal {
        libc::SIGHUP => c"the terminal hung up",
        libc::SIGINT => c"interrupted",
        libc::SIGQUIT => c"quit",
        libc::SIGILL => c"illegal instruction",
        libc::SIGTRAP => c"trace or breakpoint",
        libc::SIGABRT => c"aborted",
        libc::SIGBUS => c"memory that is not there",
        libc::SIGFPE => c"arithmetic error",
        libc::SIGKILL => c"killed",
        libc::SIGUSR1 => c"user-defined signal 1",
        libc::SIGSEGV => c"invalid memory reference",
        libc::SIGUSR2 => c"user-defined signal 2",
        libc::SIGPIPE => c"broken pipe",
        libc::SIGALRM => c"alarm",
        libc::SIGTERM => c"terminated",
        libc::SIGCHLD => c"a child ended or stopped",
        libc::SIGCONT => c"continued",
        libc::SIGSTOP => c"stopped",
        libc::SIGTSTP => c"stopped at the terminal",
        libc::SIGTTIN => c"reads from the terminal in the background",
        libc::SIGTTOU => c"writes to the terminal in the background",
        libc::SIGURG => c"urgent data",
        libc::SIGXCPU => c"processor time used up",
        libc::SIGXFSZ => c"file too large",
        libc::SIGVTALRM => c"virtual alarm",
        libc::SIGPROF => c"profiling alarm",
        libc::SIGWINCH => c"the window changed its size",
        libc::SIGIO => c"input or output is possible",
        libc::SIGPWR => c"power failure",
        libc::SIGSYS => c"bad system call",
        _ => c"unknown signal",
    };
    words.as_ptr()
}

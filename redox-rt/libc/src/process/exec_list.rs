//! `execl` and its kin: the arguments stand in the call, up to a null.
//!
//! Rust cannot define a function with variable arguments, but each of these is a pointer: five of
//! them travel in registers, the rest behind the return address. Pushed in front of that rest, the
//! five make the array that `execv` wants.
use super::exec::{execv, execve, execvp};
use core::arch::naked_asm;
use core::ffi::{c_char, c_int};

macro_rules! listed {
    ($($(#[$documentation:meta])* $name:ident $by:path;)*) => {$(
        $(#[$documentation])*
        ///
        /// # Safety
        /// C contract: strings, up to a null, and what is said to stand behind that.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            path: *const c_char,
            first: *const c_char,
            second: *const c_char,
            third: *const c_char,
            fourth: *const c_char,
            fifth: *const c_char,
        ) -> c_int {
            // In: rdi = path; rsi, rdx, rcx, r8, r9 = the first arguments; the return address, and
            // behind it the rest. It returns only when exec failed.
            naked_asm!(
                "pop rax",
                "push r9; push r8; push rcx; push rdx; push rsi",
                "mov rsi, rsp",
                "push rax",
                "call {by}",
                "pop rcx",
                "add rsp, 40",
                "jmp rcx",
                by = sym $by,
            )
        }
    )*};
}
listed! {
    /// Becomes the program at a path, as [`execv`] does.
    execl execv;
    /// Becomes a program that is looked for in PATH, as [`execvp`] does.
    execlp execvp;
    /// Becomes the program at a path; behind the null stands its environment.
    execle with_environment;
}

/// `execve` with the environment that stands behind the arguments.
///
/// # Safety
/// As [`execve`], and a word follows the null of the arguments.
unsafe extern "C" fn with_environment(
    path: *const c_char,
    arguments: *const *const c_char,
) -> c_int {
    let mut end = arguments;
    // SAFETY: no null was met yet.
    while !unsafe { end.read() }.is_null() {
        end = end.wrapping_add(1);
    }
    // SAFETY: the caller's promise.
    let environment = unsafe { end.wrapping_add(1).read() };
    // SAFETY: the same contract.
    unsafe { execve(path, arguments, environment.cast()) }
}

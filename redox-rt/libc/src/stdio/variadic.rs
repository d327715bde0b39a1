//! Functions with variable arguments.
//!
//! Stable Rust cannot define one, but on this architecture the caller of such a function passes its
//! arguments as it passes fixed ones, and says in AL whether there are any in vector registers
//! (System V ABI for AMD64, 3.5.7). Each function here stores the registers of arguments, makes the
//! `va_list` of them, and calls its kin that takes one.
use super::file::File;
use super::print::{vasprintf, vdprintf, vsnprintf, vsprintf};
use super::scan::vsscanf;
use super::streams::{vfprintf, vfscanf, vprintf, vscanf};
use core::ffi::{c_char, c_int, c_void};

/// `va_list`: a place in the arguments of a call.
#[derive(Debug)]
#[repr(C)]
pub struct VaList {
    /// Where the next general argument lies in what was saved; 48: on the stack.
    pub(super) general: u32,
    /// Where the next vector argument lies in what was saved; 176: on the stack.
    pub(super) vector: u32,
    /// The next argument on the stack.
    pub(super) stack: *const c_void,
    /// What was saved: six general registers and eight vector registers.
    pub(super) saved: *const c_void,
}

macro_rules! variadic {
    ($($(#[$documentation:meta])*
        $name:ident($($argument:ident: $kind:ty),*) $(-> $answer:ty)?, $general:literal, $list:literal, $by:path;
    )*) => {$(
        $(#[$documentation])*
        ///
        /// # Safety
        /// C contract: the arguments are those that the format asks for.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $kind),*) $(-> $answer)? {
            // In: the fixed arguments in the first general registers, the rest in the others, xmm0-7
            // if AL is not 0, and behind the return address. Below it, from rsp: 176 bytes of saved
            // registers, 24 of the list, 16 that align. Out: what the kin answers.
            core::arch::naked_asm!(
                "sub rsp, 216",
                "mov [rsp], rdi; mov [rsp + 8], rsi; mov [rsp + 16], rdx",
                "mov [rsp + 24], rcx; mov [rsp + 32], r8; mov [rsp + 40], r9",
                "test al, al",
                "je 2f",
                "movaps [rsp + 48], xmm0; movaps [rsp + 64], xmm1",
                "movaps [rsp + 80], xmm2; movaps [rsp + 96], xmm3",
                "movaps [rsp + 112], xmm4; movaps [rsp + 128], xmm5",
                "movaps [rsp + 144], xmm6; movaps [rsp + 160], xmm7",
                "2:",
                concat!("mov dword ptr [rsp + 176], ", $general),
                "mov dword ptr [rsp + 180], 48",
                "lea rax, [rsp + 224]",
                "mov [rsp + 184], rax",
                "mov [rsp + 192], rsp",
                concat!("lea ", $list, ", [rsp + 176]"),
                "call {by}",
                "add rsp, 216",
                "ret",
                by = sym $by,
            )
        }
    )*};
}
pub(crate) use variadic;

variadic! {
    /// As [`vprintf`], of arguments.
    printf(format: *const c_char) -> c_int, "8", "rsi", vprintf;
    /// As [`vfprintf`], of arguments.
    fprintf(file: *mut File, format: *const c_char) -> c_int, "16", "rdx", vfprintf;
    /// As [`vscanf`], of arguments.
    scanf(format: *const c_char) -> c_int, "8", "rsi", vscanf;
    /// As [`vfscanf`], of arguments.
    fscanf(file: *mut File, format: *const c_char) -> c_int, "16", "rdx", vfscanf;
    /// As [`vsnprintf`], of arguments.
    snprintf(to: *mut c_char, room: usize, format: *const c_char) -> c_int, "24", "rcx", vsnprintf;
    /// As [`vsprintf`], of arguments.
    sprintf(to: *mut c_char, format: *const c_char) -> c_int, "16", "rdx", vsprintf;
    /// As [`vasprintf`], of arguments.
    asprintf(place: *mut *mut c_char, format: *const c_char) -> c_int, "16", "rdx", vasprintf;
    /// As [`vdprintf`], of arguments.
    dprintf(descriptor: c_int, format: *const c_char) -> c_int, "16", "rdx", vdprintf;
    /// As [`vsscanf`], of arguments.
    sscanf(from: *const c_char, format: *const c_char) -> c_int, "16", "rdx", vsscanf;
}

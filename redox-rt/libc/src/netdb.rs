//! Databases of the network, all of them empty: there is none.
use crate::errno::fail;
use core::ffi::{CStr, c_char, c_int, c_uint};
use core::ptr;
use libc::{ENOSYS, ENXIO, in6_addr, protoent, servent};

/// The address of version 6 that stands for any of the machine's own.
#[unsafe(no_mangle)]
pub static in6addr_any: in6_addr = in6_addr { s6_addr: [0; 16] };

/// The machine's own address of version 6.
#[unsafe(no_mangle)]
pub static in6addr_loopback: in6_addr =
    in6_addr { s6_addr: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] };

macro_rules! unknown {
    ($($name:ident($($kind:ty),*) -> $answer:ty;)*) => {$(
        /// Nothing is known: null.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($(_: $kind),*) -> *mut $answer {
            ptr::null_mut()
        }
    )*};
}
unknown! {
    getservbyname(*const c_char, *const c_char) -> servent;
    getservbyport(c_int, *const c_char) -> servent;
    getservent() -> servent;
    getprotobyname(*const c_char) -> protoent;
    getprotobynumber(c_int) -> protoent;
}

/// There are no services to go through.
#[unsafe(no_mangle)]
pub extern "C" fn setservent(_stay_open: c_int) {}

/// There are no services to go through.
#[unsafe(no_mangle)]
pub extern "C" fn endservent() {}

/// There are no interfaces: 0, `ENXIO`.
#[unsafe(no_mangle)]
pub extern "C" fn if_nametoindex(_name: *const c_char) -> c_uint {
    crate::errno::set_errno(ENXIO);
    0
}

/// There are no interfaces: null, `ENXIO`.
#[unsafe(no_mangle)]
pub extern "C" fn if_indextoname(_index: c_uint, _name: *mut c_char) -> *mut c_char {
    fail(ENXIO)
}

/// There are no name servers to be told of: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn res_init() -> c_int {
    fail(ENOSYS)
}

/// What an error of the old name functions means.
#[unsafe(no_mangle)]
pub extern "C" fn hstrerror(code: c_int) -> *const c_char {
    let words: &CStr = match code {
        0 => c"no error",
        1 => c"no such host: there is no network",
        2 => c"the name could not be looked up now",
        3 => c"the name could not be looked up",
        4 => c"the name has no address",
        _ => c"unknown error",
    };
    words.as_ptr()
}

//! Sockets: there is no network yet. Making one is `EAFNOSUPPORT`; a descriptor is never a
//! socket, so everything else is `ENOTSOCK`; no host name is known.
use crate::errno::fail;
use core::ffi::{c_char, c_int, c_void};
use libc::{
    EAFNOSUPPORT, EAI_AGAIN, EAI_FAIL, EAI_FAMILY, EAI_MEMORY, EAI_NONAME, EAI_SERVICE, EAI_SYSTEM,
    ENOTSOCK, addrinfo, msghdr, sockaddr, socklen_t,
};

/// There is no network: `EAFNOSUPPORT`.
#[unsafe(no_mangle)]
pub extern "C" fn socket(_family: c_int, _kind: c_int, _protocol: c_int) -> c_int {
    fail(EAFNOSUPPORT)
}

/// There are no sockets, not even local ones: `EAFNOSUPPORT`. Pipes exist.
#[unsafe(no_mangle)]
pub extern "C" fn socketpair(
    _family: c_int,
    _kind: c_int,
    _protocol: c_int,
    _pair: *mut c_int,
) -> c_int {
    fail(EAFNOSUPPORT)
}

macro_rules! no_socket {
    ($($name:ident($($kind:ty),*) -> $answer:ty;)*) => {$(
        /// No descriptor is a socket: `ENOTSOCK`.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(_socket: c_int $(, _: $kind)*) -> $answer {
            fail(ENOTSOCK)
        }
    )*};
}
no_socket! {
    accept(*mut sockaddr, *mut socklen_t) -> c_int;
    accept4(*mut sockaddr, *mut socklen_t, c_int) -> c_int;
    bind(*const sockaddr, socklen_t) -> c_int;
    connect(*const sockaddr, socklen_t) -> c_int;
    getpeername(*mut sockaddr, *mut socklen_t) -> c_int;
    getsockname(*mut sockaddr, *mut socklen_t) -> c_int;
    getsockopt(c_int, c_int, *mut c_void, *mut socklen_t) -> c_int;
    setsockopt(c_int, c_int, *const c_void, socklen_t) -> c_int;
    listen(c_int) -> c_int;
    recv(*mut c_void, usize, c_int) -> isize;
    recvfrom(*mut c_void, usize, c_int, *mut sockaddr, *mut socklen_t) -> isize;
    recvmsg(*mut msghdr, c_int) -> isize;
    send(*const c_void, usize, c_int) -> isize;
    sendto(*const c_void, usize, c_int, *const sockaddr, socklen_t) -> isize;
    sendmsg(*const msghdr, c_int) -> isize;
    shutdown(c_int) -> c_int;
}

/// No host name is known: `EAI_NONAME`.
#[unsafe(no_mangle)]
pub extern "C" fn getaddrinfo(
    _host: *const c_char,
    _service: *const c_char,
    _hints: *const addrinfo,
    _place: *mut *mut addrinfo,
) -> c_int {
    EAI_NONAME
}

/// No address has a name: `EAI_NONAME`.
#[unsafe(no_mangle)]
pub extern "C" fn getnameinfo(
    _address: *const sockaddr,
    _length: socklen_t,
    _host: *mut c_char,
    _host_length: socklen_t,
    _service: *mut c_char,
    _service_length: socklen_t,
    _flags: c_int,
) -> c_int {
    EAI_NONAME
}

/// `getaddrinfo` never gives a list, so there is nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn freeaddrinfo(_list: *mut addrinfo) {}

/// What an answer of `getaddrinfo` means.
#[unsafe(no_mangle)]
pub extern "C" fn gai_strerror(code: c_int) -> *const c_char {
    match code {
        EAI_NONAME => c"no such host: there is no network",
        EAI_AGAIN => c"the name could not be looked up now",
        EAI_FAIL => c"the name could not be looked up",
        EAI_FAMILY => c"address family not supported",
        EAI_MEMORY => c"out of memory",
        EAI_SERVICE => c"unknown service",
        EAI_SYSTEM => c"system error",
        _ => c"unknown error",
    }
    .as_ptr()
}

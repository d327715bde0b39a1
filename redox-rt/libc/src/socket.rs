//! Sockets: there is no network yet. Making one is `EAFNOSUPPORT`; a descriptor is never a
//! socket, so everything else is `ENOTSOCK`.
use crate::errno::fail;
use core::ffi::{c_int, c_void};
use libc::{EAFNOSUPPORT, ENOTSOCK, msghdr, sockaddr, socklen_t};

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

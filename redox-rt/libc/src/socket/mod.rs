//! Sockets: those of the family `AF_UNIX`, which are objects of `/scheme/unix`. Other families do
//! not exist: `EAFNOSUPPORT`. What would have to wait is asked for without waiting, and again when
//! an event says so.
pub mod address;
pub mod message;
pub mod options;
pub mod timeouts;

use crate::errno::{answer, count, error, status};
use crate::event::{EVENT_SIZE, register};
use crate::pointer::{fd, handle, source, target};
use crate::promises::{Operation, promised};
use address::Address;
use clavis_abi::error::Result;
use clavis_abi::unix;
use clavis_rt::sys::call::{call_both, call_in};
use clavis_rt::sys::file;
use clavis_rt::sys::time::set_deadline;
use clavis_rt::{Handle, Number, Place, namespace, object};
use core::ffi::{c_int, c_void};
use libc::{
    AF_UNIX, EAFNOSUPPORT, EAGAIN, EINVAL, ENODEV, ENOENT, ENOTSOCK, EPROTONOSUPPORT, ETIMEDOUT,
    FD_CLOEXEC, MSG_DONTWAIT, O_CLOEXEC, O_NONBLOCK, O_RDWR, SHUT_RD, SHUT_RDWR, SHUT_WR,
    SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_SEQPACKET, SOCK_STREAM, sockaddr, socklen_t,
};
use syscall::flag::{CallFlags, EventFlags};
pub(crate) use timeouts::For;

/// A message to the service about a socket.
pub(crate) fn ask(socket: Number, payload: &[u8], words: [u64; 3]) -> Result<usize> {
    call_in(socket, payload, CallFlags::empty(), &words).map_err(|problem| judged(socket, problem))
}

/// A message to the service that brings something back.
pub(crate) fn ask_for(socket: Number, payload: &mut [u8], words: [u64; 3]) -> Result<usize> {
    call_both(socket, payload, CallFlags::empty(), &words)
        .map_err(|problem| judged(socket, problem))
}

/// `ENOTSOCK` where the refusal is that of something else.
fn judged(socket: Number, problem: clavis_abi::error::Error) -> clavis_abi::error::Error {
    const TYPE: u16 = 0xF000;
    match file::fstat(socket) {
        Ok(stat) if stat.st_mode & TYPE != syscall::flag::MODE_SOCK => error(ENOTSOCK),
        _ => problem,
    }
}

/// Whether an operation on a descriptor is not to wait.
fn is_impatient(socket: Number, flags: c_int) -> bool {
    let set = || file::fcntl(socket, libc::F_GETFL as usize, 0);
    flags & MSG_DONTWAIT != 0 || set().is_ok_and(|flags| flags & O_NONBLOCK as usize != 0)
}

/// Tries until it is done: `EAGAIN` is waited for, unless the descriptor says otherwise, has no
/// events to wait for, or its time is over.
pub(crate) fn patiently<T>(
    socket: Number,
    flags: c_int,
    what: For,
    attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let Some(until) = timeouts::until(socket, what) else {
        return repeatedly(socket, flags, what, attempt);
    };
    // Zero would mean that there is none.
    set_deadline(Some(until.max(1)))?;
    let result = repeatedly(socket, flags, what, attempt);
    set_deadline(None)?;
    result.map_err(|problem| match problem.errno {
        ETIMEDOUT => error(EAGAIN),
        _ => problem,
    })
}

fn repeatedly<T>(
    socket: Number,
    flags: c_int,
    what: For,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let events = match what {
        For::Receiving => EventFlags::EVENT_READ,
        For::Sending => EventFlags::EVENT_WRITE,
    };
    loop {
        match attempt() {
            Err(problem) if problem.errno == EAGAIN && !is_impatient(socket, flags) => {
                let queue = object::event_queue(Place::Upper)?;
                if register(queue.number(), socket.raw(), events, 0).is_err() {
                    return Err(problem);
                }
                file::read(queue.number(), &mut [0; EVENT_SIZE])?;
            }
            result => return result,
        }
    }
}

/// Opens a socket of the service.
fn open(kind: c_int) -> Result<Handle> {
    let path = match kind & !(SOCK_CLOEXEC | SOCK_NONBLOCK) {
        SOCK_STREAM => "/scheme/unix/stream",
        SOCK_DGRAM => "/scheme/unix/dgram",
        SOCK_SEQPACKET => "/scheme/unix/packets",
        _ => return Err(error(EPROTONOSUPPORT)),
    };
    let flags = file::OpenFlags::from(O_RDWR as u32);
    let socket =
        namespace::open(path, flags, Place::Lowest).map_err(|problem| match problem.errno {
            // The namespace does not have the service.
            ENOENT | ENODEV => error(EAFNOSUPPORT),
            _ => problem,
        })?;
    mark(&socket, kind)?;
    Ok(socket)
}

/// The flags of a descriptor that a kind of socket asks for.
fn extra(kind: c_int) -> c_int {
    let flag = |wanted, flag| if kind & wanted != 0 { flag } else { 0 };
    flag(SOCK_CLOEXEC, O_CLOEXEC) | flag(SOCK_NONBLOCK, O_NONBLOCK)
}

/// Sets those flags on a socket that was not opened by path.
fn mark(socket: &Handle, kind: c_int) -> Result<()> {
    let flags = O_RDWR | extra(kind & SOCK_NONBLOCK);
    file::fcntl(socket.number(), libc::F_SETFL as usize, flags as u32 as usize)?;
    if kind & SOCK_CLOEXEC != 0 {
        file::fcntl(socket.number(), libc::F_SETFD as usize, FD_CLOEXEC as usize)?;
    }
    Ok(())
}

fn check_family(family: c_int, protocol: c_int) -> Result<()> {
    match (family, protocol) {
        (AF_UNIX, 0 | AF_UNIX) => Ok(()),
        (AF_UNIX, _) => Err(error(EPROTONOSUPPORT)),
        _ => Err(error(EAFNOSUPPORT)),
    }
}

/// A socket, of who promised to use addresses.
fn addressed(socket: c_int) -> Result<Number> {
    promised(Operation::Address).and_then(|()| handle(socket))
}

/// Makes a socket. `EAFNOSUPPORT` for other families than `AF_UNIX`, and without the service.
#[unsafe(no_mangle)]
pub extern "C" fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    let asked = if family == AF_UNIX { Operation::Local } else { Operation::Network };
    let made =
        promised(asked).and_then(|()| check_family(family, protocol)).and_then(|()| open(kind));
    answer(made.map(crate::fcntl::descriptor))
}

/// Makes two sockets that are connected to each other.
///
/// # Safety
/// C contract: `pair` takes two descriptors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn socketpair(
    family: c_int,
    kind: c_int,
    protocol: c_int,
    pair: *mut c_int,
) -> c_int {
    let make = || {
        promised(Operation::Stdio)?;
        check_family(family, protocol)?;
        let one = open(kind)?;
        let other = file::dup(one.number(), unix::PAIR, Place::Lowest)?;
        mark(&other, kind)?;
        Ok([one, other].map(crate::fcntl::descriptor))
    };
    // SAFETY: the contract: two descriptors lie side by side.
    status(make().and_then(|made| unsafe { crate::pointer::put(pair.cast(), made) }))
}

/// Gives a socket an address. A path becomes a file that names the socket: whoever can open it can
/// connect. `EADDRINUSE` when it is there.
///
/// # Safety
/// C contract: `length` bytes of an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bind(socket: c_int, from: *const sockaddr, length: socklen_t) -> c_int {
    // SAFETY: the contract.
    let wanted = unsafe { Address::read(from, length) };
    status((|| address::bind(addressed(socket)?, &wanted?))())
}

/// Lets others connect to a socket.
#[unsafe(no_mangle)]
pub extern "C" fn listen(socket: c_int, backlog: c_int) -> c_int {
    let backlog = u64::try_from(backlog).unwrap_or(0);
    status(
        addressed(socket).and_then(|socket| ask(socket, &[], [unix::LISTEN, backlog, 0]).map(drop)),
    )
}

/// Connects a socket to an address; waits while too many others wait to be accepted.
///
/// # Safety
/// C contract: `length` bytes of an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn connect(socket: c_int, to: *const sockaddr, length: socklen_t) -> c_int {
    // SAFETY: the contract.
    let to = unsafe { Address::read(to, length) };
    status((|| {
        let (socket, key) = (addressed(socket)?, to?.key()?);
        patiently(socket, 0, For::Sending, || ask(socket, &key, [unix::CONNECT, 0, 0]).map(drop))
    })())
}

/// Takes a connection; waits for one. Its descriptor waits as the listener's does, which is what
/// programs for this target count on.
///
/// # Safety
/// C contract: as for [`accept4`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn accept(
    socket: c_int,
    from: *mut sockaddr,
    length: *mut socklen_t,
) -> c_int {
    let flags = match handle(socket) {
        Ok(listening) if is_impatient(listening, 0) => SOCK_NONBLOCK,
        _ => 0,
    };
    // SAFETY: the same contract.
    unsafe { accept4(socket, from, length, flags) }
}

/// As [`accept`], with flags for the new descriptor.
///
/// # Safety
/// C contract: `from` is null, or takes as many bytes of an address as `length` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn accept4(
    socket: c_int,
    from: *mut sockaddr,
    length: *mut socklen_t,
    flags: c_int,
) -> c_int {
    let take = || {
        let listening = addressed(socket)?;
        if flags & !(SOCK_CLOEXEC | SOCK_NONBLOCK) != 0 {
            return Err(error(EINVAL));
        }
        let made = patiently(listening, 0, For::Receiving, || {
            file::dup(listening, unix::ACCEPT, Place::Lowest)
                .map_err(|problem| judged(listening, problem))
        })?;
        mark(&made, flags)?;
        if !from.is_null() {
            let peer = Address::of_peer(made.number())?;
            // SAFETY: the contract.
            unsafe { peer.write(from, length) }?;
        }
        Ok(crate::fcntl::descriptor(made))
    };
    answer(take())
}

/// Shuts reading, writing or both.
#[unsafe(no_mangle)]
pub extern "C" fn shutdown(socket: c_int, how: c_int) -> c_int {
    let halves = match how {
        SHUT_RD => 1,
        SHUT_WR => 2,
        SHUT_RDWR => 3,
        _ => return crate::errno::fail(EINVAL),
    };
    status(fd(socket).and_then(|socket| ask(socket, &[], [unix::SHUTDOWN, halves, 0]).map(drop)))
}

/// The address of a socket.
///
/// # Safety
/// C contract: `place` takes as many bytes of an address as `length` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockname(
    socket: c_int,
    place: *mut sockaddr,
    length: *mut socklen_t,
) -> c_int {
    let own = addressed(socket).and_then(Address::of);
    // SAFETY: the contract.
    status(own.and_then(|own| unsafe { own.write(place, length) }))
}

/// The address of the other end.
///
/// # Safety
/// C contract: `place` takes as many bytes of an address as `length` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getpeername(
    socket: c_int,
    place: *mut sockaddr,
    length: *mut socklen_t,
) -> c_int {
    let peer = addressed(socket).and_then(Address::of_peer);
    // SAFETY: the contract.
    status(peer.and_then(|peer| unsafe { peer.write(place, length) }))
}

/// Sends. Without flags it is a write.
///
/// # Safety
/// C contract: `length` bytes of `buffer` are readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn send(
    socket: c_int,
    buffer: *const c_void,
    length: usize,
    flags: c_int,
) -> isize {
    if flags == 0 {
        // SAFETY: the same contract.
        return unsafe { crate::io::write(socket, buffer, length) };
    }
    // SAFETY: the same contract.
    unsafe { sendto(socket, buffer, length, flags, core::ptr::null(), 0) }
}

/// Sends to an address (null: to whom it is connected).
///
/// # Safety
/// C contract: `length` bytes of `buffer` are readable, `size` bytes of an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendto(
    socket: c_int,
    buffer: *const c_void,
    length: usize,
    flags: c_int,
    to: *const sockaddr,
    size: socklen_t,
) -> isize {
    // SAFETY: the contract.
    let data = unsafe { source(buffer, length) };
    if !to.is_null()
        && let Err(refused) = promised(Operation::Address)
    {
        return crate::errno::fail(refused.errno);
    }
    // SAFETY: the contract.
    let to = if to.is_null() { Ok(None) } else { unsafe { Address::read(to, size) }.map(Some) };
    count((|| {
        let key = to?.map(|to| to.key()).transpose()?;
        message::send(fd(socket)?, &key.unwrap_or_default(), &[data?], &[], flags)
    })())
}

/// Receives. Without flags it is a read.
///
/// # Safety
/// C contract: `length` bytes of `buffer` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recv(
    socket: c_int,
    buffer: *mut c_void,
    length: usize,
    flags: c_int,
) -> isize {
    if flags == 0 {
        // SAFETY: the same contract.
        return unsafe { crate::io::read(socket, buffer, length) };
    }
    let none = core::ptr::null_mut();
    // SAFETY: the same contract.
    unsafe { recvfrom(socket, buffer, length, flags, none, core::ptr::null_mut()) }
}

/// Receives, and tells who sent it. What does not fit of a message is lost.
///
/// # Safety
/// C contract: `length` bytes of `buffer` are writable; `from` is null, or takes as many bytes of an
/// address as `size` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvfrom(
    socket: c_int,
    buffer: *mut c_void,
    length: usize,
    flags: c_int,
    from: *mut sockaddr,
    size: *mut socklen_t,
) -> isize {
    // SAFETY: the contract.
    let room = unsafe { target(buffer, length) };
    count((|| {
        let (socket, room) = (fd(socket)?, room?);
        let received = message::receive(socket, room.len(), flags)?;
        received.discard(socket);
        room.iter_mut().zip(received.data()).for_each(|(to, from)| *to = *from);
        if !from.is_null() {
            // SAFETY: the contract.
            unsafe { received.from().write(from, size) }?;
        }
        Ok(received.count(flags))
    })())
}

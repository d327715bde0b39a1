//! `getaddrinfo`, `getnameinfo` and what belongs to them.
use super::lookup::{Scoped, is_own, numeric, port};
use crate::pointer::text;
use alloc::vec::Vec;
use core::ffi::{CStr, c_char, c_int};
use core::fmt::Write;
use core::mem::MaybeUninit;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ptr;
use libc::{
    AF_INET, AF_INET6, AF_UNSPEC, AI_CANONNAME, AI_PASSIVE, EAI_AGAIN, EAI_BADFLAGS, EAI_FAIL,
    EAI_FAMILY, EAI_MEMORY, EAI_NONAME, EAI_OVERFLOW, EAI_SERVICE, EAI_SOCKTYPE, EAI_SYSTEM,
    IPPROTO_TCP, IPPROTO_UDP, NI_NAMEREQD, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, addrinfo, sockaddr,
    sockaddr_in, sockaddr_in6, socklen_t,
};

/// The machine's own addresses.
const OWN: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];

/// The addresses that stand for any of the machine's own.
const ANY: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED)];

/// Flags of `getaddrinfo` that are known.
const KNOWN: c_int = 0x43F;

/// An entry and the address that it points to, in one block.
#[repr(C)]
struct Entry {
    info: addrinfo,
    address: Address,
}

#[repr(C)]
union Address {
    four: sockaddr_in,
    six: sockaddr_in6,
}

/// The kinds of sockets that an answer has entries for.
fn kinds(wanted: c_int, protocol: c_int) -> Result<Vec<(c_int, c_int)>, c_int> {
    let all = [(SOCK_STREAM, IPPROTO_TCP), (SOCK_DGRAM, IPPROTO_UDP), (SOCK_RAW, protocol)];
    let fits = |(kind, own): &(c_int, c_int)| {
        (wanted == 0 || wanted == *kind) && (protocol == 0 || protocol == *own)
    };
    let kinds: Vec<_> = all.into_iter().filter(fits).collect();
    if kinds.is_empty() { Err(EAI_SOCKTYPE) } else { Ok(kinds) }
}

/// The addresses that a host's name stands for.
fn addresses(host: Option<&str>, flags: c_int) -> Result<Vec<Scoped>, c_int> {
    let unscoped = |all: [IpAddr; 2]| all.map(|address| (address, 0)).to_vec();
    Ok(match host {
        None if flags & AI_PASSIVE != 0 => unscoped(ANY),
        None => unscoped(OWN),
        Some(host) => match numeric(host) {
            Some(address) => [address].to_vec(),
            None if is_own(host) && flags & libc::AI_NUMERICHOST == 0 => unscoped(OWN),
            None => return Err(EAI_NONAME),
        },
    })
}

fn entry((address, scope): Scoped, port: u16, (kind, protocol): (c_int, c_int)) -> Entry {
    // SAFETY: both structures are integers, for which zeroes are a value.
    let mut place: Address = unsafe { MaybeUninit::zeroed().assume_init() };
    let (family, length) = match address {
        IpAddr::V4(address) => {
            // SAFETY: as above.
            let mut four: sockaddr_in = unsafe { MaybeUninit::zeroed().assume_init() };
            four.sin_family = AF_INET as libc::sa_family_t;
            four.sin_port = port.to_be();
            four.sin_addr.s_addr = address.to_bits().to_be();
            place.four = four;
            (AF_INET, size_of::<sockaddr_in>())
        }
        IpAddr::V6(address) => {
            // SAFETY: as above.
            let mut six: sockaddr_in6 = unsafe { MaybeUninit::zeroed().assume_init() };
            six.sin6_family = AF_INET6 as libc::sa_family_t;
            six.sin6_port = port.to_be();
            six.sin6_addr.s6_addr = address.octets();
            six.sin6_scope_id = scope;
            place.six = six;
            (AF_INET6, size_of::<sockaddr_in6>())
        }
    };
    let info = addrinfo {
        ai_flags: 0,
        ai_family: family,
        ai_socktype: kind,
        ai_protocol: protocol,
        ai_addrlen: length,
        ai_canonname: ptr::null_mut(),
        ai_addr: ptr::null_mut(),
        ai_next: ptr::null_mut(),
    };
    Entry { info, address: place }
}

/// Finds the addresses of a host and the port of a service that are written as numbers, and those
/// of `localhost`. Any other host is `EAI_NONAME`, any other service `EAI_SERVICE`.
///
/// # Safety
/// C contract: strings are null or NUL-terminated, `hints` null or readable, `place` takes a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    place: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: the contract.
    let string = |text_place: *const c_char| match unsafe { text(text_place) } {
        _ if text_place.is_null() => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(EAI_NONAME),
    };
    // SAFETY: the contract.
    let hints = unsafe { hints.as_ref() };
    let hint = |of: fn(&addrinfo) -> c_int| hints.map_or(0, of);
    let flags = hint(|hints| hints.ai_flags);
    let found = || {
        let (host, service) = (string(host)?, string(service)?);
        if host.is_none() && service.is_none() {
            return Err(EAI_NONAME);
        }
        if flags & !KNOWN != 0 || (flags & AI_CANONNAME != 0 && host.is_none()) {
            return Err(EAI_BADFLAGS);
        }
        let family = hint(|hints| hints.ai_family);
        if !matches!(family, AF_UNSPEC | AF_INET | AF_INET6) {
            return Err(EAI_FAMILY);
        }
        let port = service.map_or(Ok(0), |service| port(service).ok_or(EAI_SERVICE))?;
        let kinds = kinds(hint(|hints| hints.ai_socktype), hint(|hints| hints.ai_protocol))?;
        let mut addresses = addresses(host, flags)?;
        addresses
            .retain(|(address, _)| family == AF_UNSPEC || (family == AF_INET) == address.is_ipv4());
        let all =
            addresses.iter().flat_map(|address| kinds.iter().map(move |kind| (address, kind)));
        let list: Vec<Entry> = all.map(|(address, kind)| entry(*address, port, *kind)).collect();
        if list.is_empty() { Err(EAI_NONAME) } else { Ok((list, host)) }
    };
    let made = found().and_then(|(list, host)| {
        let name = host.filter(|_| flags & AI_CANONNAME != 0);
        link(list, name)
    });
    match made {
        Ok(list) if !place.is_null() => {
            // SAFETY: the contract.
            unsafe { place.write(list) };
            0
        }
        Ok(list) => {
            // SAFETY: made just above, and known to nobody.
            unsafe { freeaddrinfo(list) };
            EAI_SYSTEM
        }
        Err(code) => code,
    }
}

/// Puts the entries into C's memory, the last first, each before the next; the first gets the name.
fn link(list: Vec<Entry>, name: Option<&str>) -> Result<*mut addrinfo, c_int> {
    let mut next: *mut addrinfo = ptr::null_mut();
    for mut entry in list.into_iter().rev() {
        let block = crate::malloc::malloc(size_of::<Entry>()).cast::<Entry>();
        if block.is_null() {
            // SAFETY: what was linked so far, and known to nobody.
            unsafe { freeaddrinfo(next) };
            return Err(EAI_MEMORY);
        }
        entry.info.ai_next = next;
        entry.info.ai_addr =
            block.cast::<u8>().wrapping_add(core::mem::offset_of!(Entry, address)).cast();
        // SAFETY: a fresh block of that size, aligned for anything.
        unsafe { block.write(entry) };
        next = block.cast();
    }
    if let Some(name) = name {
        let copy = crate::malloc::malloc(name.len() + 1).cast::<u8>();
        if copy.is_null() {
            // SAFETY: what was linked, and known to nobody.
            unsafe { freeaddrinfo(next) };
            return Err(EAI_MEMORY);
        }
        // SAFETY: a fresh block for the name and its NUL.
        unsafe { ptr::copy_nonoverlapping(name.as_ptr(), copy, name.len()) };
        // SAFETY: the last byte of it.
        unsafe { copy.wrapping_add(name.len()).write(0) };
        // SAFETY: the list is not empty; its first entry was written above.
        unsafe { (*next).ai_canonname = copy.cast() };
    }
    Ok(next)
}

/// Gives a list of `getaddrinfo` back.
///
/// # Safety
/// C contract: null or such a list, not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freeaddrinfo(list: *mut addrinfo) {
    let mut next = list;
    // SAFETY: the contract: null or an entry.
    while let Some(entry) = unsafe { next.as_ref() } {
        let (block, name) = (next, entry.ai_canonname);
        next = entry.ai_next;
        // SAFETY: null, or made by `link`.
        unsafe { crate::malloc::free(name.cast()) };
        // SAFETY: made by `link`, and not looked at again.
        unsafe { crate::malloc::free(block.cast()) };
    }
}

/// Text in C's buffer.
struct Room {
    place: *mut u8,
    left: usize,
}

impl Write for Room {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        // One byte stays for the NUL.
        if text.len() >= self.left {
            return Err(core::fmt::Error);
        }
        // SAFETY: it fits what the caller lent.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), self.place, text.len()) };
        self.place = self.place.wrapping_add(text.len());
        self.left -= text.len();
        // SAFETY: the byte behind, which is still the caller's.
        unsafe { self.place.write(0) };
        Ok(())
    }
}

/// The address and port in a socket address.
///
/// # Safety
/// `length` bytes are readable.
unsafe fn parts(address: *const sockaddr, length: socklen_t) -> Option<(Scoped, u16)> {
    let length = length as usize;
    if address.is_null() || length < size_of::<libc::sa_family_t>() {
        return None;
    }
    // SAFETY: the family lies first.
    let family = c_int::from(unsafe { (*address).sa_family });
    if family == AF_INET && length >= size_of::<sockaddr_in>() {
        // SAFETY: the caller's promise; the length says that it is one.
        let four = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
        let bits = u32::from_be(four.sin_addr.s_addr);
        let address = IpAddr::V4(Ipv4Addr::from_bits(bits));
        Some(((address, 0), u16::from_be(four.sin_port)))
    } else if family == AF_INET6 && length >= size_of::<sockaddr_in6>() {
        // SAFETY: as above.
        let six = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
        let address = IpAddr::V6(Ipv6Addr::from(six.sin6_addr.s6_addr));
        Some(((address, six.sin6_scope_id), u16::from_be(six.sin6_port)))
    } else {
        None
    }
}

/// Writes an address and its port as numbers; no address has a name (`EAI_NONAME` for who needs
/// one). `EAI_OVERFLOW` when they do not fit.
///
/// # Safety
/// C contract: the address is readable, both buffers are null or as long as they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getnameinfo(
    address: *const sockaddr,
    length: socklen_t,
    host: *mut c_char,
    host_length: socklen_t,
    service: *mut c_char,
    service_length: socklen_t,
    flags: c_int,
) -> c_int {
    // SAFETY: the contract.
    let Some(((address, scope), port)) = (unsafe { parts(address, length) }) else {
        return EAI_FAMILY;
    };
    if flags & NI_NAMEREQD != 0 && !host.is_null() {
        return EAI_NONAME;
    }
    let room = |place: *mut c_char, length: socklen_t| {
        (!place.is_null() && length > 0)
            .then(|| Room { place: place.cast(), left: length as usize })
    };
    let (mut host, mut service) = (room(host, host_length), room(service, service_length));
    if host.is_none() && service.is_none() {
        return EAI_NONAME;
    }
    let host = host.as_mut().map_or(Ok(()), |room| match scope {
        0 => write!(room, "{address}"),
        scope => write!(room, "{address}%{scope}"),
    });
    let service = service.as_mut().map_or(Ok(()), |room| write!(room, "{port}"));
    if host.and(service).is_ok() { 0 } else { EAI_OVERFLOW }
}

/// What an answer of `getaddrinfo` means.
#[unsafe(no_mangle)]
pub extern "C" fn gai_strerror(code: c_int) -> *const c_char {
    let words: &CStr = match code {
        0 => c"no error",
        EAI_NONAME => c"no such host: there is no network",
        EAI_AGAIN => c"the name could not be looked up now",
        EAI_BADFLAGS => c"unknown flags",
        EAI_FAIL => c"the name could not be looked up",
        EAI_FAMILY => c"address family not supported",
        EAI_MEMORY => c"out of memory",
        EAI_OVERFLOW => c"the buffer is too small",
        EAI_SERVICE => c"unknown service: give its port as a number",
        EAI_SOCKTYPE => c"kind of socket not supported",
        EAI_SYSTEM => c"system error",
        _ => c"unknown error",
    };
    words.as_ptr()
}

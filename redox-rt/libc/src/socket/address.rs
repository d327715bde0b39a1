//! Addresses of Unix sockets. One that begins with a zero byte is a name of the service; a path is
//! a file that holds the key of its socket, so that connecting takes the right to read it.
use super::{ask, ask_for};
use crate::errno::error;
use crate::fcntl::{open_flags, open_promised};
use crate::pointer::{bytes, bytes_mut, get, put};
use alloc::vec::Vec;
use clavis_abi::error::Result;
use clavis_abi::unix;
use clavis_rt::sys::file;
use clavis_rt::{Number, Place, namespace};
use core::mem::offset_of;
use libc::{
    AF_UNIX, EADDRINUSE, EAFNOSUPPORT, ECONNREFUSED, EEXIST, EINVAL, O_CLOEXEC, O_CREAT, O_EXCL,
    O_RDONLY, O_WRONLY, sa_family_t, sockaddr, sockaddr_un, socklen_t,
};

/// Where the path lies in an address.
const PATH: usize = offset_of!(sockaddr_un, sun_path);
/// What the file of a socket begins with; its key follows, in hexadecimal digits.
const MARK: &[u8; 12] = b"unix socket ";
/// Random bytes in a key.
const KEY: usize = 16;
/// Bytes in the file of a socket.
const FILE: usize = MARK.len() + 2 * KEY + 1;

/// What follows the family: empty without a name.
pub(crate) struct Address(Vec<u8>);

impl Address {
    /// An address that C passes.
    ///
    /// # Safety
    /// `length` bytes are readable.
    pub(super) unsafe fn read(from: *const sockaddr, length: socklen_t) -> Result<Address> {
        let length = length as usize;
        if from.is_null() || !(PATH..=size_of::<sockaddr_un>()).contains(&length) {
            return Err(error(EINVAL));
        }
        // SAFETY: the family lies within the caller's bytes.
        if unsafe { get(from.cast::<sa_family_t>()) }? != AF_UNIX as sa_family_t {
            return Err(error(EAFNOSUPPORT));
        }
        // SAFETY: the caller's promise.
        let path = unsafe { bytes(from.cast::<u8>().wrapping_add(PATH).cast(), length - PATH) };
        let end = match path.first() {
            Some(0) => path.len(),
            _ => path.iter().position(|byte| *byte == 0).unwrap_or(path.len()),
        };
        Ok(Address(path.get(..end).unwrap_or_default().to_vec()))
    }

    /// Writes it where C wants it, as much as there is room for, and how long it is.
    ///
    /// # Safety
    /// `place` takes as many bytes as `length` says.
    pub(super) unsafe fn write(&self, place: *mut sockaddr, length: *mut socklen_t) -> Result<()> {
        // SAFETY: the caller's promise.
        let room = unsafe { get(length) }? as usize;
        let family = (AF_UNIX as sa_family_t).to_ne_bytes();
        let closed = !self.0.is_empty() && self.0.first() != Some(&0);
        let whole: Vec<u8> =
            family.into_iter().chain(self.0.iter().copied()).chain(closed.then_some(0)).collect();
        // SAFETY: the caller's promise.
        let to = unsafe { bytes_mut(place.cast(), room.min(whole.len())) };
        to.iter_mut().zip(&whole).for_each(|(to, from)| *to = *from);
        // SAFETY: the caller's promise.
        unsafe { put(length, whole.len() as socklen_t) }
    }

    /// The address of a socket.
    pub(super) fn of(socket: Number) -> Result<Address> {
        Address::ask(socket, unix::ADDRESS)
    }

    /// The address of the other end.
    pub(super) fn of_peer(socket: Number) -> Result<Address> {
        Address::ask(socket, unix::PEER_ADDRESS)
    }

    fn ask(socket: Number, what: u64) -> Result<Address> {
        let mut room = [0; unix::KEY];
        let length = ask_for(socket, &mut room, [what, 0, 0])?;
        Ok(Address::from_bytes(room.get(..length).unwrap_or_default()))
    }

    /// An address as the service keeps it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Address {
        Address(bytes.to_vec())
    }

    /// What the service finds the socket by: `ECONNREFUSED` when the file is none of a socket.
    pub(super) fn key(&self) -> Result<Vec<u8>> {
        match self.0.first() {
            None => Err(error(EINVAL)),
            Some(0) => Ok(self.0.clone()),
            Some(_) => {
                let flags = open_flags(O_RDONLY | O_CLOEXEC, 0);
                let file = open_promised(None, self.path()?, flags, Place::Upper)?;
                let mut text = [0; FILE];
                let length = file::read(file.number(), &mut text)?;
                let key = text.get(..length).and_then(|text| text.strip_prefix(MARK));
                key.filter(|_| length == FILE).map(<[u8]>::to_vec).ok_or(error(ECONNREFUSED))
            }
        }
    }

    fn path(&self) -> Result<&str> {
        core::str::from_utf8(&self.0).map_err(|_| error(EINVAL))
    }
}

fn give(socket: Number, key: &[u8], address: &[u8]) -> Result<()> {
    ask(socket, &[key, address].concat(), [unix::BIND, key.len() as u64, 0]).map(drop)
}

/// Gives a socket an address; without a name, one that nobody else has.
pub(super) fn bind(socket: Number, address: &Address) -> Result<()> {
    match address.0.first() {
        None => {
            let key = [&[0], fresh()?.as_slice()].concat();
            give(socket, &key, &key)
        }
        Some(0) => give(socket, &address.0, &address.0),
        Some(_) => {
            let path = address.path()?;
            let flags = open_flags(O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666);
            let file = open_promised(None, path, flags, Place::Upper);
            let file = file.map_err(|problem| match problem.errno {
                EEXIST => error(EADDRINUSE),
                _ => problem,
            })?;
            let key = fresh()?;
            let given = file::write_all(file.number(), &[MARK.as_slice(), &key].concat())
                .and_then(|()| give(socket, &key, &address.0));
            if given.is_err() {
                // What failed is told, not that the file stays.
                let _ = namespace::unlink_from(None, path, namespace::Removed::File);
            }
            given
        }
    }
}

/// A key that nobody can guess: digits and a line end.
fn fresh() -> Result<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut random = [0; KEY];
    crate::system::random(&mut random)?;
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or(b'0');
    let digits = random.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    Ok(digits.chain([b'\n']).collect())
}

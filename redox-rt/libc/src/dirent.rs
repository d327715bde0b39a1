//! Reading directories.
use crate::errno::{answer, error, fail, set_errno};
use crate::fcntl::open_flags;
use crate::pointer::{handle, text};
use crate::promises::{Operation, promised, unveiled};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::error::Result;
use clavis_rt::{Handle, Number, Place, fs, namespace, sys};
use core::ffi::{c_char, c_int, c_long};
use core::ptr;
use libc::{EFAULT, EIO, ENOTDIR, O_CLOEXEC, O_DIRECTORY, O_RDONLY, dirent};
use syscall::dirent::DirentHeader;
use syscall::flag::{MODE_DIR, MODE_TYPE};

/// Bytes asked of a server at once.
const BUFFER: usize = 4096;
/// Bytes of an entry's head: inode, position behind it, length, kind.
const HEAD: usize = size_of::<DirentHeader>();

/// An open directory.
pub struct Dir {
    handle: Handle,
    buffer: Vec<u8>,
    /// Bytes of the buffer that hold entries.
    filled: usize,
    /// Where the next entry starts.
    at: usize,
    /// Where the server continues.
    position: u64,
    /// What `readdir` answers with.
    entry: dirent,
}

/// One entry as it lies in the buffer.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    inode: u64,
    next: u64,
    kind: u8,
    name: &'a [u8],
    length: usize,
}

/// Takes the first entry apart. `None`: what the server wrote is no entry.
fn entry(bytes: &[u8]) -> Option<Entry<'_>> {
    let inode = u64::from_ne_bytes(*bytes.first_chunk()?);
    let next = u64::from_ne_bytes(*bytes.get(8..)?.first_chunk()?);
    let length = usize::from(u16::from_ne_bytes(*bytes.get(16..)?.first_chunk()?));
    let kind = *bytes.get(18)?;
    let name = bytes.get(HEAD..length)?;
    let name = name.get(..name.iter().position(|byte| *byte == 0)?)?;
    Some(Entry { inode, next, kind, name, length })
}

impl Dir {
    fn new(handle: Handle) -> Dir {
        Dir {
            handle,
            buffer: vec![0; BUFFER],
            filled: 0,
            at: 0,
            position: 0,
            entry: dirent { d_ino: 0, d_off: 0, d_reclen: 0, d_type: 0, d_name: [0; 256] },
        }
    }

    /// Makes the next entry the current one. Answers whether there was one.
    fn step(&mut self) -> Result<bool> {
        if self.at >= self.filled {
            promised(Operation::Look)?;
            self.filled = fs::getdents(self.handle.number(), &mut self.buffer, self.position)?;
            self.at = 0;
            if self.filled == 0 {
                return Ok(false);
            }
        }
        let bytes = self.buffer.get(self.at..self.filled).unwrap_or_default();
        let found = entry(bytes).ok_or(error(EIO))?;
        let target = &mut self.entry;
        // The last byte stays NUL; a longer name cannot be had in this structure.
        let room = target.d_name.get_mut(..found.name.len()).ok_or(error(EIO))?;
        for (to, from) in room.iter_mut().zip(found.name) {
            *to = *from as c_char;
        }
        *target.d_name.get_mut(found.name.len()).ok_or(error(EIO))? = 0;
        target.d_ino = found.inode;
        target.d_off = found.next as i64;
        target.d_reclen = size_of::<dirent>() as u16;
        target.d_type = found.kind;
        self.position = found.next;
        self.at += found.length;
        Ok(true)
    }

    fn seek(&mut self, position: u64) {
        self.position = position;
        self.filled = 0;
        self.at = 0;
    }
}

/// An open directory as C holds it.
fn into_c(handle: Handle) -> *mut Dir {
    Box::into_raw(Box::new(Dir::new(handle)))
}

fn require_directory(number: Number) -> Result<()> {
    let stat = sys::file::fstat(number)?;
    if stat.st_mode & MODE_TYPE == MODE_DIR { Ok(()) } else { Err(error(ENOTDIR)) }
}

/// Opens a directory for reading its names.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opendir(path: *const c_char) -> *mut Dir {
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    answer(path.and_then(|path| {
        let flags = open_flags(O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        promised(Operation::Look)?;
        let handle = unveiled(None, path, namespace::open(path, flags, Place::Lowest))?;
        require_directory(handle.number())?;
        Ok(into_c(handle))
    }))
}

/// Reads the names of an open directory; the descriptor belongs to the stream from now on.
#[unsafe(no_mangle)]
pub extern "C" fn fdopendir(descriptor: c_int) -> *mut Dir {
    answer(promised(Operation::Look).and_then(|()| {
        let number = handle(descriptor)?;
        require_directory(number)?;
        Ok(into_c(Handle::from_number(number)))
    }))
}

/// The next name, or null: at the end, with errno unchanged, or for an error.
///
/// # Safety
/// C contract: an open stream that no other thread uses meanwhile; the answer is good until the
/// next call on it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdir(stream: *mut Dir) -> *mut dirent {
    // SAFETY: the contract.
    let Some(stream) = (unsafe { stream.as_mut() }) else { return fail(EFAULT) };
    match stream.step() {
        Ok(true) => &raw mut stream.entry,
        Ok(false) => ptr::null_mut(),
        Err(error) => {
            set_errno(error.errno);
            ptr::null_mut()
        }
    }
}

/// Closes a stream.
///
/// # Safety
/// C contract: an open stream, not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn closedir(stream: *mut Dir) -> c_int {
    if stream.is_null() {
        return fail(EFAULT);
    }
    // SAFETY: the contract: it comes from `into_c` and is given up here.
    drop(unsafe { Box::from_raw(stream) });
    0
}

/// The descriptor of a stream.
///
/// # Safety
/// C contract: an open stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dirfd(stream: *mut Dir) -> c_int {
    // SAFETY: the contract.
    match unsafe { stream.as_ref() } {
        Some(stream) => stream.handle.number().raw() as c_int,
        None => fail(EFAULT),
    }
}

/// Starts again.
///
/// # Safety
/// C contract: an open stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rewinddir(stream: *mut Dir) {
    // SAFETY: the same contract.
    unsafe { seekdir(stream, 0) };
}

/// Continues where [`telldir`] was.
///
/// # Safety
/// C contract: an open stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seekdir(stream: *mut Dir, place: c_long) {
    // SAFETY: the contract.
    if let Some(stream) = unsafe { stream.as_mut() } {
        stream.seek(place as u64);
    }
}

/// Where the stream is.
///
/// # Safety
/// C contract: an open stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn telldir(stream: *mut Dir) -> c_long {
    // SAFETY: the contract.
    match unsafe { stream.as_ref() } {
        Some(stream) => stream.position as c_long,
        None => fail(EFAULT),
    }
}

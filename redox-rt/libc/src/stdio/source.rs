//! What streams read from and write to.
use super::growing::Growing;
use crate::errno::{errno, set_errno};
use crate::pointer::fd;
use c_stdio::stream::memory::Window;
use c_stdio::stream::{Device, EBADF, Whence};
use clavis_rt::sys::file;
use core::ffi::c_int;

/// What a stream reads from and writes to.
#[derive(Debug)]
pub(super) enum Source {
    /// Nothing any more.
    Closed,
    /// A descriptor, which is the stream's own.
    Descriptor(c_int),
    /// Memory: of the caller, or the stream's own.
    Memory { window: Window, place: *mut u8, length: usize, own: bool },
    /// Memory that grows.
    Growing(Growing),
}

impl Source {
    /// Ends it.
    ///
    /// # Errors
    /// That of closing a descriptor.
    pub(super) fn close(&mut self) -> Result<(), i32> {
        match core::mem::replace(self, Source::Closed) {
            Source::Closed => Err(EBADF),
            Source::Descriptor(number) => match crate::io::close(number) {
                0 => Ok(()),
                _ => Err(errno()),
            },
            Source::Memory { place, own: true, .. } => {
                // SAFETY: allocated for the stream, which ends.
                unsafe { crate::malloc::free(place.cast()) };
                Ok(())
            }
            Source::Memory { .. } | Source::Growing(_) => Ok(()),
        }
    }
}

/// The memory of a stream.
///
/// # Safety
/// The place and length of a [`Source::Memory`], used by who has its stream's lock.
unsafe fn memory<'m>(place: *mut u8, length: usize) -> &'m mut [u8] {
    // SAFETY: `fmemopen` was promised, or made, so many bytes until the stream is closed.
    unsafe { crate::pointer::bytes_mut(place.cast(), length) }
}

impl Device for Source {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, i32> {
        match self {
            Source::Descriptor(number) => {
                fd(*number).and_then(|number| file::read(number, into)).map_err(|error| error.errno)
            }
            Source::Memory { window, place, length, .. } => {
                // SAFETY: its own.
                Ok(window.read(unsafe { memory(*place, *length) }, into))
            }
            Source::Closed | Source::Growing(_) => Err(EBADF),
        }
    }

    fn write(&mut self, from: &[u8]) -> Result<usize, i32> {
        match self {
            Source::Descriptor(number) => fd(*number)
                .and_then(|number| file::write(number, from))
                .map_err(|error| error.errno),
            Source::Memory { window, place, length, .. } => {
                // SAFETY: its own.
                window.write(unsafe { memory(*place, *length) }, from)
            }
            Source::Growing(growing) => growing.write(from),
            Source::Closed => Err(EBADF),
        }
    }

    fn seek(&mut self, offset: i64, from: Whence) -> Result<u64, i32> {
        match self {
            Source::Descriptor(number) => {
                let whence = match from {
                    Whence::Start => libc::SEEK_SET,
                    Whence::Current => libc::SEEK_CUR,
                    Whence::End => libc::SEEK_END,
                };
                let moved = fd(*number)
                    .and_then(|number| file::lseek(number, offset as isize, whence as usize));
                moved.map(|place| place as u64).map_err(|error| error.errno)
            }
            Source::Memory { window, place, length, .. } => {
                // SAFETY: its own.
                window.seek(unsafe { memory(*place, *length) }, offset, from)
            }
            Source::Growing(growing) => growing.seek(offset, from),
            Source::Closed => Err(EBADF),
        }
    }

    fn is_interactive(&self) -> bool {
        let Source::Descriptor(number) = self else { return false };
        let before = errno();
        let terminal = crate::termios::isatty(*number) == 1;
        set_errno(before);
        terminal
    }
}

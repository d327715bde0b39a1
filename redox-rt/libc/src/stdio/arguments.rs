//! The arguments behind a format.
use super::variadic::VaList;
use crate::message::Text;
use c_stdio::extended::Extended;
use core::cell::OnceCell;
use core::ffi::{c_char, c_void};
use core::ptr;

/// Where in what was saved the general registers end.
const GENERAL: u32 = 48;
/// Where the vector registers end.
const VECTOR: u32 = 176;

/// The arguments of a call, as its format names them.
pub(super) struct Arguments<'l> {
    list: &'l mut VaList,
    /// The error number before the call.
    errno: i32,
    /// Its words, once they were wanted.
    words: OnceCell<Text>,
}

impl<'l> Arguments<'l> {
    /// # Safety
    /// `list` is the list of a call that still goes on, and what follows in it is what a format asks
    /// for with which these arguments are taken; those that are addresses can be used as it says.
    pub(super) unsafe fn new(list: *mut VaList) -> Arguments<'l> {
        // SAFETY: the caller's promise.
        let list = unsafe { &mut *list };
        Arguments { list, errno: crate::errno::errno(), words: OnceCell::new() }
    }

    /// Where the next of so many bytes on the stack lies.
    fn on_stack(&mut self, bytes: usize) -> *const c_void {
        let place = self.list.stack;
        self.list.stack = place.wrapping_byte_add(bytes);
        place
    }

    fn general(&mut self) -> u64 {
        let offset = self.list.general;
        let place = if offset < GENERAL {
            self.list.general = offset + 8;
            self.list.saved.wrapping_byte_add(offset as usize)
        } else {
            self.on_stack(8)
        };
        // SAFETY: the next argument, by the promise.
        unsafe { place.cast::<u64>().read() }
    }

    /// Stores bytes where an argument points.
    fn put(address: u64, bytes: &[u8]) {
        let place = ptr::with_exposed_provenance_mut::<u8>(address as usize);
        // SAFETY: an address among the arguments, where the format says that so much is stored.
        unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
}

impl c_stdio::format::Caller for Arguments<'_> {
    fn word(&mut self) -> u64 {
        self.general()
    }

    fn double(&mut self) -> f64 {
        let offset = self.list.vector;
        let place = if offset < VECTOR {
            self.list.vector = offset + 16;
            self.list.saved.wrapping_byte_add(offset as usize)
        } else {
            self.on_stack(8)
        };
        // SAFETY: the next argument, by the promise.
        unsafe { place.cast::<f64>().read() }
    }

    fn extended(&mut self) -> Extended {
        // Always on the stack, aligned.
        let past = self.list.stack.addr() % 16;
        self.on_stack((16 - past) % 16);
        // SAFETY: the next argument, by the promise.
        Extended::from_bytes(unsafe { self.on_stack(16).cast::<[u8; 16]>().read() })
    }

    fn text(&self, address: u64, most: usize) -> &[u8] {
        let place = ptr::with_exposed_provenance::<c_char>(address as usize);
        // SAFETY: an argument that is a string, or at least so many bytes.
        let length = unsafe { crate::string::strnlen(place, most) };
        // SAFETY: so many bytes were read just now.
        unsafe { core::slice::from_raw_parts(place.cast(), length) }
    }

    fn wide(&self, address: u64, index: usize) -> u32 {
        let place = ptr::with_exposed_provenance::<u32>(address as usize);
        // SAFETY: an argument that is a wide string, of which no earlier character was the zero.
        unsafe { place.wrapping_add(index).read() }
    }

    fn store(&mut self, address: u64, bytes: &[u8]) {
        Arguments::put(address, bytes);
    }

    fn error(&self) -> &[u8] {
        let words = self.words.get_or_init(|| {
            let mut words = Text::new();
            crate::errno::describe(self.errno, &mut words);
            words
        });
        words.text().as_bytes()
    }
}

impl c_stdio::scan::Caller for Arguments<'_> {
    fn address(&mut self) -> u64 {
        self.general()
    }

    fn store(&mut self, address: u64, bytes: &[u8]) {
        Arguments::put(address, bytes);
    }

    fn allocate(&mut self, bytes: &[u8]) -> Option<u64> {
        let block = crate::malloc::copied(bytes);
        (!block.is_null()).then(|| block.expose_provenance() as u64)
    }
}

//! Arguments as they lie in memory: behind those that travel in registers, of which there are none.
use c_stdio::extended::Extended;
use std::ffi::{CStr, c_char, c_int, c_void};

/// A `va_list` of the System V ABI whose registers are used up.
#[repr(C)]
pub(crate) struct List {
    general: u32,
    vector: u32,
    stack: *const u128,
    saved: *const c_void,
}

unsafe extern "C" {
    /// The host's.
    pub(crate) fn vsnprintf(
        to: *mut c_char,
        room: usize,
        format: *const c_char,
        list: *mut List,
    ) -> c_int;
    /// The host's.
    pub(crate) fn vsscanf(from: *const c_char, format: *const c_char, list: *mut List) -> c_int;
}

/// Arguments, laid out one behind the other.
#[derive(Clone, Default)]
pub(crate) struct Arguments {
    /// Pairs of words, so that they are aligned.
    pairs: Vec<u128>,
    words: usize,
    /// The next to be taken.
    cursor: usize,
}

impl Arguments {
    pub(crate) fn word(&mut self, word: u64) {
        if self.words.is_multiple_of(2) {
            self.pairs.push(0);
        }
        let pair = self.pairs.last_mut().unwrap();
        *pair |= u128::from(word) << (64 * (self.words % 2));
        self.words += 1;
    }

    pub(crate) fn extended(&mut self, number: Extended) {
        if !self.words.is_multiple_of(2) {
            self.word(0);
        }
        self.word(number.significand);
        self.word(u64::from(number.high));
    }

    /// For the host, which must not outlive this.
    pub(crate) fn list(&self) -> List {
        List { general: 48, vector: 176, stack: self.pairs.as_ptr(), saved: std::ptr::null() }
    }

    fn take(&mut self) -> u64 {
        let pair = self.pairs.get(self.cursor / 2).copied().unwrap();
        self.cursor += 1;
        (pair >> (64 * ((self.cursor + 1) % 2))) as u64
    }
}

/// What is at an address that the test took from a place that it keeps.
fn at<T: Copy>(address: u64, index: usize) -> T {
    let place = std::ptr::with_exposed_provenance::<T>(address as usize).wrapping_add(index);
    // SAFETY: every address among the arguments is that of a string or an array of the test, read
    // up to its zero.
    unsafe { place.read() }
}

/// Stores bytes where an argument points.
fn put(address: u64, bytes: &[u8]) {
    let place = std::ptr::with_exposed_provenance_mut::<u8>(address as usize);
    // SAFETY: every address that a format stores to is that of an array of the test with room.
    unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

impl c_stdio::format::Caller for Arguments {
    fn word(&mut self) -> u64 {
        self.take()
    }

    fn double(&mut self) -> f64 {
        f64::from_bits(self.take())
    }

    fn extended(&mut self) -> Extended {
        self.cursor = self.cursor.next_multiple_of(2);
        Extended { significand: self.take(), high: self.take() as u16 }
    }

    fn text(&self, address: u64, most: usize) -> &[u8] {
        let length = (0..most).take_while(|index| at::<u8>(address, *index) != 0).count();
        let place = std::ptr::with_exposed_provenance::<u8>(address as usize);
        // SAFETY: so many bytes were read just now, and strings do not change.
        unsafe { std::slice::from_raw_parts(place, length) }
    }

    fn wide(&self, address: u64, index: usize) -> u32 {
        at(address, index)
    }

    fn store(&mut self, address: u64, bytes: &[u8]) {
        put(address, bytes);
    }

    fn error(&self) -> &[u8] {
        b"No such file or directory"
    }
}

impl c_stdio::scan::Caller for Arguments {
    fn address(&mut self) -> u64 {
        self.take()
    }

    fn store(&mut self, address: u64, bytes: &[u8]) {
        put(address, bytes);
    }

    fn allocate(&mut self, bytes: &[u8]) -> Option<u64> {
        // SAFETY: any size may be asked for.
        let place = unsafe { libc::malloc(bytes.len()) };
        put(place.expose_provenance() as u64, bytes);
        Some(place.expose_provenance() as u64)
    }
}

/// The string at an address that `malloc` answered, which is freed.
pub(crate) fn freed(address: u64) -> Vec<u8> {
    let place = std::ptr::with_exposed_provenance_mut::<c_char>(address as usize);
    // SAFETY: a string that one of the sides allocated.
    let text = unsafe { CStr::from_ptr(place) }.to_bytes().to_vec();
    // SAFETY: nobody else knows it.
    unsafe { libc::free(place.cast()) };
    text
}

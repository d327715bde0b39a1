//! `dlopen` and its kin: programs are whole, there is nothing to load. What can be asked is which
//! image an address belongs to.
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use libc::Dl_info;

/// Whether something failed since [`dlerror`] was asked.
static FAILED: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    // The linker defines them at the bounds of the image.
    static __ehdr_start: u8;
    static _end: u8;
}

fn failed<T>() -> *mut T {
    FAILED.store(true, Ordering::Relaxed);
    ptr::null_mut()
}

/// There are no shared objects: null, except for the program itself (a null path).
#[unsafe(no_mangle)]
pub extern "C" fn dlopen(path: *const c_char, _flags: c_int) -> *mut c_void {
    if path.is_null() { (&raw const __ehdr_start).cast_mut().cast() } else { failed() }
}

/// Closes what [`dlopen`] answered, which changes nothing.
#[unsafe(no_mangle)]
pub extern "C" fn dlclose(_object: *mut c_void) -> c_int {
    0
}

/// Symbols are resolved when the program is linked, and forgotten then: null.
#[unsafe(no_mangle)]
pub extern "C" fn dlsym(_object: *mut c_void, _name: *const c_char) -> *mut c_void {
    failed()
}

/// Why the last call failed, once; null when none did since.
#[unsafe(no_mangle)]
pub extern "C" fn dlerror() -> *mut c_char {
    if FAILED.swap(false, Ordering::Relaxed) {
        c"programs are linked whole: there are no shared objects and no symbols at run time"
            .as_ptr()
            .cast_mut()
    } else {
        ptr::null_mut()
    }
}

/// The image that an address belongs to: 1 and its start for the program's own, 0 for another one.
/// Symbols are not known at run time.
///
/// # Safety
/// C contract: `place` takes an answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dladdr(address: *const c_void, place: *mut Dl_info) -> c_int {
    let (start, end) = (&raw const __ehdr_start, &raw const _end);
    if place.is_null() || !(start as usize..end as usize).contains(&(address as usize)) {
        return 0;
    }
    let info = Dl_info {
        dli_fname: c"/scheme/sys/exe".as_ptr(),
        dli_fbase: start.cast_mut().cast(),
        dli_sname: ptr::null(),
        dli_saddr: ptr::null_mut(),
    };
    // SAFETY: the contract.
    unsafe { place.write(info) };
    1
}

//! Named shared memory.
#![expect(unsafe_code, reason = "the C functions that this is about")]
use super::support::check;
use crate::run::{Case, Verdict};
use std::ffi::{CString, c_int};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const CASES: &[Case] = &[
    Case { name: "named_memory_is_shared_by_processes_and_outlives_its_name", run: shared },
    Case { name: "named_memory_is_made_once_and_bounded", run: bounded },
];

fn open(name: &str, flags: c_int) -> Result<c_int, io::Error> {
    let name = CString::new(name).map_err(io::Error::other)?;
    // SAFETY: a name that ends with a zero.
    let opened = unsafe { libc::shm_open(name.as_ptr(), flags, 0o600) };
    if opened < 0 { Err(io::Error::last_os_error()) } else { Ok(opened) }
}

fn unlink(name: &str) -> io::Result<()> {
    let name = CString::new(name).map_err(io::Error::other)?;
    // SAFETY: a name that ends with a zero.
    let removed = unsafe { libc::shm_unlink(name.as_ptr()) };
    if removed < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn map(memory: c_int) -> Result<&'static AtomicU32, String> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let null = std::ptr::null_mut();
    // SAFETY: a new mapping.
    let at = unsafe { libc::mmap(null, 8192, protection, libc::MAP_SHARED, memory, 0) };
    check(at != libc::MAP_FAILED, &format!("mmap: {}", io::Error::last_os_error()))?;
    // SAFETY: it stays mapped to the end of the process.
    Ok(unsafe { &*at.cast::<AtomicU32>() })
}

fn shared() -> Verdict {
    let said = |what: &str, error: io::Error| format!("{what}: {error}");
    let name = format!("/shared-{}", std::process::id());
    let memory = open(&name, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL);
    let memory = memory.map_err(|error| said("make", error))?;
    // SAFETY: no memory is involved.
    check(unsafe { libc::ftruncate(memory, 8192) } == 0, "it gets a length")?;
    let word = map(memory)?;
    check(word.load(Ordering::SeqCst) == 0, "it is zero at first")?;
    // SAFETY: the child ends without coming back.
    match unsafe { libc::fork() } {
        -1 => return Err(said("fork", io::Error::last_os_error())),
        0 => {
            let other = open(&name, libc::O_RDWR).map_err(|_| String::new()).and_then(map);
            let done = other.map(|other| {
                word.store(1, Ordering::SeqCst);
                check(other.swap(2, Ordering::SeqCst) == 1, "one memory")
            });
            // SAFETY: ends the process.
            unsafe { libc::_exit(c_int::from(!matches!(done, Ok(Ok(()))))) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the place takes a status.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            check(status == 0, &format!("the child saw it: {status:#x}"))?;
        }
    }
    check(word.load(Ordering::SeqCst) == 2, "what the child wrote is there")?;
    unlink(&name).map_err(|error| said("unlink", error))?;
    let gone = open(&name, libc::O_RDWR).map_err(|error| error.raw_os_error());
    check(gone == Err(Some(libc::ENOENT)), &format!("the name is gone: {gone:?}"))?;
    word.store(3, Ordering::SeqCst);
    let again = map(memory)?;
    check(again.load(Ordering::SeqCst) == 3, "the memory is there")
}

fn bounded() -> Verdict {
    let name = format!("bounded-{}", std::process::id());
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    let memory = open(&name, flags).map_err(|error| format!("make: {error}"))?;
    let again = open(&name, flags).map_err(|error| error.raw_os_error());
    check(again == Err(Some(libc::EEXIST)), &format!("it is made once: {again:?}"))?;
    let bytes = vec![1u8; 1 << 20];
    let mut written = 0u64;
    let end = loop {
        // SAFETY: the buffer is readable.
        match unsafe { libc::write(memory, bytes.as_ptr().cast(), bytes.len()) } {
            -1 => break io::Error::last_os_error().raw_os_error(),
            count => written += count as u64,
        }
        check(written < 1 << 30, "it is not bounded")?;
    };
    unlink(&name).map_err(|error| format!("unlink: {error}"))?;
    check(end == Some(libc::ENOSPC) || end == Some(libc::ENOMEM), &format!("it ends: {end:?}"))?;
    for wrong in ["", "/", "a/b", ".."] {
        let refused = open(wrong, flags).map_err(|error| error.raw_os_error());
        check(refused == Err(Some(libc::EINVAL)), &format!("{wrong:?}: {refused:?}"))?;
    }
    Ok(())
}

//! Pseudo terminals: objects of `/scheme/pty`. The end that types and shows is opened there; the
//! other one is obtained from it, or by name once its holder has allowed that (`unlockpt`).
use crate::errno::{answer, error, fail, status};
use crate::pointer::{fd, get, put};
use crate::promises::{Operation, promised};
use crate::termios::{Termios, tcsetattr};
use crate::tty::{Name, name};
use clavis_abi::error::Result;
use clavis_rt::sys::call::call_in;
use clavis_rt::sys::file::{self, OpenFlags};
use clavis_rt::{Handle, Place, namespace};
use core::ffi::{c_char, c_int};
use libc::{EINVAL, ENOSYS, ENOTTY, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDWR, TIOCSWINSZ, winsize};
use syscall::flag::CallFlags;

/// Makes a terminal.
const NEW: &str = "/scheme/pty/new";
/// Dup: the other end.
const OTHER: &[u8] = b"other";
/// Call: the number of the terminal.
const NUMBER: u64 = 5;
/// Call: the other end can be opened by name.
const OPEN: u64 = 6;

fn call(descriptor: c_int, what: u64) -> Result<usize> {
    let answered = call_in(fd(descriptor)?, &[], CallFlags::empty(), &[what]);
    answered.map_err(|problem| match problem.errno {
        libc::EBADF => problem,
        _ => error(ENOTTY),
    })
}

fn make(flags: c_int) -> Result<Handle> {
    if flags & !(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK) != 0 {
        return Err(error(EINVAL));
    }
    let flags = OpenFlags::from((O_RDWR | flags & !O_NOCTTY) as u32 & 0xFFFF_0000);
    promised(Operation::NewTerminal)?;
    namespace::open(NEW, flags, Place::Lowest).map_err(|problem| match problem.errno {
        // The namespace does not have the service.
        libc::ENOENT => error(ENOSYS),
        _ => problem,
    })
}

/// Makes a pseudo terminal; the descriptor types and shows. `ENOSYS` without the service.
#[unsafe(no_mangle)]
pub extern "C" fn posix_openpt(flags: c_int) -> c_int {
    answer(make(flags).map(crate::fcntl::descriptor))
}

/// The other end belongs to whoever holds this one: there is nothing to be done but to look that
/// it is one.
#[unsafe(no_mangle)]
pub extern "C" fn grantpt(descriptor: c_int) -> c_int {
    status(call(descriptor, NUMBER).map(drop))
}

/// Lets the other end be opened by name.
#[unsafe(no_mangle)]
pub extern "C" fn unlockpt(descriptor: c_int) -> c_int {
    status(call(descriptor, OPEN).map(drop))
}

/// The name of the other end, good until the next call, or null.
///
/// # Safety
/// C contract: no other thread does the same meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ptsname(descriptor: c_int) -> *mut c_char {
    static LAST: Name = Name::new();
    if let Err(problem) = call(descriptor, NUMBER) {
        return fail(problem.errno);
    }
    // SAFETY: the place has that many bytes.
    match unsafe { name(descriptor, LAST.place(), Name::LENGTH) } {
        Ok(()) => LAST.place(),
        Err(problem) => fail(problem.errno),
    }
}

/// Makes a pseudo terminal and opens both ends, with settings and size if they are not null.
///
/// # Safety
/// C contract: both take a descriptor; `path` is null or takes a name; the rest is null or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openpty(
    control: *mut c_int,
    used: *mut c_int,
    path: *mut c_char,
    settings: *const Termios,
    size: *const winsize,
) -> c_int {
    let open = || {
        let one = make(O_RDWR)?;
        let other = file::dup(one.number(), OTHER, Place::Lowest)?;
        let numbers = [&one, &other].map(|end| end.number().raw() as c_int);
        if !settings.is_null() {
            // SAFETY: the contract.
            let set = unsafe { tcsetattr(numbers[1], 0, settings) };
            if set != 0 {
                return Err(error(crate::errno::errno()));
            }
        }
        if !size.is_null() {
            // SAFETY: the contract.
            let mut size = unsafe { get(size) }?;
            let place = (&raw mut size).cast();
            // SAFETY: a size lies there.
            if unsafe { crate::termios::ioctl(numbers[0], TIOCSWINSZ, place) } != 0 {
                return Err(error(crate::errno::errno()));
            }
        }
        if !path.is_null() {
            // SAFETY: the contract: C gives no length of it.
            unsafe { name(numbers[1], path, Name::LENGTH) }?;
        }
        // SAFETY: the contract.
        unsafe { put(control, numbers[0]) }?;
        // SAFETY: the contract.
        unsafe { put(used, numbers[1]) }?;
        core::mem::forget((one, other));
        Ok(())
    };
    status(open())
}

/// Makes a terminal the one of this process: its descriptors 0 to 2, in a group of its own that is
/// in the foreground.
#[unsafe(no_mangle)]
pub extern "C" fn login_tty(descriptor: c_int) -> c_int {
    let login = || {
        let terminal = fd(descriptor)?;
        crate::termios::is_terminal(terminal)?;
        crate::process::group::setsid();
        crate::foreground::set_group(terminal, crate::process::group::own())?;
        for number in 0..3 {
            if crate::io::dup2(descriptor, number) < 0 {
                return Err(error(crate::errno::errno()));
            }
        }
        if descriptor > 2 { file::close(terminal) } else { Ok(()) }
    };
    status(login())
}

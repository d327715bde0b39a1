//! Terminals. A console answers `dup` of its handle with the messages `termios` and `winsize` by
//! handles on which the settings are read and written whole; whatever does not is no terminal.
use crate::errno::{answer, error, fail, status};
use crate::pointer::{bytes, bytes_mut, fd, get, put};
use crate::promises::{Operation, promised};
use clavis_abi::error::{ENOTCAPABLE, Result};
use clavis_rt::sys::call::call_in;
use clavis_rt::sys::file;
use clavis_rt::{Handle, Number, Place};
use core::ffi::{c_int, c_ulong, c_void};
use core::mem::MaybeUninit;
use libc::{
    BRKINT, CS8, CSIZE, ECHO, ECHONL, EFAULT, EINVAL, ENOTTY, FIONBIO, ICANON, ICRNL, IEXTEN,
    IGNBRK, IGNCR, INLCR, ISIG, ISTRIP, IXON, O_NONBLOCK, OPOST, PARENB, PARMRK, TCFLSH, TCGETS,
    TCSETS, TIOCGPGRP, TIOCGWINSZ, TIOCSCTTY, TIOCSPGRP, TIOCSWINSZ, pid_t, speed_t, winsize,
};
use syscall::flag::CallFlags;

/// C's settings of a terminal.
pub(crate) type Termios = libc::termios;

/// A handle on a part of the terminal's settings; `ENOTTY` when it is no terminal.
fn part(number: Number, message: &[u8]) -> Result<Handle> {
    file::dup(number, message, Place::Upper).map_err(|refused| match refused.errno {
        libc::EBADF | ENOTCAPABLE => refused,
        _ => error(ENOTTY),
    })
}

/// Reads settings into a zeroed structure.
///
/// # Safety
/// Any bytes make a `T`.
unsafe fn load<T>(number: Number, message: &[u8]) -> Result<T> {
    let handle = part(number, message)?;
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: the structure's own bytes, exclusively borrowed.
    let room = unsafe { bytes_mut(value.as_mut_ptr().cast(), size_of::<T>()) };
    file::read(handle.number(), room)?;
    // SAFETY: zeroed, then overwritten with bytes, by the caller's promise.
    Ok(unsafe { value.assume_init() })
}

/// Writes settings, as many bytes as the terminal keeps.
///
/// # Safety
/// `T` has no padding that the terminal could be told.
unsafe fn save<T>(number: Number, message: &[u8], value: &T) -> Result<()> {
    let handle = part(number, message)?;
    let mut before = MaybeUninit::<T>::zeroed();
    // SAFETY: the structure's own bytes, exclusively borrowed; they are not looked at.
    let room = unsafe { bytes_mut(before.as_mut_ptr().cast(), size_of::<T>()) };
    let length = match file::read(handle.number(), room) {
        Ok(length) => length.min(size_of::<T>()),
        // It may be changed and not asked.
        Err(refused) if refused.errno == ENOTCAPABLE => size_of::<T>(),
        Err(refused) => return Err(refused),
    };
    // SAFETY: the structure's own bytes.
    let bytes = unsafe { bytes((&raw const *value).cast::<c_void>(), length) };
    let fresh = part(number, message)?;
    file::write_all(fresh.number(), bytes)
}

/// `ENOTTY` when a handle is no terminal. One that may not be asked for its settings may be one.
pub(crate) fn is_terminal(number: Number) -> Result<()> {
    match part(number, b"termios") {
        Err(refused) if refused.errno != ENOTCAPABLE => Err(refused),
        _ => Ok(()),
    }
}

/// Whether a descriptor is a terminal: 1, or 0 with `ENOTTY`.
#[unsafe(no_mangle)]
pub extern "C" fn isatty(descriptor: c_int) -> c_int {
    match fd(descriptor).and_then(|number| part(number, b"termios")) {
        Ok(_) => 1,
        Err(error) => {
            crate::errno::set_errno(error.errno);
            0
        }
    }
}

/// The settings of a terminal.
///
/// # Safety
/// C contract: `place` takes settings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcgetattr(descriptor: c_int, place: *mut Termios) -> c_int {
    let terminal = promised(Operation::Terminal).and_then(|()| fd(descriptor));
    // SAFETY: the settings are integers.
    let settings = terminal.and_then(|number| unsafe { load::<Termios>(number, b"termios") });
    // SAFETY: the contract.
    status(settings.and_then(|settings| unsafe { put(place, settings) }))
}

/// Changes the settings of a terminal. When (`when`) makes no difference: output is never held
/// back, and input that waits is kept.
///
/// # Safety
/// C contract: `settings` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcsetattr(
    descriptor: c_int,
    when: c_int,
    settings: *const Termios,
) -> c_int {
    if !matches!(when, libc::TCSANOW | libc::TCSADRAIN | libc::TCSAFLUSH) {
        return fail(EINVAL);
    }
    // SAFETY: the contract.
    let settings = promised(Operation::Terminal).and_then(|()| unsafe { get(settings) });
    // SAFETY: the settings are integers.
    let save = |settings| unsafe { save(fd(descriptor)?, b"termios", &settings) };
    status(settings.and_then(save))
}

/// Settings that pass every byte as it is.
///
/// # Safety
/// C contract: `settings` are settings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfmakeraw(settings: *mut Termios) {
    // SAFETY: the contract.
    let Some(settings) = (unsafe { settings.as_mut() }) else { return };
    settings.c_iflag &= !(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    settings.c_oflag &= !OPOST;
    settings.c_lflag &= !(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    settings.c_cflag = settings.c_cflag & !(CSIZE | PARENB) | CS8;
    if let Some(least) = settings.c_cc.get_mut(libc::VMIN) {
        *least = 1;
    }
    if let Some(time) = settings.c_cc.get_mut(libc::VTIME) {
        *time = 0;
    }
}

/// The input speed in settings.
///
/// # Safety
/// C contract: `settings` are settings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfgetispeed(settings: *const Termios) -> speed_t {
    // SAFETY: the contract.
    unsafe { settings.as_ref() }.map_or(0, |settings| settings.c_ispeed)
}

/// The output speed in settings.
///
/// # Safety
/// C contract: `settings` are settings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfgetospeed(settings: *const Termios) -> speed_t {
    // SAFETY: the contract.
    unsafe { settings.as_ref() }.map_or(0, |settings| settings.c_ospeed)
}

/// Sets both speeds in settings; they have no effect on a console.
///
/// # Safety
/// C contract: `settings` are settings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfsetspeed(settings: *mut Termios, speed: speed_t) -> c_int {
    // SAFETY: the contract.
    let Some(settings) = (unsafe { settings.as_mut() }) else { return fail(EFAULT) };
    settings.c_ispeed = speed;
    settings.c_ospeed = speed;
    0
}

/// Waits until what was written is out.
#[unsafe(no_mangle)]
pub extern "C" fn tcdrain(descriptor: c_int) -> c_int {
    if isatty(descriptor) == 0 {
        return -1;
    }
    crate::io::fsync(descriptor)
}

/// Throws away what was typed and not read; what was written is on its way and stays.
#[unsafe(no_mangle)]
pub extern "C" fn tcflush(descriptor: c_int, queue: c_int) -> c_int {
    let terminal = promised(Operation::Terminal).and_then(|()| fd(descriptor));
    status(terminal.and_then(|terminal| flush(terminal, queue)))
}

fn flush(terminal: Number, queue: c_int) -> Result<()> {
    /// Call of a terminal.
    const FLUSH: u64 = 4;
    is_terminal(terminal)?;
    match queue {
        libc::TCIFLUSH | libc::TCIOFLUSH => {
            call_in(terminal, &[], CallFlags::empty(), &[FLUSH]).map(drop)
        }
        libc::TCOFLUSH => Ok(()),
        _ => Err(error(EINVAL)),
    }
}

/// Controls a descriptor: settings, size and foreground of a terminal, and `FIONBIO`; all else is
/// `ENOTTY`.
///
/// C declares a variable last argument; on this architecture it travels as this one does.
///
/// # Safety
/// C contract: `argument` is what the request takes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ioctl(
    descriptor: c_int,
    request: c_ulong,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the same contract.
    answer(fd(descriptor).and_then(|number| unsafe { control(number, request, argument) }))
}

/// # Safety
/// As [`ioctl`].
unsafe fn control(number: Number, request: c_ulong, argument: *mut c_void) -> Result<c_int> {
    match request {
        FIONBIO => {}
        TIOCSPGRP => promised(Operation::Foreground)?,
        _ => promised(Operation::Terminal)?,
    }
    match request {
        TCGETS => {
            // SAFETY: the settings are integers.
            let settings = unsafe { load::<Termios>(number, b"termios") }?;
            // SAFETY: the caller's promise.
            unsafe { put(argument.cast(), settings) }?;
        }
        TCSETS => {
            // SAFETY: the caller's promise.
            let settings = unsafe { get(argument.cast::<Termios>()) }?;
            // SAFETY: the settings are integers.
            unsafe { save(number, b"termios", &settings) }?;
        }
        TIOCGWINSZ => {
            // SAFETY: the size is integers.
            let size = unsafe { load::<winsize>(number, b"winsize") }?;
            // SAFETY: the caller's promise.
            unsafe { put(argument.cast(), size) }?;
        }
        TIOCSWINSZ => {
            // SAFETY: the caller's promise.
            let size = unsafe { get(argument.cast::<winsize>()) }?;
            // SAFETY: the size is integers.
            unsafe { save(number, b"winsize", &size) }?;
        }
        TIOCGPGRP => {
            let group = crate::foreground::group_of(number)?;
            // SAFETY: the caller's promise.
            unsafe { put(argument.cast::<pid_t>(), group) }?;
        }
        TIOCSPGRP => {
            // SAFETY: the caller's promise.
            let group = unsafe { get(argument.cast::<pid_t>()) }?;
            crate::foreground::set_group(number, group)?;
        }
        TCFLSH => flush(number, argument.addr() as c_int)?,
        // Whoever holds a handle of a terminal has it: there is nothing to be done.
        TIOCSCTTY => is_terminal(number)?,
        FIONBIO => {
            // SAFETY: the caller's promise.
            let on = unsafe { get(argument.cast::<c_int>()) }? != 0;
            let flags = file::fcntl(number, libc::F_GETFL as usize, 0)?;
            let bit = O_NONBLOCK as usize;
            let flags = if on { flags | bit } else { flags & !bit };
            file::fcntl(number, libc::F_SETFL as usize, flags)?;
        }
        _ => return Err(error(ENOTTY)),
    }
    Ok(0)
}

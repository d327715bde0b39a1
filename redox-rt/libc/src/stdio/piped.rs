//! `popen`: a command at the other end.
use super::file::{self, File};
use super::open::{close, mode};
use super::source::Source;
use crate::errno::{error, fail};
use crate::pointer::fd;
use crate::process::spawn::actions::{
    FileActions, posix_spawn_file_actions_addclose, posix_spawn_file_actions_adddup2,
    posix_spawn_file_actions_destroy, posix_spawn_file_actions_init,
};
use crate::process::system::shell;
use crate::process::wait::wait_for;
use c_stdio::stream::Stream;
use c_stdio::stream::mode::Mode;
use clavis_abi::error::Result;
use clavis_rt::sys;
use core::ffi::{c_char, c_int};
use core::mem::MaybeUninit;
use core::ptr;
use libc::{ECHILD, EINTR, EINVAL, F_SETFD, O_CLOEXEC, pid_t};

/// What the child does with its descriptors.
struct Actions(FileActions);

impl Actions {
    fn new() -> Actions {
        let mut place = MaybeUninit::uninit();
        // SAFETY: it takes file actions, and has them then.
        unsafe { posix_spawn_file_actions_init(place.as_mut_ptr()) };
        // SAFETY: initialised just now.
        Actions(unsafe { place.assume_init() })
    }

    fn duplicate(&mut self, from: c_int, to: c_int) -> Result<()> {
        // SAFETY: its own.
        settled(unsafe { posix_spawn_file_actions_adddup2(&raw mut self.0, from, to) })
    }

    fn close(&mut self, number: c_int) -> Result<()> {
        // SAFETY: its own.
        settled(unsafe { posix_spawn_file_actions_addclose(&raw mut self.0, number) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: its own, not used afterwards.
        unsafe { posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

fn settled(number: c_int) -> Result<()> {
    if number == 0 { Ok(()) } else { Err(error(number)) }
}

/// Runs a command by `sh -c`, with the other end of a pipe as its standard input (`w`) or output
/// (`r`). Null with errno.
///
/// # Safety
/// C contract: two strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn popen(command: *const c_char, wanted: *const c_char) -> *mut File {
    // SAFETY: the contract.
    let mode = unsafe { mode(wanted) };
    // SAFETY: the contract.
    match mode.and_then(|mode| unsafe { start(command, mode) }) {
        Ok(file) => file,
        Err(error) => fail(error.errno),
    }
}

/// # Safety
/// As [`popen`].
unsafe fn start(command: *const c_char, mode: Mode) -> Result<*mut File> {
    if mode.access.read == mode.access.write || mode.access.append {
        return Err(error(EINVAL));
    }
    let [reader, writer] = crate::io::new_pipe(O_CLOEXEC)?;
    let (own, others, as_number) =
        if mode.access.read { (reader, writer, 1) } else { (writer, reader, 0) };
    // SAFETY: the caller's promise.
    let child = unsafe { command_with(command, others, as_number) };
    crate::io::close(others);
    let child = child.inspect_err(|_| {
        crate::io::close(own);
    })?;
    if !mode.close_on_exec {
        // Its own number, of which this cannot fail.
        let _ = fd(own).and_then(|own| sys::file::fcntl(own, F_SETFD as usize, 0));
    }
    let stream = Stream::new(Source::Descriptor(own), mode.access, None);
    Ok(file::publish_piped(stream, own, child))
}

/// Starts a command with a descriptor as its standard input or output, and without the streams of
/// earlier ones.
///
/// # Safety
/// A string.
unsafe fn command_with(command: *const c_char, end: c_int, as_number: c_int) -> Result<pid_t> {
    if command.is_null() {
        return Err(error(EINVAL));
    }
    let mut actions = Actions::new();
    actions.duplicate(end, as_number)?;
    let mut closed = Ok(());
    file::each(|file| {
        if let Some(number) = file.piped().filter(|_| closed.is_ok()) {
            closed = actions.close(number);
        }
    });
    closed?;
    // SAFETY: the caller's promise.
    unsafe { shell(command, &raw const actions.0, ptr::null()) }
}

/// Closes a stream of [`popen`] and waits for its command; answers the status as `waitpid` tells it.
/// `ECHILD` for another stream, which is closed too, and where somebody else has waited.
///
/// # Safety
/// C contract: a stream that nobody uses afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pclose(file: *mut File) -> c_int {
    let own = file::withdraw(file);
    // SAFETY: the contract; it lives until `own` is dropped.
    let mut guard = unsafe { file::of(file) }.lock();
    let child: Option<pid_t> = guard.child.take();
    // The command's status is what is asked for.
    let _ = close(&mut guard);
    drop(guard);
    drop(own);
    let Some(child) = child else { return fail(ECHILD) };
    loop {
        match wait_for(child, 0) {
            Ok((_, status)) => return status,
            Err(problem) if problem == error(EINTR) => {}
            Err(problem) => return fail(problem.errno),
        }
    }
}

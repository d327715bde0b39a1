//! File actions: what a child does with its descriptors before it becomes the program.
//!
//! The `libc` crate does not declare the type for this system. It has the size and alignment of
//! Redox's own (three words), of which the first alone is used.
use crate::errno::{error, number};
use crate::fcntl;
use crate::pointer::{fd, put, text};
use crate::promises::{Operation, promised};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::error::Result;
use clavis_rt::sys::file;
use clavis_rt::{Place, namespace};
use core::ffi::{c_char, c_int};
use core::ptr;
use libc::{EINVAL, ENOMEM, F_SETFD, mode_t};

/// `posix_spawn_file_actions_t`.
#[derive(Debug)]
#[repr(C)]
pub struct FileActions {
    /// The actions, on the heap; null: none yet.
    list: *mut Vec<Action>,
    reserved: [usize; 2],
}

#[derive(Debug)]
enum Action {
    Open { descriptor: c_int, path: String, flags: c_int, mode: mode_t },
    Close(c_int),
    Duplicate { from: c_int, to: c_int },
    ChangeDirectory(String),
    ChangeDirectoryTo(c_int),
}

impl FileActions {
    /// Does all of it, in order, in the process that becomes the program.
    pub(super) fn apply(&self) -> Result<()> {
        // SAFETY: null, or the list that this library put there.
        let list = unsafe { self.list.as_ref() };
        list.map_or(Ok(()), |list| list.iter().try_for_each(Action::apply))
    }

    /// Adds an action at the end.
    fn add(&mut self, action: Action) -> Result<()> {
        if self.list.is_null() {
            self.list = Box::into_raw(Box::default());
        }
        // SAFETY: the list that this library put there, and nobody else's.
        let list = unsafe { &mut *self.list };
        list.try_reserve(1).map_err(|_| error(ENOMEM))?;
        list.push(action);
        Ok(())
    }
}

impl Action {
    fn apply(&self) -> Result<()> {
        match self {
            Action::Open { descriptor, path, flags, mode } => {
                let wanted = fd(*descriptor)?;
                // What was there is closed before, whether or not there was anything.
                let _ = file::close(wanted);
                let flags = fcntl::open_flags(*flags, *mode);
                fcntl::open_at(None, path, flags, Place::At(wanted)).map(fcntl::descriptor)?;
                Ok(())
            }
            Action::Close(descriptor) => file::close(fd(*descriptor)?),
            Action::Duplicate { from, to } if from == to => {
                file::fcntl(fd(*from)?, F_SETFD as usize, 0).map(drop)
            }
            Action::Duplicate { from, to } => {
                file::dup2(fd(*from)?, fd(*to)?, &[]).map(fcntl::descriptor).map(drop)
            }
            Action::ChangeDirectory(path) => {
                promised(Operation::Look)?;
                namespace::change_directory(path)
            }
            Action::ChangeDirectoryTo(descriptor) => {
                namespace::change_directory_to(fd(*descriptor)?)
            }
        }
    }
}

/// A copy of a path.
///
/// # Safety
/// It is NUL-terminated.
unsafe fn copied(path: *const c_char) -> Result<String> {
    // SAFETY: the caller's promise.
    let path = unsafe { text(path) }?;
    let mut copy = String::new();
    copy.try_reserve_exact(path.len()).map_err(|_| error(ENOMEM))?;
    copy.push_str(path);
    Ok(copy)
}

/// Adds an action to what C calls file actions. Answers the error number.
///
/// # Safety
/// The actions were initialised and are nobody else's meanwhile.
unsafe fn add(to: *mut FileActions, action: Result<Action>) -> c_int {
    // SAFETY: the caller's promise.
    let to = unsafe { to.as_mut() }.ok_or(error(EINVAL));
    number(to.and_then(|to| to.add(action?)))
}

/// Makes file actions, without any.
///
/// # Safety
/// C contract: `place` takes file actions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_init(place: *mut FileActions) -> c_int {
    // SAFETY: the contract.
    number(unsafe { put(place, FileActions { list: ptr::null_mut(), reserved: [0; 2] }) })
}

/// Frees what file actions hold.
///
/// # Safety
/// C contract: they were initialised, and are not used again before they are anew.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_destroy(actions: *mut FileActions) -> c_int {
    // SAFETY: the contract.
    let Some(actions) = (unsafe { actions.as_mut() }) else { return EINVAL };
    if !actions.list.is_null() {
        // SAFETY: the list that this library put there, which nobody uses any more.
        drop(unsafe { Box::from_raw(actions.list) });
        actions.list = ptr::null_mut();
    }
    0
}

/// Opens a path at a number. `EBADF` for a negative one.
///
/// # Safety
/// C contract: the actions were initialised, `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_addopen(
    actions: *mut FileActions,
    descriptor: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: the contract.
    let path = unsafe { copied(path) };
    let action = fd(descriptor)
        .and_then(|_| path.map(|path| Action::Open { descriptor, path, flags, mode }));
    // SAFETY: the contract.
    unsafe { add(actions, action) }
}

/// Closes a number. `EBADF` for a negative one.
///
/// # Safety
/// C contract: the actions were initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_addclose(
    actions: *mut FileActions,
    descriptor: c_int,
) -> c_int {
    // SAFETY: the contract.
    unsafe { add(actions, fd(descriptor).map(|_| Action::Close(descriptor))) }
}

/// Duplicates a number onto another. The same number twice stays open in the program, though it is
/// marked `FD_CLOEXEC`. `EBADF` for negative ones.
///
/// # Safety
/// C contract: the actions were initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_adddup2(
    actions: *mut FileActions,
    from: c_int,
    to: c_int,
) -> c_int {
    let action = fd(from).and(fd(to)).map(|_| Action::Duplicate { from, to });
    // SAFETY: the contract.
    unsafe { add(actions, action) }
}

/// Changes the current directory.
///
/// # Safety
/// C contract: the actions were initialised, `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_addchdir(
    actions: *mut FileActions,
    path: *const c_char,
) -> c_int {
    // SAFETY: the contract.
    let path = unsafe { copied(path) };
    // SAFETY: the contract.
    unsafe { add(actions, path.map(Action::ChangeDirectory)) }
}

/// Makes an open directory the current one. `EBADF` for a negative number.
///
/// # Safety
/// C contract: the actions were initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_addfchdir(
    actions: *mut FileActions,
    descriptor: c_int,
) -> c_int {
    // SAFETY: the contract.
    unsafe { add(actions, fd(descriptor).map(|_| Action::ChangeDirectoryTo(descriptor))) }
}

//! `posix_spawn`: a fork whose child prepares itself and becomes another program at once.
pub mod actions;
pub mod attributes;

use super::children::Place as Row;
use super::exec::{AT, Become, FOUND, replace};
use super::fork::{Kept, copy};
use super::wait::wait_for;
use crate::errno::number;
use crate::promises::{Operation, promised};
use crate::signal;
use actions::FileActions;
use attributes::Attributes;
use clavis_abi::error::{Error, Result};
use clavis_rt::{Place, object, sys};
use core::ffi::{c_char, c_int};
use libc::{EIO, pid_t};

/// What a new process is made of, as C gives it.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) name: *const c_char,
    pub(super) by: Become,
    pub(super) actions: *const FileActions,
    pub(super) attributes: *const Attributes,
    pub(super) arguments: *const *mut c_char,
    pub(super) environment: *const *mut c_char,
}

/// Starts a process; answers its number.
///
/// # Safety
/// As [`posix_spawn`].
pub(super) unsafe fn spawn(wanted: Wanted) -> Result<pid_t> {
    promised(Operation::Process)?;
    // The child's end goes away with its success; before that it says what went wrong.
    let (reader, writer) = object::pipe(0, Place::Upper)?;
    // The handlers of this program are not for the child, and what it ends up with is its own mask.
    let held = signal::hold_always();
    match copy(Kept::Row(Row::take()?))? {
        0 => {
            // SAFETY: the same contract, in the copy.
            let problem = unsafe { become_it(&wanted, held.before()) };
            let _ = sys::file::write(writer.number(), &problem.errno.to_ne_bytes());
            sys::thread::exit(127)
        }
        child => {
            drop(held);
            drop(writer);
            let mut problem = [0; 4];
            match sys::file::read(reader.number(), &mut problem)? {
                0 => Ok(child),
                length => {
                    wait_for(child, 0)?;
                    let errno = if length == 4 { i32::from_ne_bytes(problem) } else { EIO };
                    Err(Error { errno })
                }
            }
        }
    }
}

/// In the child, with all signals blocked: prepares what the caller asked for and becomes the
/// program. `mask` is what the caller blocked. Returns only when something failed.
///
/// # Safety
/// As [`posix_spawn`].
unsafe fn become_it(wanted: &Wanted, mask: u64) -> Error {
    let Wanted { name, by, actions, attributes, arguments, environment } = *wanted;
    // SAFETY: the contract.
    let attributes = unsafe { attributes.as_ref() }.copied().unwrap_or_default();
    // SAFETY: the contract.
    let actions = unsafe { actions.as_ref() };
    let prepared = attributes.apply(mask).and_then(|()| actions.map_or(Ok(()), FileActions::apply));
    match prepared {
        // SAFETY: the contract.
        Ok(()) => unsafe { replace(name, arguments.cast(), environment.cast(), by) },
        Err(problem) => problem,
    }
}

macro_rules! posix_spawn {
    ($($(#[$documentation:meta])* $name:ident $by:ident;)*) => {$(
        $(#[$documentation])*
        ///
        /// # Safety
        /// C contract: `place` is null or takes a number; a string; actions and attributes are null
        /// or were initialised; arrays of strings that end with null.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            place: *mut pid_t,
            name: *const c_char,
            actions: *const FileActions,
            attributes: *const Attributes,
            arguments: *const *mut c_char,
            environment: *const *mut c_char,
        ) -> c_int {
            let wanted = Wanted { name, by: $by, actions, attributes, arguments, environment };
            // SAFETY: the contract.
            let started = unsafe { spawn(wanted) };
            // SAFETY: the contract.
            number(started.map(|child| unsafe { crate::pointer::put_if(place, child) }))
        }
    )*};
}
posix_spawn! {
    /// Starts the program at a path in a new process, with the descriptors of this one that are not
    /// marked `FD_CLOEXEC`, changed as the file actions say. Answers the error number, that of a
    /// failed action or of exec among them.
    posix_spawn AT;
    /// As [`posix_spawn`], but a name without a slash is looked for in PATH.
    posix_spawnp FOUND;
}

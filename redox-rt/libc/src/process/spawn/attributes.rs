//! Attributes: what else a child changes before it becomes the program.
//!
//! The `libc` crate does not declare the type for this system. It has the layout of Redox's own;
//! the flags have the values that glibc and musl give them.
use crate::errno::{error, number};
use crate::pointer::{get, put};
use crate::process::group::{setpgid, setsid};
use crate::signal::actions;
use clavis_abi::error::Result;
use clavis_rt::sys::process::signal_mask;
use core::ffi::{c_int, c_short};
use libc::{EINVAL, pid_t, sigset_t};

/// The user becomes the real one: there is only one.
const RESET_IDS: c_short = 1;
/// The group of processes is set.
const SET_GROUP: c_short = 2;
/// Some signals get their default effect.
const SET_DEFAULT: c_short = 4;
/// The set of blocked signals is another.
const SET_MASK: c_short = 8;
/// It begins a session.
const SET_SESSION: c_short = 128;
/// What can be asked for. Scheduling cannot.
const FLAGS: c_short = RESET_IDS | SET_GROUP | SET_DEFAULT | SET_MASK | SET_SESSION;

/// `posix_spawnattr_t`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Attributes {
    /// Where others have parameters of scheduling.
    reserved: c_int,
    flags: c_short,
    group: pid_t,
    /// Where others have how to schedule.
    policy: c_int,
    default: sigset_t,
    mask: sigset_t,
}

impl Attributes {
    fn has(&self, flag: c_short) -> bool {
        self.flags & flag != 0
    }

    /// With which the process blocks those signals.
    pub(crate) fn with_mask(mask: sigset_t) -> Attributes {
        Attributes { flags: SET_MASK, mask, ..Attributes::default() }
    }

    /// Prepares the process, in which all signals are blocked; `mask` is what its maker blocks.
    pub(super) fn apply(&self, mask: sigset_t) -> Result<()> {
        let answered = |result: c_int| match result {
            -1 => Err(error(crate::errno::errno())),
            _ => Ok(()),
        };
        if self.has(SET_SESSION) {
            answered(setsid())?;
        }
        if self.has(SET_GROUP) {
            answered(setpgid(0, self.group))?;
        }
        actions::forget(if self.has(SET_DEFAULT) { self.default } else { 0 })?;
        signal_mask(if self.has(SET_MASK) { self.mask } else { mask });
        Ok(())
    }
}

/// Makes attributes that change nothing.
///
/// # Safety
/// C contract: `place` takes attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_init(place: *mut Attributes) -> c_int {
    // SAFETY: the contract.
    number(unsafe { put(place, Attributes::default()) })
}

/// Ends the use of attributes, which hold nothing.
#[unsafe(no_mangle)]
pub extern "C" fn posix_spawnattr_destroy(_attributes: *mut Attributes) -> c_int {
    0
}

/// Says what is to be changed. `EINVAL` for flags that are not known, those of scheduling among them.
///
/// # Safety
/// C contract: the attributes were initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setflags(
    attributes: *mut Attributes,
    flags: c_short,
) -> c_int {
    // SAFETY: the contract.
    let Some(attributes) = (unsafe { attributes.as_mut() }) else { return EINVAL };
    if flags & !FLAGS != 0 {
        return EINVAL;
    }
    attributes.flags = flags;
    0
}

/// Says which group the process is to be in.
///
/// # Safety
/// C contract: the attributes were initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setpgroup(
    attributes: *mut Attributes,
    group: pid_t,
) -> c_int {
    // SAFETY: the contract.
    let Some(attributes) = (unsafe { attributes.as_mut() }) else { return EINVAL };
    attributes.group = group;
    0
}

macro_rules! sets {
    ($($name:ident $field:ident $what:literal;)*) => {$(
        #[doc = concat!("Says which signals ", $what, ".")]
        ///
        /// # Safety
        /// C contract: the attributes were initialised, `set` is a set.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(attributes: *mut Attributes, set: *const sigset_t) -> c_int {
            // SAFETY: the contract.
            let Some(attributes) = (unsafe { attributes.as_mut() }) else { return EINVAL };
            // SAFETY: the contract.
            number(unsafe { get(set) }.map(|set| attributes.$field = set))
        }
    )*};
}
sets! {
    posix_spawnattr_setsigdefault default "get their default effect";
    posix_spawnattr_setsigmask mask "are blocked";
}

macro_rules! tells {
    ($($name:ident $field:ident: $kind:ty, $what:literal;)*) => {$(
        #[doc = concat!("Tells ", $what, ".")]
        ///
        /// # Safety
        /// C contract: the attributes were initialised, `place` takes the value.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(attributes: *const Attributes, place: *mut $kind) -> c_int {
            // SAFETY: the contract.
            let value = unsafe { get(attributes) }.map(|attributes| attributes.$field);
            // SAFETY: the contract.
            number(value.and_then(|value| unsafe { put(place, value) }))
        }
    )*};
}
tells! {
    posix_spawnattr_getflags flags: c_short, "what is to be changed";
    posix_spawnattr_getpgroup group: pid_t, "which group the process is to be in";
    posix_spawnattr_getsigdefault default: sigset_t, "which signals get their default effect";
    posix_spawnattr_getsigmask mask: sigset_t, "which signals are blocked";
}

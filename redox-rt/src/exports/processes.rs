//! Processes and accounts.
use super::{answer, array, choice, done, number, one, place, store, text_of};
use crate::account;
use crate::handle::{Handle, Number, Place};
use crate::namespace;
use crate::spawn::{self, Given, Image, Spawn};
use crate::startup;
use crate::sys;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::error::{EINVAL, ENOENT, Error, Result, mux};
use clavis_abi::limits::SPAWN_GRANTS;
use clavis_abi::params::{AccountLimits, AccountUsage, ExitStatus};
use clavis_abi::runtime::{Bytes, GivenHandle, NONE, OWN, SpawnParams};
use clavis_abi::startup::EntryKind;

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_spawn(params: *const SpawnParams) -> usize {
    // SAFETY: the caller's promise on `params` and all that it points to.
    answer(unsafe { one(params) }.and_then(|params| unsafe { build(params) }))
}

/// # Safety
/// All that the structure points to is valid.
unsafe fn build(params: &SpawnParams) -> Result<Handle> {
    // SAFETY: the caller's promise.
    let path = unsafe { text_of(params.path) }?;
    // SAFETY: as above.
    let name = unsafe { text_of(params.name) }?;
    // SAFETY: as above.
    let args = unsafe { strings(params.args, params.arg_count) }?;
    // SAFETY: as above.
    let envs = unsafe { strings(params.envs, params.env_count) }?;
    // SAFETY: as above.
    let cwd_path = unsafe { text_of(params.cwd_path) }?;
    // SAFETY: as above.
    let given = unsafe { array(params.handles, params.handle_count) }?;

    let opened;
    let file = match choice(params.file, None)? {
        Some(file) => file,
        None => {
            opened = spawn::open_program(path)?;
            opened.number()
        }
    };
    let account = choice(params.account, account::own())?.ok_or(Error::new(ENOENT))?;
    let mut handles = Vec::with_capacity(given.len() + 3);
    if given.len() > SPAWN_GRANTS {
        return Err(Error::new(EINVAL));
    }
    handles.extend(given.iter().map(from_c));

    // Held until the child has its own handles, whatever other threads change meanwhile.
    let own_namespace: Option<Arc<Handle>>;
    match params.namespace {
        NONE => {}
        OWN => {
            own_namespace = namespace::namespace().ok();
            let entry =
                |handle: &Arc<Handle>| Given::entry(handle.number(), EntryKind::Namespace as u64);
            handles.extend(own_namespace.as_ref().map(entry));
        }
        raw => handles.push(Given::entry(number(raw as usize), EntryKind::Namespace as u64)),
    }
    let own_cwd;
    let mut shown = String::from(cwd_path);
    match params.cwd {
        NONE => {}
        OWN => {
            own_cwd = namespace::current_directory().ok();
            if let Some(cwd) = &own_cwd {
                handles.push(Given::entry(cwd.handle().number(), EntryKind::Cwd as u64));
                shown = cwd.path().into();
            }
        }
        raw => handles.push(Given::entry(number(raw as usize), EntryKind::Cwd as u64)),
    }
    let child_account = choice(params.child_account, Some(account))?;
    handles.extend(child_account.map(|number| Given::entry(number, EntryKind::Account as u64)));

    let priority = match params.priority {
        NONE => None,
        priority => Some(u8::try_from(priority).map_err(|_| Error::new(EINVAL))?),
    };
    spawn::spawn(&Spawn {
        args: &args,
        envs: &envs,
        cwd_path: &shown,
        handles: &handles,
        self_rights: (params.self_rights != 0)
            .then_some(Rights::from_bits_truncate(params.self_rights)),
        stack_size: match params.stack_size {
            0 => spawn::STACK_DEFAULT,
            size => size,
        },
        priority,
        flags: params.flags,
        place: place(params.place),
        ..Spawn::new(Image::File(file), if name.is_empty() { path } else { name }, account)
    })
}

/// # Safety
/// `count` strings lie there, each valid.
unsafe fn strings<'a>(start: *const Bytes, count: usize) -> Result<Vec<&'a [u8]>> {
    // SAFETY: the caller's promise.
    let all = unsafe { array(start, count) }?;
    // SAFETY: the caller's promise.
    all.iter().map(|string| unsafe { array(string.start, string.length) }).collect()
}

fn from_c(given: &GivenHandle) -> Given {
    Given {
        source: number(given.source as usize),
        number: (given.number != NONE).then_some(number(given.number as usize)),
        kind: given.kind,
        rights: Rights::from_bits_truncate(given.rights),
        inherit: Rights::from_bits_truncate(given.inherit),
        flags: given.flags,
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_wait(
    process: usize,
    flags: u64,
    status: *mut ExitStatus,
) -> usize {
    let result = sys::clavis::wait(number(process), flags);
    // SAFETY: the caller's promise on `status`.
    unsafe { store(status, result) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_cpu_time(process: u64, which: usize) -> usize {
    let process = (process != OWN).then(|| number(process as usize));
    mux(sys::clavis::cpu_time(process, which).map(|spent| spent as usize))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_signal(target: usize, signal: usize) -> usize {
    done(sys::clavis::signal(number(target), signal))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_signal_group(
    account: usize,
    group: usize,
    signal: usize,
) -> usize {
    done(sys::clavis::signal_group(number(account), group, signal))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_startup_handle(kind: u64) -> usize {
    let handle = startup::current().and_then(|startup| startup.handle_of(kind));
    mux(handle.map(Number::raw).ok_or(Error::new(ENOENT)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_identity(which: usize) -> usize {
    match which {
        0 => sys::thread::process_number(),
        1 => sys::thread::thread_number(),
        _ => mux(Err(Error::new(EINVAL))),
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_set_deadline(instant: u64) -> usize {
    done(sys::time::set_deadline((instant != 0).then_some(instant)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_account(
    parent: u64,
    limits: *const AccountLimits,
    to: usize,
) -> usize {
    let make = |limits: &AccountLimits, to: Place| {
        let parent = choice(parent, account::own())?.ok_or(Error::new(ENOENT))?;
        account::create(parent, limits, to)
    };
    // SAFETY: the caller's promise on `limits`.
    answer(unsafe { one(limits) }.and_then(|limits| make(limits, place(to))))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_usage(account: u64, usage: *mut AccountUsage) -> usize {
    let result = choice(account, account::own())
        .and_then(|account| account.ok_or(Error::new(ENOENT)))
        .and_then(account::usage);
    // SAFETY: the caller's promise on `usage`.
    unsafe { store(usage, result) }
}

//! Clavis's own calls on handles and kernel objects.
#![expect(unsafe_code, reason = "system calls over borrowed structures")]

use super::file::owned;
use super::raw::syscall;
use crate::handle::{Handle, Number, Place};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::Result;
use clavis_abi::params::{
    AccountLimits, AccountUsage, Denial, ExitStatus, Grant, HandleInfo, InspectRow, LeaseParams,
    MintParams, ProcessParams, RequestInfo, SIGNAL_SELF,
};

/// Narrows a handle for ever; `flags` are handle flags to set.
///
/// # Errors
/// `EBADF`.
pub fn limit(number: Number, rights: Rights, inherit: Rights, flags: u64) -> Result<()> {
    let words = [number.raw(), rights.bits() as usize, inherit.bits() as usize, flags as usize, 0];
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Limit, words) }.map(drop)
}

/// Makes a narrower handle to the same description.
///
/// # Errors
/// See the call table.
pub fn derive(
    number: Number,
    rights: Rights,
    inherit: Rights,
    flags: u64,
    place: Place,
) -> Result<Handle> {
    let words = [
        number.raw(),
        rights.bits() as usize,
        inherit.bits() as usize,
        flags as usize,
        place.raw(),
    ];
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Derive, words) }.map(owned)
}

/// Makes a lease.
///
/// # Errors
/// See the call table.
pub fn lease(params: &LeaseParams, place: Place) -> Result<Handle> {
    let words = [&raw const *params as usize, size_of::<LeaseParams>(), place.raw(), 0, 0];
    // SAFETY: the kernel reads one LeaseParams.
    unsafe { syscall(Call::LeaseCreate, words) }.map(owned)
}

/// Makes a narrower handle to the same description, which ends with a lease.
///
/// # Errors
/// See the call table.
pub fn lend(
    number: Number,
    lease: Number,
    rights: Rights,
    inherit: Rights,
    place: Place,
) -> Result<Handle> {
    let (rights, inherit) = (rights.bits() as usize, inherit.bits() as usize);
    let words = [number.raw(), lease.raw(), rights, inherit, place.raw()];
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Lend, words) }.map(owned)
}

/// Ends a lease. Nothing under it acts any more when this returns: copies wherever they are, what was
/// opened through them, mappings, calls on their way.
///
/// # Errors
/// `EKEYREJECTED` without MANAGE; `EINVAL` for what is no lease.
pub fn revoke(lease: Number) -> Result<()> {
    // SAFETY: it writes no memory; what is unmapped faults.
    unsafe { syscall(Call::Revoke, [lease.raw(), 0, 0, 0, 0]) }.map(drop)
}

/// What a handle is.
///
/// # Errors
/// `EBADF`.
pub fn query(number: Number) -> Result<HandleInfo> {
    let mut info = HandleInfo::default();
    let words = [number.raw(), &raw mut info as usize, size_of::<HandleInfo>(), 0, 0];
    // SAFETY: the kernel writes one HandleInfo, plain words, into a local.
    unsafe { syscall(Call::Query, words) }?;
    Ok(info)
}

/// The last refusal that this thread met.
#[must_use]
pub fn last_denial() -> Option<Denial> {
    let mut denial = Denial::default();
    let words = [&raw mut denial as usize, size_of::<Denial>(), 0, 0, 0];
    // SAFETY: the kernel writes one Denial, plain words, into a local.
    let count = unsafe { syscall(Call::LastDenial, words) };
    (count == Ok(1)).then_some(denial)
}

/// Asks a factory for an object; the arguments depend on its kind.
///
/// # Errors
/// See the call table.
pub fn create(factory: Number, first: u64, second: u64, place: Place) -> Result<Handle> {
    let words = [factory.raw(), first as usize, second as usize, place.raw(), 0];
    // SAFETY: the factories that take addresses read only; an address that is none is EFAULT.
    unsafe { syscall(Call::Create, words) }.map(owned)
}

/// Makes a slot with that label.
///
/// # Errors
/// See the call table.
pub fn create_slot(factory: Number, label: &str, place: Place) -> Result<Handle> {
    create(factory, label.as_ptr() as u64, label.len() as u64, place)
}

/// Makes an account beneath an account.
///
/// # Errors
/// See the call table.
pub fn create_account(parent: Number, limits: &AccountLimits, place: Place) -> Result<Handle> {
    let size = size_of::<AccountLimits>() as u64;
    create(parent, &raw const *limits as u64, size, place)
}

/// Makes a process without threads in an account. `name` is what its BIRTH_NAME reads.
///
/// # Errors
/// See the call table.
pub fn process_create(
    account: Number,
    params: &ProcessParams,
    grants: &[Grant],
    name: &str,
    place: Place,
) -> Result<Handle> {
    let params = ProcessParams {
        grants: grants.as_ptr() as u64,
        grant_count: grants.len() as u64,
        name: name.as_ptr() as u64,
        name_len: name.len() as u64,
        ..*params
    };
    let words =
        [account.raw(), &raw const params as usize, size_of::<ProcessParams>(), place.raw(), 0];
    // SAFETY: the kernel reads the structure, the grants and the name, all live.
    unsafe { syscall(Call::ProcessCreate, words) }.map(owned)
}

/// Starts the first thread of a process.
///
/// # Errors
/// See the call table.
pub fn process_start(process: Number, entry: u64, stack: u64, argument: u64) -> Result<()> {
    let words = [process.raw(), entry as usize, stack as usize, argument as usize, 0];
    // SAFETY: no memory of this process is involved.
    unsafe { syscall(Call::ProcessStart, words) }.map(drop)
}

/// Sends a signal to a process or to all of an account.
///
/// # Errors
/// See the call table.
pub fn signal(target: Number, signal: usize) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Signal, [target.raw(), signal, 0, 0, 0]) }.map(drop)
}

/// Sends a signal to the processes of an account that are in a group.
///
/// # Errors
/// See the call table.
pub fn signal_group(account: Number, group: usize, signal: usize) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Signal, [account.raw(), signal, 0, group, 0]) }.map(drop)
}

/// Numbers that say what a process belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Belongs {
    /// Its group.
    pub group: u32,
    /// Its session.
    pub session: u32,
}

/// What a process (`None`: this one) belongs to, after it was put into the group and the session
/// (0: it stays).
///
/// # Errors
/// See the call table.
pub fn belong(process: Option<Number>, group: u32, session: u32) -> Result<Belongs> {
    let process = process.map_or(SIGNAL_SELF, |process| process.raw());
    // SAFETY: no memory is involved.
    let both = unsafe { syscall(Call::Group, [process, group as usize, session as usize, 0, 0]) }?;
    Ok(Belongs { group: both as u32, session: (both >> 32) as u32 })
}

/// Nanoseconds that a process (`None`: this one) has spent on a CPU, or what else of
/// [`clavis_abi::params::cpu_time`].
///
/// # Errors
/// See the call table.
pub fn cpu_time(process: Option<Number>, which: usize) -> Result<u64> {
    let process = process.map_or(SIGNAL_SELF, Number::raw);
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::CpuTime, [process, which, 0, 0, 0]) }.map(|spent| spent as u64)
}

/// Reads how a process ended, or what [`clavis_abi::params::wait_flags`] say; waits for that.
///
/// # Errors
/// See the call table.
pub fn wait(process: Number, flags: u64) -> Result<ExitStatus> {
    let mut status = ExitStatus::default();
    let at = &raw mut status as usize;
    let words = [process.raw(), at, size_of::<ExitStatus>(), flags as usize, 0];
    // SAFETY: the kernel writes one ExitStatus, plain words, into a local.
    unsafe { syscall(Call::Wait, words) }?;
    Ok(status)
}

/// Lists handles of a process from a cursor (0 at first). Answers how many rows were written.
///
/// # Errors
/// See the call table.
pub fn inspect(process: Number, cursor: u64, rows: &mut [InspectRow]) -> Result<usize> {
    let words = [process.raw(), cursor as usize, rows.as_mut_ptr() as usize, size_of_val(rows), 0];
    // SAFETY: the kernel writes rows, plain words, within an exclusively borrowed slice.
    unsafe { syscall(Call::Inspect, words) }
}

/// A handle, with NAME only, to what a number of an inspected process means.
///
/// # Errors
/// See the call table.
pub fn borrow(process: Number, number: Number, place: Place) -> Result<Handle> {
    let words = [process.raw(), number.raw(), place.raw(), 0, 0];
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Borrow, words) }.map(owned)
}

/// Declares properties of the endpoint behind a socket (`endpoint_flags`).
///
/// # Errors
/// See the call table.
pub fn declare(socket: Number, flags: u64) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Declare, [socket.raw(), flags as usize, 0, 0, 0]) }.map(drop)
}

/// Makes a handle to an object of the server behind a socket.
///
/// # Errors
/// See the call table.
pub fn mint(socket: Number, params: &MintParams, place: Place) -> Result<Handle> {
    let size = size_of::<MintParams>();
    let words = [socket.raw(), &raw const *params as usize, size, place.raw(), 0];
    // SAFETY: the kernel reads one MintParams.
    unsafe { syscall(Call::Mint, words) }.map(owned)
}

/// What a server may know of a request beyond its Sqe.
///
/// # Errors
/// See the call table.
pub fn request_info(socket: Number, tag: u32) -> Result<RequestInfo> {
    let mut info = RequestInfo::default();
    let size = size_of::<RequestInfo>();
    let words = [socket.raw(), tag as usize, &raw mut info as usize, size, 0];
    // SAFETY: the kernel writes one RequestInfo, plain words, into a local.
    unsafe { syscall(Call::RequestInfo, words) }?;
    Ok(info)
}

/// Puts a further handle into a handle table, at a number there.
///
/// # Errors
/// See the call table.
pub fn table_put(
    table: Number,
    number: Number,
    at: Number,
    rights: Rights,
    inherit: Rights,
) -> Result<()> {
    let words =
        [table.raw(), number.raw(), at.raw(), rights.bits() as usize, inherit.bits() as usize];
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::TablePut, words) }.map(drop)
}

/// What an account may use and uses.
///
/// # Errors
/// See the call table.
pub fn usage(account: Number) -> Result<AccountUsage> {
    let mut usage = AccountUsage::default();
    let words = [account.raw(), &raw mut usage as usize, size_of::<AccountUsage>(), 0, 0];
    // SAFETY: the kernel writes one AccountUsage, plain words, into a local.
    unsafe { syscall(Call::Usage, words) }?;
    Ok(usage)
}

//! A request that a server has, made once more on a handle of its own: for servers that stand
//! between a program and what it uses.
use super::{array_mut, number, one, place};
use crate::handle::{Number, Place};
use crate::sys::{self, call, file};
use clavis_abi::class::std_fs_rule;
use clavis_abi::error::{EINVAL, EOPNOTSUPP, Error, Result, mux};
use clavis_abi::params::OFFSET_OWN;
use clavis_abi::runtime::{NONE, RelayParams};
use syscall::flag::{CallFlags, O_APPEND, O_NONBLOCK, SEEK_END, SEEK_SET};
use syscall::schemev2::Opcode;

/// What is asked of which handles.
struct Asked {
    on: Number,
    second: Option<Number>,
    words: [u64; 3],
    place: Place,
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_relay(params: *const RelayParams) -> usize {
    // SAFETY: the caller's promise on `params`.
    mux(unsafe { one(params) }.and_then(|params| {
        // SAFETY: the caller's promise on the payload.
        let payload = unsafe { array_mut(params.payload, params.length) }?;
        let second = (params.second != NONE).then(|| number(params.second as usize));
        let (on, words) = (number(params.handle as usize), params.words);
        relay(params.opcode, &Asked { on, second, words, place: place(params.place) }, payload)
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_seek(handle: usize, offset: isize, whence: usize) -> usize {
    mux(file::lseek(number(handle), offset, whence))
}

fn relay(opcode: u64, asked: &Asked, payload: &mut [u8]) -> Result<usize> {
    let &Asked { on, words: [first, second, third], place, .. } = asked;
    let opcode = u8::try_from(opcode).ok().and_then(Opcode::try_from_raw);
    match opcode.ok_or(Error::new(EOPNOTSUPP))? {
        Opcode::OpenAt => {
            let opened = file::openat(on, path(payload)?, first, place)?;
            Ok(opened.into_number().raw())
        }
        Opcode::UnlinkAt => file::unlinkat(on, path(payload)?, first as usize).map(|()| 0),
        Opcode::Dup => file::dup(on, payload, place).map(|handle| handle.into_number().raw()),
        Opcode::Read => {
            let offset = placed(on, first, third)?;
            file::read2(on, payload, offset, transfer_flags(second))
        }
        Opcode::Write => {
            let offset = placed(on, first, third)?;
            file::write2(on, payload, offset, transfer_flags(second))
        }
        Opcode::Fsize => file::lseek(on, 0, SEEK_END),
        Opcode::Fchown => file::fchown(on, first as u32, second as u32).map(|()| 0),
        Opcode::Fcntl => file::fcntl(on, first as usize, second as usize),
        Opcode::Fpath => file::fpath(on, payload),
        Opcode::Flink => file::flink(on, path(payload)?).map(|()| 0),
        Opcode::Frename => file::frename(on, path(payload)?).map(|()| 0),
        Opcode::Fstat => {
            let stat = file::fstat(on)?;
            let room = payload.get_mut(..stat.len()).ok_or(Error::new(EINVAL))?;
            room.copy_from_slice(&stat);
            Ok(0)
        }
        Opcode::Fsync => file::fsync(on).map(|()| 0),
        Opcode::Call => called(asked, payload, CallFlags::READ | CallFlags::WRITE),
        Opcode::StdFsCall => {
            let rule = u8::try_from(first).ok().and_then(std_fs_rule).ok_or(Error::new(EINVAL))?;
            let out = if rule.output { CallFlags::READ } else { CallFlags::empty() };
            called(asked, payload, CallFlags::STD_FS | CallFlags::WRITE | out)
        }
        Opcode::Recvfd => {
            call::call_out(on, payload, CallFlags::FD | CallFlags::FD_UPPER, &asked.words[..2])
                .map(|_| 0)
        }
        _ => Err(Error::new(EOPNOTSUPP)),
    }
}

fn path(payload: &[u8]) -> Result<&str> {
    core::str::from_utf8(payload).map_err(|_| Error::new(EINVAL))
}

/// Where a read or write goes: to the offset, or to the handle's own once that was moved there.
fn placed(on: Number, offset: u64, moves: u64) -> Result<u64> {
    if moves == 0 || offset == OFFSET_OWN {
        return Ok(offset);
    }
    let offset = isize::try_from(offset).map_err(|_| Error::new(EINVAL))?;
    file::lseek(on, offset, SEEK_SET)?;
    Ok(OFFSET_OWN)
}

/// A description's status flags as a call says them.
fn transfer_flags(status: u64) -> usize {
    let has = |flag: usize| usize::from(status as usize & flag != 0);
    has(O_NONBLOCK) | has(O_APPEND) << 1
}

fn called(asked: &Asked, payload: &mut [u8], flags: CallFlags) -> Result<usize> {
    let (address, length) = (payload.as_mut_ptr() as usize, payload.len());
    let Some(second) = asked.second else {
        // SAFETY: the kernel reads and writes an exclusively borrowed slice.
        return unsafe {
            sys::call::raw_call(asked.on.raw(), address, length, flags, &asked.words)
        };
    };
    let pair = [asked.on.raw(), second.raw()];
    // Arrays of words are aligned to 8, so the count fits below the address.
    let target = pair.as_ptr() as usize | pair.len();
    let flags = flags | CallFlags::MULTIPLE_FDS2;
    // SAFETY: the kernel reads the pair, a live local, and the payload as above.
    unsafe { sys::call::raw_call(target, address, length, flags, &asked.words[..2]) }
}

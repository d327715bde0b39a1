//! What changes a file system, as values: performed when a client asks, recorded, and performed
//! again, in the same order, by who goes on after the process that was asked has died.
//!
//! The same changes of the same file system have the same results: numbers, places of pages and
//! refusals depend on nothing else. What a failed change touched is as it was.
use crate::attributes::Times;
use crate::content::Data;
use crate::handles::{Handles, Number};
use crate::locks::{Kind as LockKind, Owner, Range};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use syscall::error::Result;

/// A change.
#[expect(missing_docs, reason = "the fields are the parameters of the operations")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change<'a> {
    /// [`Handles::open`].
    Open { number: Number, path: &'a str, flags: u64 },
    /// [`Handles::close`].
    Close { number: Number },
    /// [`Handles::write`] of so many bytes to a file; they are in its pages when this is recorded.
    Write { number: Number, length: usize, offset: u64, flags: u32 },
    /// [`Handles::write`] of a symbolic link's target.
    Target { number: Number, target: &'a [u8] },
    /// [`Handles::set_flags`].
    SetFlags { number: Number, flags: usize },
    /// [`Handles::truncate`].
    Truncate { number: Number, length: u64 },
    /// [`Handles::set_mode`].
    SetMode { number: Number, mode: u16 },
    /// [`Handles::set_owner`].
    SetOwner { number: Number, owner: u32, group: u32 },
    /// [`Handles::set_times`].
    SetTimes { number: Number, times: Times },
    /// [`Handles::lock`].
    Lock { number: Number, owner: Owner, kind: LockKind, range: Range },
    /// [`Handles::unlock`].
    Unlock { number: Number, owner: Owner, range: Range },
    /// [`Handles::unlink`].
    Unlink { number: Number, path: &'a str, flags: u64 },
    /// [`Handles::rename_at`].
    RenameAt { old: (Number, &'a str), new: (Number, &'a str), flags: u32 },
    /// [`Handles::rename_self`].
    RenameSelf { number: Number, path: &'a str },
    /// [`Handles::link_at`].
    LinkAt { target: Number, directory: Number, path: &'a str },
    /// [`Handles::link_self`].
    LinkSelf { number: Number, path: &'a str },
    /// [`Handles::map`].
    Map { number: Number, offset: u64, size: usize },
    /// [`Handles::unmap`].
    Unmap { number: Number, offset: u64, mapping: u64 },
}

impl Change<'_> {
    /// Makes the change, at that time. `data` is what a write writes; without it, the bytes are
    /// where they belong already. The answer is what the client hears: a number, a length, a place.
    ///
    /// # Errors
    /// As the operation has them: then nothing has changed.
    pub fn perform(self, files: &mut Handles, data: Option<&[u8]>, now: Time) -> Result<usize> {
        files.now = now;
        match self {
            Change::Open { number, path, flags } => {
                return files.open(number, path, flags).map(|opened| opened.number);
            }
            Change::Close { number } => files.close(number),
            Change::Write { number, length, offset, flags } => {
                let data = data.map_or(Data::Written(length), Data::Bytes);
                return files.write(number, data, offset, flags);
            }
            Change::Target { number, target } => {
                return files.write(number, Data::Bytes(target), 0, 0);
            }
            Change::SetFlags { number, flags } => files.set_flags(number, flags)?,
            Change::Truncate { number, length } => files.truncate(number, length)?,
            Change::SetMode { number, mode } => files.set_mode(number, mode)?,
            Change::SetOwner { number, owner, group } => files.set_owner(number, owner, group)?,
            Change::SetTimes { number, times } => files.set_times(number, times)?,
            Change::Lock { number, owner, kind, range } => {
                files.lock(number, owner, kind, range)?;
            }
            Change::Unlock { number, owner, range } => files.unlock(number, owner, range)?,
            Change::Unlink { number, path, flags } => files.unlink(number, path, flags)?,
            Change::RenameAt { old, new, flags } => files.rename_at(old, new, flags)?,
            Change::RenameSelf { number, path } => files.rename_self(number, path)?,
            Change::LinkAt { target, directory, path } => {
                files.link_at(target, directory, path)?;
            }
            Change::LinkSelf { number, path } => files.link_self(number, path)?,
            Change::Map { number, offset, size } => return files.map(number, offset, size),
            Change::Unmap { number, offset, mapping } => files.unmap(number, offset, mapping)?,
        }
        Ok(0)
    }
}

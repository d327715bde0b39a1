//! Listing: entries in the order in which they were bound, own names before the parent's. The
//! cursor is the place of the last entry given, so it stays true when names come and go.
use crate::namespace::EMPTY;
use crate::state::{DEPTH_MAX, State};
use clavis_abi::error::{EINVAL, ENOENT, Error, Result};
use clavis_abi::syscall::dirent::{DirEntry, DirentBuf, DirentKind};

const LEVEL_SHIFT: u32 = 48;

/// Writes directory entries from a cursor on (0: the first). Answers the bytes written; 0: the end.
pub(crate) fn getdents(
    state: &State,
    namespace: u64,
    cursor: u64,
    header: u16,
    payload: &mut [u8],
) -> Result<u64> {
    if namespace != EMPTY {
        state.namespace(namespace).ok_or(Error::new(ENOENT))?;
    }
    let mut out = DirentBuf::new(payload, header).ok_or(Error::new(EINVAL))?;
    let first = usize::try_from(cursor >> LEVEL_SHIFT).unwrap_or(DEPTH_MAX);
    let mut after = cursor & ((1 << LEVEL_SHIFT) - 1);
    let mut written = false;
    for (level, names) in state.chain(namespace).enumerate().skip(first) {
        for entry in names.after(after) {
            if state.shadowed(namespace, level, entry.name.as_str())
                || state.resolve(namespace, entry.name.as_str()).is_none()
            {
                continue;
            }
            let cursor = (level as u64) << LEVEL_SHIFT | entry.serial;
            let row = DirEntry {
                inode: 0,
                next_opaque_id: cursor,
                name: entry.name.as_str(),
                kind: DirentKind::Unspecified,
            };
            match out.entry(row) {
                Ok(()) => written = true,
                // The next call goes on from the last entry that did fit.
                Err(_) if written => return Ok(out.finalize() as u64),
                Err(error) => return Err(error),
            }
        }
        after = 0;
    }
    Ok(out.finalize() as u64)
}

//! What is known of nodes beside their contents: mode, owner, times, counts.
use crate::time::Time;
use crate::tree::{Body, NodeId, Tree};
use serde::{Deserialize, Serialize};
use slotmap::Key;
use syscall::error::{EINVAL, Error, Result};
use syscall::flag::{MODE_DIR, MODE_FILE, MODE_PERM, MODE_SYMLINK};
use syscall::{Stat, StatVfs, TimeSpec};

/// New access and modification times; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Last access.
    pub accessed: Option<Time>,
    /// Last modification.
    pub modified: Option<Time>,
}

/// `tv_nsec` that stands for the present.
const UTIME_NOW: i32 = 0x3FFF_FFFF;
/// `tv_nsec` that leaves a time as it is.
const UTIME_OMIT: i32 = 0x3FFF_FFFE;

impl Times {
    /// From what UTIMENSAT takes.
    ///
    /// # Errors
    /// `EINVAL` unless there are two valid times.
    pub fn new(times: &[TimeSpec], now: Time) -> Result<Times> {
        let &[accessed, modified] = times else { return Err(Error::new(EINVAL)) };
        let time = |time: TimeSpec| match time.tv_nsec {
            UTIME_NOW => Ok(Some(now)),
            UTIME_OMIT => Ok(None),
            0..1_000_000_000 => Ok(Some(Time::from(time))),
            _ => Err(Error::new(EINVAL)),
        };
        Ok(Times { accessed: time(accessed)?, modified: time(modified)? })
    }
}

impl Tree {
    /// Sets the permission bits.
    ///
    /// # Errors
    /// `ENOENT` when the node is gone.
    pub fn set_mode(&mut self, id: NodeId, mode: u16, now: Time) -> Result<()> {
        let node = self.node_mut(id)?;
        node.mode = mode & MODE_PERM;
        node.changed = now;
        Ok(())
    }

    /// The permission bits.
    ///
    /// # Errors
    /// `ENOENT` when the node is gone.
    pub fn mode(&self, id: NodeId) -> Result<u16> {
        Ok(self.node(id)?.mode)
    }

    /// Sets owner and group; `u32::MAX` leaves one as it is.
    ///
    /// # Errors
    /// `ENOENT` when the node is gone.
    pub fn set_owner(&mut self, id: NodeId, owner: u32, group: u32, now: Time) -> Result<()> {
        let node = self.node_mut(id)?;
        if owner != u32::MAX {
            node.owner = owner;
        }
        if group != u32::MAX {
            node.group = group;
        }
        node.changed = now;
        Ok(())
    }

    /// Sets the times.
    ///
    /// # Errors
    /// `ENOENT` when the node is gone.
    pub fn set_times(&mut self, id: NodeId, times: Times, now: Time) -> Result<()> {
        let node = self.node_mut(id)?;
        node.accessed = times.accessed.unwrap_or(node.accessed);
        node.modified = times.modified.unwrap_or(node.modified);
        node.changed = now;
        Ok(())
    }

    /// Fills in what is known of a node.
    ///
    /// # Errors
    /// `ENOENT` when it is gone.
    pub fn stat(&self, id: NodeId, stat: &mut Stat) -> Result<()> {
        let node = self.node(id)?;
        let (kind, links, pages) = match &node.body {
            Body::File(content) => (MODE_FILE, node.links.len(), content.pages()),
            Body::Symlink(_) => (MODE_SYMLINK, node.links.len(), 0),
            Body::Directory { .. } if self.removed(id, node) => (MODE_DIR, 0, 0),
            Body::Directory { subdirectories, .. } => {
                (MODE_DIR, (*subdirectories as usize).saturating_add(2), 0)
            }
        };
        stat.st_ino = inode(id);
        stat.st_mode = kind | node.mode;
        stat.st_nlink = u32::try_from(links).unwrap_or(u32::MAX);
        stat.st_uid = node.owner;
        stat.st_gid = node.group;
        stat.st_size = self.size(id)?;
        stat.st_blksize = clavis_abi::PAGE_SIZE as u32;
        stat.st_blocks = pages.saturating_mul(clavis_abi::PAGE_SIZE as u64 / 512);
        (stat.st_atime, stat.st_atime_nsec) = seconds(node.accessed);
        (stat.st_mtime, stat.st_mtime_nsec) = seconds(node.modified);
        (stat.st_ctime, stat.st_ctime_nsec) = seconds(node.changed);
        Ok(())
    }

    /// Fills in how full the file system is.
    pub fn stat_vfs(&self, stat: &mut StatVfs) {
        const PAGE: u64 = clavis_abi::PAGE_SIZE as u64;
        stat.f_bsize = clavis_abi::PAGE_SIZE as u32;
        stat.f_blocks = self.budget().limit() / PAGE;
        stat.f_bfree = self.budget().left() / PAGE;
        stat.f_bavail = stat.f_bfree;
    }
}

/// The inode number of a node.
#[must_use]
pub fn inode(id: NodeId) -> u64 {
    id.data().as_ffi()
}

fn seconds(time: Time) -> (u64, u32) {
    (u64::try_from(time.seconds).unwrap_or(0), u32::try_from(time.nanoseconds).unwrap_or(0))
}

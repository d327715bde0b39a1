//! What files and symbolic links hold.
use crate::content::{Content, Data};
use crate::store::Space;
use crate::time::Time;
use crate::tree::{Body, Kind, NodeId, Tree};
use syscall::error::{EINVAL, EISDIR, ENAMETOOLONG, ENOENT, Error, Result};

impl Tree {
    fn content(&self, id: NodeId) -> Result<&Content> {
        match &self.node(id)?.body {
            Body::File(content) => Ok(content),
            Body::Directory { .. } => Err(Error::new(EISDIR)),
            Body::Symlink(_) => Err(Error::new(EINVAL)),
        }
    }

    fn content_mut(&mut self, id: NodeId) -> Result<(&mut Content, &mut Space)> {
        let node = self.nodes.get_mut(id).ok_or(Error::new(ENOENT))?;
        match &mut node.body {
            Body::File(content) => Ok((content, &mut self.space)),
            Body::Directory { .. } => Err(Error::new(EISDIR)),
            Body::Symlink(_) => Err(Error::new(EINVAL)),
        }
    }

    /// Reads from a file, or the target of a symbolic link.
    ///
    /// # Errors
    /// `EISDIR`.
    pub fn read(&self, id: NodeId, offset: u64, out: &mut [u8]) -> Result<usize> {
        if let Body::Symlink(target) = &self.node(id)?.body {
            let from = usize::try_from(offset).unwrap_or(usize::MAX);
            let bytes = target.as_bytes().get(from..).unwrap_or_default();
            out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            return Ok(bytes.len().min(out.len()));
        }
        Ok(self.content(id)?.read(offset, out, &self.space.store))
    }

    /// Writes to a file; of a symbolic link, sets the target, once.
    ///
    /// # Errors
    /// `EISDIR`, `EFBIG`, `ENOSPC`; `EINVAL` for a target that is no path or comes too late.
    pub fn write(&mut self, id: NodeId, offset: u64, data: Data<'_>, now: Time) -> Result<usize> {
        if self.kind(id)? == Kind::Symlink {
            let Data::Bytes(target) = data else { return Err(Error::new(EINVAL)) };
            return self.set_target(id, target, now);
        }
        let (content, space) = self.content_mut(id)?;
        let count = content.write(offset, data, space)?;
        if count != 0 {
            self.touch(id, now)?;
        }
        Ok(count)
    }

    fn set_target(&mut self, id: NodeId, data: &[u8], now: Time) -> Result<usize> {
        let target = str::from_utf8(data).map_err(|_| Error::new(EINVAL))?;
        if !self.target(id)?.is_empty() || target.is_empty() || target.contains('\0') {
            return Err(Error::new(EINVAL));
        }
        if target.len() > clavis_abi::limits::PATH_MAX {
            return Err(Error::new(ENAMETOOLONG));
        }
        self.space.budget.take(target.len() as u64)?;
        self.node_mut(id)?.body = Body::Symlink(target.into());
        self.touch(id, now)?;
        Ok(data.len())
    }

    fn touch(&mut self, id: NodeId, now: Time) -> Result<()> {
        let node = self.node_mut(id)?;
        node.modified = now;
        node.changed = now;
        Ok(())
    }

    /// Bytes in a file or target; 0 for a directory.
    ///
    /// # Errors
    /// `ENOENT` when the node is gone.
    pub fn size(&self, id: NodeId) -> Result<u64> {
        Ok(match &self.node(id)?.body {
            Body::File(content) => content.len(),
            Body::Symlink(target) => target.len() as u64,
            Body::Directory { .. } => 0,
        })
    }

    /// Sets the length of a file.
    ///
    /// # Errors
    /// `EISDIR`, `EINVAL` for a symbolic link, `EFBIG`.
    pub fn truncate(&mut self, id: NodeId, len: u64, now: Time) -> Result<()> {
        let (content, space) = self.content_mut(id)?;
        content.truncate(len, space)?;
        self.touch(id, now)
    }

    /// Memory for a mapping of a file: its place in the store.
    ///
    /// # Errors
    /// See [`Content::map`].
    pub fn map(&mut self, id: NodeId, offset: u64, size: usize) -> Result<u64> {
        let (content, space) = self.content_mut(id)?;
        content.map(offset, size, space)
    }

    /// Ends a mapping of a file that began at an offset.
    pub fn unmap(&mut self, id: NodeId, offset: u64) {
        if let Ok((content, _)) = self.content_mut(id) {
            content.unmap(offset);
        }
    }
}

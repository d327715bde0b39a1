//! What files and links hold. The first change of a file brings all of it here.
use crate::attributes::Attributes;
use crate::content::Content;
use crate::node::{Body, Ref, Stamp, mode_of};
use crate::overlay::Overlay;
use clavis_abi::Rights;
use clavis_abi::limits::PATH_MAX;
use clavis_view::lower::Attribute;
use clavis_view::store::Store;
use std::rc::Rc;
use syscall::Stat;
use syscall::error::{EAGAIN, EINVAL, EISDIR, ENAMETOOLONG, Error, Result};
use syscall::flag::{O_NOFOLLOW, O_RDONLY, O_RDWR, O_SYMLINK};

const READ: u64 = (O_RDONLY | O_NOFOLLOW) as u64;
const READ_AND_WRITE: u64 = (O_RDWR | O_NOFOLLOW) as u64;
const READ_LINK: u64 = (O_RDONLY | O_SYMLINK | O_NOFOLLOW) as u64;

/// Bytes that are copied at once.
const CHUNK: usize = 64 << 10;
/// How often a file that changes while it is copied is copied again.
const TRIES: usize = 4;

impl<S: Store> Overlay<S> {
    /// What is known of a node.
    pub(crate) fn stat_of(&self, node: &Ref<S::Handle>) -> Result<Stat> {
        let mut stat = match &node.below {
            Some(below) => self.store.stat(below)?,
            None => Stat {
                st_dev: node.id.0,
                st_ino: node.id.1,
                st_mode: mode_of(node.kind),
                st_nlink: if node.is_directory() { 2 } else { 0 },
                st_blksize: crate::content::PAGE as u32,
                ..Stat::default()
            },
        };
        let links = i64::from(stat.st_nlink).saturating_add(node.links.get());
        stat.st_nlink = u32::try_from(links.max(0)).unwrap_or(u32::MAX);
        match &*node.body.borrow() {
            Body::Directory(names) if names.removed => stat.st_nlink = 0,
            Body::File { content: Some(content), .. } => stat.st_size = content.len(),
            Body::Link(Some(target)) => stat.st_size = target.len() as u64,
            _ => {}
        }
        if node.is_filled() {
            stat.st_blocks = stat.st_size.div_ceil(512);
        }
        node.attributes.get().fill(&mut stat);
        Ok(stat)
    }

    pub(crate) fn target_of(&self, link: &Ref<S::Handle>) -> Result<String> {
        match (&*link.body.borrow(), &link.below) {
            (Body::Link(Some(target)), _) => Ok(target.clone()),
            (Body::Link(None), Some(below)) => {
                let open = self.store.open(below, "", READ_LINK, Rights::all())?;
                self.store.target(&open)
            }
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// What stands below, opened to be read.
    fn reader(&self, node: &Ref<S::Handle>) -> Result<Rc<S::Handle>> {
        if let Body::File { reader: Some(reader), .. } = &*node.body.borrow() {
            return Ok(Rc::clone(reader));
        }
        let below = node.below.as_ref().ok_or(Error::new(EINVAL))?;
        let opened = Rc::new(self.store.open(below, "", READ, Rights::all())?);
        if let Body::File { reader, .. } = &mut *node.body.borrow_mut() {
            *reader = Some(Rc::clone(&opened));
        }
        Ok(opened)
    }

    pub(crate) fn read_of(
        &self,
        node: &Ref<S::Handle>,
        offset: u64,
        into: &mut [u8],
    ) -> Result<usize> {
        match &*node.body.borrow() {
            Body::Directory(_) => return Err(Error::new(EISDIR)),
            Body::File { content: Some(content), .. } => return Ok(content.read(offset, into)),
            Body::File { content: None, .. } => {}
            Body::Link(_) => {
                let target = self.target_of(node)?;
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let bytes = target.as_bytes().get(from..).unwrap_or_default();
                into.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                return Ok(bytes.len().min(into.len()));
            }
        }
        let reader = self.reader(node)?;
        self.store.read(&reader, offset, into)
    }

    /// All that stands below in a file, at one moment.
    fn copy(&self, node: &Ref<S::Handle>) -> Result<Content> {
        let below = node.below.as_ref().ok_or(Error::new(EINVAL))?;
        // It has to be one that can be written.
        let file = self.store.open(below, "", READ_AND_WRITE, Rights::all())?;
        let mut chunk = vec![0; CHUNK];
        for _ in 0..TRIES {
            let before = Stamp::of(&self.store.stat(&file)?);
            let mut content = Content::new(&self.budget);
            loop {
                let read = self.store.read(&file, content.len(), &mut chunk)?;
                let mut part = chunk.get(..read).unwrap_or_default();
                if part.is_empty() {
                    break;
                }
                while !part.is_empty() {
                    let written = content.write(content.len(), part)?;
                    part = part.get(written..).unwrap_or_default();
                }
            }
            if Stamp::of(&self.store.stat(&file)?) == before {
                node.stamp.set(Some(before));
                return Ok(content);
            }
        }
        Err(Error::new(EAGAIN))
    }

    /// Does something with what a file holds here; `whole`: with all that it holds below.
    fn fill<T>(
        &self,
        node: &Ref<S::Handle>,
        whole: bool,
        act: impl FnOnce(&mut Content) -> Result<T>,
    ) -> Result<T> {
        match node.kind {
            beneath::Kind::Directory => return Err(Error::new(EISDIR)),
            beneath::Kind::Link => return Err(Error::new(EINVAL)),
            beneath::Kind::File => {}
        }
        if !node.is_filled() {
            self.keep(node)?;
            let copied = match whole {
                true => self.copy(node)?,
                false => {
                    let below = node.below.as_ref().ok_or(Error::new(EINVAL))?;
                    drop(self.store.open(below, "", READ_AND_WRITE, Rights::all())?);
                    node.stamp.set(Some(Stamp::of(&self.store.stat(below)?)));
                    Content::new(&self.budget)
                }
            };
            if let Body::File { content, reader } = &mut *node.body.borrow_mut() {
                (*content, *reader) = (Some(copied), None);
            }
        }
        match &mut *node.body.borrow_mut() {
            Body::File { content: Some(content), .. } => act(content),
            _ => Err(Error::new(EINVAL)),
        }
    }

    fn touch(&self, node: &Ref<S::Handle>) {
        let mut attributes = node.attributes.get();
        attributes.touch(self.now());
        node.attributes.set(attributes);
    }

    /// Writes to a file, at its end without an offset; of a link, sets the target, once.
    pub(crate) fn write_to(
        &self,
        node: &Ref<S::Handle>,
        offset: Option<u64>,
        from: &[u8],
    ) -> Result<usize> {
        if let Body::Link(target) = &mut *node.body.borrow_mut() {
            let text = str::from_utf8(from).map_err(|_| Error::new(EINVAL))?;
            let free = target.as_ref().is_some_and(String::is_empty);
            if !free || text.is_empty() || text.contains('\0') {
                return Err(Error::new(EINVAL));
            }
            if text.len() > PATH_MAX {
                return Err(Error::new(ENAMETOOLONG));
            }
            *target = Some(text.to_owned());
            return Ok(from.len());
        }
        if from.is_empty() {
            return Ok(0);
        }
        let written =
            self.fill(node, true, |content| content.write(offset.unwrap_or(content.len()), from))?;
        self.touch(node);
        Ok(written)
    }

    pub(crate) fn truncate_to(&self, node: &Ref<S::Handle>, length: u64) -> Result<()> {
        self.fill(node, length != 0, |content| content.truncate(length))?;
        self.touch(node);
        Ok(())
    }

    pub(crate) fn set_of(&self, node: &Ref<S::Handle>, attribute: &Attribute) -> Result<()> {
        let mut attributes: Attributes = node.attributes.get();
        attributes.set(attribute, self.now())?;
        self.keep(node)?;
        node.attributes.set(attributes);
        Ok(())
    }
}

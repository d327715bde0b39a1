//! The checked view of an image.
use core::cmp::Ordering;

use crate::format::{EXECUTABLE, HEAD, Head, MAGIC, RECORD, Record, checksum};
use crate::{Children, Error, FILES, PAGE, path};

/// An image whose index was checked completely.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    bytes: &'a [u8],
    records: &'a [[u8; RECORD]],
    paths: &'a str,
}

/// A file of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its path, without a leading `/`.
    pub path: &'a str,
    /// It may be executed.
    pub executable: bool,
    /// Where it starts in the image, in bytes: a multiple of [`PAGE`].
    pub offset: usize,
    /// Its length in bytes. The rest of its last page is zero.
    pub len: usize,
    /// Its content.
    pub data: &'a [u8],
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// A file.
    File(Entry<'a>),
    /// A directory: there are files below it.
    Directory,
}

impl<'a> Image<'a> {
    /// Checks an image. `bytes` may be longer than the image (a mapping ends on a page).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<Image<'a>, Error> {
        let (head_bytes, rest) = bytes.split_first_chunk::<HEAD>().ok_or(Error::Truncated)?;
        if !head_bytes.starts_with(&MAGIC) {
            return Err(Error::Magic);
        }
        let head = Head::read(head_bytes);
        let total = usize::try_from(head.total).map_err(|_| Error::Head)?;
        let files = head.files as usize;
        let records_len = files.checked_mul(RECORD).ok_or(Error::Head)?;
        let index_len = records_len.checked_add(head.path_bytes as usize).ok_or(Error::Head)?;
        let index_end = index_len
            .checked_add(HEAD)
            .and_then(|end| end.checked_next_multiple_of(PAGE))
            .ok_or(Error::Head)?;
        if files > FILES || !total.is_multiple_of(PAGE) || index_end > total {
            return Err(Error::Head);
        }
        let bytes = bytes.get(..total).ok_or(Error::Truncated)?;
        let index = rest.get(..index_len).ok_or(Error::Truncated)?;
        if checksum(index) != head.checksum {
            return Err(Error::Checksum);
        }
        let (records, paths) = index.split_at_checked(records_len).ok_or(Error::Head)?;
        let image = Image {
            bytes,
            records: records.as_chunks().0,
            paths: core::str::from_utf8(paths).map_err(|_| Error::Path)?,
        };
        image.check(index_end)?;
        Ok(image)
    }

    fn check(&self, index_end: usize) -> Result<(), Error> {
        let mut free = index_end;
        let mut last: Option<&str> = None;
        for (index, bytes) in self.records.iter().enumerate() {
            let record = Record::read(bytes);
            if record.mode & !EXECUTABLE != 0 {
                return Err(Error::Mode);
            }
            let name = self.path_of(&record).ok_or(Error::Path)?;
            path::check(name)?;
            if let Some(last) = last
                && (path::compare(last, name) != Ordering::Less
                    || path::below(name, last).is_some())
            {
                return Err(Error::Order);
            }
            last = Some(name);
            let before = self.records.get(..index).unwrap_or_default();
            let same = |other: &Record| (other.offset, other.len) == (record.offset, record.len);
            if record.offset >= free as u64 || !before.iter().map(Record::read).any(|o| same(&o)) {
                free = self.check_place(&record, free)?;
            }
        }
        if free == self.bytes.len() { Ok(()) } else { Err(Error::Place) }
    }

    /// A file that is no other name of one before lies exactly behind the one before it, and zeros fill its last page.
    fn check_place(&self, record: &Record, free: usize) -> Result<usize, Error> {
        let offset = usize::try_from(record.offset).map_err(|_| Error::Place)?;
        let len = usize::try_from(record.len).map_err(|_| Error::Place)?;
        let end = offset.checked_add(len).ok_or(Error::Place)?;
        let next = end.checked_next_multiple_of(PAGE).ok_or(Error::Place)?;
        let filled = self.bytes.get(end..next).ok_or(Error::Place)?;
        if offset != free || filled.iter().any(|byte| *byte != 0) {
            return Err(Error::Place);
        }
        Ok(next)
    }

    fn path_of(&self, record: &Record) -> Option<&'a str> {
        let start = record.path as usize;
        self.paths.get(start..start.checked_add(usize::from(record.path_len))?)
    }

    fn entry(&self, record: &[u8; RECORD]) -> Option<Entry<'a>> {
        let record = Record::read(record);
        let offset = usize::try_from(record.offset).ok()?;
        let len = usize::try_from(record.len).ok()?;
        Some(Entry {
            path: self.path_of(&record)?,
            executable: record.mode & EXECUTABLE != 0,
            offset,
            len,
            data: self.bytes.get(offset..offset.checked_add(len)?)?,
        })
    }

    /// Bytes of the image, a multiple of [`PAGE`].
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Every file, in order.
    #[must_use]
    pub fn entries(&self) -> Entries<'a> {
        Entries { image: *self, next: 0 }
    }

    /// What `path` names (`""`: the root directory; no leading or trailing `/`).
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Node<'a>> {
        let place = self.lower_bound(path);
        if let Some(entry) = self.records.get(place).and_then(|record| self.entry(record)) {
            if entry.path == path {
                return Some(Node::File(entry));
            }
            if path::below(entry.path, path).is_some() {
                return Some(Node::Directory);
            }
        }
        path.is_empty().then_some(Node::Directory)
    }

    /// The file at `path`.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<Entry<'a>> {
        match self.find(path)? {
            Node::File(entry) => Some(entry),
            Node::Directory => None,
        }
    }

    /// The names directly below the directory `path`, in order; none if it is no directory.
    #[must_use]
    pub fn children<'p>(&self, path: &'p str) -> Children<'a, 'p> {
        Children::new(*self, path, self.lower_bound(path))
    }

    /// The first record whose path is not less than `path`.
    fn lower_bound(&self, path: &str) -> usize {
        if path.is_empty() {
            return 0;
        }
        self.records.partition_point(|record| {
            self.path_of(&Record::read(record))
                .is_some_and(|name| path::compare(name, path) == Ordering::Less)
        })
    }

    /// What lies under a name in a directory, which is named by the place of its first file and how
    /// many bytes of that file's path are its own: the same of what lies there.
    #[must_use]
    pub fn child(&self, place: usize, directory: usize, name: &str) -> Option<(usize, usize)> {
        let bytes = |record: &[u8; RECORD]| {
            let Record { path, path_len, .. } = Record::read(record);
            let start = path as usize;
            self.paths.as_bytes().get(start..start.checked_add(usize::from(path_len))?)
        };
        let records = self.records.get(place..)?;
        let own = bytes(records.first()?)?.get(..directory)?;
        let below = |record: &[u8; RECORD]| {
            let rest = bytes(record)?.strip_prefix(own)?;
            if own.is_empty() { Some(rest) } else { rest.strip_prefix(b"/") }
        };
        let is_before = |record: &[u8; RECORD]| {
            below(record).is_some_and(|rest| path::compare(rest, name) == Ordering::Less)
        };
        let first = records.partition_point(is_before);
        let rest = below(records.get(first)?)?.strip_prefix(name.as_bytes())?;
        if name.is_empty() || rest.first().is_some_and(|byte| *byte != b'/') {
            return None;
        }
        let slash = usize::from(!own.is_empty());
        let end = directory.checked_add(slash)?.checked_add(name.len())?;
        Some((place.checked_add(first)?, end))
    }

    /// The place among all files, in order, of the file at `path` or of the first below it.
    #[must_use]
    pub fn place(&self, path: &str) -> usize {
        self.lower_bound(path)
    }

    /// The file at that place.
    #[must_use]
    pub fn nth(&self, place: usize) -> Option<Entry<'a>> {
        self.entry(self.records.get(place)?)
    }
}

/// Iterator over the files of an image.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    image: Image<'a>,
    next: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let entry = self.image.nth(self.next)?;
        self.next = self.next.saturating_add(1);
        Some(entry)
    }
}

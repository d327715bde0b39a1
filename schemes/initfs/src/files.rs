//! Files and directories of the image.
use crate::path::{Node, resolve};
use boot_image::{Entry, Image, PAGE};
use clavis_abi::params::open_flags;
use syscall::Stat;
use syscall::dirent::{DirEntry, DirentBuf, DirentKind};
use syscall::error::{
    EACCES, EBADF, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, EROFS, Error, Result,
};
use syscall::flag::{
    MODE_DIR, MODE_FILE, O_CREAT, O_DIRECTORY, O_EXCL, O_SYMLINK, O_TRUNC, O_WRONLY,
};

/// Bits of a number that hold how many components of the path it means.
const DEPTH_BITS: u32 = 16;

/// What a number stands for.
struct Open<'a> {
    node: Node,
    path: &'a str,
    file: Option<Entry<'a>>,
}

/// The image, and where it lies in this process.
///
/// A number tells by itself what it stands for, so nothing is remembered of an open, and the next
/// instance serves the same handles: it is the place of the node's first file in the image, and how
/// many components of that file's path name the node.
pub struct Files<'a> {
    image: Image<'a>,
    address: usize,
}

/// The same for a path in every boot: FNV-1a.
fn inode(path: &str) -> u64 {
    path.bytes().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// Where the components of a path end.
fn ends(path: &str) -> impl Iterator<Item = usize> {
    let slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
    slashes.map(|(end, _)| end).chain([path.len()])
}

impl<'a> Files<'a> {
    /// The number of the root.
    pub const ROOT: usize = 0;

    /// A file system over a checked image that is mapped at `address`.
    #[must_use]
    pub fn new(image: Image<'a>, address: usize) -> Self {
        Self { image, address }
    }

    fn get(&self, number: usize) -> Result<Open<'a>> {
        if number == Self::ROOT {
            return Ok(Open { node: Node::ROOT, path: "", file: None });
        }
        let (place, depth) = (number >> DEPTH_BITS, number & ((1 << DEPTH_BITS) - 1));
        let entry = self.image.nth(place).ok_or(Error::new(EBADF))?;
        let end = depth.checked_sub(1).and_then(|before| ends(entry.path).nth(before));
        let end = end.ok_or(Error::new(EBADF))?;
        let path = entry.path.get(..end).ok_or(Error::new(EBADF))?;
        let file = (end == entry.path.len()).then_some(entry);
        Ok(Open { node: Node { place, end }, path, file })
    }

    fn file(&self, number: usize) -> Result<Entry<'a>> {
        self.get(number)?.file.ok_or(Error::new(EISDIR))
    }

    /// Opens what `path` names beneath a handle.
    ///
    /// # Errors
    /// See [`resolve`]; `EROFS` for anything that would change the image, `EEXIST`, `ENOTDIR`,
    /// `EINVAL` for O_SYMLINK; `EACCES` for execution of what is not executable.
    pub fn open(&self, number: usize, path: &str, flags: u64) -> Result<usize> {
        let has = |flag: usize| flags & flag as u64 != 0;
        let start = self.get(number)?.node;
        let node = match resolve(&self.image, &start, path, flags) {
            Err(error) if error.errno == ENOENT && has(O_CREAT) => return Err(Error::new(EROFS)),
            result => result?,
        };
        let (path, is_file) = node.path(&self.image).ok_or(Error::new(ENOENT))?;
        let file = if is_file { self.image.nth(node.place) } else { None };
        if has(O_CREAT) && has(O_EXCL) {
            return Err(Error::new(EEXIST));
        }
        if has(O_WRONLY) || has(O_TRUNC) {
            return Err(Error::new(if file.is_some() { EROFS } else { EISDIR }));
        }
        if flags & open_flags::NOT_DIRECTORY != 0 && file.is_none() {
            return Err(Error::new(EISDIR));
        }
        if has(O_DIRECTORY) && file.is_some() {
            return Err(Error::new(ENOTDIR));
        }
        if has(O_SYMLINK) {
            return Err(Error::new(EINVAL));
        }
        if flags & open_flags::EXEC != 0 && !file.is_some_and(|file| file.executable) {
            return Err(Error::new(EACCES));
        }
        if path.is_empty() {
            return Ok(Self::ROOT);
        }
        let depth = ends(path).count();
        Ok(node.place.checked_shl(DEPTH_BITS).ok_or(Error::new(ENOENT))? | depth)
    }

    /// Reads.
    ///
    /// # Errors
    /// `EISDIR`, `EBADF`.
    pub fn read(&self, number: usize, out: &mut [u8], offset: u64) -> Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.file(number)?.data.get(from..).unwrap_or_default();
        let count = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    /// Bytes in the file; 0 for a directory.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn size(&self, number: usize) -> Result<u64> {
        Ok(self.get(number)?.file.map_or(0, |file| file.len as u64))
    }

    /// The path from the root, without leading slash.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn path(&self, number: usize) -> Result<&'a str> {
        Ok(self.get(number)?.path)
    }

    /// The inode number.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn inode(&self, number: usize) -> Result<u64> {
        Ok(inode(self.get(number)?.path))
    }

    /// What is known of the file.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn stat(&self, number: usize, stat: &mut Stat) -> Result<()> {
        let open = self.get(number)?;
        stat.st_ino = inode(open.path);
        stat.st_blksize = PAGE as u32;
        stat.st_nlink = 1;
        stat.st_mode = match open.file {
            Some(file) if file.executable => MODE_FILE | 0o555,
            Some(_) => MODE_FILE | 0o444,
            None => MODE_DIR | 0o555,
        };
        if let Some(file) = open.file {
            stat.st_size = file.len as u64;
            stat.st_blocks = (file.len as u64).div_ceil(512);
        }
        Ok(())
    }

    /// Lists a directory behind the entry with the number `after` (0: from the start).
    ///
    /// # Errors
    /// `ENOTDIR`, `EBADF`; `EINVAL` when not one entry fits.
    pub fn list<'buf>(
        &self,
        number: usize,
        mut out: DirentBuf<&'buf mut [u8]>,
        after: u64,
    ) -> Result<DirentBuf<&'buf mut [u8]>> {
        let open = self.get(number)?;
        if open.file.is_some() {
            return Err(Error::new(ENOTDIR));
        }
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        let children = self.image.children(open.path).zip(1_u64..).skip(skip);
        for (index, (child, place)) in children.enumerate() {
            let path = match open.path {
                "" => child.name.to_owned(),
                directory => format!("{directory}/{}", child.name),
            };
            let kind = match child.file {
                Some(_) => DirentKind::Regular,
                None => DirentKind::Directory,
            };
            let entry =
                DirEntry { inode: inode(&path), next_opaque_id: place, name: child.name, kind };
            match out.entry(entry) {
                Ok(()) => {}
                Err(error) if index == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(out)
    }

    /// Where the bytes at `offset` lie in this process' mapping of the image.
    ///
    /// # Errors
    /// `EINVAL` for an offset inside a page or a range that ends behind the file's last page;
    /// `EISDIR`, `EBADF`.
    pub fn map(&self, number: usize, offset: u64, size: usize) -> Result<usize> {
        let file = self.file(number)?;
        let bad = Error::new(EINVAL);
        let offset = usize::try_from(offset).map_err(|_| bad)?;
        let end = offset.checked_add(size).ok_or(bad)?;
        let pages = file.len.checked_next_multiple_of(PAGE).ok_or(bad)?;
        if !offset.is_multiple_of(PAGE) || size == 0 || end > pages {
            return Err(bad);
        }
        let place = file.offset.checked_add(offset).ok_or(bad)?;
        self.address.checked_add(place).ok_or(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syscall::dirent::{DirentHeader, DirentIter};

    fn with_files(test: impl FnOnce(&Files<'_>, usize)) {
        let mut builder = boot_image::Builder::new();
        builder.add("bin/sh", true, vec![1; 5000]).unwrap();
        builder.add("etc/motd", false, b"hello\n".to_vec()).unwrap();
        builder.add("etc/sub/a", false, Vec::new()).unwrap();
        let bytes = builder.build().unwrap();
        test(&Files::new(Image::parse(&bytes).unwrap(), 0x10_0000), Files::ROOT);
    }

    fn list(files: &Files<'_>, number: usize, room: usize) -> Vec<String> {
        let mut names = Vec::new();
        let mut after = 0;
        loop {
            let mut buffer = vec![0; room];
            let header = size_of::<DirentHeader>() as u16;
            let out = DirentBuf::new(&mut buffer[..], header).unwrap();
            let written = files.list(number, out, after).unwrap().finalize();
            if written == 0 {
                return names;
            }
            for entry in DirentIter::new(&buffer[..written]) {
                let (header, name) = entry.map_err(|_| ()).unwrap();
                after = header.next_opaque_id;
                let name = str::from_utf8(name).unwrap();
                names.push(name.trim_end_matches('\0').to_owned());
            }
        }
    }

    #[test]
    fn files_read_back_and_directories_list_whatever_the_room() {
        with_files(|files, root| {
            let motd = files.open(root, "etc/motd", 0).unwrap();
            let mut out = [0; 4];
            assert_eq!(files.read(motd, &mut out, 3), Ok(3));
            assert_eq!(&out[..3], b"lo\n");
            assert_eq!(files.read(motd, &mut out, u64::MAX), Ok(0));
            let etc = files.open(root, "etc", O_DIRECTORY as u64).unwrap();
            assert_eq!(list(files, etc, 4096), ["motd", "sub"]);
            assert_eq!(list(files, etc, 32), ["motd", "sub"]);
            assert_eq!(list(files, root, 32), ["bin", "etc"]);
            assert_eq!(files.read(etc, &mut out, 0).unwrap_err().errno, EISDIR);
        });
    }

    #[test]
    fn a_number_means_the_same_to_every_instance_and_others_mean_nothing() {
        with_files(|files, root| {
            let mut numbers = vec![root];
            for path in ["bin", "bin/sh", "etc", "etc/motd", "etc/sub", "etc/sub/a"] {
                let number = files.open(root, path, 0).unwrap();
                let other = Files::new(files.image, 0x20_0000);
                assert_eq!(other.path(number), Ok(path));
                assert_eq!(files.open(number, "", 0), Ok(number));
                assert!(!numbers.contains(&number));
                numbers.push(number);
            }
            for number in (0..1 << 20).chain([usize::MAX, usize::MAX << 16]) {
                match files.path(number) {
                    // A node can be reached by any file below it.
                    Ok(path) => assert!(files.open(root, path, 0).is_ok()),
                    Err(error) => assert_eq!(error.errno, EBADF),
                }
            }
        });
    }

    #[test]
    fn nothing_can_be_changed() {
        with_files(|files, root| {
            for (path, flags, error) in [
                ("new", O_CREAT, EROFS),
                ("etc/motd", O_WRONLY, EROFS),
                ("etc/motd", O_TRUNC, EROFS),
                ("etc", O_WRONLY, EISDIR),
                ("etc/motd", O_CREAT | O_EXCL, EEXIST),
                ("etc/motd", O_DIRECTORY, ENOTDIR),
                ("etc/motd", O_SYMLINK, EINVAL),
            ] {
                assert_eq!(
                    files.open(root, path, flags as u64).unwrap_err().errno,
                    error,
                    "{path}"
                );
            }
            let execute = open_flags::EXEC;
            assert!(files.open(root, "bin/sh", execute).is_ok());
            assert_eq!(files.open(root, "etc/motd", execute).unwrap_err().errno, EACCES);
            assert_eq!(files.open(root, "etc", execute).unwrap_err().errno, EACCES);
            let no_directory = open_flags::NOT_DIRECTORY;
            assert!(files.open(root, "etc/motd", no_directory).is_ok());
            assert_eq!(files.open(root, "etc", no_directory).unwrap_err().errno, EISDIR);
        });
    }

    #[test]
    fn a_mapping_lies_in_the_image_and_ends_with_the_file() {
        with_files(|files, root| {
            let shell = files.open(root, "bin/sh", 0).unwrap();
            let start = files.map(shell, 0, 8192).unwrap();
            assert_eq!(files.map(shell, 4096, 1), Ok(start + 4096));
            assert_eq!(start % PAGE, 0);
            for (offset, size) in [(1, 1), (0, 0), (0, 8193), (8192, 1), (u64::MAX, 1)] {
                assert_eq!(files.map(shell, offset, size).unwrap_err().errno, EINVAL);
            }
        });
    }
}

//! The startup block: reading the one this process was given, writing one for a child.
//!
//! Pure but for [`current`], the one block that this process was started with.
use crate::handle::Number;
use crate::sync::OnceCell;
use alloc::vec::Vec;
use clavis_abi::startup::{Entry, EntryKind, Header, MAGIC};
use core::ffi::CStr;
use zerocopy::{FromBytes, IntoBytes};

/// Why a block is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It is shorter than its header, or than the header says.
    Short,
    /// The first word is not [`MAGIC`].
    Magic,
    /// The entries lie outside.
    Entries,
    /// An argument lies outside or is not terminated.
    Args,
    /// An environment string lies outside or is not terminated.
    Envs,
    /// The path of the current directory lies outside or is not UTF-8.
    Cwd,
}

/// A checked startup block.
#[derive(Clone, Copy, Debug)]
pub struct Startup<'a> {
    header: Header,
    entries: &'a [u8],
    args: &'a [u8],
    envs: &'a [u8],
    cwd: &'a str,
}

impl<'a> Startup<'a> {
    /// Checks a block. Everything that the header claims is inside `bytes`, or it is refused.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<Startup<'a>, Malformed> {
        let (header, _) = Header::read_from_prefix(bytes).map_err(|_| Malformed::Short)?;
        if header.magic != MAGIC {
            return Err(Malformed::Magic);
        }
        let block = part(bytes, 0, header.size).ok_or(Malformed::Short)?;
        let entries_len =
            header.entries.checked_mul(size_of::<Entry>() as u64).ok_or(Malformed::Entries)?;
        let entries = part(block, size_of::<Header>() as u64, entries_len);
        let cwd = part(block, header.cwd, header.cwd_len).ok_or(Malformed::Cwd)?;
        Ok(Startup {
            header,
            entries: entries.ok_or(Malformed::Entries)?,
            args: strings(block, header.args, header.argc).ok_or(Malformed::Args)?,
            envs: strings(block, header.envs, header.envc).ok_or(Malformed::Envs)?,
            cwd: core::str::from_utf8(cwd).map_err(|_| Malformed::Cwd)?,
        })
    }

    /// The header: image, TLS template and stack.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The arguments, program name first.
    #[must_use]
    pub fn args(&self) -> Strings<'a> {
        Strings { bytes: self.args }
    }

    /// The environment, as `NAME=value`.
    #[must_use]
    pub fn envs(&self) -> Strings<'a> {
        Strings { bytes: self.envs }
    }

    /// The path of the current directory, for people. Empty: there is none.
    #[must_use]
    pub fn cwd(&self) -> &'a str {
        self.cwd
    }

    /// The handles that were given with a meaning.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + use<'a> {
        self.entries
            .chunks_exact(size_of::<Entry>())
            .filter_map(|row| Entry::read_from_bytes(row).ok())
    }

    /// The first handle of that kind.
    #[must_use]
    pub fn handle(&self, kind: EntryKind) -> Option<Number> {
        self.handle_of(kind as u64)
    }

    /// The first handle of a kind given as its number (`EntryKind::Custom as u64 + n`).
    #[must_use]
    pub fn handle_of(&self, kind: u64) -> Option<Number> {
        let entry = self.entries().find(|entry| entry.kind == kind)?;
        Some(Number::from_raw(entry.number as usize))
    }
}

/// Bytes `offset .. offset + length`, if they are inside.
fn part(bytes: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

/// The bytes of `count` NUL-terminated strings from an offset.
fn strings(block: &[u8], offset: u64, count: u64) -> Option<&[u8]> {
    let rest = block.get(usize::try_from(offset).ok()?..)?;
    let mut end = 0;
    for _ in 0..count {
        end += rest.get(end..)?.iter().position(|&byte| byte == 0)? + 1;
    }
    rest.get(..end)
}

/// NUL-terminated strings that lie one after the other.
#[derive(Clone, Debug)]
pub struct Strings<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a CStr;

    fn next(&mut self) -> Option<&'a CStr> {
        let string = CStr::from_bytes_until_nul(self.bytes).ok()?;
        self.bytes = self.bytes.get(string.count_bytes() + 1..)?;
        Some(string)
    }
}

/// Writes startup blocks.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    header: Header,
    entries: Vec<Entry>,
    args: Vec<u8>,
    envs: Vec<u8>,
    cwd: Vec<u8>,
}

impl Builder {
    /// An empty block.
    #[must_use]
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Adds an argument; bytes from a NUL on are left out, as C would.
    pub fn arg(&mut self, arg: &[u8]) -> &mut Builder {
        push_string(&mut self.args, arg);
        self.header.argc += 1;
        self
    }

    /// Adds an environment string (`NAME=value`).
    pub fn env(&mut self, env: &[u8]) -> &mut Builder {
        push_string(&mut self.envs, env);
        self.header.envc += 1;
        self
    }

    /// Sets the path of the current directory.
    pub fn cwd(&mut self, path: &str) -> &mut Builder {
        self.cwd = path.as_bytes().to_vec();
        self
    }

    /// Adds a handle with a meaning.
    pub fn entry(&mut self, kind: u64, number: Number) -> &mut Builder {
        self.entries.push(Entry { kind, number: number.raw() as u64 });
        self
    }

    /// The fields that tell of image, TLS template and stack; counts and offsets are set by
    /// [`Builder::build`].
    pub fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    /// Bytes that the block will have.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Header>()
            + size_of_val(self.entries.as_slice())
            + self.args.len()
            + self.envs.len()
            + self.cwd.len()
    }

    /// The block.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut header = self.header;
        header.magic = MAGIC;
        header.size = self.size() as u64;
        header.entries = self.entries.len() as u64;
        header.args = (size_of::<Header>() + size_of_val(self.entries.as_slice())) as u64;
        header.envs = header.args + self.args.len() as u64;
        header.cwd = header.envs + self.envs.len() as u64;
        header.cwd_len = self.cwd.len() as u64;
        let mut block = Vec::with_capacity(self.size());
        block.extend_from_slice(header.as_bytes());
        block.extend_from_slice(self.entries.as_bytes());
        for bytes in [&self.args, &self.envs, &self.cwd] {
            block.extend_from_slice(bytes);
        }
        block
    }
}

fn push_string(to: &mut Vec<u8>, string: &[u8]) {
    let end = string.iter().position(|&byte| byte == 0).unwrap_or(string.len());
    to.extend_from_slice(string.get(..end).unwrap_or_default());
    to.push(0);
}

static CURRENT: OnceCell<Startup<'static>> = OnceCell::new();

/// The block of this process, once the entry code has [`set_current`] it.
#[must_use]
pub fn current() -> Option<&'static Startup<'static>> {
    CURRENT.get()
}

/// Records the block of this process. Only the first call counts.
pub fn set_current(startup: Startup<'static>) {
    CURRENT.set(startup);
}

/// The startup handle of that kind in this process, if it was given one.
#[must_use]
pub fn handle(kind: EntryKind) -> Option<Number> {
    current()?.handle(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn example() -> Vec<u8> {
        let mut builder = Builder::new();
        builder.arg(b"cat").arg(b"").arg(b"/a\0b").env(b"HOME=/").cwd("/home");
        builder.entry(EntryKind::Namespace as u64, Number::upper(9, 0));
        builder.entry(EntryKind::Custom as u64 + 1, Number::lower(4));
        builder.header_mut().stack_size = 4096;
        builder.build()
    }

    fn texts(strings: Strings<'_>) -> Vec<&str> {
        strings.map(|string| string.to_str().unwrap()).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let block = example();
        let startup = Startup::parse(&block).unwrap();
        assert_eq!(texts(startup.args()), ["cat", "", "/a"]);
        assert_eq!(texts(startup.envs()), ["HOME=/"]);
        assert_eq!(startup.cwd(), "/home");
        assert_eq!(startup.handle(EntryKind::Namespace), Some(Number::upper(9, 0)));
        assert_eq!(startup.handle_of(257), Some(Number::lower(4)));
        assert_eq!(startup.handle(EntryKind::Cwd), None);
        assert_eq!(startup.header().stack_size, 4096);
    }

    #[test]
    fn bytes_behind_the_block_are_not_part_of_it() {
        let mut block = example();
        block.extend_from_slice(b"garbage");
        assert_eq!(texts(Startup::parse(&block).unwrap().args()).len(), 3);
    }

    #[test]
    fn a_block_that_is_cut_anywhere_is_refused() {
        let block = example();
        for length in 0..block.len() {
            assert!(Startup::parse(&block[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_count_beyond_the_strings_is_refused() {
        for field in 0..size_of::<Header>() / 8 {
            let mut block = example();
            block[field * 8..][..8].copy_from_slice(&u64::MAX.to_le_bytes());
            // Every lie in a count, offset or size is caught; the rest of the header is not ours.
            assert_eq!(Startup::parse(&block).is_err(), field < 9, "word {field}");
        }
    }

    proptest! {
        #[test]
        fn no_header_leads_outside_the_block(at in 0usize..72, byte in any::<u8>(), tail in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut block = example();
            block.extend_from_slice(&tail);
            block[at] = byte;
            if let Ok(startup) = Startup::parse(&block) {
                prop_assert!(startup.args().count() <= block.len());
                prop_assert!(startup.envs().count() <= block.len());
                prop_assert!(startup.entries().count() <= block.len());
            }
        }

        #[test]
        fn any_strings_survive(args in proptest::collection::vec("[^\0]{0,12}", 0..8), envs in proptest::collection::vec("[^\0]{0,12}", 0..8)) {
            let mut builder = Builder::new();
            for arg in &args {
                builder.arg(arg.as_bytes());
            }
            for env in &envs {
                builder.env(env.as_bytes());
            }
            let block = builder.build();
            prop_assert_eq!(block.len(), builder.size());
            let startup = Startup::parse(&block).unwrap();
            prop_assert_eq!(texts(startup.args()), args);
            prop_assert_eq!(texts(startup.envs()), envs);
        }
    }
}

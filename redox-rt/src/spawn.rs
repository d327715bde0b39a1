//! Building a process from an explicit list: image, arguments, handles. Nothing is inherited.
use crate::handle::{Handle, Number};
use clavis_abi::Rights;
use clavis_abi::error::{ENOSYS, Error, Result};

/// Where the program lies.
#[derive(Clone, Copy, Debug)]
pub enum Image<'a> {
    /// In a file (rights READ, and MAP_EXEC or EXEC).
    File(Number),
    /// In a memory object that can be mapped executable (the boot image).
    Memory {
        /// The object.
        memory: Number,
        /// Where the file starts in it, a multiple of a page.
        offset: u64,
        /// The file's bytes, mapped in this process.
        bytes: &'a [u8],
    },
}

/// A handle for the child.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// What this process holds.
    pub source: Number,
    /// Number in the child; `None`: a free upper one.
    pub number: Option<Number>,
    /// What it means there ([`clavis_abi::startup::EntryKind`]); 0: no entry.
    pub kind: u64,
    /// Mask for its rights.
    pub rights: Rights,
    /// Mask for its inherit mask.
    pub inherit: Rights,
    /// Handle flags to set.
    pub flags: u64,
}

/// What a child gets.
#[derive(Clone, Debug)]
pub struct Spawn<'a> {
    /// The program.
    pub image: Image<'a>,
    /// Its image name.
    pub name: &'a str,
    /// Its arguments, program name first.
    pub args: &'a [&'a [u8]],
    /// Its environment, `NAME=value`.
    pub envs: &'a [&'a [u8]],
    /// The account it is created in.
    pub account: Number,
    /// The path that its current directory is shown under.
    pub cwd_path: &'a str,
    /// The handles it gets.
    pub handles: &'a [Given],
    /// Whether it gets a handle to itself.
    pub self_rights: Option<Rights>,
    /// Bytes of its first thread's stack.
    pub stack_size: usize,
    /// Priority; `None`: the creator's.
    pub priority: Option<u8>,
    /// [`clavis_abi::params::process_flags`].
    pub flags: u64,
}

/// Builds and starts a process. Answers its handle.
///
/// # Errors
/// `ENOEXEC` for a file that is not a static program; what the kernel and the file's server answer.
pub fn spawn(spawn: &Spawn<'_>) -> Result<Handle> {
    let _ = spawn;
    Err(Error::new(ENOSYS))
}

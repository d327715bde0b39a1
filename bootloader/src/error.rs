//! Why the system cannot be booted, in words for the person at the screen.
use alloc::string::String;
use core::fmt;

/// What stops the boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A file is not there, or the firmware cannot read it.
    Unreadable {
        /// Its path on the system partition.
        path: &'static str,
        /// What the firmware said.
        why: String,
    },
    /// The firmware gave fewer bytes than the directory says.
    Truncated {
        /// Its path on the system partition.
        path: &'static str,
    },
    /// A file is empty.
    Empty {
        /// Its path on the system partition.
        path: &'static str,
    },
    /// A file is no program that can be loaded.
    Program {
        /// Its path on the system partition.
        path: &'static str,
        /// What is wrong.
        why: clavis_elf::Error,
    },
    /// A program is linked for another place, or is too large.
    Placement {
        /// Its path on the system partition.
        path: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// The boot image is malformed.
    Image {
        /// Its path on the system partition.
        path: &'static str,
        /// What is wrong.
        why: boot_image::Error,
    },
    /// The command line is not text, or too long.
    CommandLine(&'static str),
    /// There is not enough memory.
    Memory {
        /// What it was wanted for.
        what: &'static str,
        /// How many bytes.
        bytes: u64,
    },
    /// The memory map has too many pieces.
    MemoryMap,
    /// The machine lacks something.
    Machine(&'static str),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Unreadable { path, why } => write!(f, "{path} cannot be read: {why}"),
            Problem::Truncated { path } => {
                write!(f, "{path} is shorter on the disk than its directory entry says")
            }
            Problem::Empty { path } => write!(f, "{path} is empty"),
            Problem::Program { path, why } => write!(f, "{path} {why}"),
            Problem::Placement { path, why } => write!(f, "{path} {why}"),
            Problem::Image { path, why } => write!(f, "the boot image {path} {why}"),
            Problem::CommandLine(why) => write!(f, "the command line {why}"),
            Problem::Memory { what, bytes } => {
                write!(f, "there is no memory for {what} ({} KiB)", bytes.div_ceil(1024))
            }
            Problem::MemoryMap => f.write_str("the firmware's memory map has too many pieces"),
            Problem::Machine(why) => f.write_str(why),
        }
    }
}

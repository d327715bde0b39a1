//! The Clavis kernel as one safe value (work in progress).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
extern crate alloc;
pub mod machine;
pub mod memory {
    bitflags::bitflags! {
        /// What a mapping permits. Never both WRITE and EXEC.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Protection: u8 {
            /// Readable.
            const READ = 1;
            /// Writable.
            const WRITE = 2;
            /// Executable.
            const EXEC = 4;
        }
    }
}

//! What the bootloader decides, apart from the firmware it runs on: checks of the files, layout of
//! kernel and init, page tables, the merged memory map. Tested on the host.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]
extern crate alloc;

pub mod clock;
pub mod command_line;
pub mod error;
pub mod memory_map;
pub mod page_tables;
pub mod program;
pub mod sleep;

pub use error::Problem;

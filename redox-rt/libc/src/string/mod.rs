//! Memory and C strings. Compilers call the first of these from any code, so they call nothing
//! themselves: their loops are instructions that no optimiser can turn back into a call.

mod collate;
mod copy;
mod memory;
mod search;
mod span;
mod text;
mod wide;

pub use collate::*;
pub use copy::*;
pub use memory::*;
pub use search::*;
pub use span::*;
pub use text::*;
pub use wide::*;

//! Memory and C strings. Compilers call these from any code, so they call nothing themselves:
//! the loops are instructions that no optimiser can turn back into a call.

mod memory;
mod search;
mod text;

pub use memory::*;
pub use search::*;
pub use text::*;

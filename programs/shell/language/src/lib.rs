//! The language of the Clavis shell, as values: [`parse`] turns text into a [`Program`], [`expand`]
//! turns its words into arguments, [`glob`] matches names, [`wire`] decides which descriptor of a
//! command is which end, [`printf`] formats, [`mod@line`] is what `read` makes of one. Nothing here opens, spawns or prints, so all of it is tested on the host.
#![forbid(unsafe_code)]

mod arithmetic;
pub mod condition;
pub mod expand;
pub mod glob;
mod lexer;
pub mod line;
mod parser;
pub mod printf;
pub mod syntax;
pub mod wire;

#[cfg(test)]
mod tests;

pub use parser::{MAX_DEPTH, SyntaxError, parse};
pub use syntax::Program;

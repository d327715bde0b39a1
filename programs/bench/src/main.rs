//! `bench [ROW...]`: what operations cost, one line per row: `ROW name value`.
//!
//! The unit is the time-stamp counter's; under QEMU's `-icount shift=0` that is one instruction.
//! A value is the median over many runs of a loop around the operation; nothing is subtracted.
#![forbid(unsafe_code)]

mod graph;
mod measure;
mod memory;
mod pipe;
mod process;
mod scheme;
mod server;
mod thread;

use measure::Row;
use std::process::ExitCode;

/// The rows in the order in which they are measured.
const ROWS: &[&[Row]] = &[
    process::NULL,
    memory::ROWS,
    scheme::ROWS,
    pipe::ROWS,
    process::ROWS,
    thread::ROWS,
    graph::ROWS,
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [option, name, style] if option == "--server" => server::main(name, style),
        [option, bytes] if option == "--answer-each" => pipe::answer_each(bytes),
        [option] if option == "--hold" => graph::hold(),
        [option] if option == "--help" || option == "--list" => {
            for row in ROWS.iter().copied().flatten() {
                println!("{}: {}", row.name, row.what);
            }
            ExitCode::SUCCESS
        }
        wanted => measure::all(ROWS, wanted),
    }
}

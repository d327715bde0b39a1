//! Back traces of programs in the guest: std prints addresses there (it cannot read symbols on
//! this target), and each program says where it lies when `CLAVIS_SHOW_IMAGE` asks it to. Both are
//! taken out of the output here, and names are put in their place.
use std::path::PathBuf;

use addr2line::Loader;
use clavis_elf::{Image, Place};

use crate::qemu::symbols::{self, Named};

/// What a person wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Nothing: the output is passed on as it is.
    Off,
    /// The frames between the panic and the program's own beginning.
    Short,
    /// All frames.
    Full,
}

impl Style {
    /// As `RUST_BACKTRACE` on the host says.
    pub(crate) fn asked() -> Style {
        match std::env::var("RUST_BACKTRACE").as_deref() {
            Err(_) | Ok("" | "0") => Style::Off,
            Ok("full") => Style::Full,
            Ok(_) => Style::Short,
        }
    }

    /// What the guest's environment needs for it. The guest prints all frames: without names it
    /// cannot choose.
    pub(crate) fn environment(self, of: Of) -> Vec<(String, String)> {
        let shown = match of {
            Of::All => "1",
            Of::TheFirst => "once",
        };
        match self {
            Style::Off => Vec::new(),
            Style::Short | Style::Full => {
                [("RUST_BACKTRACE", "full"), ("CLAVIS_SHOW_IMAGE", shown)]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .to_vec()
            }
        }
    }
}

/// Whose back traces shall have names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// All programs.
    All,
    /// The program that is started, not what it starts: a test compares what that prints.
    TheFirst,
}

/// What a line of a program that says where it lies begins with.
const IMAGE: &str = "clavis: image ";

/// A program whose symbols are known.
#[derive(Debug)]
struct Program {
    name: String,
    file: PathBuf,
}

/// A process of such a program.
#[derive(Debug, Clone, Copy)]
struct Process {
    program: usize,
    start: u64,
    end: u64,
    /// What its addresses have to be moved by to be those of the file.
    bias: u64,
}

/// Knows the programs and what they said.
#[derive(Debug)]
pub(crate) struct Trace {
    style: Style,
    programs: Vec<Program>,
    processes: Vec<Process>,
}

/// One stream of output, cut into lines.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The beginning of a line that may be about a frame or an image.
    held: Vec<u8>,
    /// The beginning of this line was passed on: the rest is, too.
    is_plain: bool,
    /// Frames that were read and not yet shown.
    frames: Vec<u64>,
}

impl Trace {
    /// For programs by name; their files hold the symbols.
    pub(crate) fn new(
        style: Style,
        programs: impl IntoIterator<Item = (String, PathBuf)>,
    ) -> Trace {
        let programs = programs.into_iter().map(|(name, file)| Program { name, file }).collect();
        Trace { style, programs, processes: Vec::new() }
    }

    /// What shall be shown instead of these bytes of a stream.
    pub(crate) fn feed(&mut self, stream: &mut Stream, bytes: &[u8]) -> Vec<u8> {
        if self.style == Style::Off {
            return bytes.to_vec();
        }
        let mut out = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.ends_with(b"\n");
            if stream.is_plain {
                out.extend_from_slice(piece);
                stream.is_plain = !ends;
                continue;
            }
            stream.held.extend_from_slice(piece);
            if ends {
                let line = std::mem::take(&mut stream.held);
                self.line(stream, &line, &mut out);
            } else if !may_be_special(&stream.held) {
                self.show(stream, &mut out);
                out.append(&mut stream.held);
                stream.is_plain = true;
            }
        }
        out
    }

    /// What is left when a stream has ended.
    pub(crate) fn finish(&mut self, stream: &mut Stream) -> Vec<u8> {
        let mut out = Vec::new();
        self.show(stream, &mut out);
        out.append(&mut stream.held);
        out
    }

    fn line(&mut self, stream: &mut Stream, line: &[u8], out: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line);
        if let Some((start, name)) = image(&text) {
            self.processes.extend(self.process(start, name));
            return;
        }
        match frame(&text) {
            // Where the stack begins, there is no caller.
            Some(0) if !stream.frames.is_empty() => {}
            Some(address) if self.process_of(address).is_some() => stream.frames.push(address),
            _ => {
                self.show(stream, out);
                out.extend_from_slice(line);
            }
        }
    }

    /// The process that said so, if its program is known.
    fn process(&self, start: u64, name: &str) -> Option<Process> {
        let own = name.rsplit('/').next()?;
        let program = self.programs.iter().position(|program| program.name == own)?;
        let bytes = std::fs::read(&self.programs.get(program)?.file).ok()?;
        let head = bytes.get(..clavis_elf::HEAD)?;
        let (first, behind) = Image::parse(head, bytes.len() as u64, Place::USER).ok()?.span();
        let bias = start.checked_sub(first)?;
        Some(Process { program, start, end: behind.checked_add(bias)?, bias })
    }

    fn process_of(&self, address: u64) -> Option<Process> {
        let holds = |process: &&Process| (process.start..process.end).contains(&address);
        self.processes.iter().rev().find(holds).copied()
    }

    /// Shows the frames that wait.
    fn show(&self, stream: &mut Stream, out: &mut Vec<u8>) {
        let mut named = Vec::new();
        for address in std::mem::take(&mut stream.frames) {
            named.extend(self.names(address));
        }
        if self.style == Style::Short {
            named = short(named);
        }
        for (index, Named { function, place }) in named.iter().enumerate() {
            out.extend(format!("{index:4}: {function}\n").bytes());
            if let Some(place) = place {
                out.extend(format!("             at {place}\n").bytes());
            }
        }
    }

    fn names(&self, address: u64) -> Vec<Named> {
        let known = self.process_of(address).and_then(|process| {
            let file = &self.programs.get(process.program)?.file;
            Some(symbols::names(&Loader::new(file).ok()?, address - process.bias))
        });
        match known {
            Some(names) if !names.is_empty() => names,
            _ => vec![Named { function: format!("{address:#x}"), place: None }],
        }
    }
}

/// Leaves away what led from the panic to its message, and what led to the program's own code.
fn short(mut named: Vec<Named>) -> Vec<Named> {
    let has = |mark: &str, named: &Named| named.function.contains(mark);
    let end = named.iter().position(|named| has("__rust_begin_short_backtrace", named));
    named.truncate(end.unwrap_or(named.len()));
    let begin = named.iter().rposition(|named| has("__rust_end_short_backtrace", named));
    named.drain(..begin.map_or(0, |begin| begin + 1));
    named
}

/// Whether a line that begins so may be about a frame or an image.
fn may_be_special(begin: &[u8]) -> bool {
    let blank = begin.iter().take_while(|byte| **byte == b' ').count();
    let image = IMAGE.as_bytes();
    begin.get(blank).is_none_or(u8::is_ascii_digit)
        || begin.iter().zip(image).all(|(byte, wanted)| byte == wanted)
}

/// `clavis: image ADDRESS of NAME`.
fn image(line: &str) -> Option<(u64, &str)> {
    let (address, name) = line.trim_end().strip_prefix(IMAGE)?.split_once(" of ")?;
    Some((number(address)?, name))
}

/// `  NUMBER:  ADDRESS - <unknown>`.
fn frame(line: &str) -> Option<u64> {
    let (index, rest) = line.trim().split_once(':')?;
    index.parse::<u32>().ok()?;
    number(rest.trim().strip_suffix("- <unknown>")?.trim())
}

fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_programs_are_understood() {
        assert_eq!(image("clavis: image 0x1000 of a b\n"), Some((0x1000, "a b")));
        assert_eq!(image("clavis: image of a"), None);
        assert_eq!(frame("  12:     0x30d4c2f1 - <unknown>\n"), Some(0x30d4_c2f1));
        for no in ["12: 0x30", "x: 0x30 - <unknown>", "1: 30 - <unknown>", "", "1:"] {
            assert_eq!(frame(no), None, "{no}");
        }
    }

    #[test]
    fn other_output_passes_unchanged_however_it_arrives() {
        let text = b"plain\n 3 digits\n  1:  0x10 - <unknown>\ntest a ... ok\nclavis: imag\nno end";
        for size in 1..=text.len() {
            let mut trace = Trace::new(Style::Short, []);
            let mut stream = Stream::default();
            let mut out: Vec<u8> =
                text.chunks(size).flat_map(|piece| trace.feed(&mut stream, piece)).collect();
            out.extend(trace.finish(&mut stream));
            assert_eq!(out, text, "in pieces of {size}");
        }
        let mut trace = Trace::new(Style::Short, []);
        assert_eq!(trace.feed(&mut Stream::default(), b"test a ... "), b"test a ... ");
    }

    #[test]
    fn a_short_trace_begins_behind_the_panic_and_ends_before_main_was_called() {
        let of = |names: &[&str]| -> Vec<Named> {
            let named = |name: &&str| Named { function: (*name).into(), place: None };
            names.iter().map(named).collect()
        };
        let all = of(&[
            "trace",
            "std::sys::backtrace::__rust_end_short_backtrace::<x>",
            "panic",
            "main",
            "std::sys::backtrace::__rust_begin_short_backtrace::<y>",
            "start",
        ]);
        assert_eq!(short(all), of(&["panic", "main"]));
        assert_eq!(short(of(&["a"])), of(&["a"]));
    }
}

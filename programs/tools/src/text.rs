//! `cat`, `head`, `tail`, `wc`, `hexdump`: the contents of files.
use crate::tool::{Options, Stop, Tool};
use clavis_render::bytes::dump_line;
use lexopt::ValueExt;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

/// Bytes asked for at once.
const CHUNK: usize = 64 * 1024;
/// Lines that `head` and `tail` print unless told.
const SOME_LINES: usize = 10;

/// Opens each file in turn (`-` and no file at all: standard input) and hands it on.
fn each(
    tool: &mut Tool,
    files: Vec<OsString>,
    mut action: impl FnMut(&mut Tool, &str, &mut dyn Read) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let files = if files.is_empty() { vec!["-".into()] } else { files };
    for file in files {
        let name = file.to_string_lossy();
        if file == "-" {
            action(tool, "standard input", &mut io::stdin().lock())?;
            continue;
        }
        match File::open(&file) {
            Ok(mut opened) => action(tool, &name, &mut opened)?,
            Err(error) => tool.complain(&name, &error),
        }
    }
    Ok(())
}

/// Reads to the end, piece by piece. An error of the file is told and ends the file.
fn pieces(
    tool: &mut Tool,
    name: &str,
    file: &mut dyn Read,
    mut action: impl FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => action(buffer.get(..count).unwrap_or(&[]))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                tool.complain(name, &error);
                return Ok(());
            }
        }
    }
}

pub(crate) fn cat(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let files = Options::read(parser, "u")?.words;
    let mut out = io::stdout().lock();
    each(tool, files, |tool, name, file| {
        pieces(tool, name, file, |bytes| {
            out.write_all(bytes)?;
            Ok(out.flush()?)
        })
    })
}

/// The number of lines that is asked for, and the files.
fn lines_and_files(mut parser: lexopt::Parser) -> Result<(usize, Vec<OsString>), Stop> {
    let mut lines = SOME_LINES;
    let mut files = Vec::new();
    // `head -3` is what everybody types.
    let first = parser.try_raw_args().and_then(|mut words| {
        let number = words.peek()?.to_str()?.strip_prefix('-')?.parse().ok()?;
        words.next();
        Some(number)
    });
    lines = first.unwrap_or(lines);
    while let Some(argument) = parser.next()? {
        match argument {
            lexopt::Arg::Short('n') => lines = parser.value()?.parse()?,
            lexopt::Arg::Value(word) => files.push(word),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok((lines, files))
}

pub(crate) fn head(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let (lines, files) = lines_and_files(parser)?;
    let mut out = io::stdout().lock();
    each(tool, files, |tool, name, file| {
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        for _ in 0..lines {
            line.clear();
            match file.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => out.write_all(&line)?,
                Err(error) => {
                    tool.complain(name, &error);
                    break;
                }
            }
        }
        Ok(out.flush()?)
    })
}

pub(crate) fn tail(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let (lines, files) = lines_and_files(parser)?;
    let mut out = io::stdout().lock();
    each(tool, files, |tool, name, file| {
        let mut last = VecDeque::new();
        let mut line = Vec::new();
        let mut keep = |line: Vec<u8>| {
            last.push_back(line);
            if last.len() > lines {
                last.pop_front();
            }
        };
        pieces(tool, name, file, |bytes| {
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    keep(std::mem::take(&mut line));
                }
            }
            Ok(())
        })?;
        if !line.is_empty() {
            keep(line);
        }
        for line in last {
            out.write_all(&line)?;
        }
        Ok(out.flush()?)
    })
}

#[derive(Clone, Copy, Default)]
struct Counts {
    lines: u64,
    words: u64,
    bytes: u64,
}

impl Counts {
    fn shown(self, options: &Options, name: &str) -> String {
        let all = !['l', 'w', 'c'].iter().any(|letter| options.has(*letter));
        let mut cells = Vec::new();
        for (letter, count) in [('l', self.lines), ('w', self.words), ('c', self.bytes)] {
            if all || options.has(letter) {
                cells.push(format!("{count:>7}"));
            }
        }
        cells.push(name.to_owned());
        cells.join(" ").trim_end().to_owned()
    }
}

pub(crate) fn wc(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let mut options = Options::read(parser, "clw")?;
    let files = std::mem::take(&mut options.words);
    let several = files.len() > 1;
    let unnamed = files.is_empty();
    let mut total = Counts::default();
    let mut out = io::stdout().lock();
    each(tool, files, |tool, name, file| {
        let mut counts = Counts::default();
        let mut inside = false;
        pieces(tool, name, file, |bytes| {
            for byte in bytes {
                counts.lines += u64::from(*byte == b'\n');
                let word = !byte.is_ascii_whitespace();
                counts.words += u64::from(word && !inside);
                inside = word;
            }
            counts.bytes += bytes.len() as u64;
            Ok(())
        })?;
        total.lines += counts.lines;
        total.words += counts.words;
        total.bytes += counts.bytes;
        let name = if unnamed { "" } else { name };
        Ok(writeln!(out, "{}", counts.shown(&options, name))?)
    })?;
    if several {
        writeln!(out, "{}", total.shown(&options, "total"))?;
    }
    Ok(())
}

pub(crate) fn hexdump(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let files = Options::read(parser, "C")?.words;
    let mut out = io::stdout().lock();
    each(tool, files, |tool, name, file| {
        let mut offset = 0;
        let mut line = Vec::with_capacity(16);
        pieces(tool, name, file, |bytes| {
            for byte in bytes {
                line.push(*byte);
                if line.len() == 16 {
                    writeln!(out, "{}", dump_line(offset, &line))?;
                    offset += 16;
                    line.clear();
                }
            }
            Ok(())
        })?;
        if !line.is_empty() {
            writeln!(out, "{}", dump_line(offset, &line))?;
        }
        Ok(())
    })
}

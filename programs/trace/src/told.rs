//! Where the lines go.
use clavis::abi::params::Denial;
use clavis::audit::Reader;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use trace_lines::{Operation, Options, Outcome, Summary, line, notice, refusal};

/// Most refusals that are waited for at once.
const EXPECTED: usize = 64;

/// What was seen, and where it is told. Threads tell one after the other.
pub(crate) struct Told {
    options: Options,
    written: Mutex<Written>,
}

struct Written {
    file: Option<File>,
    summary: Summary,
    /// The audit ring, as far as it was read.
    refusals: Option<Reader>,
    /// The processes that have asked for something.
    known: HashSet<u64>,
    /// Refusals that were told already and that the ring will have once more.
    expected: Vec<(u64, Denial)>,
    failed: Option<io::Error>,
}

impl Told {
    /// Begins: what was refused before is not told.
    pub(crate) fn new(options: &Options) -> io::Result<Told> {
        let file = options.output.as_ref().map(File::create).transpose()?;
        let mut refusals = Reader::new().ok();
        while refusals.as_mut().is_some_and(|ring| ring.more().is_ok_and(|rows| !rows.is_empty())) {
        }
        let written = Written {
            file,
            summary: Summary::default(),
            refusals,
            known: HashSet::new(),
            expected: Vec::new(),
            failed: None,
        };
        Ok(Told { options: options.clone(), written: Mutex::new(written) })
    }

    fn with<T>(&self, body: impl FnOnce(&mut Written, &Options) -> T) -> T {
        body(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner), &self.options)
    }

    /// A call, with what became of it.
    pub(crate) fn call(&self, process: u64, operation: Operation, asked: &str, outcome: &Outcome) {
        self.with(|written, options| {
            written.known.insert(process);
            written.refused(options);
            let text = || line(process, asked, outcome);
            written.add(options, operation, outcome.failed(), text);
        });
    }

    /// Something that nobody waits for.
    pub(crate) fn notice(&self, operation: Operation, what: &str) {
        self.with(|written, options| {
            written.refused(options);
            written.add(options, operation, false, || notice(None, what));
        });
    }

    /// A refusal that was told is met by the process itself, too.
    pub(crate) fn expect(&self, process: u64, denial: Denial) {
        self.with(|written, _| {
            if written.refusals.is_some() && written.expected.len() < EXPECTED {
                written.expected.push((process, denial));
            }
        });
    }

    /// Everything was seen. Answers why some of it could not be written.
    pub(crate) fn end(&self) -> Option<io::Error> {
        self.with(|written, options| {
            written.refused(options);
            if options.counts {
                let table = written.summary.table();
                written.write(&table);
            }
            written.failed.take()
        })
    }
}

impl Written {
    fn add(
        &mut self,
        options: &Options,
        operation: Operation,
        failed: bool,
        text: impl FnOnce() -> String,
    ) {
        if !options.tells(operation) {
            return;
        }
        self.summary.count(operation, failed);
        if !options.counts {
            self.write(&text());
        }
    }

    /// Tells what the kernel refused by itself since the last time, as far as this process may know.
    fn refused(&mut self, options: &Options) {
        let Some(mut ring) = self.refusals.take() else { return };
        while let Ok(rows) = ring.more() {
            if rows.is_empty() {
                break;
            }
            for row in rows.iter().filter(|row| row.reporter.is_none()) {
                let same = |(process, denial): &(u64, Denial)| {
                    *process == row.process
                        && (denial.missing, denial.rule) == (row.denial.missing, row.denial.rule)
                };
                if let Some(found) = self.expected.iter().position(same) {
                    self.expected.remove(found);
                } else if self.known.contains(&row.process) {
                    let text = || refusal(row.process, &row.denial, &row.name);
                    self.add(options, Operation::Refused, true, text);
                }
            }
        }
        self.refusals = Some(ring);
    }

    /// One piece at a time: others write to standard error, too.
    fn write(&mut self, text: &str) {
        let written = match &mut self.file {
            Some(file) => file.write_all(text.as_bytes()),
            None => io::stderr().write_all(text.as_bytes()),
        };
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}

//! Pipes between two processes.
use crate::measure::{Outcome, Row, median, median_of_long, said_number};
use std::os::fd::AsRawFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "pipe-byte", what: "one byte to another process and back", run: byte },
    Row {
        name: "pipe-1m",
        what: "1 MiB to another process in writes of 64 KiB, and a byte back",
        run: mebibyte,
    },
];

/// Bytes of one write.
const PIECE: usize = 64 << 10;
/// Bytes of one transfer.
const WHOLE: usize = 1 << 20;

/// A process that answers each so many bytes of its input with one byte.
struct Partner {
    child: Child,
    to: Option<ChildStdin>,
    from: ChildStdout,
}

impl Partner {
    fn start(bytes: usize) -> Result<Self, String> {
        let own = std::env::args().next().unwrap_or_else(|| "bench".into());
        let mut command = Command::new(&own);
        command.args(["--answer-each", &bytes.to_string()]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{own}: {error}"))?;
        let to = child.stdin.take();
        let from = child.stdout.take().ok_or("the partner has no output")?;
        Ok(Partner { child, to, from })
    }

    fn ask(&self, bytes: &[u8]) -> Result<(), String> {
        let to = self.to.as_ref().ok_or("the partner has no input")?;
        write(to.as_raw_fd() as usize, bytes)
    }

    fn answered(&self) -> Result<(), String> {
        let mut byte = [0];
        match libredox::call::read(self.from.as_raw_fd() as usize, &mut byte) {
            Ok(1) => Ok(()),
            Ok(_) => Err("the partner ended".into()),
            Err(error) => Err(said_number("read", error)),
        }
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        // It ends with its input.
        self.to = None;
        _ = self.child.wait();
    }
}

fn write(fd: usize, bytes: &[u8]) -> Result<(), String> {
    match libredox::call::write(fd, bytes) {
        Ok(count) if count == bytes.len() => Ok(()),
        Ok(count) => Err(format!("{count} bytes were written instead of {}", bytes.len())),
        Err(error) => Err(said_number("write", error)),
    }
}

fn byte() -> Outcome {
    let partner = Partner::start(1)?;
    median(|| {
        partner.ask(&[1])?;
        partner.answered()
    })
}

fn mebibyte() -> Outcome {
    let partner = Partner::start(WHOLE)?;
    let piece = vec![7; PIECE];
    median_of_long(|| {
        for _ in 0..WHOLE / PIECE {
            partner.ask(&piece)?;
        }
        partner.answered()
    })
}

/// The partner: answers each so many bytes with one, until its input ends.
pub(crate) fn answer_each(bytes: &str) -> ExitCode {
    let Ok(bytes) = bytes.parse::<usize>() else { return ExitCode::from(2) };
    let mut buffer = vec![0; PIECE.min(bytes.max(1))];
    let mut left = bytes;
    loop {
        match libredox::call::read(0, &mut buffer) {
            Ok(0) => return ExitCode::SUCCESS,
            Ok(count) if count < left => left -= count,
            Ok(_) => {
                left = bytes;
                if write(1, &[1]).is_err() {
                    return ExitCode::FAILURE;
                }
            }
            Err(_) => return ExitCode::FAILURE,
        }
    }
}

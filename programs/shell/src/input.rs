//! Where a shell's text comes from: a person at the console, or descriptor 0.
use crate::execute;
use crate::state::{Flow, INTERRUPTED, Shell, Talk};
use crate::{run_text, system};
use std::fs::File;
use std::io::{IsTerminal, Read, Write};

/// Most bytes of one command: what does not end by then is refused.
const MAX_TEXT: usize = 1 << 20;

/// Whether descriptor 0 is a terminal.
pub(crate) fn is_terminal(shell: &Shell) -> bool {
    shell.descriptors.get(&0).is_some_and(|file| file.is_terminal())
}

/// Runs what descriptor 0 holds as one program.
pub(crate) fn standard_input(shell: &mut Shell) -> i32 {
    let mut text = String::new();
    if let Some(file) = shell.descriptors.get(&0).cloned() {
        let mut file: &File = &file;
        if let Err(error) = file.read_to_string(&mut text) {
            shell.complain(&format!("standard input: {}", system::reason(&error)));
            return 1;
        }
    }
    run_text(shell, &text)
}

/// Reads commands from the console until it ends or `exit` is said.
pub(crate) fn converse(shell: &mut Shell) -> i32 {
    shell.talk = Talk::Interactive;
    let Some(console) = shell.descriptors.get(&0).cloned() else { return shell.status };
    let mut lines = Lines { console: &console, read: Vec::new() };
    let mut text = String::new();
    loop {
        let prompt = if text.is_empty() {
            format!("clavis:{}$ ", shell.directory.path)
        } else {
            "> ".to_owned()
        };
        prompt_with(shell, &prompt);
        match lines.next() {
            Ok(Some(line)) => text.push_str(&line),
            Ok(None) => {
                prompt_with(shell, "\n");
                return shell.status;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                text.clear();
                shell.status = INTERRUPTED;
                continue;
            }
            Err(error) => {
                shell.complain(&format!("console: {}", system::reason(&error)));
                return 1;
            }
        }
        let program = match shell_language::parse(&text) {
            Err(error) if error.unfinished && text.len() < MAX_TEXT => continue,
            Err(error) => {
                shell.complain(&error.to_string());
                shell.status = crate::MISUSE;
                text.clear();
                continue;
            }
            Ok(program) => program,
        };
        text.clear();
        match execute::program(shell, &program) {
            Flow::Exit(status) => return status,
            Flow::Next | Flow::Interrupted | Flow::Break(_) | Flow::Continue(_) => {}
        }
    }
}

fn prompt_with(shell: &Shell, text: &str) {
    if let Some(file) = shell.descriptors.get(&1) {
        let mut file: &File = file;
        // A console that cannot be written to shows in the next read.
        _ = file.write_all(text.as_bytes());
    }
}

/// Lines of the console.
struct Lines<'a> {
    console: &'a File,
    read: Vec<u8>,
}

impl Lines<'_> {
    /// The next line with its line end; `None` at the end.
    fn next(&mut self) -> std::io::Result<Option<String>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            let mut chunk = [0; 1024];
            let count = self.console.read(&mut chunk)?;
            if count == 0 || self.read.len() > MAX_TEXT {
                let rest = std::mem::take(&mut self.read);
                let rest = String::from_utf8_lossy(&rest).into_owned();
                return Ok(Some(rest).filter(|rest| !rest.is_empty()));
            }
            self.read.extend_from_slice(chunk.get(..count).unwrap_or(&[]));
        }
    }
}

//! Where a shell's text comes from: a person at the console, or descriptor 0.
use crate::line::Lines;
use crate::state::{Flow, INTERRUPTED, Shell, Talk};
use crate::{execute, jobs};
use crate::{run_text, system};
use std::fs::File;
use std::io::{IsTerminal, Read};

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
    let on_terminal: Vec<u32> = (0..3)
        .filter(|number| shell.descriptors.get(number).is_some_and(|file| file.is_terminal()))
        .collect();
    let terminal = shell.descriptors.get(&0).cloned();
    shell.terminal = terminal.map(|terminal| (terminal, on_terminal));
    shell.take_terminal();
    let status = read_lines(shell);
    jobs::hang_up(shell);
    status
}

fn read_lines(shell: &mut Shell) -> i32 {
    let Some(mut lines) = Lines::new(shell) else { return shell.status };
    let mut text = String::new();
    loop {
        jobs::report(shell);
        let prompt = if text.is_empty() {
            format!("clavis:{}$ ", shell.directory.path)
        } else {
            "> ".to_owned()
        };
        match lines.next(&prompt, &shell.directory) {
            Ok(Some(line)) => {
                text.push_str(&line);
                shell.history = lines.history();
            }
            Ok(None) => {
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
        shell.typed = text.trim().to_owned();
        text.clear();
        match execute::program(shell, &program) {
            Flow::Exit(status) => return status,
            Flow::Next
            | Flow::Interrupted
            | Flow::Break(_)
            | Flow::Continue(_)
            | Flow::Return(_) => {}
        }
    }
}

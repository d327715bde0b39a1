//! The shell: `sh` on a terminal, `sh -c TEXT`, `sh FILE ARGUMENT…`.
//!
//! The language is the `shell-language` crate; here its programs run. A shell's whole state is one
//! value ([`state::Shell`]), the current directory included: a subshell is a copy of it.
#![forbid(unsafe_code)]

mod builtins;
mod execute;
mod input;
mod jobs;
mod line;
mod stage;
mod state;
mod system;

use state::{Flow, Shell};
use std::process::ExitCode;

/// Status of a text that is no program, or of a wrong use.
const MISUSE: i32 = 2;

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let own = arguments.next().unwrap_or_else(|| "sh".into());
    let mut arguments: Vec<String> = arguments.collect();
    let mut interactive = false;
    if arguments.first().is_some_and(|first| first == "-i") {
        interactive = true;
        arguments.remove(0);
    }
    let mut shell = Shell::new(own);
    let status = match arguments.first().map(String::as_str) {
        None => {
            if interactive || input::is_terminal(&shell) {
                input::converse(&mut shell)
            } else {
                input::standard_input(&mut shell)
            }
        }
        Some("-c") => match arguments.get(1).cloned() {
            Some(text) => {
                if let Some(name) = arguments.get(2) {
                    shell.name = name.clone();
                }
                shell.arguments = arguments.into_iter().skip(3).collect();
                run_text(&mut shell, &text)
            }
            None => misuse(&shell, "-c needs a command"),
        },
        Some(option) if option.starts_with('-') && option.len() > 1 => {
            misuse(&shell, &format!("{option}: unknown option (known: -c COMMAND, -i)"))
        }
        Some(path) => {
            let path = path.to_owned();
            shell.arguments = arguments.into_iter().skip(1).collect();
            match shell.directory.read(&path) {
                Ok(text) => {
                    shell.name = path;
                    run_text(&mut shell, &text)
                }
                Err(error) => {
                    shell.complain(&format!("{path}: {}", system::reason(&error)));
                    state::NOT_FOUND
                }
            }
        }
    };
    // Statuses are bytes; what a program exits with beyond is cut as everywhere.
    ExitCode::from((status & 0xff) as u8)
}

fn misuse(shell: &Shell, why: &str) -> i32 {
    shell.complain(why);
    MISUSE
}

/// Runs a whole text and gives its status.
fn run_text(shell: &mut Shell, text: &str) -> i32 {
    match shell_language::parse(text) {
        Ok(program) => match execute::program(shell, &program) {
            Flow::Exit(status) | Flow::Return(status) => status,
            _ => shell.status,
        },
        Err(error) => misuse(shell, &error.to_string()),
    }
}

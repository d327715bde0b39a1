//! The session at the console: opens it as descriptors 0 to 2, greets, runs the shell, and starts
//! it again when it ends.
#![forbid(unsafe_code)]

use clavis::handle::AsNumber;
use clavis::{ExitStatus, Give};
use clavis_launch::{DEFAULT_PATH, Directory, Launch, Powers};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const CONSOLE: &str = "/dev/tty";
const GREETING: &str = "/scheme/initfs/etc/motd";
const HOME: &str = "/";
const SHELL: &str = "sh";
/// A shell that ends sooner than this did not work; the next one waits as long.
const TOO_SOON: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match session() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("session: {why}");
            ExitCode::FAILURE
        }
    }
}

fn said(subject: &str, error: &io::Error) -> String {
    format!("{subject}: {}", clavis_launch::reason(error))
}

/// Runs shells until the console is gone.
fn session() -> Result<(), String> {
    let open = || OpenOptions::new().read(true).write(true).open(CONSOLE);
    let console: File = open().map_err(|error| said(CONSOLE, &error))?;
    let mut screen: &File = &console;
    let home = File::open(HOME).map_err(|error| said(HOME, &error))?;
    if let Ok(greeting) = std::fs::read(GREETING) {
        screen.write_all(&greeting).map_err(|error| said(CONSOLE, &error))?;
    }
    loop {
        let begun = Instant::now();
        if let Err(why) = shell(&console, &home) {
            let line = format!("session: {why}\n");
            screen.write_all(line.as_bytes()).map_err(|error| said(CONSOLE, &error))?;
        }
        if begun.elapsed() < TOO_SOON {
            std::thread::sleep(TOO_SOON);
        }
        screen.write_all(b"\n").map_err(|error| said(CONSOLE, &error))?;
    }
}

/// Runs one shell to its end.
fn shell(console: &File, home: &File) -> Result<(), String> {
    let arguments = [SHELL.to_owned(), "-i".to_owned()];
    // The manifest says the rest of the environment.
    let mut environment: Vec<(String, String)> = std::env::vars().collect();
    environment.push(("TERM".into(), "vt100".into()));
    let path = std::env::var("PATH").unwrap_or_else(|_| DEFAULT_PATH.into());
    let number = console.number();
    let launch = Launch {
        arguments: &arguments,
        environment: &environment,
        descriptors: &[(0, number), (1, number), (2, number)],
        namespace: Give::Own,
        directory: Directory { handle: Give::This(home.number()), path: HOME },
        account: None,
        powers: Powers::Handed,
    };
    let process = clavis_launch::start(&launch, &path, &clavis_launch::open)
        .map_err(|error| format!("{SHELL}: {}", error.reason()))?;
    let status = process.wait().map_err(|error| said(SHELL, &error.into()))?;
    match status {
        ExitStatus::Exit(_) => Ok(()),
        ending => Err(format!("{SHELL}: {ending}")),
    }
}

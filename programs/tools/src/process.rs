//! `ps`, `kill`, `poweroff`, `reboot`, and how `env` starts a command.
use crate::tool::{MISUSE, Options, Stop, Tool};
use clavis::abi::error::{ENOENT, ESRCH};
use clavis::abi::params::BIRTH_NAME;
use clavis::process::Change;
use clavis::{Give, Number, process};
use clavis_launch::{Directory, Launch, Powers};
use clavis_render::handle::printable;
use clavis_render::table::{Align, Table};
use std::io::{self, Write};

/// Where processes are listed.
const PROCESSES: &str = "/scheme/proc";
/// KiB in a frame of memory.
const FRAME_KIB: u64 = 4;
/// The signal that asks a process to end.
const TERMINATE: usize = 15;
/// Greatest signal number.
const MAX_SIGNAL: usize = 64;

const SIGNALS: &[(&str, usize)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("KILL", 9),
    ("USR1", 10),
    ("USR2", 12),
    ("PIPE", 13),
    ("TERM", TERMINATE),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
];

pub(crate) fn ps(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    Options::read(parser, "aefux")?;
    let mut numbers = match numbers() {
        Ok(numbers) => numbers,
        Err(error) => {
            tool.complain(PROCESSES, &error);
            return Ok(());
        }
    };
    numbers.sort_unstable();
    use Align::{Left, Right};
    let mut table = Table::with_heading([
        ("PID", Right),
        ("PARENT", Right),
        ("STATE", Left),
        ("ACCOUNT", Right),
        ("ITS THREADS", Right),
        ("ITS KIB", Right),
        ("HANDLES", Right),
        ("CPU SECONDS", Right),
        ("PROGRAM", Left),
    ]);
    for number in numbers {
        // A process may end between the list and the question.
        let Ok(process) = clavis::object::process(number) else { continue };
        let Ok(usage) = process::usage(&process) else { continue };
        let state = match process::state(&process) {
            Ok(None | Some(Change::Continued)) => "runs",
            Ok(Some(Change::Stopped(_))) => "stopped",
            Ok(Some(Change::Ended(_))) => continue,
            Err(_) => "-",
        };
        let handles = match process::inspect(&process) {
            Ok(rows) => rows.len().to_string(),
            Err(_) => "-".into(),
        };
        let kib = usage.used.frames.saturating_mul(FRAME_KIB);
        let [parent, account, threads, kib] =
            [usage.maker, usage.number, usage.used.threads, kib].map(|number| number.to_string());
        let spent = process::cpu_time(&process)
            .map_or("-".into(), |spent| format!("{:.2}", spent.as_secs_f64()));
        let name = process::borrow(&process, Number::from_raw(BIRTH_NAME))
            .and_then(|name| clavis::handle::path(&name));
        let name = name.map(|name| printable(name.trim_end_matches('\0'))).unwrap_or_default();
        let name = if name.is_empty() { "-".into() } else { name };
        let pid = number.to_string();
        table.row([pid, parent, state.into(), account, threads, kib, handles, spent, name]);
    }
    Ok(io::stdout().lock().write_all(table.text().as_bytes())?)
}

fn numbers() -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(PROCESSES)? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    Ok(numbers)
}

pub(crate) fn kill(tool: &mut Tool, mut parser: lexopt::Parser) -> Result<(), Stop> {
    let words: Vec<String> =
        parser.raw_args()?.map(|word| word.to_string_lossy().into_owned()).collect();
    let mut signal = TERMINATE;
    let mut processes = Vec::new();
    for word in words {
        match word.strip_prefix('-') {
            Some(name) if processes.is_empty() => {
                signal = signal_number(name)
                    .ok_or_else(|| Stop::Misuse(format!("{name}: no such signal")))?;
            }
            _ => match word.parse::<u64>() {
                Ok(number) => processes.push(number),
                Err(_) => return Err(Stop::Misuse(format!("{word}: not a process number"))),
            },
        }
    }
    if processes.is_empty() {
        return Err(Stop::Misuse("a process number is missing".into()));
    }
    for number in processes {
        let sent = clavis::object::process(number)
            .and_then(|process| process::send_signal(&process, signal));
        match sent {
            Ok(()) => {}
            Err(error) if matches!(error.errno(), ENOENT | ESRCH) => {
                tool.say(number, "no such process");
            }
            Err(error) => tool.say(number, &clavis_launch::reason_of(&error)),
        }
    }
    Ok(())
}

fn signal_number(name: &str) -> Option<usize> {
    let plain = name.strip_prefix("SIG").unwrap_or(name);
    let known = SIGNALS.iter().find(|row| row.0.eq_ignore_ascii_case(plain)).map(|row| row.1);
    known.or_else(|| name.parse().ok()).filter(|signal| (1..=MAX_SIGNAL).contains(signal))
}

pub(crate) fn poweroff(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    Options::read(parser, "f")?;
    switched(tool, clavis::object::power_off());
    Ok(())
}

pub(crate) fn reboot(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    Options::read(parser, "f")?;
    switched(tool, clavis::object::restart());
    Ok(())
}

fn switched(tool: &mut Tool, outcome: clavis::Result<()>) {
    match outcome {
        Ok(()) => {}
        Err(error) if error.errno() == ENOENT => {
            tool.say("power", "this process was not given the power handle");
        }
        Err(error) => tool.say("power", &clavis_launch::reason_of(&error)),
    }
}

/// Runs a command with an environment and gives its status.
pub(crate) fn run(tool: &mut Tool, command: &[String], environment: &[(String, String)]) -> u8 {
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let path = path.unwrap_or_else(|| clavis_launch::DEFAULT_PATH.into());
    let launch = Launch {
        arguments: command,
        environment,
        descriptors: &clavis_launch::standard_descriptors(),
        namespace: Give::Own,
        directory: Directory { handle: Give::Own, path: "" },
        account: None,
        powers: Powers::Handed,
    };
    let name = command.first().map_or("", String::as_str);
    match clavis_launch::start(&launch, &path, &clavis_launch::open) {
        Ok(process) => match process.wait() {
            Ok(status) => (status.shell_code() & 0xff) as u8,
            Err(error) => {
                tool.say(name, &clavis_launch::reason_of(&error));
                MISUSE
            }
        },
        Err(error) => {
            tool.say(name, &error.reason());
            error.status()
        }
    }
}

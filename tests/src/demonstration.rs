//! docs/demonstration.md: its sessions, played.
use clavis::{Command, Give};
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The page.
pub(crate) const BOOK: &str = include_str!("../../docs/demonstration.md");
/// In front of each command in it.
pub(crate) const PROMPT: &str = "clavis:/$ ";
/// What the sessions draw, and where the drawing is kept.
const PICTURES: [(&str, &str); 2] = [
    ("/desk/given.svg", "docs/demonstration-given.svg"),
    ("/desk/revoked.svg", "docs/demonstration-revoked.svg"),
];
/// Behind what each command says.
const MARK: &str = "@@ the next command";
/// What the sessions make.
const MADE: &[&str] = &["/desk", "/letters", "/reader.policy", "/ask.policy"];

/// A command, and what came of it.
struct Step {
    command: String,
    /// When it was given, counted from the beginning.
    at: Duration,
    /// Lines, and when each came.
    said: Vec<(Duration, String)>,
}

/// What came of all sessions.
pub(crate) struct Played {
    steps: Vec<Step>,
    /// In the order in which they were drawn.
    pub(crate) pictures: Vec<String>,
}

impl Played {
    /// Plays the sessions of the page in a shell.
    pub(crate) fn now() -> Result<Played, String> {
        tidy();
        let steps = steps();
        let pictures: Result<Vec<String>, _> =
            PICTURES.iter().map(|(path, _)| fs::read_to_string(path)).collect();
        tidy();
        let (steps, pictures) = (steps?, pictures.map_err(|error| format!("a picture: {error}"))?);
        Ok(Played { steps, pictures })
    }

    /// The page with what the commands in it say now.
    pub(crate) fn page(&self) -> String {
        let mut steps = self.steps.iter();
        let mut page = String::new();
        let mut said = false;
        for line in BOOK.lines() {
            // What a command said the last time.
            if said && !line.starts_with(PROMPT) && line != "```" {
                continue;
            }
            said = line.starts_with(PROMPT);
            page.push_str(line);
            page.push('\n');
            let step = if said { steps.next() } else { None };
            for (_, line) in step.into_iter().flat_map(|step| &step.said) {
                page.push_str(line);
                page.push('\n');
            }
        }
        page
    }

    /// The same as a recording that `asciinema play` shows: a line of JSON for each line.
    pub(crate) fn cast(&self) -> String {
        let title = quoted(BOOK.lines().next().unwrap_or_default().trim_start_matches("# "));
        let mut cast =
            format!("{{\"version\": 2, \"width\": 150, \"height\": 40, \"title\": {title}}}\n");
        for Step { command, at, said } in &self.steps {
            let typed = (*at, format!("{PROMPT}{command}"));
            for (at, line) in std::iter::once(&typed).chain(said) {
                let (at, line) = (at.as_secs_f64(), quoted(&format!("{line}\r\n")));
                // Writing to a string does not fail.
                _ = writeln!(cast, "[{at:.3}, \"o\", {line}]");
            }
        }
        cast
    }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => {
                // Writing to a string does not fail.
                _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted + "\""
}

/// Has a shell run the commands of the page.
fn steps() -> Result<Vec<Step>, String> {
    let commands = BOOK.lines().filter_map(|line| line.strip_prefix(PROMPT));
    let script: String =
        commands.clone().map(|command| format!("{command}\necho '{MARK}'\n")).collect();
    let failed = |what: &'static str| move |error: clavis::Error| format!("{what}: {error}");
    let (from, to) = clavis::object::pipe(0).map_err(failed("pipe"))?;
    let command = Command::new("/scheme/initfs/bin/sh").args(["-c", &script]);
    let command = command.env("PATH", "/scheme/initfs/bin").stdout(&to).stderr(&to);
    let command = command.namespace(Give::Own).cwd(Give::Own, "/").child_account(Give::Own);
    let begun = Instant::now();
    let child = command.spawn().map_err(failed("start"))?;
    drop(to);
    let mut lines = BufReader::new(&from).lines();
    let mut steps = Vec::new();
    for command in commands {
        let (at, mut said) = (begun.elapsed(), Vec::new());
        loop {
            let line = lines.next().ok_or(format!("the shell ended in {command:?}"))?;
            match line.map_err(|error| error.to_string())? {
                line if line == MARK => break,
                line => said.push((begun.elapsed(), line)),
            }
        }
        steps.push(Step { command: command.to_owned(), at, said });
    }
    child.wait().map_err(failed("wait"))?;
    Ok(steps)
}

/// Removes what the sessions make.
fn tidy() {
    for path in MADE {
        // Only what is there.
        _ = fs::remove_file(path);
        _ = fs::remove_dir_all(path);
    }
}

/// Prints every file of the documentation that comes of it, each behind a line `@@@` with its path.
pub(crate) fn demonstrate() -> ExitCode {
    let played = match Played::now() {
        Ok(played) => played,
        Err(why) => {
            eprintln!("demonstrate: {why}");
            return ExitCode::FAILURE;
        }
    };
    print!("@@@ docs/demonstration.md\n{}", played.page());
    print!("@@@ docs/demonstration.cast\n{}", played.cast());
    for ((_, kept), picture) in PICTURES.iter().zip(&played.pictures) {
        print!("@@@ {kept}\n{picture}");
    }
    ExitCode::SUCCESS
}

//! `capgraph`: who holds what in the whole system, as a drawing; what can reach what; what changed.
#![forbid(unsafe_code)]

use clavis_render::handle::printable;
use clavis_render::reason;
use holdings::graph::Graph;
use holdings::{Snapshot, diff, dot, reach, saved, svg};
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "\
usage: capgraph [--svg] [--all]     draw all processes and what lies between them: DOT, or SVG
         --around A                 only A, what it has to do with, and who is behind that
       capgraph --reach A B         whether A can act on B, and by which way
         --trust NAME               but by none through NAME: it keeps to its rules
       capgraph --save FILE         keep the picture of this moment
       capgraph --diff OLD [NEW]    what changed since that moment (until now, or until another)
  --all        draw what only one process has to do with, too
  --of FILE    draw, or look for ways in, a picture that was kept
  A, B         a process by number or name; account:N, lease:N; the name of a scheme; a type
               (power, log, clock ...)";

/// Bytes of the largest picture that is read.
const MOST: u64 = 64 << 20;

/// What is to be done.
#[derive(Debug)]
enum Task {
    Draw { svg: bool, all: bool, around: Vec<String> },
    Reach(String, String, Vec<String>),
    Save(String),
    Diff(String, Option<String>),
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let Some((task, of)) = task(&words) else {
        capgraph::complain("capgraph", &format!("this is not understood\n{USAGE}"));
        return ExitCode::from(2);
    };
    match done(&task, of.as_deref()) {
        Ok(code) => code,
        Err(why) => {
            capgraph::complain("capgraph", &why);
            ExitCode::from(2)
        }
    }
}

/// What the words ask for, and the picture that it is about.
fn task(words: &[String]) -> Option<(Task, Option<String>)> {
    let (mut svg, mut all, mut of, mut other) = (false, false, None, None);
    let (mut trusted, mut around) = (Vec::new(), Vec::new());
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let mut next = || words.next().cloned();
        let task = match word.as_str() {
            "--svg" => {
                svg = true;
                continue;
            }
            "--dot" => {
                svg = false;
                continue;
            }
            "--all" => {
                all = true;
                continue;
            }
            "--of" => {
                of = Some(next()?);
                continue;
            }
            "--around" => {
                around.push(next()?);
                continue;
            }
            "--trust" => {
                trusted.push(next()?);
                continue;
            }
            "--reach" => Task::Reach(next()?, next()?, Vec::new()),
            "--save" => Task::Save(next()?),
            "--diff" => Task::Diff(next()?, words.next_if(|word| !word.starts_with("--")).cloned()),
            _ => return None,
        };
        if other.replace(task).is_some() {
            return None;
        }
    }
    let draws = other.is_none();
    let fits = draws || !svg && !all && around.is_empty();
    let mut task = other.unwrap_or(Task::Draw { svg, all, around });
    match &mut task {
        Task::Reach(_, _, names) => *names = trusted,
        _ if !trusted.is_empty() => return None,
        _ => {}
    }
    let has_own = matches!(task, Task::Save(_) | Task::Diff(..));
    (fits && !(has_own && of.is_some())).then_some((task, of))
}

fn done(task: &Task, of: Option<&str>) -> Result<ExitCode, String> {
    let picture = || of.map_or_else(capgraph::snapshot, kept);
    match task {
        Task::Draw { svg, all, around } => {
            let mut picture = picture()?;
            let middle = |graph: &Graph| -> Result<Vec<usize>, String> {
                let places: Result<Vec<_>, _> =
                    around.iter().map(|word| found(graph, word)).collect();
                places.map(|places| places.concat())
            };
            let mut graph = Graph::new(&picture);
            let processes = graph.processes(&middle(&graph)?);
            if of.is_none() && !processes.is_empty() {
                capgraph::ask_paths(&mut picture, &processes);
                graph = Graph::new(&picture);
            }
            if !*all {
                graph = graph.shared();
            }
            if !around.is_empty() {
                graph = graph.around(&middle(&graph)?);
            }
            say(&if *svg { svg::drawn(&graph) } else { dot::drawn(&graph) })
        }
        Task::Reach(from, to, trusted) => {
            let graph = Graph::new(&picture()?);
            let place = |word: &str| found(&graph, word);
            let (from_places, to_places) = (place(from)?, place(to)?);
            let trusted: Result<Vec<_>, _> = trusted.iter().map(|word| place(word)).collect();
            let trusted = trusted?.concat();
            let (from, to) = (printable(from), printable(to));
            match reach::way(&graph, &from_places, &to_places, &trusted) {
                Some(way) => {
                    say(&format!("{from} can act on {to}:\n{}", reach::told(&graph, &way)))
                }
                None => {
                    say(&format!("{from} cannot act on {to}\n"))?;
                    Ok(ExitCode::FAILURE)
                }
            }
        }
        Task::Save(file) => {
            let text = saved::write(&capgraph::snapshot()?);
            std::fs::write(file, text).map_err(|error| failed(file, &error))?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Diff(old, new) => {
            let old = kept(old)?;
            let new = new.as_deref().map_or_else(capgraph::snapshot, kept)?;
            say(&diff::told(&diff::between(&old, &new)))
        }
    }
}

/// Where in a graph that is.
fn found(graph: &Graph, word: &str) -> Result<Vec<usize>, String> {
    match graph.find(word) {
        places if places.is_empty() => Err(format!("{}: there is no such thing", printable(word))),
        places => Ok(places),
    }
}

/// A picture that was kept.
fn kept(file: &str) -> Result<Snapshot, String> {
    let length = std::fs::metadata(file).map_err(|error| failed(file, &error))?.len();
    if length > MOST {
        return Err(format!("{}: it is too large for a picture", printable(file)));
    }
    let text = std::fs::read_to_string(file).map_err(|error| failed(file, &error))?;
    saved::read(&text).map_err(|why| format!("{}: {why}", printable(file)))
}

fn failed(file: &str, error: &std::io::Error) -> String {
    let why = reason::of_error(error, clavis::error::last_denial);
    format!("{}: {why}", printable(file))
}

fn say(text: &str) -> Result<ExitCode, String> {
    let mut output = std::io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| failed("standard output", &error))?;
    Ok(ExitCode::SUCCESS)
}

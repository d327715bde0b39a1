//! `echo`, `env`, `printenv`, `pwd`, `uname`, `true`, `false`.
use crate::tool::{Options, Stop, Tool};
use lexopt::Arg;
use std::ffi::OsString;
use std::io::{self, Write};

pub(crate) fn echo(_: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let mut parser = parser;
    let words: Vec<OsString> = parser.raw_args()?.collect();
    let (end, words) = match words.split_first() {
        Some((first, rest)) if first == "-n" => ("", rest),
        _ => ("\n", words.as_slice()),
    };
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    Ok(write!(io::stdout().lock(), "{}{end}", words.join(" "))?)
}

pub(crate) fn env(tool: &mut Tool, mut parser: lexopt::Parser) -> Result<(), Stop> {
    let mut variables: Vec<(String, String)> = std::env::vars().collect();
    let mut command: Vec<String> = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('i') => variables.clear(),
            Arg::Value(word) => {
                let word = word.to_string_lossy().into_owned();
                match word.split_once('=') {
                    Some((name, value)) => {
                        variables.retain(|(known, _)| known != name);
                        variables.push((name.to_owned(), value.to_owned()));
                    }
                    None => {
                        command.push(word);
                        let rest = parser.raw_args()?;
                        command.extend(rest.map(|word| word.to_string_lossy().into_owned()));
                        break;
                    }
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if command.is_empty() {
        let mut out = io::stdout().lock();
        for (name, value) in variables {
            writeln!(out, "{name}={value}")?;
        }
        return Ok(());
    }
    Err(Stop::Status(crate::process::run(tool, &command, &variables)))
}

pub(crate) fn printenv(_: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let words = Options::read(parser, "")?.words;
    let mut out = io::stdout().lock();
    if words.is_empty() {
        for (name, value) in std::env::vars() {
            writeln!(out, "{name}={value}")?;
        }
    }
    let mut missing = false;
    for word in words {
        match std::env::var_os(&word) {
            Some(value) => writeln!(out, "{}", value.to_string_lossy())?,
            None => missing = true,
        }
    }
    if missing { Err(Stop::Status(1)) } else { Ok(()) }
}

pub(crate) fn pwd(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    Options::read(parser, "LP")?;
    match std::env::current_dir() {
        Ok(path) => println!("{}", path.display()),
        Err(error) => tool.complain("current directory", &error),
    }
    Ok(())
}

pub(crate) fn uname(_: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let options = Options::read(parser, "amnrsv")?;
    let parts =
        [('s', "Clavis"), ('n', "clavis"), ('r', env!("CARGO_PKG_VERSION")), ('m', "x86_64")];
    let any = parts.iter().any(|part| options.has(part.0));
    let shown = parts
        .iter()
        .filter(|part| options.has('a') || options.has(part.0) || (!any && part.0 == 's'));
    let shown: Vec<&str> = shown.map(|part| part.1).collect();
    println!("{}", shown.join(" "));
    Ok(())
}

pub(crate) fn yes(_: &mut Tool, _: lexopt::Parser) -> Result<(), Stop> {
    Ok(())
}

pub(crate) fn no(_: &mut Tool, _: lexopt::Parser) -> Result<(), Stop> {
    Err(Stop::Status(1))
}

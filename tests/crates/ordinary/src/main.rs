//! Says how many words the named files have, standard input if none is named.
use std::io::Read as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        let mut text = String::new();
        return match std::io::stdin().read_to_string(&mut text) {
            Ok(_) => said(&text),
            Err(error) => failed("standard input", &error),
        };
    }
    for name in &names {
        match std::fs::read_to_string(name) {
            Ok(text) => said(&text),
            Err(error) => return failed(name, &error),
        };
    }
    ExitCode::SUCCESS
}

fn said(text: &str) -> ExitCode {
    println!("{}", ordinary::words(text));
    ExitCode::SUCCESS
}

fn failed(name: &str, error: &std::io::Error) -> ExitCode {
    eprintln!("{name}: {error}");
    ExitCode::from(7)
}

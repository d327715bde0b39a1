//! The integration suite: `suite [FILTER]` runs every case whose name contains the filter.
//!
//! Each case is a process in its own namespace and account. What happens goes to descriptor 3 as
//! lines: `begin NAME`, then `pass NAME` or `fail NAME: why`. `suite --list` names the cases.
//! `--case`, `--peer`, `--act` and `--ran` are the suite's other selves: one case, the server that
//! misbehaves, the program that a case starts, and the interpreter of a script.
#[cfg(target_os = "redox")]
mod act;
mod asks;
#[cfg(target_os = "redox")]
mod cases;
#[cfg(target_os = "redox")]
mod demonstration;
#[cfg(target_os = "redox")]
mod peer;
#[cfg(target_os = "redox")]
mod run;
mod tend;
#[cfg(target_os = "redox")]
mod traced;
#[cfg(target_os = "redox")]
mod vectors;

#[cfg(target_os = "redox")]
fn main() -> std::process::ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--list"] => run::list(),
        ["--case", name] => run::case(name),
        ["--peer", mode] => peer::main(mode),
        ["--ran", ..] => cases::ways_out::scripts::ran(),
        ["--act", what, ..] => act::main(what),
        [] => run::all(""),
        [filter] => run::all(filter),
        _ => {
            eprintln!("usage: suite [--list | FILTER]");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "redox"))]
fn main() -> std::process::ExitCode {
    eprintln!("suite: it tests Clavis from inside, so it runs on Clavis only");
    std::process::ExitCode::FAILURE
}

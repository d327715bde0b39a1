//! Serves `/scheme/greet`.
#![forbid(unsafe_code)]

#[cfg(target_os = "redox")]
mod daemon;

#[cfg(target_os = "redox")]
fn main() -> std::process::ExitCode {
    daemon::main()
}

#[cfg(not(target_os = "redox"))]
fn main() -> std::process::ExitCode {
    eprintln!("greet: it serves a scheme, so it runs on Clavis only; on this host it is tested");
    std::process::ExitCode::FAILURE
}

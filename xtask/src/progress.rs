//! What xtask tells while it works: lines on stderr for a person, nothing for a pipe.
use std::io::IsTerminal as _;
use std::sync::OnceLock;

/// Whether a person watches stderr.
pub(crate) fn is_watched() -> bool {
    static WATCHED: OnceLock<bool> = OnceLock::new();
    *WATCHED.get_or_init(|| std::io::stderr().is_terminal())
}

/// Says what is being done.
pub(crate) fn step(what: &str) {
    if is_watched() {
        eprintln!("\x1b[1;32m{:>12}\x1b[0m {what}", "clavis");
    }
}

/// Says something that matters even in a log.
pub(crate) fn note(what: &str) {
    eprintln!("xtask: {what}");
}

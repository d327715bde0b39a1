//! The variables that a program finds in the guest.
use anyhow::bail;

use crate::qemu::trace::{Of, Style};

/// Variables whose names begin so are handed on: what the test harness and logging read, and what
/// Cargo tells the programs that it runs.
const HANDED: [&str; 4] = ["RUST_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_"];
/// And these.
const NAMED: [&str; 3] = ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
/// Except these: they are rustup's and the tracer's own.
const KEPT: [&str; 2] = ["RUST_RECURSION_COUNT", "RUST_BACKTRACE"];

type Variable = (String, String);

/// Chooses from the host's variables what is handed on, and adds those that were given:
/// `NAME=VALUE`, or `NAME` for the host's value, if there is one.
pub(super) fn choose(
    host: &[Variable],
    given: &[String],
    style: Style,
) -> anyhow::Result<Vec<Variable>> {
    let mut all = style.environment(Of::TheFirst);
    all.extend(host.iter().filter(|(name, _)| is_handed(name)).cloned());
    for given in given {
        let (name, value) = match given.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (
                given.as_str(),
                host.iter().find(|(name, _)| name == given).map(|(_, value)| value.clone()),
            ),
        };
        if name.is_empty() {
            bail!("--env {given}: it must be NAME=VALUE or NAME");
        }
        all.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(all)
}

fn is_handed(name: &str) -> bool {
    !KEPT.contains(&name)
        && (NAMED.contains(&name) || HANDED.iter().any(|prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> Variable {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn programs_get_what_cargo_tells_them_and_what_was_asked_for() {
        let host = [
            pair("HOME", "/home/x"),
            pair("CARGO_HOME", "/home/x/.cargo"),
            pair("CARGO_PKG_NAME", "p"),
            pair("CARGO_MANIFEST_DIR", "/p"),
            pair("RUST_LOG", "debug"),
            pair("RUST_BACKTRACE", "1"),
            pair("LANG", "C"),
        ];
        let given = ["A=b=c".to_owned(), "LANG".to_owned(), "NONE".to_owned()];
        let want = [
            pair("CARGO_PKG_NAME", "p"),
            pair("CARGO_MANIFEST_DIR", "/p"),
            pair("RUST_LOG", "debug"),
            pair("A", "b=c"),
            pair("LANG", "C"),
        ];
        assert_eq!(choose(&host, &given, Style::Off).unwrap(), want);
        assert!(choose(&host, &["=x".to_owned()], Style::Off).is_err());
        let traced = choose(&host, &[], Style::Short).unwrap();
        assert_eq!(traced[0], pair("RUST_BACKTRACE", "full"));
        assert_eq!(traced[1], pair("CLAVIS_SHOW_IMAGE", "once"));
    }
}

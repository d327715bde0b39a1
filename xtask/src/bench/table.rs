//! The figures beside the targets.
use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::workspace::Workspace;

/// `xtask/bench.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Targets {
    row: Vec<Target>,
}

/// What one operation takes elsewhere and shall take here.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Target {
    name: String,
    title: String,
    linux: Option<String>,
    redox: Option<String>,
    sel4: Option<String>,
    must: Option<u64>,
    moonshot: Option<u64>,
    /// What it must not take more than, as so many times another row.
    times: Option<Times>,
}

/// So many times what another row takes.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Times {
    row: String,
    factor: f64,
}

/// A line that the guest printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    name: String,
    instructions: u64,
}

#[derive(Serialize)]
struct Report<'a> {
    qemu: &'a str,
    unit: &'static str,
    rows: Vec<ReportRow<'a>>,
}

#[derive(Serialize)]
struct ReportRow<'a> {
    name: &'a str,
    instructions: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a Target>,
}

impl Targets {
    /// Reads the file.
    pub(crate) fn read(workspace: &Workspace) -> anyhow::Result<Targets> {
        let path = workspace.package("xtask")?.folder().join("bench.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is malformed", path.display()))
    }

    fn of(&self, name: &str) -> Option<&Target> {
        self.row.iter().find(|target| target.name == name)
    }
}

impl Target {
    /// What it must not take more than, as far as the row that this depends on was measured.
    fn must(&self, rows: &[Measured]) -> Option<u64> {
        let times = self.times.as_ref().and_then(|times| {
            let other = rows.iter().find(|row| row.name == times.row)?;
            Some((other.instructions as f64 * times.factor) as u64)
        });
        self.must.into_iter().chain(times).min()
    }
}

impl Measured {
    /// Reads the lines `ROW name instructions`.
    pub(crate) fn read(output: &str) -> anyhow::Result<Vec<Measured>> {
        let mut rows: Vec<Measured> = Vec::new();
        for line in output.lines() {
            let Some(rest) = line.strip_prefix("ROW ") else { continue };
            let mut words = rest.split_whitespace();
            let (Some(name), Some(number), None) = (words.next(), words.next(), words.next())
            else {
                bail!("the guest printed \"{line}\", which is no row");
            };
            let instructions = number.parse().with_context(|| {
                format!("the guest printed \"{line}\", whose last word is no number")
            })?;
            if rows.iter().any(|row| row.name == name) {
                bail!("the guest measured {name} twice");
            }
            rows.push(Measured { name: name.to_owned(), instructions });
        }
        Ok(rows)
    }
}

/// The table for a person.
pub(crate) fn text(targets: &Targets, rows: &[Measured]) -> String {
    let mut out = String::new();
    let none = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{:38} {:>9} {:>9} {:>9}  {:30} {:20} seL4",
        "instructions per operation", "Clavis", "must", "moonshot", "Linux", "Redox"
    );
    for row in rows {
        let target = targets.of(&row.name);
        let number = |value: Option<u64>| value.map_or_else(String::new, grouped);
        let word = |value: Option<&Option<String>>| {
            value.and_then(Option::as_ref).unwrap_or(&none).clone()
        };
        let must = target.and_then(|target| target.must(rows));
        let mark = match must {
            Some(must) if row.instructions > must => "!",
            _ => " ",
        };
        let line = format!(
            "{:38} {:>9}{mark}{:>9} {:>9}  {:30} {:20} {}",
            target.map_or(row.name.as_str(), |target| &target.title),
            grouped(row.instructions),
            number(must),
            number(target.and_then(|target| target.moonshot)),
            word(target.map(|target| &target.linux)),
            word(target.map(|target| &target.redox)),
            word(target.map(|target| &target.sel4)),
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// The figures for a program.
pub(crate) fn json(targets: &Targets, rows: &[Measured], qemu: &str) -> anyhow::Result<String> {
    let report = Report {
        qemu,
        unit: "instructions per operation",
        rows: rows
            .iter()
            .map(|row| ReportRow {
                name: &row.name,
                instructions: row.instructions,
                target: targets.of(&row.name),
            })
            .collect(),
    };
    let mut text = serde_json::to_string_pretty(&report).context("cannot write JSON")?;
    text.push('\n');
    Ok(text)
}

/// Rows above their `must`, and rows with one that were not measured.
pub(crate) fn missed(targets: &Targets, rows: &[Measured], wanted: &[String]) -> Vec<String> {
    let judge = |target: &Target| {
        let must = target.must(rows);
        if must.is_none() && target.times.is_none() {
            return None;
        }
        match rows.iter().find(|row| row.name == target.name) {
            None => {
                let is_wanted = wanted.is_empty() || wanted.contains(&target.name);
                is_wanted.then(|| format!("{} was not measured", target.title))
            }
            Some(row) => {
                let must = must.filter(|must| row.instructions > *must)?;
                let (took, must) = (grouped(row.instructions), grouped(must));
                Some(format!("{}: {took} instead of {must}", target.title))
            }
        }
    };
    targets.row.iter().filter_map(judge).collect()
}

/// A number with a comma before every third digit.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> Targets {
        toml::from_str("[[row]]\nname = \"a\"\ntitle = \"the a\"\nmust = 100\nlinux = \"7\"\n")
            .unwrap()
    }

    #[test]
    fn rows_are_read_and_what_is_no_row_is_told() {
        let rows = Measured::read("hello\nROW a 1234567\n").unwrap();
        assert_eq!(rows, [Measured { name: "a".into(), instructions: 1_234_567 }]);
        assert!(Measured::read("ROW a").is_err());
        assert!(Measured::read("ROW a b").is_err());
        assert!(Measured::read("ROW a 1\nROW a 2").is_err());
    }

    #[test]
    fn a_row_above_its_must_is_missed_and_so_is_one_not_measured() {
        let at = |instructions| [Measured { name: "a".into(), instructions }];
        assert!(missed(&targets(), &at(100), &[]).is_empty());
        assert_eq!(missed(&targets(), &at(1101), &[]), ["the a: 1,101 instead of 100"]);
        assert_eq!(missed(&targets(), &[], &[]), ["the a was not measured"]);
        assert!(missed(&targets(), &[], &["b".to_owned()]).is_empty(), "nobody asked for it");
        assert!(text(&targets(), &at(101)).contains("101!"));
    }

    #[test]
    fn a_row_is_judged_by_another() {
        let text =
            "[[row]]\nname = \"b\"\ntitle = \"the b\"\ntimes = { row = \"a\", factor = 1.5 }\n";
        let targets: Targets = toml::from_str(text).unwrap();
        let at = |name: &str, instructions| Measured { name: name.into(), instructions };
        assert!(missed(&targets, &[at("a", 100), at("b", 150)], &[]).is_empty());
        let rows = [at("b", 151), at("a", 100)];
        assert_eq!(missed(&targets, &rows, &[]), ["the b: 151 instead of 150"]);
        assert!(missed(&targets, &[at("b", 151)], &["b".into()]).is_empty(), "nothing to compare");
    }
}

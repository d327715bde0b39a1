//! The requirements of docs/scheme-protocol.md, and the tests that name them.
//!
//! A requirement is a list item `- **R12** One sentence.` A test names what it checks in a comment
//! line of its own, `/// Requirement: R12, R13`, above its `#[test]` or, in the guest suite, above
//! its `Case`.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::workspace::Workspace;

/// Where requirements are written, from the root.
const PROTOCOL: &str = "docs/scheme-protocol.md";
/// Folders with tests that name requirements, from the root.
const TESTS: &[&str] =
    &["kernel/core/src", "kernel/sim/tests", "nsmgr/src", "nsmgr/tests", "tests/src/cases"];
/// Lines between a comment that names requirements and its test.
const NEAR: usize = 8;
/// How such a comment begins.
const MARK: &str = "Requirement: ";

/// What is required, and which tests name it.
#[derive(Debug, Default)]
pub(crate) struct Requirements {
    /// By number: the sentence, and the tests.
    rows: BTreeMap<u32, (String, Vec<String>)>,
    wrong: Vec<String>,
}

impl Requirements {
    /// Reads the document and every test.
    pub(crate) fn read(workspace: &Workspace) -> anyhow::Result<Requirements> {
        let mut all = Requirements::default();
        all.take_document(&text_of(&workspace.root.join(PROTOCOL))?);
        for folder in TESTS {
            let mut files = Vec::new();
            sources(&workspace.root.join(folder), &mut files)?;
            files.sort();
            for file in files {
                let name = file.strip_prefix(&workspace.root).unwrap_or(&file);
                all.take_tests(&name.display().to_string(), &text_of(&file)?);
            }
        }
        Ok(all)
    }

    fn take_document(&mut self, text: &str) {
        for line in text.lines() {
            let Some((number, sentence)) =
                line.strip_prefix("- **").and_then(|rest| rest.split_once("** "))
            else {
                continue;
            };
            let Some(number) = number_of(number) else { continue };
            let row = (sentence.to_owned(), Vec::new());
            if self.rows.insert(number, row).is_some() {
                self.wrong.push(format!("{PROTOCOL} has R{number} twice"));
            }
        }
    }

    fn take_tests(&mut self, file: &str, text: &str) {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//"));
            let named = comment.and_then(|comment| comment.trim().strip_prefix(MARK));
            let Some(named) = named else { continue };
            let at = format!("{file}:{}", index + 1);
            let following = lines.iter().skip(index + 1).take(NEAR);
            let Some(test) = test_in(following.copied()) else {
                self.wrong.push(format!("{at} names requirements, but no test follows"));
                continue;
            };
            for word in named.split(',').map(str::trim) {
                match number_of(word).and_then(|number| self.rows.get_mut(&number)) {
                    Some((_, tests)) => tests.push(test.clone()),
                    None => self.wrong.push(format!("{at} names {word}, which does not exist")),
                }
            }
        }
    }

    /// What is not as it shall be: requirements without a test among it.
    fn wrong(&self) -> Vec<String> {
        let untested = self.rows.iter().filter(|(_, (_, tests))| tests.is_empty());
        let untested =
            untested.map(|(number, (sentence, _))| format!("no test names R{number}: {sentence}"));
        self.wrong.iter().cloned().chain(untested).collect()
    }

    /// Prints each requirement and the tests that name it and whose name contains the filter.
    pub(crate) fn print(&self, filter: &str) {
        for (number, (sentence, tests)) in &self.rows {
            let mut tests = tests.iter().filter(|test| test.contains(filter)).peekable();
            if tests.peek().is_none() && !filter.is_empty() {
                continue;
            }
            println!("R{number} {sentence}");
            for test in tests {
                println!("    {test}");
            }
        }
    }
}

/// `cargo xtask check`: each requirement has a test, and tests name requirements that exist.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let all = Requirements::read(workspace)?;
    if all.rows.is_empty() {
        bail!("{PROTOCOL} requires nothing");
    }
    let wrong = all.wrong();
    if !wrong.is_empty() {
        bail!("\n      {}", wrong.join("\n      "));
    }
    println!("      {} requirements", all.rows.len());
    Ok(())
}

/// The number of `R12`.
fn number_of(word: &str) -> Option<u32> {
    let digits = word.strip_prefix('R')?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| plain)
}

/// The test that begins in these lines: a host test, or a case of the guest suite.
fn test_in<'a>(lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut is_test = false;
    let mut is_case = false;
    for line in lines {
        is_test |= line == "#[test]";
        is_case |= line.starts_with("Case {");
        if let Some(rest) = line.strip_prefix("fn ") {
            let name = rest.split('(').next().unwrap_or(rest);
            return is_test.then(|| format!("host {name}"));
        }
        if let Some((_, rest)) = line.split_once("name: \"").filter(|_| is_case) {
            return rest.split('"').next().map(|name| format!("guest {name}"));
        }
    }
    None
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The source files below a folder, if there is one.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry.context("cannot read a folder")?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# It\n\n- **R1** One thing.\n- **R2** Another.\nNot **R3** this.\n";

    fn with(tests: &str) -> Requirements {
        let mut all = Requirements::default();
        all.take_document(DOCUMENT);
        all.take_tests("a.rs", tests);
        all
    }

    #[test]
    fn tests_of_both_kinds_are_found_by_what_they_name() {
        let all = with(
            "/// Requirement: R1, R2\n#[test]\nfn a_thing_holds() {\n}\n\
             // Requirement: R2\nCase {\n    name: \"another_holds\",\n    run: x,\n}\n\
             // Requirement: R1\nCase { name: \"third\", run: y },\n",
        );
        assert_eq!(all.wrong(), [""; 0]);
        let tests = |number: u32| all.rows.get(&number).map(|row| row.1.clone());
        assert_eq!(tests(1).unwrap(), ["host a_thing_holds", "guest third"]);
        assert_eq!(tests(2).unwrap(), ["host a_thing_holds", "guest another_holds"]);
    }

    #[test]
    fn a_requirement_without_a_test_is_wrong() {
        let all = with("/// Requirement: R1\n#[test]\nfn a() {}\n");
        assert_eq!(all.wrong(), ["no test names R2: Another."]);
    }

    #[test]
    fn a_test_that_names_what_is_not_required_is_wrong() {
        let all = with("/// Requirement: R1, R2, R3, R02\n#[test]\nfn a() {}\n");
        let wrong =
            ["a.rs:1 names R3, which does not exist", "a.rs:1 names R02, which does not exist"];
        assert_eq!(all.wrong(), wrong);
    }

    #[test]
    fn what_names_requirements_and_is_no_test_is_wrong() {
        for text in ["/// Requirement: R1\nfn helper() {}\n", "// Requirement: R1\nlet x = 1;\n"] {
            let wrong = with(text).wrong();
            assert_eq!(wrong[0], "a.rs:1 names requirements, but no test follows");
        }
    }

    #[test]
    fn a_requirement_that_stands_twice_is_wrong() {
        let mut all = with("/// Requirement: R1, R2\n#[test]\nfn a() {}\n");
        all.take_document("- **R2** Again.\n");
        assert_eq!(all.wrong[0], format!("{PROTOCOL} has R2 twice"));
    }
}

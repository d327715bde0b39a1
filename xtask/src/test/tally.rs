//! Counting, and one line per case.
use std::process::ExitCode;

/// How many passed and failed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u32,
    failed: Vec<String>,
    skipped: u32,
}

impl Tally {
    /// A case passed.
    pub(crate) fn pass(&mut self, name: &str) {
        self.passed += 1;
        println!("pass {name}");
    }

    /// A case failed.
    pub(crate) fn fail(&mut self, name: &str, why: &str) {
        let line = if why.is_empty() { name.to_owned() } else { format!("{name}: {why}") };
        println!("FAIL {line}");
        self.failed.push(line);
    }

    /// A case was not run.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        self.skipped += 1;
        println!("skip {name}: {why}");
    }

    /// Whether nothing was run.
    pub(crate) fn is_empty(&self) -> bool {
        self.passed == 0 && self.failed.is_empty() && self.skipped == 0
    }

    /// Prints what failed, then the sum.
    pub(crate) fn finish(self) -> ExitCode {
        if !self.failed.is_empty() {
            println!("failed:");
            for line in &self.failed {
                println!("  {line}");
            }
        }
        if self.skipped > 0 {
            println!("{} skipped", self.skipped);
        }
        println!("{} passed, {} failed", self.passed, self.failed.len());
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

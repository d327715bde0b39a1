//! Loops, time stamps, medians.
use clavis::measure::timestamp;
use std::process::ExitCode;

/// How often an operation is done between two time stamps.
const LOOP: u64 = 64;
/// How many loops there are.
const RUNS: usize = 65;
/// Loops that come first and are not counted.
const WARM_UP: usize = 3;

/// A result, or why there is none.
pub(crate) type Outcome = Result<u64, String>;

/// A row of the table.
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it measures.
    pub(crate) what: &'static str,
    /// Measures it.
    pub(crate) run: fn() -> Outcome,
}

/// Measures the rows that are wanted (all, if none is named) and prints them.
pub(crate) fn all(tables: &[&[Row]], wanted: &[String]) -> ExitCode {
    let rows = || tables.iter().copied().flatten();
    let mut code = ExitCode::SUCCESS;
    for name in wanted {
        if !rows().any(|row| row.name == name) {
            eprintln!("bench: {name}: there is no such row (--list shows them)");
            return ExitCode::from(2);
        }
    }
    for row in rows().filter(|row| wanted.is_empty() || wanted.iter().any(|name| name == row.name))
    {
        match (row.run)() {
            Ok(value) => println!("ROW {} {value}", row.name),
            Err(why) => {
                eprintln!("bench: {}: {why}", row.name);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

/// The median cost of an operation.
pub(crate) fn median(mut operation: impl FnMut() -> Result<(), String>) -> Outcome {
    sampled(RUNS, LOOP, || {
        for _ in 0..LOOP {
            operation()?;
        }
        Ok(())
    })
}

/// The median cost of an operation too long to be repeated in each run.
pub(crate) fn median_of_long(mut operation: impl FnMut() -> Result<(), String>) -> Outcome {
    sampled(RUNS, 1, &mut operation)
}

/// The median over runs of what one of `count` operations in a run costs.
pub(crate) fn sampled(
    runs: usize,
    count: u64,
    mut run: impl FnMut() -> Result<(), String>,
) -> Outcome {
    let mut samples = Vec::with_capacity(runs);
    for index in 0..runs + WARM_UP {
        let begin = timestamp();
        run()?;
        let end = timestamp();
        if index >= WARM_UP {
            samples.push(end.saturating_sub(begin) / count.max(1));
        }
    }
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().ok_or_else(|| "no sample".into())
}

/// A failed call as a sentence.
pub(crate) fn said(what: &str, error: clavis::Error) -> String {
    format!("{what}: {}", clavis_launch::reason_of(&error))
}

/// A failed call of libredox as a sentence.
pub(crate) fn said_number(what: &str, error: libredox::error::Error) -> String {
    said(what, clavis::Error::from_errno(error.errno()))
}

//! How often each operation was done.
use crate::Operation;
use std::collections::BTreeMap;

/// Counts of calls and errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary(BTreeMap<Operation, (u64, u64)>);

impl Summary {
    /// Counts a call.
    pub fn count(&mut self, operation: Operation, failed: bool) {
        let (calls, errors) = self.0.entry(operation).or_default();
        *calls = calls.saturating_add(1);
        *errors = errors.saturating_add(failed.into());
    }

    /// The table, what was done most often first.
    #[must_use]
    pub fn table(&self) -> String {
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by_key(|(operation, (calls, _))| (std::cmp::Reverse(*calls), **operation));
        let mut text = format!("{:<10} {:>8} {:>8}\n", "operation", "calls", "errors");
        let mut all = (0u64, 0u64);
        for (operation, (calls, errors)) in rows {
            text.push_str(&format!("{:<10} {calls:>8} {errors:>8}\n", operation.name()));
            all = (all.0.saturating_add(*calls), all.1.saturating_add(*errors));
        }
        text + &format!("{:<10} {:>8} {:>8}\n", "all", all.0, all.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_calls_and_errors_and_their_sums() {
        let mut summary = Summary::default();
        for failed in [false, true, false] {
            summary.count(Operation::Read, failed);
        }
        summary.count(Operation::Open, true);
        let rows: Vec<Vec<String>> = summary
            .table()
            .lines()
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect();
        assert_eq!(rows[0], ["operation", "calls", "errors"]);
        assert_eq!(rows[1], ["read", "3", "1"]);
        assert_eq!(rows[2], ["openat", "1", "1"]);
        assert_eq!(rows[3], ["all", "4", "2"]);
    }
}

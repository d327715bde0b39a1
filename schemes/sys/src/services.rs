//! The services as lines: name, where each is in its life, since or until when, instances that were
//! started, the process, and how the last one ended; with a tabulator between.
use service_manifest::{ROW, Row, Stage};
use std::fmt::Write;
use std::time::Duration;

/// The lines of all rows that init told.
pub(crate) fn lines(board: &[u8]) -> String {
    let (rows, _) = board.as_chunks::<ROW>();
    rows.iter().filter_map(Row::from_bytes).map(|row| line(&row)).collect()
}

fn line(row: &Row) -> String {
    let (stage, moment) = match row.stage {
        Stage::Unwanted => ("unwanted", None),
        Stage::Waiting => ("waiting", None),
        Stage::Running { since } => ("running", Some(since)),
        Stage::Pausing { until } => ("pausing", Some(until)),
        Stage::Ended => ("ended", None),
    };
    let mut line = format!("{}\t{stage}\t", row.name);
    let written = match moment.map(Duration::from_nanos) {
        Some(time) => write!(line, "{}.{:03}", time.as_secs(), time.subsec_millis()),
        None => write!(line, "-"),
    };
    let process = if row.process == 0 { "-".to_owned() } else { row.process.to_string() };
    // What a service is told to have ended with is one line.
    let last: String = row.last.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let last = if last.is_empty() { "-" } else { last.as_str() };
    let rest = written.and_then(|()| writeln!(line, "\t{}\t{process}\t{last}", row.starts));
    // Writing to a string does not fail.
    rest.map_or_else(|_| String::new(), |()| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_is_a_line_with_its_life() {
        let row = |name: &str, stage, process, last: &str| {
            Row { name: name.into(), stage, starts: 2, process, last: last.into() }.to_bytes()
        };
        let rows = [
            row("log", Stage::Running { since: 1_500_000_000 }, 7, ""),
            [0; ROW],
            row("unix", Stage::Pausing { until: 20_000_000 }, 0, "faulted\nat 0x10"),
            row("results", Stage::Unwanted, 0, ""),
        ];
        let text = "log\trunning\t1.500\t2\t7\t-\n\
                    unix\tpausing\t0.020\t2\t-\tfaulted at 0x10\n\
                    results\tunwanted\t-\t2\t-\t-\n";
        assert_eq!(lines(rows.as_flattened()), text);
        assert_eq!(lines(&[1; ROW - 1]), "");
    }
}

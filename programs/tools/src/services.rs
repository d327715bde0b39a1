//! `services`.
use crate::tool::{Options, Stop, Tool};
use clavis_render::handle::printable;
use clavis_render::table::{Align, Table};
use std::fs;
use std::io::{self, Write};

/// Where services are listed: name, stage, since or until when, starts, process, last end.
const SERVICES: &str = "/scheme/sys/services";
/// Where the time since boot is told.
const UPTIME: &str = "/scheme/sys/uptime";

pub(crate) fn services(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    Options::read(parser, "")?;
    let (text, uptime) = match (fs::read_to_string(SERVICES), fs::read_to_string(UPTIME)) {
        (Ok(text), Ok(uptime)) => (text, uptime.trim_end().parse().unwrap_or(0.0)),
        (Err(error), _) | (_, Err(error)) => {
            tool.complain(SERVICES, &error);
            return Ok(());
        }
    };
    use Align::{Left, Right};
    let heading = [
        ("SERVICE", Left),
        ("STATE", Left),
        ("RESTARTS", Right),
        ("PID", Right),
        ("LAST END", Left),
    ];
    let mut table = Table::with_heading(heading);
    for line in text.lines() {
        let mut words = line.split('\t');
        let mut next = || words.next().unwrap_or("-");
        let [name, stage, moment, starts, process, last] = [(); 6].map(|()| next());
        let restarts = starts.parse::<u64>().unwrap_or(0).saturating_sub(1).to_string();
        let state = state(stage, moment.parse().unwrap_or(uptime), uptime);
        table.row([printable(name), state, restarts, process.into(), printable(last)]);
    }
    Ok(io::stdout().lock().write_all(table.text().as_bytes())?)
}

/// A stage in words. Moments are seconds since boot.
fn state(stage: &str, moment: f64, now: f64) -> String {
    match stage {
        "running" => format!("running for {:.0} s", (now - moment).max(0.0)),
        "pausing" => format!("starts in {:.1} s", (moment - now).max(0.0)),
        "waiting" => "waits for others".into(),
        "unwanted" => "not asked for".into(),
        "ended" => "ended for good".into(),
        other => printable(other),
    }
}

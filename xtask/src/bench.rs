//! `cargo xtask bench`: instructions per operation, beside the peers' and the targets.
mod table;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::image;
use crate::options::BenchOptions;
use crate::qemu::frames::Frame;
use crate::qemu::{self, Config, Console, End};
use crate::setup;
use crate::workspace::Workspace;
use table::{Measured, Targets};

/// Seconds that all measurements may take if nothing else was said.
const LIMIT: u64 = 900;

/// Measures, prints, writes the JSON.
pub(crate) fn bench(workspace: &Workspace, options: &BenchOptions) -> anyhow::Result<ExitCode> {
    setup::for_booting(&options.machine)?;
    let targets = Targets::read(workspace)?;
    let image = image::to_boot(workspace, &options.machine, || Ok(Vec::new()))?;
    let limit = options.machine.timeout.map_or(LIMIT, u64::from);
    let config = Config {
        machine: &options.machine,
        disk: &image.disk,
        command_line: format!("qemu-exit\nstart results bench {}\n", options.rows.join(" ")),
        console: Console::Log,
        log: workspace.output()?.join("bench.log"),
        display: false,
        gdb: false,
        counted: true,
        stick: false,
        limit: Some(Duration::from_secs(limit)),
    };
    let mut output = Vec::new();
    let outcome = qemu::run(&config, &mut |frame| {
        match frame {
            Frame::Out(bytes) => output.extend_from_slice(bytes),
            Frame::Err(bytes) => eprint!("{}", String::from_utf8_lossy(bytes)),
            Frame::Test(_) | Frame::Status(_) => {}
            Frame::Garbage(what) => eprintln!("xtask: the results channel carried {what}"),
        }
        Ok(())
    })?;
    match (&outcome.end, outcome.status) {
        (End::PowerOff, Some(0)) => {}
        (End::PowerOff, Some(status)) => bail!("the measurements ended with exit status {status}"),
        _ => {
            qemu::explain(&outcome, &image.kernel, Some(limit));
            bail!("the measurements did not end well");
        }
    }
    let output = String::from_utf8_lossy(&output);
    for line in output.lines().filter(|line| !line.starts_with("ROW ")) {
        println!("{line}");
    }
    let rows = Measured::read(&output)?;
    if rows.is_empty() {
        bail!("the guest measured nothing");
    }
    print!("{}", table::text(&targets, &rows));
    let path = match &options.json {
        Some(path) => path.clone(),
        None => workspace.output()?.join("bench.json"),
    };
    let qemu = setup::output("qemu-system-x86_64", &["--version"]).unwrap_or_default();
    let json = table::json(&targets, &rows, qemu.lines().next().unwrap_or_default())?;
    std::fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("written to {}", path.display());
    let missed = table::missed(&targets, &rows, &options.rows);
    for line in &missed {
        eprintln!("missed: {line}");
    }
    let failed = options.enforce && !missed.is_empty();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

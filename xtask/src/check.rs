//! `cargo xtask check`: everything that is judged without running the system.
mod budget;
mod crates;
mod declared;
mod dependencies;
mod lints;
mod symbols;

use std::process::ExitCode;

use crate::docs;
use crate::progress;
use crate::requirement;
use crate::setup;
use crate::workspace::Workspace;

/// One thing that is judged.
struct Step {
    name: &'static str,
    judge: fn(&Workspace) -> anyhow::Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "format", judge: lints::format },
    Step { name: "crates", judge: crates::check },
    Step { name: "budgets", judge: budget::check },
    Step { name: "requirements", judge: requirement::check },
    Step { name: "dependencies", judge: dependencies::check },
    Step { name: "generated documentation", judge: generated },
    Step { name: "symbols of the C library", judge: symbols::check },
    Step { name: "lints on the host", judge: lints::host },
    Step { name: "lints for the guest", judge: lints::guest },
    Step { name: "documentation", judge: lints::documentation },
];

/// Judges all of it, and says what is wrong with each.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    setup::require_toolchain()?;
    let mut failed = Vec::new();
    for step in STEPS {
        progress::step(step.name);
        match (step.judge)(workspace) {
            Ok(()) => println!("ok    {}", step.name),
            Err(why) => {
                println!("WRONG {}: {why:#}", step.name);
                failed.push(step.name);
            }
        }
    }
    if failed.is_empty() {
        println!("everything is in order");
        Ok(ExitCode::SUCCESS)
    } else {
        println!("not in order: {}", failed.join(", "));
        Ok(ExitCode::FAILURE)
    }
}

fn generated(workspace: &Workspace) -> anyhow::Result<()> {
    for file in docs::generate(workspace) {
        if std::fs::read_to_string(&file.path).is_ok_and(|text| text == file.text) {
            continue;
        }
        anyhow::bail!("{} is out of date: cargo xtask docs", file.path.display());
    }
    Ok(())
}

//! `cargo xtask`: builds, boots, tests and measures Clavis.
#![forbid(unsafe_code)]

mod bench;
mod build;
mod check;
mod demonstrate;
mod docs;
mod doctor;
mod image;
mod new_scheme;
mod options;
mod progress;
mod qemu;
mod requirement;
mod run;
mod runner;
mod setup;
mod software;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

use options::{Arguments, Command};
use workspace::Workspace;

fn main() -> ExitCode {
    match dispatch(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Run(options) => run::run(&workspace, &options),
        Command::Test(options) => test::test(&workspace, &options),
        Command::Add(options) => software::add(&workspace, &options),
        Command::Build(options) => software::build(&workspace, &options),
        Command::Remove(options) => software::remove(&workspace, &options),
        Command::Config(options) => software::configure(&workspace, &options),
        Command::Runner(options) => runner::run(&workspace, &options),
        Command::NewScheme { name } => new_scheme::command(&workspace, &name),
        Command::Image(options) => image::command(&workspace, &options),
        Command::Bench(options) => bench::bench(&workspace, &options),
        Command::Check => check::check(&workspace),
        Command::Demonstrate(options) => demonstrate::write(&workspace, &options),
        Command::Docs => docs::write(&workspace),
        Command::Doctor => doctor::doctor(),
    }
}

//! `cargo xtask runner`: what `cargo run` and `cargo test` of a project for the guest's target
//! call. It boots the system with that program beside everything else, at the path that it has
//! here, with its package around it.
mod around;
mod environment;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clavis_results::request::{REQUEST, word};

use crate::image::{self, Extra, Kind};
use crate::options::{MachineOptions, RunnerOptions};
use crate::qemu::trace::{Style, Trace};
use crate::qemu::{self, Config, Console};
use crate::run;
use crate::setup;
use crate::software;
use crate::workspace::Workspace;
use around::Around;

/// Seconds that the program may take if nothing else was said.
const LIMIT: u64 = 1200;
/// The folder of the boot image for the program and what is around it.
const FOLDER: &str = "run";
/// Where scripts and programs expect two tools.
const TOOLS: [(&str, &str); 2] =
    [("/bin/sh", "/scheme/initfs/bin/sh"), ("/usr/bin/env", "/scheme/initfs/bin/env")];
/// MiB of programs and files that the guest's memory of the default size has room for.
const COMFORT: u64 = 32;

/// Boots, runs the program with its arguments, passes its output and its status on.
pub(crate) fn run(workspace: &Workspace, options: &RunnerOptions) -> anyhow::Result<ExitCode> {
    if options.machine.no_build {
        bail!("--no-build: the image of the last build does not hold this program");
    }
    let style = Style::asked();
    let program = std::path::absolute(&options.program).context("where is the program?")?;
    let directory = std::env::current_dir().context("what is the current directory?")?;
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let around = around(options, &program, &directory, package.as_deref())?;
    let host: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let environment = environment::choose(&host, &options.env, style)?;
    setup::for_booting(&options.machine)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let request = folder.path().join(REQUEST);
    std::fs::write(&request, text(&program, &directory, &environment, options, &around)?)
        .context("cannot write what the guest shall do")?;
    let mut own = around.extras(FOLDER)?;
    own.push(Extra { path: format!("{FOLDER}/{REQUEST}"), file: request, kind: Kind::Plain });
    let machine = roomy(&options.machine, &own);
    let mut extra = software::programs(workspace)?;
    extra.extend(own);
    let disk = folder.path().join("disk.img");
    let image = image::make(workspace, Some(&disk), &extra)?;
    let limit = options.machine.timeout.map_or(LIMIT, u64::from);
    let config = Config {
        machine: &machine,
        disk: &disk,
        command_line: format!("qemu-exit\nstart results from /scheme/initfs/{FOLDER}\n"),
        console: Console::Log,
        log: workspace.output()?.join("runner.log"),
        display: false,
        gdb: false,
        counted: false,
        stick: false,
        limit: Some(std::time::Duration::from_secs(limit)),
    };
    let mut printer = run::Printer::new(Trace::new(style, around.programs().filter_map(named)));
    let outcome = qemu::run(&config, &mut |frame| printer.print(frame))?;
    printer.finish()?;
    Ok(run::exec_status(&outcome, &image.kernel, Some(limit)))
}

/// What the guest gets beside the program.
fn around(
    options: &RunnerOptions,
    program: &Path,
    directory: &Path,
    package: Option<&Path>,
) -> anyhow::Result<Around> {
    let base = package.unwrap_or(directory);
    let mut around =
        Around::without(options.without.iter().map(|folder| base.join(folder)).collect());
    if let Some(package) = package {
        around.add(package)?;
    }
    for path in &options.with {
        around.add(&base.join(path))?;
    }
    for (path, target) in TOOLS {
        around.add_link(path, target)?;
    }
    around.add_folder(directory)?;
    around.add_program(program)?;
    around.add_programs_beside(program)?;
    Ok(around)
}

/// A program by its name in the guest.
fn named(program: &Path) -> Option<(String, PathBuf)> {
    Some((program.file_name()?.to_str()?.to_owned(), program.to_owned()))
}

/// The machine, with more memory where there is much to be held.
fn roomy(machine: &MachineOptions, extra: &[Extra]) -> MachineOptions {
    let length = |extra: &Extra| extra.file.metadata().map_or(0, |data| data.len());
    let mib = extra.iter().map(length).sum::<u64>() >> 20;
    let more = u32::try_from(mib.saturating_sub(COMFORT)).unwrap_or(u32::MAX);
    MachineOptions { mem: machine.mem.saturating_add(more), ..machine.clone() }
}

/// What the guest shall do, line by line.
fn text(
    program: &Path,
    directory: &Path,
    environment: &[(String, String)],
    options: &RunnerOptions,
    around: &Around,
) -> anyhow::Result<String> {
    let utf8 = |path: &Path| {
        path.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", path.display()))
    };
    let mut line = format!("run in {}", word(&utf8(directory)?));
    line.push_str(&run::words(environment, &utf8(program)?, &options.arguments));
    let items = around.items.iter().map(|item| item.line() + "\n");
    Ok(line + &items.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use clavis_results::request::Request;

    use crate::options::{Arguments, Command};

    fn options(words: &[&str]) -> RunnerOptions {
        let words = ["xtask", "runner"].iter().chain(words);
        match Arguments::try_parse_from(words).unwrap().command {
            Command::Runner(options) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_guest_is_told_of_the_program_and_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("p q");
        std::fs::create_dir_all(package.join("target/debug/deps")).unwrap();
        std::fs::write(package.join("a"), "").unwrap();
        std::fs::write(package.join("b"), "").unwrap();
        let program = package.join("target/debug/deps/t-1");
        std::fs::write(&program, "").unwrap();
        let given = options(&["--without", "b", "t-1", "--exact", "a b\n"]);
        let around = around(&given, &program, &package, Some(&package)).unwrap();
        let set = [("A".to_owned(), "b c".to_owned())];
        let text = text(&program, &package, &set, &given, &around).unwrap();
        let request = Request::parse_file(&text).unwrap();
        assert_eq!(request.program, program.to_str().unwrap());
        assert_eq!(request.folder, package.to_str().unwrap());
        assert_eq!((request.arguments, request.environment), (given.arguments, set.to_vec()));
        assert_eq!(request.around, around.items);
        let names: Vec<String> = around.items.iter().map(|item| item.line()).collect();
        assert!(names.iter().any(|line| line.ends_with("q/a 644 0")), "{names:?}");
        assert!(!names.iter().any(|line| line.contains("q/b")), "{names:?}");
    }

    #[test]
    fn a_large_project_gets_a_larger_machine() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        std::fs::File::create(&file).unwrap().set_len(100 << 20).unwrap();
        let machine = options(&["x"]).machine;
        let extra = Extra { path: "run/0".into(), file, kind: Kind::Program };
        assert_eq!(roomy(&machine, &[]).mem, machine.mem);
        assert_eq!(roomy(&machine, &[extra]).mem, machine.mem + 68);
    }
}

//! `cargo xtask doctor`: is everything there?
use std::process::ExitCode;

use crate::qemu::{accel, firmware};
use crate::setup;

/// Prints what is there and what is missing, with the command that installs it.
pub(crate) fn doctor() -> anyhow::Result<ExitCode> {
    for (name, program) in [("rustc", "rustc"), ("cargo", "cargo"), ("QEMU", "qemu-system-x86_64")]
    {
        if let Some(text) = setup::output(program, &["--version"]) {
            println!("ok       {name}: {}", text.lines().next().unwrap_or_default());
        }
    }
    if let Ok(firmware) = firmware::find(None) {
        println!("ok       OVMF: {}", firmware.code.display());
    }
    println!("ok       acceleration: {}", accel::describe());
    let missing = setup::everything_missing();
    for thing in &missing {
        println!("missing  {}\n         {}", thing.what, thing.line());
    }
    if missing.is_empty() {
        println!("Nothing is missing.");
        Ok(ExitCode::SUCCESS)
    } else {
        println!("`cargo xtask run --setup` installs all of it.");
        Ok(ExitCode::FAILURE)
    }
}

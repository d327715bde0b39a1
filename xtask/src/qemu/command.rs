//! The command line of QEMU.
use std::path::Path;
use std::process::{Command, Stdio};

use clavis_abi::boot::EXIT_PORT;

use crate::qemu::accel::Engine;
use crate::qemu::machine::Config;

/// The files of one run.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    /// OVMF's code.
    pub(crate) code: &'a Path,
    /// This run's copy of OVMF's variables.
    pub(crate) variables: &'a Path,
    /// The disk.
    pub(crate) disk: &'a Path,
    /// The guest's command line.
    pub(crate) command_line: &'a Path,
    /// Socket of the first serial line: log and console.
    pub(crate) com1: &'a Path,
    /// Socket of the second serial line: results.
    pub(crate) com2: &'a Path,
}

/// The whole call.
pub(crate) fn build(config: &Config<'_>, engine: Engine, files: &Files<'_>) -> Command {
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-nodefaults", "-no-user-config", "-no-reboot", "-vga", "std"]);
    qemu.args(["-m", &format!("{}M", config.machine.mem), "-smp", "1"]);
    match engine {
        Engine::Kvm => qemu.args(["-machine", "q35,accel=kvm", "-cpu", "host,-la57"]),
        Engine::Tcg if config.counted => qemu
            .args(["-machine", "q35,accel=tcg", "-cpu", "max,-la57,-erms"])
            .args(["-icount", "shift=0,sleep=off", "-seed", "1"]),
        Engine::Tcg => qemu.args(["-machine", "q35,accel=tcg", "-cpu", "max,-la57"]),
    };
    let flash = |unit: u32, extra: &str, path: &Path| {
        format!("if=pflash,format=raw,unit={unit}{extra},file={}", escaped(path))
    };
    qemu.args(["-drive", &flash(0, ",readonly=on", files.code)]);
    qemu.args(["-drive", &flash(1, "", files.variables)]);
    let disk = format!("if=none,id=disk,format=raw,readonly=on,file={}", escaped(files.disk));
    qemu.args(["-drive", &disk]);
    if config.stick {
        qemu.args(["-device", "qemu-xhci", "-device", "usb-storage,drive=disk,bootindex=0"]);
    } else {
        qemu.args(["-device", "virtio-blk-pci,drive=disk,bootindex=0"]);
    }
    let command_line = format!("name=opt/clavis/cmdline,file={}", escaped(files.command_line));
    qemu.args(["-fw_cfg", &command_line]);
    for (name, socket) in [("com1", files.com1), ("com2", files.com2)] {
        qemu.args(["-chardev", &format!("socket,id={name},path={}", escaped(socket))]);
        qemu.args(["-serial", &format!("chardev:{name}")]);
    }
    qemu.args(["-device", &format!("isa-debug-exit,iobase={EXIT_PORT:#x},iosize=0x04")]);
    if !config.display {
        qemu.args(["-display", "none"]);
    }
    if config.gdb {
        qemu.args(["-s", "-S"]);
    }
    qemu.stdin(Stdio::null()).stdout(std::io::stderr());
    qemu
}

/// In QEMU's options a comma in a path is written twice.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

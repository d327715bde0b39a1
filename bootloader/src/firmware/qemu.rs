//! What QEMU offers beyond a machine: the command line, and an end.
use alloc::vec;
use alloc::vec::Vec;

use clavis_abi::boot::EXIT_BOOT_FAILED;
use clavis_bootloader::{Problem, command_line};
use qemu_fw_cfg::FwCfg;

use crate::firmware::{port, processor};

/// The name of the command line among QEMU's files.
const COMMAND_LINE: &str = "opt/clavis/cmdline";

fn configuration() -> Option<FwCfg> {
    if !processor::is_virtual() {
        return None;
    }
    // SAFETY: under a hypervisor; only QEMU answers these ports with its signature, which is
    // checked. One value exists at a time: each caller drops its own.
    unsafe { FwCfg::new_for_x86() }.ok()
}

/// The command line that QEMU was started with, if any.
///
/// # Errors
/// [`Problem::CommandLine`] if it is too long.
pub(crate) fn command_line() -> Result<Option<Vec<u8>>, Problem> {
    let Some(mut configuration) = configuration() else { return Ok(None) };
    let Some(file) = configuration.find_file(COMMAND_LINE) else { return Ok(None) };
    if file.size() > command_line::MAX {
        return Err(Problem::CommandLine("is longer than 4096 bytes"));
    }
    let mut text = vec![0; file.size()];
    configuration.read_file_to_buffer(&file, &mut text);
    Ok(Some(text))
}

/// Under QEMU, ends the machine with a failing status if the exit device is there.
pub(crate) fn exit_failed() {
    if configuration().is_some() {
        port::write_exit(EXIT_BOOT_FAILED);
    }
}

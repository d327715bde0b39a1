//! OVMF: UEFI for QEMU.
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// Where the two halves of the firmware lie.
#[derive(Debug, Clone)]
pub(crate) struct Firmware {
    /// The code, mapped read-only.
    pub(crate) code: PathBuf,
    /// The variables as they are delivered; every run gets a copy.
    pub(crate) variables: PathBuf,
}

/// The usual places: Debian and Ubuntu, Fedora, Arch, openSUSE, QEMU's own.
const PLACES: &[(&str, &str)] = &[
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "/usr/share/edk2-ovmf/x64/OVMF_VARS.fd"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
    ("/usr/share/qemu/edk2-x86_64-code.fd", "/usr/share/qemu/edk2-i386-vars.fd"),
    ("/usr/local/share/qemu/edk2-x86_64-code.fd", "/usr/local/share/qemu/edk2-i386-vars.fd"),
    ("/opt/homebrew/share/qemu/edk2-x86_64-code.fd", "/opt/homebrew/share/qemu/edk2-i386-vars.fd"),
];

/// Finds it: at `--ovmf` if given, else in the usual places.
pub(crate) fn find(chosen: Option<&Path>) -> anyhow::Result<Firmware> {
    if let Some(code) = chosen {
        if !code.is_file() {
            bail!("there is no OVMF at {}", code.display());
        }
        return Ok(Firmware { code: code.to_owned(), variables: variables_beside(code)? });
    }
    PLACES
        .iter()
        .map(|(code, variables)| Firmware { code: code.into(), variables: variables.into() })
        .find(|firmware| firmware.code.is_file() && firmware.variables.is_file())
        .context(
            "OVMF (UEFI for QEMU) is not in any of the usual places: install it (Debian: apt-get \
             install ovmf), or name its code file with --ovmf",
        )
}

fn variables_beside(code: &Path) -> anyhow::Result<PathBuf> {
    let name = code.file_name().unwrap_or_default().to_string_lossy();
    let candidates = [
        name.replace("CODE", "VARS"),
        name.replace("code", "vars"),
        name.replace("x86_64-code", "i386-vars"),
    ];
    candidates
        .iter()
        .filter(|candidate| **candidate != name)
        .map(|candidate| code.with_file_name(candidate))
        .find(|path| path.is_file())
        .with_context(|| format!("no file of variables (VARS) lies beside {}", code.display()))
}

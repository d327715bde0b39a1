//! KVM or TCG.
use crate::options::Accel;

/// What executes the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// QEMU's translator.
    Tcg,
    /// The processor itself.
    Kvm,
}

/// Decides. A /dev/kvm alone is not believed: some hosts offer one that hangs.
pub(crate) fn choose(wish: Accel) -> Engine {
    match wish {
        Accel::Kvm => Engine::Kvm,
        Accel::Tcg => Engine::Tcg,
        Accel::Auto if processor_has_virtualisation() && kvm_is_ours() => Engine::Kvm,
        Accel::Auto => Engine::Tcg,
    }
}

/// What `auto` chooses here, in words.
pub(crate) fn describe() -> &'static str {
    match choose(Accel::Auto) {
        Engine::Kvm => "KVM",
        Engine::Tcg => "TCG (the processor reports no virtualisation, or /dev/kvm is not ours)",
    }
}

fn processor_has_virtualisation() -> bool {
    std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| reports_virtualisation(&text))
}

fn reports_virtualisation(cpuinfo: &str) -> bool {
    cpuinfo
        .lines()
        .filter(|line| line.starts_with("flags"))
        .any(|line| line.split_whitespace().any(|flag| flag == "vmx" || flag == "svm"))
}

fn kvm_is_ours() -> bool {
    std::fs::File::options().read(true).write(true).open("/dev/kvm").is_ok()
}

#[cfg(test)]
mod tests {
    use super::reports_virtualisation;

    #[test]
    fn only_a_flag_of_its_own_counts() {
        assert!(reports_virtualisation("processor: 0\nflags\t\t: fpu vmx sse\n"));
        assert!(reports_virtualisation("flags : svm"));
        assert!(!reports_virtualisation("flags : fpu svm_lock\nvmx flags : vnmi\n"));
    }
}

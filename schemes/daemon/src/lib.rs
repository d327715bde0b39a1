//! What the scheme daemons share: making an endpoint, registering its name, and the loops that
//! answer one request and receive the next in one system call.
//!
//! It is for the guest only, as `redox-scheme` speaks to the C symbols of libc: what is there on
//! the host is a [`main!`] that says so.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[cfg(target_os = "redox")]
mod endpoint;
#[cfg(target_os = "redox")]
mod forward;
#[cfg(target_os = "redox")]
mod patient;
#[cfg(target_os = "redox")]
mod serve;
#[cfg(target_os = "redox")]
mod waiting;

#[cfg(target_os = "redox")]
pub use endpoint::{Endpoint, Resolution, endpoint};
#[cfg(target_os = "redox")]
pub use forward::{Forward, answer, forward, forward_and_wait};
#[cfg(target_os = "redox")]
pub use patient::{Attended, Patient, lock, reply, serve_patient};
#[cfg(target_os = "redox")]
pub use serve::{Daemon, Done, Tag, answer_all, copy_path, exit, serve};

/// What a scheme of this name tells as the device of its objects (`st_dev`): with it and the number of
/// the object programs tell files of two schemes apart. Never 0, which the kernel's own objects have.
#[must_use]
pub fn device(name: &str) -> u64 {
    // FNV-1a, 32 bits.
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    u64::from(name.bytes().fold(0x811C_9DC5, mix).max(1))
}

/// The main function of a daemon: that of its module `daemon`, which is there for the guest only.
#[macro_export]
macro_rules! main {
    ($name:literal) => {
        #[cfg(target_os = "redox")]
        fn main() -> std::process::ExitCode {
            daemon::main()
        }

        #[cfg(not(target_os = "redox"))]
        fn main() -> std::process::ExitCode {
            $crate::not_here($name)
        }
    };
}

/// What a daemon says on the host.
#[cfg(not(target_os = "redox"))]
#[must_use]
pub fn not_here(name: &str) -> std::process::ExitCode {
    eprintln!("{name}: it serves a scheme, so it runs on Clavis only; on this host it is tested");
    std::process::ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn schemes_of_two_names_are_two_devices() {
        let names = ["file", "shm", "initfs", "null", "zero", "rand", "sys", "log", "pty", ""];
        let mut devices: Vec<u64> = names.iter().map(|name| device(name)).collect();
        devices.sort_unstable();
        devices.dedup();
        assert_eq!(devices.len(), names.len());
        assert!(!devices.contains(&0));
    }
}

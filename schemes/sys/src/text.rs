//! What each file holds.
use crate::File;
use crate::{clock, services};
use std::time::Duration;
use syscall::error::{EISDIR, Error, Result};

/// Bytes of a frame.
const FRAME: u64 = 4096;

/// A count of the kernel's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// What is counted.
    pub name: String,
    /// Objects made, or events.
    pub made: u64,
    /// Objects destroyed.
    pub destroyed: u64,
}

/// Where what is told comes from.
pub trait System {
    /// The kernel's counts.
    ///
    /// # Errors
    /// What the kernel answers.
    fn counts(&self) -> Result<Vec<Count>>;
    /// Time since boot.
    fn uptime(&self) -> Duration;
    /// Time since 1970.
    fn clock(&self) -> Duration;
    /// The rows that init wrote.
    ///
    /// # Errors
    /// What the kernel answers.
    fn board(&self) -> Result<Vec<u8>>;
}

/// What a file holds now.
///
/// # Errors
/// `EISDIR`; what the system answers.
pub fn text(file: File, system: &impl System) -> Result<String> {
    Ok(match file {
        File::Root => return Err(Error::new(EISDIR)),
        // System, machine's name, release, version, processor: a line each.
        File::Uname => format!("Clavis\nclavis\n{}\n\nx86_64\n", env!("CARGO_PKG_VERSION")),
        File::Memory => memory(&system.counts()?),
        File::Counters => system.counts()?.iter().map(counted).collect(),
        File::Uptime => clock::shown(system.uptime()),
        File::Clock => clock::shown(system.clock()),
        File::Services => services::lines(&system.board()?),
    })
}

/// Bytes of the machine's memory: all that there was behind the kernel at boot, what of it nobody
/// has, and what the kernel's heap took of it.
fn memory(counts: &[Count]) -> String {
    let bytes = |name: &str| {
        let frames = counts.iter().find(|count| count.name == name).map_or(0, |count| count.made);
        frames.saturating_mul(FRAME)
    };
    let [all, free, heap] = ["all frames", "free frames", "heap frames"].map(bytes);
    format!("total {all}\nfree {free}\nkernel {heap}\n")
}

/// A name without blanks, how many were made, and how many were destroyed.
fn counted(count: &Count) -> String {
    format!("{} {} {}\n", count.name.replace(' ', "-"), count.made, count.destroyed)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl System for Known {
        fn counts(&self) -> Result<Vec<Count>> {
            let count = |name: &str, made, destroyed| Count { name: name.into(), made, destroyed };
            Ok(vec![
                count("processes", 9, 4),
                count("free frames", 3, 0),
                count("all frames", 10, 0),
                count("heap frames", 2, 0),
            ])
        }
        fn uptime(&self) -> Duration {
            Duration::from_millis(2500)
        }
        fn clock(&self) -> Duration {
            Duration::from_secs(7)
        }
        fn board(&self) -> Result<Vec<u8>> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn each_file_holds_what_it_is_called() {
        let read = |file| text(file, &Known).unwrap();
        assert_eq!(read(File::Memory), "total 40960\nfree 12288\nkernel 8192\n");
        assert!(read(File::Counters).starts_with("processes 9 4\nfree-frames 3 0\n"));
        assert_eq!(read(File::Uptime), "2.500000000\n");
        assert_eq!(read(File::Clock), "7.000000000\n");
        assert_eq!(read(File::Services), "");
        assert_eq!(read(File::Uname).lines().count(), 5);
        assert_eq!(text(File::Root, &Known), Err(Error::new(EISDIR)));
    }
}

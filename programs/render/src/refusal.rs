//! Refusals as lines.
use crate::handle;
use crate::reason;
use alloc::format;
use alloc::string::String;
use clavis_abi::call::TABLE;
use clavis_abi::params::{Denial, NO_HANDLE};
use core::time::Duration;

/// When, who, which call on what, and why; and who says so, if it is not the kernel. `name` is the
/// label of the handle, or the name that was refused.
#[must_use]
pub fn line(
    time: Duration,
    process: u64,
    reporter: Option<u64>,
    denial: &Denial,
    name: &str,
) -> String {
    let (seconds, millis) = (time.as_secs(), time.subsec_millis());
    let row = TABLE.iter().find(|row| row.call as u64 == denial.call);
    let call = row.map_or("a call", |row| row.name);
    let name = handle::printable(name);
    let subject = match (denial.handle, name.as_str()) {
        (NO_HANDLE, "") => String::new(),
        (NO_HANDLE, name) => format!(" of {name}"),
        (number, name) => {
            let number = handle::number(usize::try_from(number).unwrap_or(usize::MAX));
            let label = if name.is_empty() { String::new() } else { format!(" ({name})") };
            format!(" on handle {number}{label}")
        }
    };
    let why = reason::of_denial(denial);
    let by = reporter.map_or_else(String::new, |by| format!("  [said by process {by}]"));
    format!("{seconds}.{millis:03}  process {process}: {call}{subject}: {why}{by}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_abi::Rights;
    use clavis_abi::call::Call;
    use clavis_abi::params::DenialRule;

    #[test]
    fn a_right_that_the_kernel_found_missing_is_a_line() {
        let denial = Denial::new(Call::Write as usize, 5, Rights::WRITE, DenialRule::Rights);
        let time = Duration::from_millis(12_034);
        let text = line(time, 8, None, &denial, "file");
        assert_eq!(text, "12.034  process 8: Write on handle 5 (file): the handle lacks WRITE\n");
    }

    #[test]
    fn a_name_that_a_server_refused_is_a_line_and_cannot_make_another() {
        let number = NO_HANDLE as usize;
        let denial = Denial::new(Call::OpenAt as usize, number, Rights::empty(), DenialRule::Name);
        let text = line(Duration::ZERO, 8, Some(3), &denial, "x\n0.000  process 1\u{202e}");
        let said = "0.000  process 8: OpenAt of x?0.000  process 1?: the namespace has no such name  \
                    [said by process 3]\n";
        assert_eq!(text, said);
    }
}

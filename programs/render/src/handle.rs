//! Handles as text: numbers, object types, labels, ends of processes.
use clavis_abi::params::{ExitKind, ExitStatus, ObjectType, UPPER_INDEX_BITS, UPPER_TAG};

/// The number as a person reads it: upper ones as `u` and their index.
#[must_use]
pub fn number(number: u64) -> String {
    let tag = UPPER_TAG as u64;
    if number & tag == tag {
        format!("u{}", number & ((1 << UPPER_INDEX_BITS) - 1))
    } else {
        number.to_string()
    }
}

/// The object's type in a word.
#[must_use]
pub fn object(kind: u64) -> &'static str {
    const NAMES: &[(ObjectType, &str)] = &[
        (ObjectType::Scheme, "scheme"),
        (ObjectType::Socket, "socket"),
        (ObjectType::Memory, "memory"),
        (ObjectType::EventQueue, "events"),
        (ObjectType::PipeReader, "pipe-read"),
        (ObjectType::PipeWriter, "pipe-write"),
        (ObjectType::Timer, "timer"),
        (ObjectType::Irq, "irq"),
        (ObjectType::PortRange, "ports"),
        (ObjectType::Process, "process"),
        (ObjectType::Account, "account"),
        (ObjectType::HandleTable, "table"),
        (ObjectType::Slot, "slot"),
        (ObjectType::Factory, "factory"),
        (ObjectType::Null, "null"),
        (ObjectType::Random, "random"),
        (ObjectType::Log, "log"),
        (ObjectType::Power, "power"),
        (ObjectType::Counters, "counters"),
        (ObjectType::Window, "window"),
        (ObjectType::Name, "name"),
        (ObjectType::Clock, "clock"),
    ];
    NAMES.iter().find(|row| row.0 as u64 == kind).map_or("unknown", |row| row.1)
}

/// Zero-padded text of a fixed field, with what is not printable replaced.
#[must_use]
pub fn padded(field: &[u8]) -> String {
    let bytes = field.split(|byte| *byte == 0).next().unwrap_or(&[]);
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// How a process ended, if that deserves a word: nothing for an exit.
#[must_use]
pub fn ending(status: ExitStatus) -> Option<String> {
    let code = status.code;
    match status.kind {
        kind if kind == ExitKind::Exit as u64 => None,
        kind if kind == ExitKind::Signal as u64 => Some(format!("ended by signal {code}")),
        kind if kind == ExitKind::Fault as u64 => Some(format!("fault at {code:#x}")),
        kind if kind == ExitKind::Killed as u64 => Some("killed with its job".into()),
        kind if kind == ExitKind::OutOfMemory as u64 => Some("out of memory".into()),
        kind => Some(format!("ended in an unknown way ({kind})")),
    }
}

/// A shell's status of a process: its code, or 128 and the signal (9 for a kill by the system, 11
/// for a fault).
#[must_use]
pub fn shell_status(status: ExitStatus) -> i32 {
    const KILL: u64 = 9;
    const SEGMENT: u64 = 11;
    let signal = match status.kind {
        kind if kind == ExitKind::Exit as u64 => return (status.code & 0xff) as i32,
        kind if kind == ExitKind::Signal as u64 => status.code & 0x7f,
        kind if kind == ExitKind::Fault as u64 => SEGMENT,
        _ => KILL,
    };
    128 + signal as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_abi::params::upper_number;

    #[test]
    fn upper_numbers_are_shown_by_index() {
        assert_eq!(number(3), "3");
        assert_eq!(number(upper_number(9, 77) as u64), "u9");
    }

    #[test]
    fn labels_end_at_the_padding_and_hide_control_characters() {
        assert_eq!(padded(b"file\0\0\0"), "file");
        assert_eq!(padded(b"a\x1b[2J"), "a?[2J");
        assert_eq!(padded(&[0xff, b'a']), "\u{fffd}a");
    }

    #[test]
    fn a_shell_sees_codes_and_signals() {
        let status = |kind: ExitKind, code| ExitStatus { kind: kind as u64, code };
        assert_eq!(shell_status(status(ExitKind::Exit, 3)), 3);
        assert_eq!(shell_status(status(ExitKind::Exit, 256)), 0);
        assert_eq!(shell_status(status(ExitKind::Signal, 2)), 130);
        assert_eq!(shell_status(status(ExitKind::Fault, 0xdead)), 139);
        assert_eq!(shell_status(status(ExitKind::Killed, 0)), 137);
        assert_eq!(ending(status(ExitKind::Exit, 1)), None);
    }
}

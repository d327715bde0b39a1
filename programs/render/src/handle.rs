//! Handles as text: numbers, object types, labels.
use alloc::format;
use alloc::string::String;
use alloc::string::ToString;
use clavis_abi::params::{ObjectType, UPPER_INDEX_BITS, UPPER_TAG};

/// The number as a person reads it: upper ones as `u` and their index.
#[must_use]
pub fn number(number: usize) -> String {
    if number & UPPER_TAG == UPPER_TAG {
        format!("u{}", number & ((1 << UPPER_INDEX_BITS) - 1))
    } else {
        number.to_string()
    }
}

/// The object's type in a word.
#[must_use]
pub fn object(kind: Option<ObjectType>) -> &'static str {
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
        (ObjectType::Lease, "lease"),
        (ObjectType::Audit, "audit"),
    ];
    NAMES.iter().find(|row| Some(row.0) == kind).map_or("unknown", |row| row.1)
}

/// Text that somebody else chose, with characters replaced that control the terminal, or how other
/// text looks: directions, joiners, line ends.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_invisible(c) { '?' } else { c }).collect()
}

/// Whether a character shows nothing itself and changes what others show.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
        || matches!(c, '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_abi::params::upper_number;

    #[test]
    fn upper_numbers_are_shown_by_index() {
        assert_eq!(number(3), "3");
        assert_eq!(number(upper_number(9, 77)), "u9");
    }

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(printable("a\x1b[2J\n"), "a?[2J?");
        assert_eq!(printable("\u{202E}txt.exe\u{2066}"), "?txt.exe?");
    }
}

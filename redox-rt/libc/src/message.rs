//! What error numbers mean, in words.
use clavis_abi::Rights;
use clavis_abi::error::{
    ECAPMODE, EEXPIRED, ENOTCAPABLE, EOWNERDEAD, EREVOKED, MAX_ERRNO, STR_ERROR,
};
use clavis_abi::params::{Denial, DenialRule};
use core::fmt::Write;

/// A short text on the stack. What does not fit is cut at a character.
pub(crate) struct Text {
    bytes: [u8; 256],
    length: usize,
}

impl Text {
    /// An empty text.
    pub(crate) const fn new() -> Text {
        Text { bytes: [0; 256], length: 0 }
    }

    /// What was written.
    pub(crate) fn text(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> core::fmt::Result {
        for character in part.chars() {
            let end = self.length + character.len_utf8();
            let Some(room) = self.bytes.get_mut(self.length..end) else { return Ok(()) };
            character.encode_utf8(room);
            self.length = end;
        }
        Ok(())
    }
}

/// Writes what an error number means; whether it is a known one. For a refusal, `denial` is what
/// the kernel recorded of it.
pub(crate) fn describe(number: i32, denial: Option<&Denial>, text: &mut Text) -> bool {
    let known = usize::try_from(number)
        .ok()
        .filter(|_| number <= MAX_ERRNO)
        .and_then(|index| STR_ERROR.get(index));
    // Writing into a `Text` never fails.
    let _ = match (number, known) {
        (ENOTCAPABLE, _) => refusal(denial, text),
        (ECAPMODE, _) => {
            text.write_str("the process has no namespace or no current directory to find it from")
        }
        (EREVOKED, _) => text.write_str("the handle was revoked by who lent it"),
        (EEXPIRED, _) => text.write_str("the time for which the handle was lent is over"),
        (EOWNERDEAD, _) => text.write_str("the server of this object ended; open it again"),
        (_, Some(sentence)) => text.write_str(sentence),
        (_, None) => write!(text, "unknown error {number}"),
    };
    known.is_some()
}

fn refusal(denial: Option<&Denial>, text: &mut Text) -> core::fmt::Result {
    let Some(denial) = denial else {
        return text.write_str("the handle lacks the right for this operation");
    };
    let missing = Rights::from_bits_truncate(denial.missing);
    match denial.rule {
        rule if rule == DenialRule::Beneath as u64 => {
            text.write_str("the path leads out of the directory that was given")
        }
        rule if rule == DenialRule::NotStructural as u64 => text.write_str(
            "this file system can open only single names beneath a directory that was given",
        ),
        rule if rule == DenialRule::AppendLocked as u64 => {
            text.write_str("the file was opened for appending only")
        }
        rule if rule == DenialRule::NotSealed as u64 => {
            text.write_str("memory must be sealed before it can be run")
        }
        rule => {
            text.write_str(if rule == DenialRule::Inherit as u64 {
                "what is opened through this handle may not have the right"
            } else {
                "the handle lacks the right"
            })?;
            let mut names = missing.names().peekable();
            if names.peek().is_none() {
                return text.write_str(" for this operation");
            }
            for (index, name) in names.enumerate() {
                write!(text, "{}{name}", if index == 0 { " " } else { ", " })?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn said(number: i32, denial: Option<&Denial>) -> (String, bool) {
        let mut text = Text::new();
        let known = describe(number, denial, &mut text);
        (text.text().into(), known)
    }

    #[test]
    fn every_error_number_has_words() {
        for number in 0..=MAX_ERRNO {
            let (words, known) = said(number, None);
            assert!(known && !words.is_empty(), "{number}");
        }
        assert_eq!(said(4000, None), ("unknown error 4000".into(), false));
        assert_eq!(said(-1, None), ("unknown error -1".into(), false));
    }

    #[test]
    fn a_refusal_names_the_missing_right() {
        let (words, _) = said(ENOTCAPABLE, None);
        assert_eq!(words, "the handle lacks the right for this operation");
        let missing = (Rights::WRITE | Rights::TRUNCATE).bits();
        let denial = Denial { missing, ..Denial::default() };
        assert_eq!(
            said(ENOTCAPABLE, Some(&denial)).0,
            "the handle lacks the right WRITE, TRUNCATE"
        );
        let denial = Denial { rule: DenialRule::Beneath as u64, ..Denial::default() };
        assert!(said(ENOTCAPABLE, Some(&denial)).0.contains("leads out"));
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_at_a_character() {
        let mut text = Text::new();
        for _ in 0..100 {
            text.write_str("äöü€").unwrap();
        }
        assert!((253..=256).contains(&text.text().len()));
    }
}

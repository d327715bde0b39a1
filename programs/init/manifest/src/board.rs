//! What init tells of its services: a row for each, in memory that init writes and that others read
//! through handles without the right to write. A row is written and read as a whole.
use crate::life::Stage;
use alloc::borrow::ToOwned;
use alloc::string::String;
use clavis_abi::limits::NAME_MAX;

/// Bytes of a row.
pub const ROW: usize = 256;
/// Bytes in front of the texts: stage, moment, starts, process, and the lengths of both texts.
const HEAD: usize = 48;
/// Bytes of the text about the last end; a longer one is cut.
const LAST: usize = ROW - HEAD - NAME_MAX;

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub stage: Stage,
    /// Instances that were started.
    pub starts: u64,
    /// Number of the process that init started, while that runs; 0 otherwise.
    pub process: u64,
    /// How the last instance ended; empty: none has.
    pub last: String,
}

/// As much of a text as fits.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

impl Row {
    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ROW] {
        let (stage, moment) = match self.stage {
            Stage::Unwanted => (0, 0),
            Stage::Waiting => (1, 0),
            Stage::Running { since } => (2, since),
            Stage::Pausing { until } => (3, until),
            Stage::Ended => (4, 0),
        };
        let (name, last) = (cut(&self.name, NAME_MAX), cut(&self.last, LAST));
        let words =
            [stage, moment, self.starts, self.process, name.len() as u64, last.len() as u64];
        let head = words.into_iter().flat_map(u64::to_le_bytes);
        let blank = NAME_MAX.saturating_sub(name.len());
        let name = name.bytes().chain(core::iter::repeat_n(0, blank));
        let mut bytes = [0; ROW];
        let all = head.chain(name).chain(last.bytes());
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        bytes
    }

    /// The row in these bytes; `None`: there is none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; ROW]) -> Option<Row> {
        let (head, texts) = bytes.split_at_checked(HEAD)?;
        let (words, _) = head.as_chunks::<8>();
        let [stage, moment, starts, process, name, last] =
            *words.first_chunk::<6>()?.map(u64::from_le_bytes).as_array()?;
        let stage = match stage {
            0 => Stage::Unwanted,
            1 => Stage::Waiting,
            2 => Stage::Running { since: moment },
            3 => Stage::Pausing { until: moment },
            4 => Stage::Ended,
            _ => return None,
        };
        let (named, told) = texts.split_at_checked(NAME_MAX)?;
        let text = |bytes: &[u8], length: u64| {
            let bytes = bytes.get(..usize::try_from(length).ok()?)?;
            core::str::from_utf8(bytes).ok().map(str::to_owned)
        };
        let (name, last) = (text(named, name)?, text(told, last)?);
        (!name.is_empty()).then_some(Row { name, stage, starts, process, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(stage: Stage, last: &str) -> Row {
        Row { name: "ramfs".into(), stage, starts: 3, process: 17, last: last.into() }
    }

    #[test]
    fn a_row_is_read_as_it_was_written() {
        for stage in [
            Stage::Unwanted,
            Stage::Waiting,
            Stage::Running { since: 1 },
            Stage::Pausing { until: u64::MAX },
            Stage::Ended,
        ] {
            for last in ["", "exited with 1"] {
                let row = row(stage, last);
                assert_eq!(Row::from_bytes(&row.to_bytes()), Some(row));
            }
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let long = row(Stage::Ended, &"é".repeat(LAST));
        let read = Row::from_bytes(&long.to_bytes()).unwrap();
        assert!(long.last.starts_with(&read.last) && read.last.len() > LAST - 2);
        let named = Row { name: "n".repeat(NAME_MAX + 9), ..long };
        assert_eq!(Row::from_bytes(&named.to_bytes()).unwrap().name, "n".repeat(NAME_MAX));
    }

    #[test]
    fn bytes_that_are_no_row_are_none() {
        assert_eq!(Row::from_bytes(&[0; ROW]), None);
        assert_eq!(Row::from_bytes(&[0xFF; ROW]), None);
        let mut bytes = row(Stage::Ended, "x").to_bytes();
        for at in [0, 32, 40, HEAD] {
            let before = bytes[at];
            bytes[at] = 0xFF;
            assert_eq!(Row::from_bytes(&bytes), None, "{at}");
            bytes[at] = before;
        }
    }
}

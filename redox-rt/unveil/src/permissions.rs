//! The letters of `unveil`.
use clavis_abi::Rights;

/// What may be done with a path: letters out of `rwxc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(u8);

/// What comes with every letter: to find a thing, look at it and hand it on.
pub(crate) const FOUND: Rights = Rights::STAT
    .union(Rights::NAME)
    .union(Rights::LOOKUP)
    .union(Rights::EVENT)
    .union(Rights::DUP)
    .union(Rights::TRANSFER)
    .union(Rights::FORWARD);

pub(crate) const READING: Rights = FOUND
    .union(Rights::READ)
    .union(Rights::SEEK)
    .union(Rights::MAP_READ)
    .union(Rights::LIST)
    .union(Rights::LOCK);

pub(crate) const WRITING: Rights = FOUND
    .union(Rights::WRITE)
    .union(Rights::APPEND)
    .union(Rights::SEEK)
    .union(Rights::MAP_WRITE)
    .union(Rights::TRUNCATE)
    .union(Rights::SET_ATTR)
    .union(Rights::SYNC)
    .union(Rights::LOCK);

pub(crate) const RUNNING: Rights = FOUND.union(Rights::EXEC).union(Rights::MAP_EXEC);

pub(crate) const CREATING: Rights =
    FOUND.union(Rights::CREATE).union(Rights::REMOVE).union(Rights::RENAME).union(Rights::LINK);

const LETTERS: &[(char, Rights)] =
    &[('r', READING), ('w', WRITING), ('x', RUNNING), ('c', CREATING)];

impl Permissions {
    /// Reads letters, in any order. `None`: there is another one among them.
    #[must_use]
    pub fn read(text: &str) -> Option<Permissions> {
        text.chars().try_fold(Permissions(0), |all, letter| {
            let at = LETTERS.iter().position(|row| row.0 == letter)?;
            Some(Permissions(all.0 | 1 << at))
        })
    }

    /// The rights that they stand for; none, for no letter.
    #[must_use]
    pub fn rights(self) -> Rights {
        let letters = LETTERS.iter().enumerate().filter(|(at, _)| self.0 & 1 << at != 0);
        letters.fold(Rights::empty(), |rights, (_, letter)| rights | letter.1)
    }

    /// Whether all of the others are among them.
    #[must_use]
    pub fn contain(self, other: Permissions) -> bool {
        self.0 & other.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_mean_what_they_mean_to_contain() {
        for (letter, rights, _) in clavis_render::rights::LETTERS.iter().filter(|row| row.0 != 'a')
        {
            let mut text = [0; 4];
            let read = Permissions::read(letter.encode_utf8(&mut text)).unwrap();
            assert_eq!(read.rights(), *rights, "{letter}");
        }
    }

    #[test]
    fn letters_come_in_any_order_and_others_do_not() {
        let read = |text| Permissions::read(text);
        assert_eq!(read("rw"), read("wr"));
        assert_eq!(read("rr"), read("r"));
        assert_eq!(read("").unwrap().rights(), Rights::empty());
        for none in ["R", "rwx ", "a", "r,w", "é"] {
            assert_eq!(read(none), None, "{none}");
        }
        assert!(read("rwc").unwrap().contain(read("wr").unwrap()));
        assert!(!read("rw").unwrap().contain(read("x").unwrap()));
    }
}

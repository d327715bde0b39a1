//! Limits of `ioctl`: which of its commands a descriptor of a terminal takes.
//!
//! A terminal gives a handle that takes some of its commands and no others, and nothing obtained
//! through that takes more. Other services know no commands of `ioctl`. `FIONBIO` is what `F_SETFL`
//! does, and goes by the [limits of `fcntl`](crate::fcntls).

/// Greatest number of commands in a limit.
pub const MOST: usize = 256;

/// What the set of a descriptor that was never limited has beside the commands.
pub const UNLIMITED: u8 = 1 << 7;

/// The commands, in the order of their bits in what a terminal is asked: `TCGETS`, `TCSETS`,
/// `TIOCGWINSZ`, `TIOCSWINSZ`, `TIOCGPGRP`, `TIOCSPGRP`, `TCFLSH`.
const COMMANDS: [u64; 7] = [0x5401, 0x5402, 0x5413, 0x5414, 0x540F, 0x5410, 0x540B];

/// What a terminal is asked for one that takes only some commands.
#[must_use]
pub fn request(kept: u8) -> [u8; 5] {
    [b'o', b'n', b'l', b'y', kept]
}

/// The set of a list of commands, where a descriptor has the set `held`. `None`: the list has more.
/// A command that no terminal has is nothing that a limit could keep; one that was limited has none
/// of those.
#[must_use]
pub fn kept(list: &[u64], held: u8) -> Option<u8> {
    let mut kept = 0;
    for command in list {
        let bit = COMMANDS.iter().position(|known| known == command).map_or(0, |bit| 1 << bit);
        if held & UNLIMITED == 0 && (bit == 0 || held & bit == 0) {
            return None;
        }
        kept |= bit;
    }
    Some(kept)
}

/// The commands of a set; `None`: all that there are.
#[must_use]
pub fn listed(held: u8) -> Option<impl Iterator<Item = u64>> {
    let commands = COMMANDS.into_iter().enumerate();
    let has = move |(bit, command)| (held >> bit & 1 == 1).then_some(command);
    (held & UNLIMITED == 0).then(|| commands.filter_map(has))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn what_is_listed_is_kept_and_listed_again() {
        for set in 0..UNLIMITED {
            let list: Vec<u64> = listed(set).unwrap().collect();
            assert_eq!(list.len(), set.count_ones() as usize);
            assert_eq!(kept(&list, u8::MAX), Some(set));
            assert_eq!(kept(&list, set), Some(set));
            let more: Vec<u64> = listed(UNLIMITED - 1).unwrap().collect();
            assert_eq!(kept(&more, set).is_some(), set == UNLIMITED - 1);
        }
        assert!(listed(u8::MAX).is_none());
    }

    #[test]
    fn a_command_that_nobody_has_is_more_than_a_limited_descriptor_has() {
        assert_eq!(kept(&[0x1234, 0x5413], u8::MAX), Some(4));
        assert_eq!(kept(&[0x1234], 4), None);
        assert_eq!(kept(&[], 0), Some(0));
    }
}

//! What a handle of a terminal may be used for beside reading and writing. A handle can be had that
//! takes less, and what is obtained through it takes no more.
use crate::protocol::{CALL_FLUSH, CALL_FRONT, CALL_GROUP, Part};
use clavis_abi::error::ENOTCAPABLE;
use syscall::error::{Error, Result};

/// What a dup begins with that asks for a handle with less; the bits of what it keeps follow.
const ONLY: &[u8] = b"only";

/// A set of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commands(u8);

impl Commands {
    /// Read the settings.
    pub const SETTINGS: Commands = Commands(1);
    /// Change the settings.
    pub const SET_SETTINGS: Commands = Commands(1 << 1);
    /// Read the size of the window.
    pub const WINDOW: Commands = Commands(1 << 2);
    /// Change the size of the window.
    pub const SET_WINDOW: Commands = Commands(1 << 3);
    /// Ask which processes are in the foreground.
    pub const GROUP: Commands = Commands(1 << 4);
    /// Put processes into the foreground.
    pub const SET_GROUP: Commands = Commands(1 << 5);
    /// Throw away what was typed.
    pub const FLUSH: Commands = Commands(1 << 6);
    /// All of these, and what else there may be.
    pub const ALL: Commands = Commands(u8::MAX);

    /// The bits, as [`CALL_COMMANDS`](crate::protocol::CALL_COMMANDS) answers them. The highest is
    /// set on a handle that was never given less.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// What a handle keeps when this is asked of one with these commands; `None`: the message asks
    /// something else.
    #[must_use]
    pub fn left_by(self, message: &[u8]) -> Option<Commands> {
        match message.strip_prefix(ONLY) {
            Some(&[bits]) => Some(Commands(self.0 & bits & !(1 << 7))),
            _ => None,
        }
    }

    /// # Errors
    /// `ENOTCAPABLE` unless all these commands are in it.
    pub fn need(self, needed: Commands) -> Result<()> {
        if self.0 & needed.0 == needed.0 { Ok(()) } else { Err(Error::new(ENOTCAPABLE)) }
    }

    /// # Errors
    /// `ENOTCAPABLE` unless a call is in it.
    pub fn need_call(self, call: Option<&u64>) -> Result<()> {
        match call {
            Some(&CALL_FRONT) => self.need(Commands::SET_GROUP),
            Some(&CALL_GROUP) => self.need(Commands::GROUP),
            Some(&CALL_FLUSH) => self.need(Commands::FLUSH),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// `ENOTCAPABLE` unless a part can be read, or changed, which is all that a handle of it is for.
    pub fn need_any(self, part: Part) -> Result<()> {
        self.need(Commands::to_read(part)).or_else(|_| self.need(Commands::to_write(part)))
    }

    /// What reading a part takes.
    #[must_use]
    pub fn to_read(part: Part) -> Commands {
        match part {
            Part::Settings => Commands::SETTINGS,
            Part::Window => Commands::WINDOW,
        }
    }

    /// What changing a part takes.
    #[must_use]
    pub fn to_write(part: Part) -> Commands {
        match part {
            Part::Settings => Commands::SET_SETTINGS,
            Part::Window => Commands::SET_WINDOW,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(of: Commands, bits: u8) -> Commands {
        of.left_by(&[b"only", &[bits][..]].concat()).unwrap()
    }

    #[test]
    fn a_handle_never_gets_more_than_the_one_that_it_was_asked_of() {
        for (first, second) in
            (0..=u8::MAX).flat_map(|first| (0..=u8::MAX).map(move |b| (first, b)))
        {
            let less = only(only(Commands::ALL, first), second);
            assert_eq!(less.bits(), first & second & 0x7F);
        }
    }

    #[test]
    fn other_messages_ask_for_something_else() {
        for message in [&b""[..], b"only", b"only\x01\x02", b"onl\x01", b"job", b"termios"] {
            assert_eq!(Commands::ALL.left_by(message), None);
        }
    }

    #[test]
    fn each_command_is_asked_for_by_itself() {
        let calls = [CALL_FRONT, CALL_GROUP, CALL_FLUSH];
        let of_calls = [Commands::SET_GROUP, Commands::GROUP, Commands::FLUSH];
        for (call, own) in calls.iter().zip(of_calls) {
            for one in 0..7 {
                let may = only(Commands::ALL, 1 << one).need_call(Some(call)).is_ok();
                assert_eq!(may, own.bits() == 1 << one);
            }
        }
        let reads = only(Commands::ALL, Commands::WINDOW.bits());
        assert!(reads.need(Commands::to_read(Part::Window)).is_ok());
        assert!(reads.need(Commands::to_write(Part::Window)).is_err());
        assert!(reads.need_any(Part::Window).is_ok());
        assert_eq!(reads.need_any(Part::Settings).unwrap_err().errno, ENOTCAPABLE);
        let writes = only(Commands::ALL, Commands::SET_SETTINGS.bits());
        assert!(writes.need_any(Part::Settings).is_ok());
        assert!(writes.need(Commands::to_read(Part::Settings)).is_err());
    }
}

//! Terminal settings, as C programs know them.
//!
//! The bytes of [`Termios::to_bytes`] are `struct termios` of the Redox target: four flag words,
//! the line number, 32 control characters, padding, two speeds.

/// Bytes in the structure.
pub const SIZE: usize = 60;
/// How many control characters there are.
const CHARACTERS: usize = 32;

/// Input flag: carriage returns are dropped.
pub const IGNCR: u32 = 0o200;
/// Input flag: carriage return becomes newline.
pub const ICRNL: u32 = 0o400;
/// Input flag: newline becomes carriage return.
pub const INLCR: u32 = 0o100;
/// Output flag: the other output flags hold.
pub const OPOST: u32 = 0o1;
/// Output flag: newline becomes carriage return and newline.
pub const ONLCR: u32 = 0o2;
/// Local flag: control characters send signals.
pub const ISIG: u32 = 0x80;
/// Local flag: lines are edited here.
pub const ICANON: u32 = 0x100;
/// Local flag: typed characters are shown.
pub const ECHO: u32 = 0x8;
/// Local flag: erased characters vanish from the screen.
pub const ECHOE: u32 = 0x2;
/// Local flag: a killed line vanishes from the screen.
pub const ECHOK: u32 = 0x4;
/// Local flag: newline is shown even without ECHO.
pub const ECHONL: u32 = 0x10;
/// Local flag: VWERASE holds.
pub const IEXTEN: u32 = 0x400;

/// Index of the character that ends the file.
pub const VEOF: usize = 0;
/// Index of the character that erases one.
pub const VERASE: usize = 3;
/// Index of the character that erases a word.
pub const VWERASE: usize = 4;
/// Index of the character that erases the line.
pub const VKILL: usize = 5;
/// Index of the character that interrupts.
pub const VINTR: usize = 8;
/// Index of the character that quits.
pub const VQUIT: usize = 9;
/// Index of the character that suspends.
pub const VSUSP: usize = 10;
/// Index of the number of bytes that a raw read waits for.
pub const VMIN: usize = 16;

/// Terminal settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termios {
    /// Input flags.
    pub input: u32,
    /// Output flags.
    pub output: u32,
    /// Control flags: kept, without effect.
    pub control: u32,
    /// Local flags.
    pub local: u32,
    /// Line discipline number: kept, without effect.
    pub line: u8,
    /// Control characters.
    pub characters: [u8; CHARACTERS],
    /// Input and output speed: kept, without effect.
    pub speeds: [u32; 2],
}

impl Default for Termios {
    /// Line editing with echo, as a shell expects to find it.
    fn default() -> Self {
        let mut characters = [0; CHARACTERS];
        let defaults = [
            (VEOF, 0x04),
            (VERASE, 0x7F),
            (VWERASE, 0x17),
            (VKILL, 0x15),
            (VINTR, 0x03),
            (VQUIT, 0x1C),
            (VSUSP, 0x1A),
            (VMIN, 1),
        ];
        for (index, character) in defaults {
            if let Some(slot) = characters.get_mut(index) {
                *slot = character;
            }
        }
        // CS8 | CREAD | CLOCAL, 115200 baud.
        Self {
            input: ICRNL,
            output: OPOST | ONLCR,
            control: 0o1400 | 0o4000 | 0o100_000,
            local: ISIG | ICANON | ECHO | ECHOE | ECHOK | IEXTEN,
            line: 0,
            characters,
            speeds: [0o21; 2],
        }
    }
}

impl Termios {
    /// The control character at an index; `None` where it is switched off (zero).
    #[must_use]
    pub fn character(&self, index: usize) -> Option<u8> {
        self.characters.get(index).copied().filter(|character| *character != 0)
    }

    /// Whether a local flag is set.
    #[must_use]
    pub fn is(&self, local: u32) -> bool {
        self.local & local != 0
    }

    /// The structure as C programs read it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let words = [self.input, self.output, self.control, self.local];
        let head = words.into_iter().flat_map(u32::to_le_bytes);
        let body = head.chain([self.line]).chain(self.characters).chain([0; 3]);
        let all = body.chain(self.speeds.into_iter().flat_map(u32::to_le_bytes));
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        bytes
    }

    /// The settings that C programs wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; SIZE]) -> Self {
        let word = |at: usize| {
            let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
            word.copied().map_or(0, u32::from_le_bytes)
        };
        let characters = bytes.get(17..).and_then(|rest| rest.first_chunk::<CHARACTERS>());
        Self {
            input: word(0),
            output: word(4),
            control: word(8),
            local: word(12),
            line: bytes.get(16).copied().unwrap_or(0),
            characters: characters.copied().unwrap_or_default(),
            speeds: [word(52), word(56)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_the_way_through_c() {
        let mut settings = Termios { local: 0x1234_5678, speeds: [7, 8], ..Termios::default() };
        settings.characters[31] = 9;
        assert_eq!(Termios::from_bytes(&settings.to_bytes()), settings);
        assert_eq!(settings.to_bytes()[48], 9);
        assert_eq!(settings.to_bytes()[52], 7);
    }
}

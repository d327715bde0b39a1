//! Messages, written.
use super::*;

/// Writes messages into a buffer of the caller. Each step is `None` when the buffer is full or
/// the argument invalid.
#[derive(Debug)]
pub struct Encoder<'a> {
    buffer: &'a mut [u8],
    used: usize,
}

impl<'a> Encoder<'a> {
    fn new(buffer: &'a mut [u8]) -> Self {
        Encoder { buffer, used: 0 }
    }

    fn bytes(mut self, bytes: &[u8]) -> Option<Self> {
        let end = self.used.checked_add(bytes.len())?;
        self.buffer.get_mut(self.used..end)?.copy_from_slice(bytes);
        self.used = end;
        Some(self)
    }

    fn word(self, word: u64) -> Option<Self> {
        self.bytes(&word.to_le_bytes())
    }

    fn counted(self, text: &str) -> Option<Self> {
        self.word(text.len() as u64)?.bytes(text.as_bytes())
    }

    /// Starts a [`Message::Fork`]; [`Encoder::name`] adds names.
    pub fn fork(buffer: &'a mut [u8]) -> Option<Self> {
        Encoder::new(buffer).word(message::FORK)
    }

    /// Adds a name to a [`Message::Fork`].
    pub fn name(self, name: &str) -> Option<Self> {
        checked_pattern(name.as_bytes())?;
        self.counted(name)
    }

    /// A [`Message::Shrink`].
    pub fn shrink(buffer: &'a mut [u8], permissions: u64) -> Option<Self> {
        Encoder::new(buffer).word(message::SHRINK)?.word(permissions)
    }

    /// A [`Message::Register`].
    pub fn register(buffer: &'a mut [u8], name: &str) -> Option<Self> {
        checked_name(name.as_bytes())?;
        Encoder::new(buffer).word(message::REGISTER)?.bytes(name.as_bytes())
    }

    /// Starts a [`Message::ForkWith`]; [`Encoder::item`] adds names.
    pub fn fork_with(buffer: &'a mut [u8], flags: u64, permissions: u64) -> Option<Self> {
        Encoder::new(buffer).word(message::FORK_WITH)?.word(flags)?.word(permissions)
    }

    /// Adds a name to a [`Message::ForkWith`].
    pub fn item(self, item: &ForkItem<'_>) -> Option<Self> {
        checked_name(item.name.as_bytes())?;
        self.word(item.flags)?.word(item.rights)?.word(item.inherit)?.counted(item.name)
    }

    /// A [`Message::Bind`].
    pub fn bind(
        buffer: &'a mut [u8],
        flags: u64,
        rights: u64,
        inherit: u64,
        place: &str,
        prefix: &str,
    ) -> Option<Self> {
        checked_place(place.as_bytes())?;
        Encoder::new(buffer)
            .word(message::BIND)?
            .word(flags)?
            .word(rights)?
            .word(inherit)?
            .counted(place)?
            .bytes(prefix.as_bytes())
    }

    /// A [`Message::Within`].
    pub fn within(buffer: &'a mut [u8], place: &str) -> Option<Self> {
        checked_place(place.as_bytes())?;
        Encoder::new(buffer).word(message::WITHIN)?.bytes(place.as_bytes())
    }

    /// The message.
    #[must_use]
    pub fn finish(self) -> &'a [u8] {
        self.buffer.get(..self.used).unwrap_or_default()
    }
}

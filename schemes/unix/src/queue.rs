//! What waits in a socket to be received. It is bounded in bytes, messages and handles; each
//! message counts a little more than its bytes, so that empty ones are bounded too.
use std::collections::VecDeque;

/// Bytes that wait in one socket at most.
pub const BYTES: usize = 65_536;
/// Handles that wait in one socket at most.
pub const HANDLES: usize = 64;
/// Bytes that can wait in any socket, however much waits in the others.
pub const ASSURED: usize = 4096;
/// What a message costs beside its bytes.
const MESSAGE: usize = 64;
/// What all messages of one socket cost at most.
const COST: usize = BYTES * 2;

/// A message, or a stretch of a stream.
#[derive(Debug)]
pub struct Message<H> {
    /// What was sent and not received yet.
    pub data: VecDeque<u8>,
    /// The address of who sent it.
    pub from: Vec<u8>,
    /// The handles that came with it.
    pub handles: Vec<H>,
}

/// Messages in the order in which they were sent.
#[derive(Debug)]
pub struct Queue<H> {
    messages: VecDeque<Message<H>>,
    bytes: usize,
    handles: usize,
}

impl<H> Default for Queue<H> {
    fn default() -> Self {
        Self { messages: VecDeque::new(), bytes: 0, handles: 0 }
    }
}

impl<H> Queue<H> {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Handles that wait.
    #[must_use]
    pub fn handles(&self) -> usize {
        self.handles
    }

    /// What waits costs: its bytes, and a little for each message.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.bytes.saturating_add(self.messages.len().saturating_mul(MESSAGE))
    }

    /// Bytes that one more message can have where `most` may wait.
    #[must_use]
    pub fn room(&self, most: usize) -> usize {
        let cost = self.cost().saturating_add(MESSAGE);
        let left = most.saturating_mul(COST / BYTES).saturating_sub(cost);
        left.min(most.saturating_sub(self.bytes))
    }

    /// Whether a message that cannot be divided fits where `most` bytes may wait.
    #[must_use]
    pub fn fits(&self, bytes: usize, handles: usize, most: usize) -> bool {
        bytes <= self.room(most)
            && self.cost().saturating_add(MESSAGE) <= most.saturating_mul(COST / BYTES)
            && self.handles.saturating_add(handles) <= HANDLES
    }

    /// Adds a message that fits.
    pub fn push(&mut self, message: Message<H>) {
        self.bytes = self.bytes.saturating_add(message.data.len());
        self.handles = self.handles.saturating_add(message.handles.len());
        self.messages.push_back(message);
    }

    /// Adds bytes of a stream, which have no ends that matter.
    pub fn extend(&mut self, data: &[u8]) {
        match self.messages.back_mut() {
            Some(last) => {
                last.data.extend(data);
                self.bytes = self.bytes.saturating_add(data.len());
            }
            None => {
                let data = data.iter().copied().collect();
                self.push(Message { data, from: Vec::new(), handles: Vec::new() });
            }
        }
    }

    /// Copies bytes of a stream, up to the first handles behind them; with `keep` they stay.
    pub fn read(&mut self, out: &mut [u8], keep: Keep) -> (usize, Vec<H>) {
        let mut count = 0_usize;
        let mut handles = Vec::new();
        while let Some(message) = self.messages.front_mut() {
            if count > 0 && !message.handles.is_empty() {
                break;
            }
            let rest = out.get_mut(count..).unwrap_or_default();
            let copied = copy(&message.data, rest);
            count = count.saturating_add(copied);
            if keep == Keep::Message {
                break;
            }
            handles.append(&mut message.handles);
            message.data.drain(..copied);
            if !message.data.is_empty() {
                break;
            }
            self.messages.pop_front();
            if !handles.is_empty() {
                break;
            }
        }
        if keep == Keep::Nothing {
            self.bytes = self.bytes.saturating_sub(count);
            self.handles = self.handles.saturating_sub(handles.len());
        }
        (count, handles)
    }

    /// Takes a message, as much of it as there is room for; its length and the rest of it.
    pub fn take(&mut self, out: &mut [u8], keep: Keep) -> Option<(usize, Vec<u8>, Vec<H>)> {
        let front = self.messages.front()?;
        copy(&front.data, out);
        if keep == Keep::Message {
            return Some((front.data.len(), front.from.clone(), Vec::new()));
        }
        let message = self.messages.pop_front()?;
        self.bytes = self.bytes.saturating_sub(message.data.len());
        self.handles = self.handles.saturating_sub(message.handles.len());
        Some((message.data.len(), message.from, message.handles))
    }
}

/// What stays after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// What was copied is gone.
    Nothing,
    /// The message stays as it was, with its handles.
    Message,
}

fn copy(from: &VecDeque<u8>, to: &mut [u8]) -> usize {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    to.len().min(from.len())
}

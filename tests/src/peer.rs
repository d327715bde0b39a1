//! The peer: a server that speaks the protocol by hand and misbehaves on purpose.
use clavis::{Handle, startup};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::process::ExitCode;
use syscall::schemev2::Opcode;

/// A message as it lies on the wire.
struct Message {
    opcode: u8,
    tag: u32,
    words: [u64; 6],
}

/// What a CALL's first word asks of the peer itself.
pub(crate) mod ask {
    /// How many requests it heard before this one.
    pub(crate) const HEARD: u64 = 1;
    /// How many cancellations it heard.
    pub(crate) const CANCELLED: u64 = 2;
    /// How many close notices it heard.
    pub(crate) const CLOSED: u64 = 3;
    /// Keep this request until the next one comes, then answer both.
    pub(crate) const HOLD: u64 = 4;
}

struct Peer {
    socket: Handle,
    heard: u64,
    cancelled: u64,
    closed: u64,
    held: Option<u32>,
    opened: u64,
}

/// Serves until its socket or its script ends.
pub(crate) fn main(mode: &str) -> ExitCode {
    let Some(number) = startup::custom(0) else { return ExitCode::FAILURE };
    let mut peer = Peer {
        socket: Handle::from_number(number),
        heard: 0,
        cancelled: 0,
        closed: 0,
        held: None,
        opened: 100,
    };
    if mode == "held" {
        // It serves nobody until the other end of its input is closed.
        let released = std::io::stdin().read_to_end(&mut Vec::new());
        if released.is_err() {
            return ExitCode::FAILURE;
        }
    }
    let served = peer.serve(mode);
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Peer {
    fn next(&mut self) -> std::io::Result<Message> {
        let mut bytes = [0u8; 64];
        (&self.socket).read_exact(&mut bytes)?;
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let mut words = [0; 6];
        for (index, place) in words.iter_mut().enumerate() {
            *place = word(8 + index * 8);
        }
        Ok(Message { opcode: bytes[0], tag: (word(0) >> 32) as u32, words })
    }

    fn answer(&mut self, flags: u8, tag: u32, result: u64) -> std::io::Result<()> {
        let mut bytes = [0u8; 16];
        bytes[0] = flags;
        bytes[4..8].copy_from_slice(&tag.to_le_bytes());
        bytes[8..].copy_from_slice(&result.to_le_bytes());
        (&self.socket).write_all(&bytes)
    }

    fn serve(&mut self, mode: &str) -> std::io::Result<()> {
        let mut late = HashSet::new();
        loop {
            if mode == "deaf" {
                std::thread::sleep(std::time::Duration::from_secs(1000));
                continue;
            }
            let message = self.next()?;
            match Opcode::try_from_raw(message.opcode) {
                Some(Opcode::Cancel) => {
                    self.cancelled += 1;
                    if late.remove(&message.tag) {
                        self.answer(0, message.tag, 0)?;
                    } else if self.held == Some(message.tag) {
                        self.held = None;
                        self.answer(0, message.tag, 0)?;
                    }
                    continue;
                }
                Some(Opcode::CloseMsg) => {
                    self.closed += 1;
                    continue;
                }
                _ => {}
            }
            let value = self.value(&message);
            self.heard += 1;
            match mode {
                "die" => return Ok(()),
                "half" if self.heard == 2 => return Ok(()),
                "late" if self.heard == 1 => {
                    late.insert(message.tag);
                    continue;
                }
                "forged" => {
                    for guess in 0..40u32 {
                        let tag = message.tag ^ (1 << (guess % 32)) ^ (guess / 32 * 0x0001_0001);
                        if tag != message.tag {
                            self.answer((guess % 8) as u8, tag, u64::from(guess))?;
                        }
                    }
                }
                // More bytes than were asked for, and an error number that does not exist.
                "liar" if self.heard == 1 => {
                    self.answer(0, message.tag, 1 << 40)?;
                    continue;
                }
                "liar" if self.heard == 2 => {
                    self.answer(0, message.tag, (-3000i64) as u64)?;
                    continue;
                }
                // A handle that it does not have.
                "liar" if self.heard == 3 => {
                    self.answer(1, message.tag, 12_345)?;
                    continue;
                }
                // A forward from an address that is not mapped: it keeps the request.
                "liar" if self.heard == 4 && self.answer(7, message.tag, 0x40).is_ok() => {
                    return Ok(());
                }
                _ => {}
            }
            if message.words[3] == ask::HOLD && self.is_call(&message) {
                self.held = Some(message.tag);
                continue;
            }
            self.answer(0, message.tag, value)?;
            if mode == "double" {
                self.answer(0, message.tag, value ^ 1)?;
            }
            if let Some(tag) = self.held.take() {
                self.answer(0, tag, value)?;
            }
        }
    }

    fn is_call(&self, message: &Message) -> bool {
        message.opcode == Opcode::Call as u8
    }

    fn value(&mut self, message: &Message) -> u64 {
        match Opcode::try_from_raw(message.opcode) {
            Some(Opcode::OpenAt | Opcode::Dup) => {
                self.opened += 1;
                self.opened
            }
            Some(Opcode::Call) => match message.words[3] {
                ask::HEARD => self.heard,
                ask::CANCELLED => self.cancelled,
                ask::CLOSED => self.closed,
                _ => 0,
            },
            Some(Opcode::Write) => message.words[2],
            _ => 0,
        }
    }
}

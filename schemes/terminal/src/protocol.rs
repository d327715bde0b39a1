//! What clients say to a terminal beside reading and writing.
use crate::termios::{SIZE, Termios};
use syscall::error::{EINVAL, Error, Result};

/// Dup: a handle that belongs to a new job.
pub const NEW_JOB: &[u8] = b"job";
/// Low half of the word that comes with a handle: the processes of the job that the terminal's
/// handle belongs to. The high half is their group, or 0.
pub const SEND_JOB: u64 = 1;
/// Call: the job that the handle belongs to is in the foreground from now on.
pub const CALL_FRONT: u64 = 2;
/// Call: the process group in the foreground; 0: the handle's job is, and has none.
pub const CALL_GROUP: u64 = 3;
/// Call: what was typed and not read is forgotten.
pub const CALL_FLUSH: u64 = 4;
/// Call, on the controlling end of a pseudo terminal: its number.
pub const CALL_NUMBER: u64 = 5;
/// Call, on the controlling end: the other end can be opened by number.
pub const CALL_OPEN: u64 = 6;
/// Call: the [`Commands`](crate::Commands) that the handle takes.
pub const CALL_COMMANDS: u64 = 7;

/// A part of a terminal that is read and written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its settings.
    Settings,
    /// The size of what it is shown in.
    Window,
}

impl Part {
    /// The part that a dup asks for.
    #[must_use]
    pub fn from_message(message: &[u8]) -> Option<Part> {
        match message {
            b"termios" => Some(Part::Settings),
            b"winsize" => Some(Part::Window),
            _ => None,
        }
    }

    /// Its bytes, as many as there is room for.
    pub fn read(self, settings: &Termios, window: [u16; 4], out: &mut [u8]) -> usize {
        let bytes = match self {
            Part::Settings => settings.to_bytes().to_vec(),
            Part::Window => window.iter().flat_map(|word| word.to_le_bytes()).collect(),
        };
        out.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
        bytes.len().min(out.len())
    }
}

/// Settings that a client wrote.
///
/// # Errors
/// `EINVAL`: they have another length.
pub fn settings(bytes: &[u8]) -> Result<Termios> {
    let bytes: &[u8; SIZE] = bytes.try_into().map_err(|_| Error::new(EINVAL))?;
    Ok(Termios::from_bytes(bytes))
}

/// A size that a client wrote: rows and columns, and the size in pixels or as it was.
///
/// # Errors
/// `EINVAL`: it has another length.
pub fn window(mut before: [u16; 4], bytes: &[u8]) -> Result<[u16; 4]> {
    let (words, rest) = bytes.as_chunks::<2>();
    if words.len() < 2 || words.len() > before.len() || !rest.is_empty() {
        return Err(Error::new(EINVAL));
    }
    let words = words.iter().map(|bytes| u16::from_le_bytes(*bytes));
    before.iter_mut().zip(words).for_each(|(to, word)| *to = word);
    Ok(before)
}

/// The processes of a job, as a client sends them.
///
/// # Errors
/// `EINVAL` for any other message.
#[cfg(target_os = "redox")]
pub fn processes(
    socket: &redox_scheme::Socket,
    request: &redox_scheme::SendFdRequest,
) -> Result<crate::Processes> {
    let word = request.arg();
    if word & u64::from(u32::MAX) != SEND_JOB || request.num_fds() != 1 {
        return Err(Error::new(EINVAL));
    }
    let mut number = [usize::MAX];
    request.obtain_fd(socket, syscall::flag::FobtainFdFlags::UPPER_TBL, &mut number)?;
    let [number] = number;
    Ok(crate::Processes::new(number, u32::try_from(word >> 32).unwrap_or(0)))
}

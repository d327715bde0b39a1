//! The rules between the wire and the readers.
use crate::edit::{Edit, show};
use crate::termios::{
    ECHO, ECHOE, ECHOK, ECHONL, ICANON, ICRNL, IEXTEN, IGNCR, INLCR, ISIG, ONLCR, OPOST, Termios,
    VEOF, VERASE, VINTR, VKILL, VMIN, VQUIT, VSUSP, VWERASE,
};
use std::collections::VecDeque;

/// Bytes that wait to be read at most; what is typed beyond is answered by the bell.
pub const READY_MAX: usize = 32_768;
/// Lines that wait to be read at most, so that empty ones are bounded too.
pub const LINES_MAX: usize = 1024;

/// A signal that a key, or the terminal itself, sends to the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt = 2,
    /// Ctrl-\.
    Quit = 3,
    /// Ctrl-Z.
    Suspend = 20,
    /// No key: it would read, and is not in the foreground.
    Input = 21,
    /// No key: who typed is gone, or who began the job.
    HangUp = 1,
    /// No key: what the terminal is shown in has another size.
    Window = 28,
}

/// Where a sequence of the terminal's special keys is; they edit nothing here, so they are
/// swallowed as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sequence {
    #[default]
    None,
    Escape,
    Bracket,
    Letter,
}

/// The state between the wire and the readers.
#[derive(Debug, Default)]
pub struct Discipline {
    settings: Termios,
    edit: Edit,
    /// What can be read: in canonical mode, a line each; an empty one is the end of the file.
    ready: VecDeque<VecDeque<u8>>,
    ready_bytes: usize,
    sequence: Sequence,
}

impl Discipline {
    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Termios {
        &self.settings
    }

    /// Changes the settings. A line under edit becomes readable when editing ends.
    pub fn set(&mut self, settings: Termios) {
        let was_canonical = self.settings.is(ICANON);
        self.settings = settings;
        if was_canonical && !settings.is(ICANON) {
            let line = self.edit.take();
            self.deliver(line);
            self.ready.retain(|chunk| !chunk.is_empty());
        }
    }

    fn canonical(&self) -> bool {
        self.settings.is(ICANON)
    }

    fn deliver(&mut self, bytes: Vec<u8>) {
        self.ready_bytes = self.ready_bytes.saturating_add(bytes.len());
        self.ready.push_back(bytes.into());
    }

    /// Forgets what was typed and not read.
    pub fn flush(&mut self) {
        self.edit.take();
        self.ready.clear();
        self.ready_bytes = 0;
        self.sequence = Sequence::None;
    }

    /// Makes an empty line readable.
    pub fn end_line(&mut self) {
        if self.canonical() {
            self.deliver(vec![b'\n']);
        }
    }

    /// Takes a byte from the wire; what has to be shown is added to `echo`.
    pub fn input(&mut self, byte: u8, echo: &mut Vec<u8>) -> Option<Signal> {
        let byte = match byte {
            b'\r' if self.settings.input & IGNCR != 0 => return None,
            b'\r' if self.settings.input & ICRNL != 0 => b'\n',
            b'\n' if self.settings.input & INLCR != 0 => b'\r',
            _ => byte,
        };
        let is = |index: usize| self.settings.character(index) == Some(byte);
        if self.settings.is(ISIG) {
            let signal = if is(VINTR) {
                Some(Signal::Interrupt)
            } else if is(VQUIT) {
                Some(Signal::Quit)
            } else if is(VSUSP) {
                Some(Signal::Suspend)
            } else {
                None
            };
            if signal.is_some() {
                self.flush();
                if self.settings.is(ECHO) {
                    show(byte, echo);
                    echo.extend(b"\r\n");
                }
                return signal;
            }
        }
        if self.ready_bytes >= READY_MAX || self.ready.len() >= LINES_MAX {
            echo.push(0x07);
        } else if self.canonical() {
            self.edit_byte(byte, echo);
        } else {
            self.raw_byte(byte, echo);
        }
        None
    }

    fn raw_byte(&mut self, byte: u8, echo: &mut Vec<u8>) {
        self.ready_bytes = self.ready_bytes.saturating_add(1);
        match self.ready.back_mut() {
            Some(chunk) => chunk.push_back(byte),
            None => self.ready.push_back(VecDeque::from([byte])),
        }
        if self.settings.is(ECHO) {
            self.echo(byte, echo);
        }
    }

    fn echo(&self, byte: u8, echo: &mut Vec<u8>) {
        match byte {
            b'\n' => self.output(b"\n", echo),
            _ => show(byte, echo),
        }
    }

    fn edit_byte(&mut self, byte: u8, echo: &mut Vec<u8>) {
        if self.swallow(byte) {
            return;
        }
        let is = |index: usize| self.settings.character(index) == Some(byte);
        if byte == b'\n' {
            let mut line = self.edit.take();
            line.push(byte);
            self.deliver(line);
            if self.settings.is(ECHO | ECHONL) {
                self.output(b"\n", echo);
            }
        } else if is(VEOF) {
            let line = self.edit.take();
            self.deliver(line);
        } else if is(VERASE) || byte == 0x08 {
            let width = self.edit.erase().unwrap_or(0);
            self.wipe(width, ECHOE, echo);
        } else if is(VWERASE) && self.settings.is(IEXTEN) {
            let width = self.edit.erase_word();
            self.wipe(width, ECHOE, echo);
        } else if is(VKILL) {
            let width = self.edit.erase_all();
            self.wipe(width, ECHOK, echo);
        } else if !self.edit.push(byte) {
            echo.push(0x07);
        } else if self.settings.is(ECHO) {
            show(byte, echo);
        }
    }

    /// Whether the byte belongs to a special key (ESC O x, or ESC [ ... letter).
    fn swallow(&mut self, byte: u8) -> bool {
        let next = match (self.sequence, byte) {
            (Sequence::None, 0x1B) => Sequence::Escape,
            (Sequence::None, _) => return false,
            (Sequence::Escape, b'[') => Sequence::Bracket,
            (Sequence::Escape, b'O') => Sequence::Letter,
            (Sequence::Bracket, b' '..=b'?') => Sequence::Bracket,
            // A newline always ends the line, whatever came before.
            (_, b'\n') => {
                self.sequence = Sequence::None;
                return false;
            }
            _ => Sequence::None,
        };
        self.sequence = next;
        true
    }

    /// Makes the last cells of the screen's line blank.
    fn wipe(&self, width: usize, flag: u32, echo: &mut Vec<u8>) {
        if self.settings.is(ECHO) && self.settings.is(flag) {
            (0..width).for_each(|_| echo.extend(b"\x08 \x08"));
        }
    }

    /// Whether a read would bring something (or the end of the file).
    #[must_use]
    pub fn readable(&self) -> bool {
        if self.canonical() {
            !self.ready.is_empty()
        } else {
            let wanted = self.settings.characters.get(VMIN).copied().unwrap_or(1);
            wanted == 0 || self.ready_bytes >= usize::from(wanted)
        }
    }

    /// Reads: at most one line in canonical mode. `None`: the reader has to wait.
    pub fn read(&mut self, out: &mut [u8]) -> Option<usize> {
        if out.is_empty() {
            return Some(0);
        }
        if !self.readable() && self.ready_bytes < out.len() {
            return None;
        }
        let mut count = 0_usize;
        while let Some(chunk) = self.ready.front_mut() {
            let rest = out.get_mut(count..).unwrap_or_default();
            let take = rest.len().min(chunk.len());
            rest.iter_mut().zip(chunk.drain(..take)).for_each(|(to, from)| *to = from);
            count = count.saturating_add(take);
            let done = chunk.is_empty();
            if done {
                self.ready.pop_front();
            }
            if !done || self.settings.is(ICANON) {
                break;
            }
        }
        self.ready_bytes = self.ready_bytes.saturating_sub(count);
        Some(count)
    }

    /// Adds what the terminal gets for written bytes.
    pub fn output(&self, data: &[u8], out: &mut Vec<u8>) {
        let map = self.settings.output & OPOST != 0 && self.settings.output & ONLCR != 0;
        for byte in data {
            if map && *byte == b'\n' {
                out.push(b'\r');
            }
            out.push(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(discipline: &mut Discipline, keys: &[u8]) -> (Vec<u8>, Vec<Signal>) {
        let mut echo = Vec::new();
        let signals = keys.iter().filter_map(|key| discipline.input(*key, &mut echo)).collect();
        (echo, signals)
    }

    fn read(discipline: &mut Discipline) -> Option<Vec<u8>> {
        let mut out = [0; 64];
        discipline.read(&mut out).map(|count| out[..count].to_vec())
    }

    fn raw() -> Termios {
        Termios { local: 0, input: 0, output: 0, ..Termios::default() }
    }

    #[test]
    fn a_reader_gets_a_line_only_when_it_is_complete() {
        let mut discipline = Discipline::default();
        let (echo, _) = typed(&mut discipline, b"ls");
        assert_eq!(echo, b"ls");
        assert_eq!(read(&mut discipline), None);
        let (echo, _) = typed(&mut discipline, b"\rcd\r");
        assert_eq!(echo, b"\r\ncd\r\n");
        assert_eq!(read(&mut discipline).unwrap(), b"ls\n");
        assert_eq!(read(&mut discipline).unwrap(), b"cd\n");
        assert_eq!(read(&mut discipline), None);
    }

    #[test]
    fn a_long_line_is_read_in_parts() {
        let mut discipline = Discipline::default();
        typed(&mut discipline, b"abcdef\rx\r");
        let mut out = [0; 4];
        assert_eq!(discipline.read(&mut out), Some(4));
        assert_eq!(discipline.read(&mut out), Some(3));
        assert_eq!(&out[..3], b"ef\n");
        assert_eq!(discipline.read(&mut out), Some(2));
    }

    #[test]
    fn keys_that_erase_take_characters_words_and_lines() {
        let mut discipline = Discipline::default();
        let (echo, _) = typed(&mut discipline, b"ab\x7f");
        assert_eq!(echo, b"ab\x08 \x08");
        typed(&mut discipline, "é\x08c one two  \x17\r".as_bytes());
        assert_eq!(read(&mut discipline).unwrap(), b"ac one \n");
        typed(&mut discipline, b"gone\x15kept\r");
        assert_eq!(read(&mut discipline).unwrap(), b"kept\n");
        let (echo, _) = typed(&mut discipline, b"\x7f\x17\x15");
        assert!(echo.is_empty());
        let (echo, _) = typed(&mut discipline, b"\x01\x7f");
        assert_eq!(echo, b"^A\x08 \x08\x08 \x08");
    }

    #[test]
    fn the_end_of_file_key_ends_the_line_or_the_file() {
        let mut discipline = Discipline::default();
        typed(&mut discipline, b"part\x04\x04");
        assert_eq!(read(&mut discipline).unwrap(), b"part");
        assert_eq!(read(&mut discipline).unwrap(), b"");
        assert_eq!(read(&mut discipline), None);
    }

    #[test]
    fn an_interrupt_forgets_what_was_typed_and_signals() {
        let mut discipline = Discipline::default();
        let (echo, signals) = typed(&mut discipline, b"one\rtwo\x03");
        assert_eq!(signals, [Signal::Interrupt]);
        assert!(echo.ends_with(b"^C\r\n"));
        assert_eq!(read(&mut discipline), None);
        typed(&mut discipline, b"next\r");
        assert_eq!(read(&mut discipline).unwrap(), b"next\n");
        assert_eq!(typed(&mut discipline, b"\x1a\x1c").1, [Signal::Suspend, Signal::Quit]);
    }

    #[test]
    fn an_interrupt_that_meets_nobody_can_end_the_line() {
        let mut discipline = Discipline::default();
        typed(&mut discipline, b"half\x03");
        discipline.end_line();
        assert_eq!(read(&mut discipline).unwrap(), b"\n");
        discipline.set(raw());
        discipline.end_line();
        assert_eq!(read(&mut discipline), None);
    }

    #[test]
    fn special_keys_leave_no_trace_in_a_line() {
        let mut discipline = Discipline::default();
        let (echo, _) = typed(&mut discipline, b"a\x1b[A\x1b[1;5C\x1bOPb\x1b\r");
        assert_eq!(read(&mut discipline).unwrap(), b"ab\n");
        assert_eq!(echo, b"ab\r\n");
    }

    #[test]
    fn raw_mode_passes_every_byte_through() {
        let mut discipline = Discipline::default();
        typed(&mut discipline, b"half");
        discipline.set(raw());
        let (echo, signals) = typed(&mut discipline, b"\x03\r\x7f\x04");
        assert!(echo.is_empty() && signals.is_empty());
        assert_eq!(read(&mut discipline).unwrap(), b"half\x03\r\x7f\x04");
        assert_eq!(read(&mut discipline), None);
        let mut out = Vec::new();
        discipline.output(b"a\n", &mut out);
        assert_eq!(out, b"a\n");
    }

    #[test]
    fn a_raw_reader_that_wants_several_bytes_waits_for_them() {
        let mut discipline = Discipline::default();
        let mut settings = raw();
        settings.characters[VMIN] = 3;
        discipline.set(settings);
        typed(&mut discipline, b"ab");
        assert_eq!(read(&mut discipline), None);
        assert_eq!(discipline.read(&mut [0; 2]), Some(2));
        typed(&mut discipline, b"cde");
        assert_eq!(read(&mut discipline).unwrap(), b"cde");
        settings.characters[VMIN] = 0;
        discipline.set(settings);
        assert_eq!(read(&mut discipline).unwrap(), b"");
    }

    #[test]
    fn a_flood_of_keys_is_bounded() {
        let mut discipline = Discipline::default();
        let (echo, _) = typed(&mut discipline, &[b'x'; 5000]);
        assert_eq!(echo.iter().filter(|byte| **byte == 0x07).count(), 5000 - 4095);
        for _ in 0..200_000 {
            discipline.input(b'\n', &mut Vec::new());
            discipline.input(0x04, &mut Vec::new());
        }
        assert!(discipline.ready.len() <= LINES_MAX);
        discipline.set(raw());
        for _ in 0..200_000 {
            discipline.input(b'y', &mut Vec::new());
        }
        assert!(discipline.ready_bytes <= READY_MAX);
        while read(&mut discipline).is_some() {}
        discipline.set(Termios::default());
        typed(&mut discipline, b"and on\r");
        assert_eq!(read(&mut discipline).unwrap(), b"and on\n");
    }

    #[test]
    fn keys_that_interrupt_without_end_keep_nothing() {
        let mut discipline = Discipline::default();
        for _ in 0..200_000 {
            assert!(discipline.input(0x03, &mut Vec::new()).is_some());
            discipline.end_line();
        }
        assert!(discipline.ready.len() <= LINES_MAX);
    }

    #[test]
    fn any_bytes_and_settings_leave_it_standing() {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        println!("SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut discipline = Discipline::default();
        for _ in 0..100_000 {
            match random.u8(..) {
                0 => {
                    let mut bytes = [0; crate::termios::SIZE];
                    random.fill(&mut bytes);
                    discipline.set(Termios::from_bytes(&bytes));
                }
                1 => discipline.set(Termios::default()),
                2..20 => {
                    let mut out = vec![0; random.usize(..70)];
                    let count = discipline.read(&mut out);
                    assert!(count.is_none_or(|count| count <= out.len()));
                }
                byte => {
                    discipline.input(byte, &mut Vec::new());
                }
            }
            let waiting: usize = discipline.ready.iter().map(VecDeque::len).sum();
            assert_eq!(waiting, discipline.ready_bytes);
        }
    }
}

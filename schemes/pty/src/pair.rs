//! The two ends of a pseudo terminal.
use scheme_terminal::{Discipline, Job, JobId, Jobs, Signal, Termios};
use std::collections::VecDeque;
use syscall::error::{EIO, EWOULDBLOCK, Error, Result};

/// Bytes that wait to be shown at most; writers wait beyond, and echo is dropped.
pub const OUTPUT_MAX: usize = 32_768;
/// Rows and columns, and the size in pixels (unknown), as `struct winsize` has them.
const WINDOW: [u16; 4] = [24, 80, 0, 0];

/// A pseudo terminal.
pub struct Pair<J> {
    discipline: Discipline,
    /// Whose the terminal is.
    pub jobs: Jobs<J>,
    output: VecDeque<u8>,
    window: [u16; 4],
    /// The controlling end is there.
    controlled: bool,
    /// Handles of the other end, once there were any.
    users: Option<usize>,
    /// Whether the other end can be opened by number.
    pub open: bool,
}

impl<J> Default for Pair<J>
where
    J: Job,
{
    fn default() -> Self {
        Self {
            discipline: Discipline::default(),
            jobs: Jobs::default(),
            output: VecDeque::new(),
            window: WINDOW,
            controlled: true,
            users: None,
            open: false,
        }
    }
}

impl<J: Job> Pair<J> {
    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Termios {
        self.discipline.settings()
    }

    /// Changes the settings.
    pub fn set(&mut self, settings: Termios) {
        self.discipline.set(settings);
    }

    /// The size of what it is shown in.
    #[must_use]
    pub fn window(&self) -> [u16; 4] {
        self.window
    }

    /// Changes the size; the job in the foreground is told.
    pub fn set_window(&mut self, window: [u16; 4]) {
        if std::mem::replace(&mut self.window, window) != window {
            self.jobs.signal(Signal::Window);
        }
    }

    /// A handle of the used end more.
    pub fn used(&mut self) {
        self.users = Some(self.users.unwrap_or(0).saturating_add(1));
    }

    /// A handle of the used end less.
    pub fn unused(&mut self) {
        self.users = self.users.map(|users| users.saturating_sub(1));
    }

    /// The controlling end is gone: the job in the foreground is told, readers come to the end.
    pub fn hang_up(&mut self) {
        self.controlled = false;
        self.output.clear();
        self.jobs.signal(Signal::HangUp);
    }

    /// Whether both ends are gone.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.controlled && self.users.unwrap_or(0) == 0
    }

    /// Forgets what was typed and not read.
    pub fn flush(&mut self) {
        self.discipline.flush();
    }

    /// Types. Keys that signal reach the job in the foreground.
    pub fn control_write(&mut self, data: &[u8]) -> usize {
        let mut echo = Vec::new();
        for byte in data {
            if let Some(signal) = self.discipline.input(*byte, &mut echo)
                && !self.jobs.signal(signal)
            {
                self.discipline.end_line();
            }
            // Echo is a courtesy: under a flood it is dropped rather than kept.
            let room = OUTPUT_MAX.saturating_sub(self.output.len()).min(echo.len());
            self.output.extend(echo.drain(..room));
            echo.clear();
        }
        data.len()
    }

    /// Takes what is to be shown.
    ///
    /// # Errors
    /// `EWOULDBLOCK`: nothing is; `EIO`: nothing will be, as the other end was there and is gone.
    pub fn control_read(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.output.is_empty() && !out.is_empty() {
            return Err(Error::new(if self.users == Some(0) { EIO } else { EWOULDBLOCK }));
        }
        let count = out.len().min(self.output.len());
        out.iter_mut().zip(self.output.drain(..count)).for_each(|(to, byte)| *to = byte);
        Ok(count)
    }

    /// Reads what was typed. The end when nobody types any more.
    ///
    /// # Errors
    /// `EWOULDBLOCK`: nothing is there, or another job is in the foreground.
    pub fn read(&mut self, job: JobId, out: &mut [u8]) -> Result<usize> {
        if self.controlled && !self.jobs.may_read(job) {
            return Err(Error::new(EWOULDBLOCK));
        }
        match self.discipline.read(out) {
            Some(count) => Ok(count),
            None if !self.controlled => Ok(0),
            None => Err(Error::new(EWOULDBLOCK)),
        }
    }

    /// Writes what is to be shown.
    ///
    /// # Errors
    /// `EWOULDBLOCK`: there is no room; `EIO`: nobody looks any more.
    pub fn write(&mut self, data: &[u8]) -> Result<usize> {
        if !self.controlled {
            return Err(Error::new(EIO));
        }
        // A newline can become two bytes.
        let room = OUTPUT_MAX.saturating_sub(self.output.len()) / 2;
        let part = data.get(..room.min(data.len())).unwrap_or_default();
        if part.is_empty() && !data.is_empty() {
            return Err(Error::new(EWOULDBLOCK));
        }
        let mut mapped = Vec::new();
        self.discipline.output(part, &mut mapped);
        self.output.extend(mapped);
        Ok(part.len())
    }

    /// Whether the controlling end can be read and written.
    #[must_use]
    pub fn control_readiness(&self) -> (bool, bool) {
        (!self.output.is_empty() || self.users == Some(0), true)
    }

    /// Whether the used end can be read, by that job, and written.
    #[must_use]
    pub fn readiness(&self, job: JobId) -> (bool, bool) {
        let reads = self.discipline.readable() && job == self.jobs.front();
        let room = OUTPUT_MAX.saturating_sub(self.output.len()) >= 2;
        (reads || !self.controlled, room || !self.controlled)
    }

    /// Whether everything that was written was taken.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.output.is_empty() || !self.controlled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    struct Told(Rc<RefCell<Vec<Signal>>>);

    impl Job for Told {
        fn signal(&self, signal: Signal) -> bool {
            self.0.borrow_mut().push(signal);
            true
        }

        fn group(&self) -> u32 {
            0
        }
    }

    fn pair() -> (Pair<Told>, JobId, Rc<RefCell<Vec<Signal>>>) {
        let (mut pair, heard) = (Pair::default(), Rc::default());
        let job = pair.jobs.front();
        pair.jobs.opened(job);
        pair.jobs.set(job, Told(Rc::clone(&heard)));
        pair.used();
        (pair, job, heard)
    }

    fn shown(pair: &mut Pair<Told>) -> Vec<u8> {
        let mut out = [0; 256];
        let count = pair.control_read(&mut out).unwrap_or(0);
        out[..count].to_vec()
    }

    fn read(pair: &mut Pair<Told>, job: JobId) -> Result<Vec<u8>> {
        let mut out = [0; 256];
        pair.read(job, &mut out).map(|count| out[..count].to_vec())
    }

    #[test]
    fn what_is_typed_is_shown_and_read_by_lines() {
        let (mut pair, job, _) = pair();
        pair.control_write(b"ls\x7fx");
        assert_eq!(read(&mut pair, job), Err(Error::new(EWOULDBLOCK)));
        assert_eq!(pair.readiness(job), (false, true));
        pair.control_write(b"\r");
        assert_eq!(shown(&mut pair), b"ls\x08 \x08x\r\n");
        assert_eq!(read(&mut pair, job).unwrap(), b"lx\n");
        assert_eq!(pair.write(b"a\nb"), Ok(3));
        assert_eq!(shown(&mut pair), b"a\r\nb");
        assert!(pair.is_drained());
    }

    #[test]
    fn keys_and_changes_signal_the_job_in_the_foreground() {
        let (mut pair, job, heard) = pair();
        pair.control_write(b"half\x03\x1a");
        pair.set_window([50, 100, 0, 0]);
        pair.set_window([50, 100, 0, 0]);
        pair.hang_up();
        let told = [Signal::Interrupt, Signal::Suspend, Signal::Window, Signal::HangUp];
        assert_eq!(*heard.borrow(), told);
        assert_eq!(pair.window(), [50, 100, 0, 0]);
        assert_eq!(read(&mut pair, job).unwrap(), b"", "the line was forgotten");
        assert_eq!(pair.write(b"x"), Err(Error::new(EIO)));
        assert_eq!(pair.readiness(job), (true, true));
    }

    #[test]
    fn only_the_job_in_the_foreground_reads() {
        let (mut pair, job, _) = pair();
        let other = pair.jobs.begin(job).unwrap();
        pair.jobs.to_front(other);
        pair.control_write(b"line\r");
        assert_eq!(read(&mut pair, job), Err(Error::new(EWOULDBLOCK)));
        assert_eq!((pair.readiness(job).0, pair.readiness(other).0), (false, true));
        pair.jobs.to_front(job);
        assert_eq!(read(&mut pair, job).unwrap(), b"line\n");
    }

    #[test]
    fn the_controlling_end_ends_when_the_other_was_there_and_is_gone() {
        let mut pair = Pair::<Told>::default();
        assert_eq!(pair.control_read(&mut [0]), Err(Error::new(EWOULDBLOCK)));
        pair.used();
        pair.write(b"last").unwrap();
        pair.unused();
        assert_eq!(shown(&mut pair), b"last");
        assert_eq!(pair.control_read(&mut [0]), Err(Error::new(EIO)));
        assert_eq!(pair.control_readiness(), (true, true));
        assert!(!pair.is_over());
        pair.hang_up();
        assert!(pair.is_over());
    }

    #[test]
    fn what_nobody_looks_at_is_bounded() {
        let (mut pair, job, _) = pair();
        let mut written = 0;
        while let Ok(count) = pair.write(&[b'\n'; 1000]) {
            written += count;
        }
        assert!((OUTPUT_MAX / 2 - 1000..=OUTPUT_MAX / 2).contains(&written));
        assert_eq!(pair.readiness(job), (false, false));
        pair.control_write(&[b'x'; 100_000]);
        assert!(pair.output.len() <= OUTPUT_MAX);
        shown(&mut pair);
        assert!(pair.readiness(job).1);
    }
}

//! Requests of the kernel, translated.
use clavis_pty::Pair;
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult, Response, SendFdRequest, Socket};
use scheme_daemon::{Patient, copy_path, device};
use scheme_terminal::protocol::{self, Part};
use scheme_terminal::{Commands, JobId, Processes};
use slab::Slab;
use std::collections::{BTreeMap, VecDeque};
use syscall::error::{
    EACCES, EBADF, EINVAL, EIO, ENFILE, ENOENT, EOPNOTSUPP, EWOULDBLOCK, Error, Result,
};
use syscall::flag::{F_SETFL, MODE_CHR, MODE_DIR};
use syscall::schemev2::NewFdFlags;
use syscall::{EventFlags, Stat};

pub(crate) const NAME: &str = "pty";
/// Terminals there can be.
const PAIRS: usize = 256;
/// The path that makes a terminal.
const NEW: &str = "new";

enum Open {
    Root,
    /// The end that types and shows.
    Control {
        pair: usize,
        commands: Commands,
    },
    /// The end that programs use.
    Used {
        pair: usize,
        job: JobId,
        commands: Commands,
    },
    Part(usize, Part, Commands),
}

/// The service.
#[derive(Default)]
pub(crate) struct Service {
    pairs: Slab<Pair<Processes>>,
    open: Slab<Open>,
    /// Events that the kernel wants to hear of, by handle.
    interest: BTreeMap<usize, EventFlags>,
    changed: bool,
}

fn flags((reads, writes): (bool, bool)) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::EVENT_READ, reads);
    flags.set(EventFlags::EVENT_WRITE, writes);
    flags
}

impl Service {
    fn get(&self, number: usize) -> Result<&Open> {
        self.open.get(number).ok_or(Error::new(EBADF))
    }

    fn pair(&mut self, number: usize) -> Result<&mut Pair<Processes>> {
        self.pairs.get_mut(number).ok_or(Error::new(EIO))
    }

    /// The terminal that a handle is an end of, the job that the handle belongs to, and what the
    /// handle may be used for.
    fn terminal(&mut self, number: usize) -> Result<(usize, JobId, Commands)> {
        match *self.get(number)? {
            Open::Control { pair, commands } => Ok((pair, self.pair(pair)?.jobs.front(), commands)),
            Open::Used { pair, job, commands } => Ok((pair, job, commands)),
            _ => Err(Error::new(EBADF)),
        }
    }

    /// Whether a handle of the controlling end is open.
    fn is_controlled(&self, number: usize) -> bool {
        let controls = |open: &Open| matches!(open, Open::Control { pair, .. } if *pair == number);
        self.open.iter().any(|(_, open)| controls(open))
    }

    fn opened(&mut self, open: Open) -> Result<OpenResult> {
        let number = self.open.insert(open);
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::empty() })
    }

    /// A handle of the used end, for a job that counts it already.
    fn use_for(&mut self, pair: usize, job: JobId, commands: Commands) -> Result<OpenResult> {
        self.pair(pair)?.used();
        self.opened(Open::Used { pair, job, commands })
    }

    /// A handle of the used end, for the job in the foreground.
    fn use_now(&mut self, pair: usize, commands: Commands) -> Result<OpenResult> {
        let jobs = &mut self.pair(pair)?.jobs;
        let job = jobs.front();
        jobs.opened(job);
        self.use_for(pair, job, commands)
    }

    fn ready(&self, open: &Open) -> EventFlags {
        match open {
            Open::Control { pair, .. } => {
                self.pairs.get(*pair).map(Pair::control_readiness).map_or(EventFlags::all(), flags)
            }
            Open::Used { pair, job, .. } => {
                let ready = self.pairs.get(*pair).map(|pair| pair.readiness(*job));
                ready.map_or(EventFlags::all(), flags)
            }
            _ => EventFlags::empty(),
        }
    }
}

impl Patient for Service {
    fn has_changed(&self) -> bool {
        self.changed
    }

    fn announce(&mut self, replies: &mut VecDeque<Response>) {
        self.changed = false;
        for (number, interest) in &self.interest {
            let Some(open) = self.open.get(*number) else { continue };
            let told = self.ready(open) & *interest;
            if !told.is_empty() {
                replies.push_back(Response::post_fevent(*number, told.bits()));
            }
        }
    }

    /// Takes the handle of a job's processes.
    fn receive_handles(&mut self, socket: &Socket, request: &SendFdRequest) -> Result<usize> {
        let (pair, job, commands) = self.terminal(request.id())?;
        commands.need(Commands::SET_GROUP)?;
        let processes = protocol::processes(socket, request)?;
        self.pair(pair)?.jobs.set(job, processes);
        Ok(0)
    }
}

impl SchemeSync for Service {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(self.open.insert(Open::Root))
    }

    /// `new` makes a terminal and opens the end that types and shows; a number opens the other end
    /// of one whose maker allows that.
    fn openat(
        &mut self,
        fd: usize,
        path: &str,
        _flags: usize,
        _status: u32,
        _: &CallerCtx,
    ) -> Result<OpenResult> {
        let Open::Root = self.get(fd)? else { return Err(Error::new(ENOENT)) };
        if path == NEW {
            if self.pairs.len() >= PAIRS {
                return Err(Error::new(ENFILE));
            }
            let pair = self.pairs.insert(Pair::default());
            return self.opened(Open::Control { pair, commands: Commands::ALL });
        }
        let pair = path.parse().map_err(|_| Error::new(ENOENT))?;
        let found = self.pairs.get(pair).ok_or(Error::new(ENOENT))?;
        if !found.open {
            return Err(Error::new(EACCES));
        }
        self.use_now(pair, Commands::ALL)
    }

    /// `other`, on the controlling end: the used one. `job`, `termios`, `winsize`, `only`: as on
    /// every terminal.
    fn dup(&mut self, id: usize, message: &[u8], _: &CallerCtx) -> Result<OpenResult> {
        let (pair, job, commands) = self.terminal(id)?;
        self.changed = true;
        let left = commands.left_by(message);
        match (message, self.get(id)?, left) {
            // What controls it with less leads to no more.
            (b"other", Open::Control { .. }, _) => self.use_now(pair, commands),
            (protocol::NEW_JOB, Open::Used { .. }, _) => {
                let job = self.pair(pair)?.jobs.begin(job)?;
                self.use_for(pair, job, commands)
            }
            (_, Open::Control { .. }, Some(commands)) => {
                self.opened(Open::Control { pair, commands })
            }
            (_, Open::Used { .. }, Some(commands)) => {
                self.pair(pair)?.jobs.opened(job);
                self.use_for(pair, job, commands)
            }
            _ => {
                let part = Part::from_message(message).ok_or(Error::new(EINVAL))?;
                commands.need_any(part)?;
                self.opened(Open::Part(pair, part, commands))
            }
        }
    }

    fn read(&mut self, id: usize, buf: &mut [u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        let read = match *self.get(id)? {
            Open::Root => return Err(Error::new(EBADF)),
            Open::Control { pair, .. } => self.pair(pair)?.control_read(buf),
            Open::Used { pair, job, .. } => self.pair(pair)?.read(job, buf),
            Open::Part(pair, part, commands) => {
                commands.need(Commands::to_read(part))?;
                let pair = self.pair(pair)?;
                return Ok(part.read(pair.settings(), pair.window(), buf));
            }
        };
        self.changed |= read.is_ok();
        read
    }

    fn write(&mut self, id: usize, buf: &[u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        let written = match *self.get(id)? {
            Open::Root => return Err(Error::new(EBADF)),
            Open::Control { pair, .. } => Ok(self.pair(pair)?.control_write(buf)),
            Open::Used { pair, .. } => self.pair(pair)?.write(buf),
            Open::Part(pair, part, commands) => {
                commands.need(Commands::to_write(part))?;
                let pair = self.pair(pair)?;
                match part {
                    Part::Settings => pair.set(protocol::settings(buf)?),
                    Part::Window => pair.set_window(protocol::window(pair.window(), buf)?),
                }
                Ok(buf.len())
            }
        };
        self.changed |= written.is_ok();
        written
    }

    fn fcntl(&mut self, _id: usize, command: usize, _: usize, _: &CallerCtx) -> Result<usize> {
        if command == F_SETFL { Ok(0) } else { Err(Error::new(EINVAL)) }
    }

    fn fevent(&mut self, id: usize, flags: EventFlags, _: &CallerCtx) -> Result<EventFlags> {
        self.terminal(id).map_err(|_| Error::new(EOPNOTSUPP))?;
        if flags.is_empty() {
            self.interest.remove(&id);
        } else {
            self.interest.insert(id, flags);
        }
        Ok(self.ready(self.get(id)?) & flags)
    }

    fn fsync(&mut self, id: usize, _: &CallerCtx) -> Result<()> {
        let (pair, ..) = self.terminal(id)?;
        if self.pair(pair)?.is_drained() { Ok(()) } else { Err(Error::new(EWOULDBLOCK)) }
    }

    fn fpath(&mut self, id: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        let (pair, ..) = self.terminal(id)?;
        Ok(copy_path(&format!("/scheme/{NAME}/{pair}"), buf))
    }

    fn fstat(&mut self, id: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        stat.st_dev = device(NAME);
        (stat.st_mode, stat.st_ino) = match self.get(id)? {
            Open::Root => (MODE_DIR | 0o555, 0),
            _ => (MODE_CHR | 0o620, (self.terminal(id)?.0 as u64).saturating_add(1)),
        };
        stat.st_nlink = 1;
        Ok(())
    }

    fn call(&mut self, id: usize, _: &mut [u8], words: &[u64], _: &CallerCtx) -> Result<usize> {
        let (number, job, commands) = self.terminal(id)?;
        commands.need_call(words.first())?;
        let controls = matches!(self.get(id)?, Open::Control { .. });
        self.changed = true;
        let pair = self.pair(number)?;
        match words.first() {
            Some(&protocol::CALL_FRONT) => pair.jobs.to_front(job),
            Some(&protocol::CALL_GROUP) => {
                return Ok(usize::try_from(pair.jobs.group(job)).unwrap_or(0));
            }
            Some(&protocol::CALL_FLUSH) => pair.flush(),
            Some(&protocol::CALL_COMMANDS) => return Ok(commands.bits().into()),
            Some(&protocol::CALL_NUMBER) if controls => return Ok(number),
            Some(&protocol::CALL_OPEN) if controls => pair.open = true,
            _ => return Err(Error::new(EINVAL)),
        }
        Ok(0)
    }

    fn on_close(&mut self, id: usize) {
        self.changed = true;
        self.interest.remove(&id);
        let number = match self.open.try_remove(id) {
            Some(Open::Control { pair, .. }) => {
                let last = !self.is_controlled(pair);
                if let Some(pair) = self.pairs.get_mut(pair).filter(|_| last) {
                    pair.hang_up();
                }
                pair
            }
            Some(Open::Used { pair, job, .. }) => {
                if let Some(pair) = self.pairs.get_mut(pair) {
                    pair.jobs.closed(job);
                    pair.unused();
                }
                pair
            }
            _ => return,
        };
        if self.pairs.get(number).is_some_and(Pair::is_over) {
            self.pairs.remove(number);
        }
    }
}

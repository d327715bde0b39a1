//! The terminal as its clients see it: open handles, the line discipline, and the controller.
use crate::driver::Driver;
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult, Response, SendFdRequest, Socket};
use scheme_daemon::{Patient, copy_path, device};
use scheme_terminal::protocol::{self, Part};
use scheme_terminal::{Commands, Discipline, JobId, Jobs, Processes};
use slab::Slab;
use std::collections::VecDeque;
use syscall::error::{
    EBADF, EEXIST, EINVAL, ENOENT, ENOTDIR, EOPNOTSUPP, EROFS, EWOULDBLOCK, Error, Result,
};
use syscall::flag::{F_SETFL, MODE_CHR, O_CREAT, O_DIRECTORY, O_EXCL};
use syscall::schemev2::NewFdFlags;
use syscall::{EventFlags, Stat};

const NAME: &str = "console";
/// Rows and columns, and the size in pixels (unknown), as `struct winsize` has them.
const WINDOW: [u16; 4] = [24, 80, 0, 0];

enum Open {
    Root,
    Terminal {
        job: JobId,
        commands: Commands,
        /// Events that the kernel wants to hear of.
        interest: EventFlags,
    },
    Part(Part, Commands),
}

pub(crate) struct Terminal {
    pub(crate) discipline: Discipline,
    pub(crate) driver: Driver,
    jobs: Jobs<Processes>,
    open: Slab<Open>,
    window: [u16; 4],
    /// What the terminal was ready for when that was last announced.
    announced: EventFlags,
    changed: bool,
}

impl Terminal {
    pub(crate) fn new(driver: Driver) -> Self {
        Self {
            discipline: Discipline::default(),
            driver,
            jobs: Jobs::default(),
            open: Slab::new(),
            window: WINDOW,
            announced: EventFlags::empty(),
            changed: false,
        }
    }

    fn get(&self, number: usize) -> Result<&Open> {
        self.open.get(number).ok_or(Error::new(EBADF))
    }

    fn terminal(&self, number: usize) -> Result<(JobId, Commands)> {
        match self.get(number)? {
            Open::Terminal { job, commands, .. } => Ok((*job, *commands)),
            _ => Err(Error::new(EBADF)),
        }
    }

    /// A handle for a job that counts it already.
    fn opened_for(&mut self, job: JobId, commands: Commands) -> Result<OpenResult> {
        self.opened(Open::Terminal { job, commands, interest: EventFlags::empty() })
    }

    fn opened(&mut self, open: Open) -> Result<OpenResult> {
        let number = self.open.insert(open);
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::empty() })
    }

    /// Moves bytes between controller and line discipline until the controller is content.
    pub(crate) fn service(&mut self) -> Result<()> {
        self.changed = true;
        let Self { discipline, driver, jobs, announced, .. } = self;
        driver.service(|byte, echo| {
            // Whatever a reader has seen before, this is news.
            announced.remove(EventFlags::EVENT_READ);
            if let Some(signal) = discipline.input(byte, echo)
                && !jobs.signal(signal)
            {
                // Nobody is there to be stopped: a shell that waits for a line shows its prompt.
                discipline.end_line();
            }
        })
    }

    fn ready(&self) -> EventFlags {
        let mut ready = EventFlags::empty();
        ready.set(EventFlags::EVENT_READ, self.discipline.readable());
        ready.set(EventFlags::EVENT_WRITE, self.driver.room() != 0);
        ready
    }

    /// Who may read now is told of what waits.
    fn front_changed(&mut self) {
        self.announced.remove(EventFlags::EVENT_READ);
    }

    fn write_output(&mut self, data: &[u8]) -> Result<usize> {
        let mut taken = 0_usize;
        let mut mapped = Vec::new();
        let mut rest = data;
        while !rest.is_empty() {
            // A newline can become two bytes.
            let room = self.driver.room() / 2;
            if room == 0 {
                break;
            }
            let (part, later) = rest.split_at(room.min(rest.len()));
            mapped.clear();
            self.discipline.output(part, &mut mapped);
            self.driver.send(&mapped)?;
            taken = taken.saturating_add(part.len());
            rest = later;
        }
        if taken == 0 && !data.is_empty() {
            return Err(Error::new(EWOULDBLOCK));
        }
        Ok(taken)
    }
}

impl Patient for Terminal {
    fn has_changed(&self) -> bool {
        self.changed
    }

    fn announce(&mut self, replies: &mut VecDeque<Response>) {
        self.changed = false;
        let ready = self.ready();
        let news = ready.difference(self.announced);
        self.announced = ready;
        for (number, open) in &self.open {
            if let Open::Terminal { job, interest, .. } = open {
                let mut told = *interest & news;
                if *job != self.jobs.front() {
                    told.remove(EventFlags::EVENT_READ);
                }
                if !told.is_empty() {
                    replies.push_back(Response::post_fevent(number, told.bits()));
                }
            }
        }
    }

    /// Takes the handle of a job's processes.
    fn receive_handles(&mut self, socket: &Socket, request: &SendFdRequest) -> Result<usize> {
        let (job, commands) = self.terminal(request.id())?;
        commands.need(Commands::SET_GROUP)?;
        self.jobs.set(job, protocol::processes(socket, request)?);
        Ok(0)
    }
}

impl SchemeSync for Terminal {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(self.open.insert(Open::Root))
    }

    fn openat(
        &mut self,
        fd: usize,
        path: &str,
        flags: usize,
        _status: u32,
        _: &CallerCtx,
    ) -> Result<OpenResult> {
        let commands = match self.get(fd)? {
            Open::Root => Commands::ALL,
            Open::Terminal { commands, .. } => *commands,
            Open::Part(..) => return Err(Error::new(ENOTDIR)),
        };
        if !path.trim_start_matches('/').is_empty() {
            return Err(Error::new(ENOENT));
        }
        if flags & O_DIRECTORY != 0 {
            return Err(Error::new(ENOTDIR));
        }
        if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL {
            return Err(Error::new(EEXIST));
        }
        let job = self.jobs.front();
        self.jobs.opened(job);
        self.opened_for(job, commands)
    }

    /// `job`: a handle that belongs to a new job. `termios` and `winsize`: handles on the settings,
    /// read and written whole. `only` and bits: a handle that takes no other commands.
    fn dup(&mut self, id: usize, message: &[u8], _: &CallerCtx) -> Result<OpenResult> {
        let (job, commands) = self.terminal(id)?;
        if message == protocol::NEW_JOB {
            let job = self.jobs.begin(job)?;
            return self.opened_for(job, commands);
        }
        if let Some(left) = commands.left_by(message) {
            self.jobs.opened(job);
            return self.opened_for(job, left);
        }
        let part = Part::from_message(message).ok_or(Error::new(EINVAL))?;
        commands.need_any(part)?;
        self.opened(Open::Part(part, commands))
    }

    fn read(&mut self, id: usize, buf: &mut [u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        match self.get(id)? {
            Open::Root => Err(Error::new(EBADF)),
            Open::Terminal { job, .. } if !self.jobs.may_read(*job) => Err(Error::new(EWOULDBLOCK)),
            Open::Terminal { .. } => {
                let read = self.discipline.read(buf).ok_or(Error::new(EWOULDBLOCK))?;
                self.changed = true;
                Ok(read)
            }
            Open::Part(part, commands) => {
                commands.need(Commands::to_read(*part))?;
                Ok(part.read(self.discipline.settings(), self.window, buf))
            }
        }
    }

    fn write(&mut self, id: usize, buf: &[u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        let written = match *self.get(id)? {
            Open::Root => return Err(Error::new(EROFS)),
            Open::Terminal { .. } => self.write_output(buf)?,
            Open::Part(part, commands) => {
                commands.need(Commands::to_write(part))?;
                match part {
                    Part::Settings => self.discipline.set(protocol::settings(buf)?),
                    Part::Window => self.window = protocol::window(self.window, buf)?,
                }
                buf.len()
            }
        };
        self.changed = true;
        Ok(written)
    }

    fn fcntl(&mut self, _id: usize, command: usize, _: usize, _: &CallerCtx) -> Result<usize> {
        if command == F_SETFL { Ok(0) } else { Err(Error::new(EINVAL)) }
    }

    fn fevent(&mut self, id: usize, flags: EventFlags, _: &CallerCtx) -> Result<EventFlags> {
        let mut ready = self.ready();
        match self.open.get_mut(id) {
            Some(Open::Terminal { job, interest, .. }) => {
                *interest = flags;
                ready.set(
                    EventFlags::EVENT_READ,
                    ready.contains(EventFlags::EVENT_READ) && *job == self.jobs.front(),
                );
                Ok(ready & flags)
            }
            _ => Err(Error::new(EOPNOTSUPP)),
        }
    }

    fn fsync(&mut self, id: usize, _: &CallerCtx) -> Result<()> {
        self.get(id)?;
        if self.driver.drained() { Ok(()) } else { Err(Error::new(EWOULDBLOCK)) }
    }

    fn fpath(&mut self, _id: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        Ok(copy_path(&format!("/scheme/{NAME}"), buf))
    }

    fn fstat(&mut self, id: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        self.get(id)?;
        stat.st_dev = device(NAME);
        stat.st_mode = MODE_CHR | 0o620;
        stat.st_nlink = 1;
        Ok(())
    }

    fn call(&mut self, id: usize, _: &mut [u8], words: &[u64], _: &CallerCtx) -> Result<usize> {
        let (job, commands) = self.terminal(id)?;
        commands.need_call(words.first())?;
        self.changed = true;
        match words.first() {
            Some(&protocol::CALL_COMMANDS) => Ok(commands.bits().into()),
            Some(&protocol::CALL_FRONT) => {
                self.jobs.to_front(job);
                self.front_changed();
                Ok(0)
            }
            Some(&protocol::CALL_FLUSH) => {
                self.discipline.flush();
                Ok(0)
            }
            Some(&protocol::CALL_GROUP) => Ok(usize::try_from(self.jobs.group(job)).unwrap_or(0)),
            _ => Err(Error::new(EINVAL)),
        }
    }

    fn on_close(&mut self, id: usize) {
        if let Some(Open::Terminal { job, .. }) = self.open.try_remove(id) {
            self.changed = true;
            self.jobs.closed(job);
            self.front_changed();
        }
    }
}

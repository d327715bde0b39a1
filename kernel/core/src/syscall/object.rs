//! Reading, writing and looking at the kernel's own objects.
use crate::prelude::*;
use crate::syscall::file::{Io, OWN};
use clavis_abi::syscall::data::Stat;
use clavis_abi::syscall::flag::{MODE_CHR, MODE_DIR, MODE_FIFO, MODE_FILE};

impl<M: Machine> Kernel<M> {
    /// Reads a kernel object.
    pub(crate) fn object_read(&mut self, caller: &Caller, io: &Io, object: Object) -> Reply {
        let (own, to, nonblock) = (io.offset == OWN, io.user, io.nonblock());
        let kept = self.descriptions[io.handle.description].offset;
        let at = if own { kept } else { io.offset as u64 };
        let (n, next) = match object {
            Object::Socket(endpoint) => return self.socket_read(caller, endpoint, to, nonblock),
            Object::Queue(queue) => return self.queue_read(caller, queue, to, nonblock),
            Object::PipeReader(pipe) => return self.pipe_read(caller, pipe, to, nonblock),
            Object::Timer(timer) => return self.timer_read(caller, timer, to),
            Object::Lease(lease) => return self.lease_read(caller, lease, to),
            Object::Irq(irq) => return self.irq_read(caller, irq, to, nonblock),
            Object::Ports { first, count } => {
                return self.port_read(caller, Self::port_at(first, count, at)?, to);
            }
            Object::Process(process) => {
                let flags = if nonblock { wait_flags::NONBLOCK } else { 0 };
                return self.process_wait(caller, process, to, flags);
            }
            Object::Plain(ObjectType::Null) => (0, kept),
            Object::Plain(ObjectType::Random) => {
                let mut bytes = [0; 256];
                let n = to.len.min(bytes.len());
                let Some(bytes) = bytes.get_mut(..n) else { return Err(Error::new(EINVAL)) };
                self.machine.random(bytes);
                self.write_user(caller.space, to.address, bytes)?;
                (n, kept)
            }
            Object::Plain(ObjectType::Log) => self.log_read(caller, at, to)?,
            Object::Plain(ObjectType::Audit) => self.audit_read(caller, at, to)?,
            Object::Factory(_) => return Err(Error::new(EISDIR)),
            Object::Plain(ObjectType::Counters) | Object::Name(_) | Object::Memory(_) => {
                let n = match object {
                    Object::Plain(ObjectType::Counters) => self.counters_read(caller, at, to)?,
                    Object::Name(memory) => self.name_read(caller, memory, at, to)?,
                    _ => self.memory_io(caller, object, to, at, Direction::Out)?,
                };
                (n, kept.saturating_add(n as u64))
            }
            _ => return Err(Error::new(EINVAL)),
        };
        if own {
            self.descriptions[io.handle.description].offset = next;
        }
        Ok(Outcome::Done(n))
    }

    /// Reads an image name from an offset on.
    fn name_read(
        &mut self,
        caller: &Caller,
        memory: MemoryId,
        at: u64,
        to: UserSlice,
    ) -> Result<usize> {
        let mut bytes = [0; 256];
        let n = self.memory_read(memory, at, &mut bytes).min(to.len);
        self.write_user(caller.space, to.address, bytes.get(..n).unwrap_or(&[]))?;
        Ok(n)
    }

    /// Writes a kernel object.
    pub(crate) fn object_write(&mut self, caller: &Caller, io: &Io, object: Object) -> Reply {
        let (own, from) = (io.offset == OWN, io.user);
        let kept = self.descriptions[io.handle.description].offset;
        let at = if own { kept } else { io.offset as u64 };
        match object {
            Object::Socket(endpoint) => self.socket_write(caller, endpoint, from),
            Object::Queue(queue) => self.queue_write(caller, queue, from),
            Object::PipeWriter(pipe) => self.pipe_write(caller, pipe, from, io.nonblock()),
            Object::Timer(timer) => self.timer_write(caller, timer, from),
            Object::Irq(irq) => self.irq_write(irq, from),
            Object::Ports { first, count } => {
                self.port_write(caller, Self::port_at(first, count, at)?, from)
            }
            Object::Plain(ObjectType::Null) => Ok(Outcome::Done(from.len)),
            Object::Plain(ObjectType::Log) => self.log_write(caller, from),
            Object::Plain(ObjectType::Audit) => self.audit_write(caller, from),
            Object::Plain(ObjectType::Clock) => self.clock_write(caller, from),
            Object::Plain(ObjectType::Power) => {
                let mut operation = [0];
                self.read_user(caller.space, from.part(0, 1).address, &mut operation)?;
                let [operation] = operation;
                use clavis_abi::params::power;
                refuse_if(
                    from.len == 0 || !matches!(operation, power::OFF | power::RESTART),
                    EINVAL,
                )?;
                self.machine.power(operation);
                // The machine could not do it.
                Err(Error::new(ENODEV))
            }
            Object::Memory(_) => {
                let n = self.memory_io(caller, object, from, at, Direction::In)?;
                if own {
                    let next = kept.saturating_add(n as u64);
                    self.descriptions[io.handle.description].offset = next;
                }
                Ok(Outcome::Done(n))
            }
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// Copies a quantum between a process and a memory object.
    fn memory_io(
        &mut self,
        caller: &Caller,
        object: Object,
        user: UserSlice,
        at: u64,
        direction: Direction,
    ) -> Result<usize> {
        let Object::Memory(view) = object else { return Err(Error::new(EINVAL)) };
        let memory = &self.memories[view.memory];
        let unfit = matches!(memory.backing, Backing::Device(_))
            || (direction == Direction::In && (memory.sealed || memory.executors > 0));
        refuse_if(unfit, EINVAL)?;
        let rest = view.bytes.saturating_sub(at);
        let n = user.len.min(QUANTUM_BYTES).min(usize::try_from(rest).unwrap_or(usize::MAX));
        let offset = view.first.saturating_mul(PAGE).saturating_add(at);
        self.copy_frames(caller.space, user.part(0, n), view.memory, offset, direction)?;
        Ok(n)
    }

    /// A name for a kernel object, where a path is asked for.
    pub(crate) fn object_path(&mut self, caller: &Caller, object: Object, to: UserSlice) -> Reply {
        if let Object::Name(memory) = object {
            return Ok(Outcome::Done(self.name_read(caller, memory, 0, to)?));
        }
        let mut name = [0u8; 32];
        let text = match object {
            Object::Process(id) => decimal(process_number(id), &mut name),
            Object::Factory(kind) => kind.path().as_bytes(),
            Object::SchemeCreation => b"[scheme-creation-cap]",
            _ => object.kind().path().ok_or(Error::new(EINVAL))?.as_bytes(),
        };
        let n = text.len().min(to.len);
        self.write_user(caller.space, to.address, text.get(..n).unwrap_or(&[]))?;
        Ok(Outcome::Done(n))
    }

    /// Metadata of a kernel object.
    pub(crate) fn object_stat(&mut self, caller: &Caller, object: Object, to: UserSlice) -> Reply {
        let (mode, size) = match object {
            Object::PipeReader(_) | Object::PipeWriter(_) => (MODE_FIFO | 0o600, 0),
            Object::Memory(view) => (MODE_FILE | 0o600, view.bytes),
            Object::Name(memory) => (MODE_FILE | 0o400, self.memories[memory].bytes),
            Object::Factory(_) => (MODE_DIR | 0o500, 0),
            Object::Plain(ObjectType::Log) => (MODE_CHR | 0o600, self.log.written),
            _ => (MODE_CHR | 0o600, 0),
        };
        let stat = Stat {
            st_mode: mode,
            st_nlink: 1,
            st_size: size,
            st_blksize: PAGE as u32,
            ..Stat::default()
        };
        self.write_user(caller.space, to.address, &stat)?;
        Ok(Outcome::Done(0))
    }

    /// Lists the numbers of live processes, in the form of getdents.
    pub(crate) fn process_list(&mut self, caller: &Caller, to: UserSlice, cursor: u64) -> Reply {
        use clavis_abi::syscall::dirent::{DirentBuf, DirentKind};
        let mut scratch = core::mem::take(&mut self.scratch);
        let n = to.len.min(scratch.len());
        let filled = (|| {
            let bytes = scratch.get_mut(..n).ok_or(Error::new(EINVAL))?;
            let mut rows = DirentBuf::new(bytes, 19).ok_or(Error::new(EINVAL))?;
            let mut count = 0;
            let first = u32::try_from(cursor).unwrap_or(u32::MAX);
            for place in first..self.processes.places() {
                let Some(id) = self.processes.at(place) else { continue };
                if self.processes[id].state == ProcessState::Dead {
                    continue;
                }
                let mut name = [0; 32];
                let digits = decimal(process_number(id), &mut name);
                let name = core::str::from_utf8(digits).map_err(|_| Error::new(EINVAL))?;
                let row = clavis_abi::syscall::dirent::DirEntry {
                    inode: u64::from(process_number(id)),
                    next_opaque_id: u64::from(place) + 1,
                    name,
                    kind: DirentKind::Unspecified,
                };
                if let Err(error) = rows.entry(row) {
                    // The first row must fit; those that do not come with the next call.
                    if count == 0 {
                        return Err(error);
                    }
                    break;
                }
                count += 1;
            }
            Ok(rows.finalize())
        })();
        let written = match &filled {
            Ok(n) => self.write_user(caller.space, to.address, scratch.get(..*n).unwrap_or(&[])),
            Err(_) => Ok(()),
        };
        self.scratch = scratch;
        written?;
        Ok(Outcome::Done(filled?))
    }

    /// Standard file system calls on kernel objects: only listing processes exists.
    pub(crate) fn object_std_fs(
        &mut self,
        caller: &Caller,
        object: Object,
        kind: clavis_abi::syscall::StdFsCallKind,
        payload: UserSlice,
        cursor: u64,
    ) -> Reply {
        use clavis_abi::syscall::StdFsCallKind;
        match (object, kind) {
            (Object::Factory(FactoryKind::Process), StdFsCallKind::Getdents) => {
                self.process_list(caller, payload, cursor)
            }
            (_, StdFsCallKind::Getdents) => Err(Error::new(ENOTDIR)),
            (_, StdFsCallKind::Fstat) => self.object_stat(caller, object, payload),
            (_, StdFsCallKind::Fsync) => Ok(Outcome::Done(0)),
            _ => Err(Error::new(EINVAL)),
        }
    }
}

/// A number as decimal digits, in the given bytes.
fn decimal(mut number: u32, bytes: &mut [u8; 32]) -> &[u8] {
    let mut at = bytes.len();
    loop {
        at -= 1;
        bytes[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    bytes.get(at..).unwrap_or(&[])
}

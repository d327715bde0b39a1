//! Pipes: bytes and handles, in order, within bounds.
use crate::prelude::*;
use clavis_abi::limits::{PIPE_ATOMIC, PIPE_BYTES};

/// Names a pipe.
pub type PipeId = Id<Pipe>;

/// A pipe.
#[derive(Debug, Default)]
pub struct Pipe {
    /// The ring's bytes; its frames are taken as they are needed.
    pub(crate) memory: MemoryId,
    /// Where the next byte is read.
    head: usize,
    /// How many bytes wait.
    len: usize,
    pub(crate) readers: u32,
    pub(crate) writers: u32,
    /// Threads that wait for bytes.
    pub readers_waiting: List<ThreadK, 0>,
    /// Threads that wait for room.
    pub writers_waiting: List<ThreadK, 0>,
    /// Who is told that there are bytes.
    pub reader_watchers: Watchers,
    /// Who is told that there is room.
    pub writer_watchers: Watchers,
    /// Handles on their way, oldest first.
    pub parked: [Option<Handle>; BATCH_MAX],
    pub(crate) account: AccountId,
}

impl Pipe {
    /// What the read end is ready for.
    pub(crate) fn reader_readiness(&self) -> u8 {
        let gone = if self.writers == 0 { READABLE | HANGUP } else { 0 };
        let bytes = if self.len > 0 || self.parked[0].is_some() { READABLE } else { 0 };
        gone | bytes
    }

    /// What the write end is ready for.
    pub(crate) fn writer_readiness(&self) -> u8 {
        let gone = if self.readers == 0 { WRITABLE | HANGUP } else { 0 };
        let room = if PIPE_BYTES - self.len >= PIPE_ATOMIC { WRITABLE } else { 0 };
        gone | room
    }
}

impl<M: Machine> Kernel<M> {
    /// Makes a pipe with a reader and no writer yet.
    pub(crate) fn pipe_create(&mut self, account: AccountId) -> Result<PipeId> {
        self.pipes.reserve(&mut self.machine)?;
        let memory = self.memory_create(account, PIPE_BYTES as u64, Backing::Zero)?;
        let charged = self.charge_object::<Pipe>(account);
        charged.inspect_err(|_| self.memory_release(memory))?;
        let pipe = Pipe { memory, readers: 1, account, ..Pipe::default() };
        Ok(self.pipes.insert(&mut self.machine, pipe)?)
    }

    /// A read end is gone.
    pub(crate) fn pipe_reader_release(&mut self, id: PipeId) {
        let pipe = &mut self.pipes[id];
        pipe.readers = pipe.readers.wrapping_sub(1);
        if pipe.readers == 0 {
            self.wake_all(Blocked::PipeWrite(id));
            self.wake_all(Blocked::PipeRead(id));
            self.notify(Object::PipeWriter(id), WRITABLE | HANGUP);
        }
        self.pipe_free_if_unused(id);
    }

    /// A write end is gone.
    pub(crate) fn pipe_writer_release(&mut self, id: PipeId) {
        let pipe = &mut self.pipes[id];
        pipe.writers = pipe.writers.wrapping_sub(1);
        if pipe.writers == 0 {
            self.wake_all(Blocked::PipeRead(id));
            self.wake_all(Blocked::PipeWrite(id));
            self.notify(Object::PipeReader(id), READABLE | HANGUP);
        }
        self.pipe_free_if_unused(id);
    }

    fn pipe_free_if_unused(&mut self, id: PipeId) {
        let pipe = &self.pipes[id];
        if pipe.readers > 0 || pipe.writers > 0 {
            return;
        }
        let Some(mut pipe) = self.pipes.remove(id) else { return };
        self.watchers_drop(core::mem::take(&mut pipe.reader_watchers));
        self.watchers_drop(core::mem::take(&mut pipe.writer_watchers));
        for handle in pipe.parked.into_iter().flatten() {
            self.uncharge(pipe.account, Resource::Handles, 1);
            self.description_release(handle.description);
        }
        self.memory_release(pipe.memory);
        self.uncharge_object::<Pipe>(pipe.account);
    }

    /// Tells the read end that something came.
    pub(crate) fn pipe_filled(&mut self, id: PipeId) {
        self.wake_all(Blocked::PipeRead(id));
        self.notify(Object::PipeReader(id), READABLE);
    }

    /// Reads what is there; waits for the first byte. No writers: end of file.
    pub(crate) fn pipe_read(
        &mut self,
        caller: &Caller,
        id: PipeId,
        to: UserSlice,
        nonblock: bool,
    ) -> Reply {
        let pipe = &self.pipes[id];
        if to.len == 0 {
            return Ok(Outcome::Done(0));
        }
        if pipe.len == 0 {
            if pipe.writers == 0 {
                return Ok(Outcome::Done(0));
            }
            refuse_if(nonblock, EAGAIN)?;
            return self.wait_and_retry(caller, Blocked::PipeRead(id));
        }
        let (memory, head) = (pipe.memory, pipe.head);
        let n = to.len.min(pipe.len);
        let first = n.min(PIPE_BYTES - head);
        self.copy_frames(caller.space, to.part(0, first), memory, head as u64, Direction::Out)?;
        self.copy_frames(caller.space, to.part(first, n - first), memory, 0, Direction::Out)?;
        let pipe = &mut self.pipes[id];
        pipe.head = (head + n) % PIPE_BYTES;
        pipe.len -= n;
        self.wake_all(Blocked::PipeWrite(id));
        self.notify(Object::PipeWriter(id), WRITABLE);
        Ok(Outcome::Done(n))
    }

    /// Writes all bytes, in pieces as room comes; up to `PIPE_ATOMIC` bytes go in one piece.
    pub(crate) fn pipe_write(
        &mut self,
        caller: &Caller,
        id: PipeId,
        from: UserSlice,
        nonblock: bool,
    ) -> Reply {
        let moved = self.threads[caller.thread].progress;
        let pipe = &self.pipes[id];
        if pipe.readers == 0 {
            return if moved > 0 { Ok(Outcome::Done(moved)) } else { Err(Error::new(EPIPE)) };
        }
        let rest = from.part(moved, from.len);
        if rest.len == 0 {
            return Ok(Outcome::Done(moved));
        }
        let room = PIPE_BYTES - pipe.len;
        let whole = from.len <= PIPE_ATOMIC;
        if room == 0 || (whole && room < from.len) {
            if nonblock {
                return if moved > 0 { Ok(Outcome::Done(moved)) } else { Err(Error::new(EAGAIN)) };
            }
            return self.wait_and_retry(caller, Blocked::PipeWrite(id));
        }
        let (memory, tail) = (pipe.memory, (pipe.head + pipe.len) % PIPE_BYTES);
        let n = rest.len.min(room);
        let first = n.min(PIPE_BYTES - tail);
        self.copy_frames(caller.space, rest.part(0, first), memory, tail as u64, Direction::In)?;
        self.copy_frames(caller.space, rest.part(first, n - first), memory, 0, Direction::In)?;
        self.pipes[id].len += n;
        self.pipe_filled(id);
        let moved = moved + n;
        if moved == from.len {
            return Ok(Outcome::Done(moved));
        }
        let thread = &mut self.threads[caller.thread];
        thread.progress = moved;
        thread.resume = Resume::Retry;
        Ok(Outcome::More)
    }
}

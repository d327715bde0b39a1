//! Futexes: threads that wait for a word of memory, found by the object that holds it.
use crate::prelude::*;
use clavis_abi::syscall::flag::{FUTEX_WAIT, FUTEX_WAIT64, FUTEX_WAKE};

const BUCKETS: usize = 256;

/// A word of memory, whoever maps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FutexKey {
    memory: MemoryId,
    offset: u64,
}

/// Waiting threads by the hash of their word.
#[derive(Debug)]
pub struct Futexes {
    pub(crate) buckets: [List<ThreadK, 0>; BUCKETS],
}

impl Futexes {
    /// Nobody waits.
    pub(crate) const fn new() -> Self {
        Self { buckets: [const { List::new() }; BUCKETS] }
    }

    pub(crate) fn bucket(&mut self, key: FutexKey) -> &mut List<ThreadK, 0> {
        let mixed =
            (u64::from(key.memory.index()) << 20 ^ key.offset).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &mut self.buckets[(mixed >> 56) as usize % BUCKETS]
    }
}

impl<M: Machine> Kernel<M> {
    fn futex_key(&mut self, caller: &Caller, address: usize) -> Result<FutexKey> {
        let page = page_of(address as u64);
        let region = self.spaces[caller.space].regions.find(&self.regions, page);
        let region = &self.regions[region.ok_or(Error::new(EFAULT))?];
        let page = region.offset.wrapping_add(page.wrapping_sub(region.start));
        let offset = page.wrapping_mul(PAGE).wrapping_add(address as u64 % PAGE);
        Ok(FutexKey { memory: region.memory, offset })
    }

    /// Waits for a word, or wakes who waits for it.
    pub(crate) fn sys_futex(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [address, operation, value, extra, _] = args;
        let width = if operation == FUTEX_WAIT64 { 8 } else { 4 };
        refuse_if(!address.is_multiple_of(width), EINVAL)?;
        let slice = UserSlice::new(address, width)?;
        match operation {
            FUTEX_WAIT | FUTEX_WAIT64 => {
                let mut bytes = [0u8; 8];
                let word = bytes.get_mut(..width).ok_or(Error::new(EINVAL))?;
                self.read_user(caller.space, slice.address, word)?;
                let found = u64::from_le_bytes(bytes);
                let expected = if width == 4 { u64::from(value as u32) } else { value as u64 };
                let until = if extra == 0 {
                    None
                } else {
                    let span = self.read_timespec(caller, extra)?;
                    Some(self.machine.now().saturating_add(span))
                };
                refuse_if(found != expected, EAGAIN)?;
                let key = self.futex_key(caller, address)?;
                self.futexes.bucket(key).push_back(&mut self.threads, caller.thread);
                self.threads[caller.thread].wake_at = until;
                self.block(caller.thread, Blocked::Futex(key));
                Ok(Outcome::Wait)
            }
            FUTEX_WAKE => {
                let key = self.futex_key(caller, address)?;
                Ok(Outcome::Done(self.futex_wake(key, value)))
            }
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// Wakes at most `count` threads that wait for a word.
    pub(crate) fn futex_wake(&mut self, key: FutexKey, count: usize) -> usize {
        let (mut woken, mut at) = (0, self.futexes.bucket(key).front());
        while let Some(id) = at.filter(|_| woken < count) {
            at = self.threads[id].wait.next();
            if self.threads[id].blocked == Blocked::Futex(key) {
                self.futexes.bucket(key).remove(&mut self.threads, id);
                self.set_result(id, Ok(0));
                self.wake_in_turn(id, Resume::User, woken);
                woken += 1;
            }
        }
        woken
    }

    /// Clears a word of the calling process and wakes one waiter, as a thread ends.
    pub(crate) fn futex_clear(&mut self, caller: &Caller, address: usize) -> Result<()> {
        let slice = UserSlice::new(address, 4)?;
        self.write_user(caller.space, slice.address, &[0; 4])?;
        let key = self.futex_key(caller, address)?;
        self.futex_wake(key, usize::MAX);
        Ok(())
    }
}

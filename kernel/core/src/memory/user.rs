//! User memory: a pointer from a process is an allegation until it was copied through here.
use crate::machine::Copied;
use crate::prelude::*;
use zerocopy::FromBytes;

/// A range of user memory that a process claims to own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserSlice {
    /// Its first byte.
    pub address: u64,
    /// Its bytes.
    pub len: usize,
}

impl UserSlice {
    /// The range, if it lies in the user half.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn new(address: usize, len: usize) -> Result<Self> {
        let (address, end) = (address as u64, (address as u64).checked_add(len as u64));
        refuse_if(len > 0 && end.is_none_or(|end| end > USER_END), EFAULT)?;
        Ok(Self { address, len })
    }

    /// The part from `offset` on, at most `len` bytes.
    #[must_use]
    pub fn part(self, offset: usize, len: usize) -> Self {
        let offset = offset.min(self.len);
        Self { address: self.address.wrapping_add(offset as u64), len: len.min(self.len - offset) }
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the user to the kernel.
    In,
    /// From the kernel to the user.
    Out,
}

impl<M: Machine> Kernel<M> {
    /// Resolves a fault of a copy. One that comes again at the same place cannot be resolved:
    /// the copy ends, whatever the machine may think of the page.
    #[cold]
    fn touch(
        &mut self,
        space: SpaceId,
        address: u64,
        direction: Direction,
        last: &mut Option<u64>,
    ) -> Result<()> {
        refuse_if(last.replace(address) == Some(address), EFAULT)?;
        let access = match direction {
            Direction::In => Access::Read,
            Direction::Out => Access::Write,
        };
        self.resolve(space, address, access).map_err(|unresolved| match unresolved {
            Unresolved::NotMapped => Error::new(EFAULT),
            Unresolved::OutOfMemory => Error::new(ENOMEM),
        })
    }

    /// A copy reaches the space that is loaded: whoever names another one gets nothing.
    #[inline(always)]
    fn expect_loaded(&self, space: SpaceId) -> Result<()> {
        let [cpu] = &self.cpus;
        if cpu.loaded == Some(space) { Ok(()) } else { Err(Error::new(EFAULT)) }
    }

    /// Reads user bytes of the loaded space.
    #[inline(always)]
    pub(crate) fn read_user(&mut self, space: SpaceId, from: u64, to: &mut [u8]) -> Result<()> {
        self.expect_loaded(space)?;
        let copied = self.machine.read_user(from, to);
        match copied.fault {
            None => Ok(()),
            Some(_) => self.copy_on(space, Direction::In, copied, |machine, done| {
                let rest = to.get_mut(done..).unwrap_or_default();
                machine.read_user(from.wrapping_add(done as u64), rest)
            }),
        }
    }

    /// Writes user bytes of the loaded space.
    #[inline]
    pub(crate) fn write_user(&mut self, space: SpaceId, to: u64, from: &[u8]) -> Result<()> {
        self.expect_loaded(space)?;
        let copied = self.machine.write_user(to, from);
        match copied.fault {
            None => Ok(()),
            Some(_) => self.copy_on(space, Direction::Out, copied, |machine, done| {
                let rest = from.get(done..).unwrap_or_default();
                machine.write_user(to.wrapping_add(done as u64), rest)
            }),
        }
    }

    /// Goes on with a copy after a fault; `copy` is what copies from an offset on.
    #[cold]
    #[inline(never)]
    fn copy_on(
        &mut self,
        space: SpaceId,
        direction: Direction,
        first: Copied,
        mut copy: impl FnMut(&mut M, usize) -> Copied,
    ) -> Result<()> {
        let (mut last, mut done, mut fault) = (None, first.done, first.fault);
        while let Some(at) = fault {
            self.touch(space, at, direction, &mut last)?;
            let copied = copy(&mut self.machine, done);
            done += copied.done;
            fault = copied.fault;
        }
        Ok(())
    }

    /// Reads a structure of the ABI.
    ///
    /// # Errors
    /// `EFAULT`; `EINVAL` when the caller's size is not the structure's.
    pub(crate) fn read_struct<T: FromBytes + IntoBytes>(
        &mut self,
        space: SpaceId,
        address: usize,
        size: usize,
    ) -> Result<T> {
        refuse_if(size != size_of::<T>(), EINVAL)?;
        let slice = UserSlice::new(address, size)?;
        let mut value = T::new_zeroed();
        self.read_user(space, slice.address, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Writes a structure of the ABI.
    ///
    /// # Errors
    /// `EFAULT`; `EINVAL` when the caller's size is not the structure's.
    pub(crate) fn write_struct<T: IntoBytes + zerocopy::Immutable>(
        &mut self,
        space: SpaceId,
        address: usize,
        size: usize,
        value: &T,
    ) -> Result<()> {
        refuse_if(size != size_of::<T>(), EINVAL)?;
        let slice = UserSlice::new(address, size)?;
        self.write_user(space, slice.address, value.as_bytes())
    }

    /// Copies between user memory of the loaded space and the frames of an object, from its byte
    /// `offset` on. Missing frames are made.
    pub(crate) fn copy_frames(
        &mut self,
        space: SpaceId,
        user: UserSlice,
        memory: MemoryId,
        offset: u64,
        direction: Direction,
    ) -> Result<()> {
        if user.len > PAGE as usize {
            let [cpu] = &mut self.cpus;
            cpu.is_spent = true;
        }
        self.expect_loaded(space)?;
        let (mut done, mut last) = (0, None);
        while done < user.len {
            let at = offset.wrapping_add(done as u64);
            let (within, rest) = ((at % PAGE) as usize, user.part(done, user.len));
            let Self { machine, memories, .. } = self;
            let frames = memories[memory].run_mut(at / PAGE);
            let copied = match direction {
                Direction::In => machine.copy_in(rest.address, frames, within, rest.len),
                Direction::Out => machine.copy_out(rest.address, frames, within, rest.len),
            };
            done += copied.done;
            let next = offset.wrapping_add(done as u64) / PAGE;
            if let Some(fault) = copied.fault {
                self.touch(space, fault, direction, &mut last)?;
            } else if done < user.len && self.memories[memory].frame(next).is_none() {
                self.memory_populate(memory, next)?;
            }
        }
        Ok(())
    }
}

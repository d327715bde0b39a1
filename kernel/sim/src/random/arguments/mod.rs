//! Arguments for every call of the table.
mod each;

use super::{Random, Then};
use crate::machine::PAGE;
use crate::program::{Act, User};
use crate::world::DATA;
use clavis_abi::call::{Call, TABLE};
use clavis_abi::class::STD_FS;
use clavis_abi::params::{
    AccountLimits, AccountUsage, Denial, HandleInfo, InspectRow, LeaseParams, MAP_SELF, MapParams,
    MintParams, NO_LEASE, OUT_LOWEST, OUT_UPPER, ObjectType, RequestInfo, ThreadParams, open_flags,
    upper_number,
};
use clavis_abi::syscall::data::{Event, Map};
use clavis_abi::syscall::flag::{
    CallFlags, EVENT_TIMEOUT_ID, EventFlags, F_DUPFD, F_GETFD, F_GETFL, F_SETFD, F_SETFL, MapFlags,
    O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_TRUNC, O_WRONLY,
};
use zerocopy::IntoBytes;

type Planned = Result<(usize, [usize; 5]), Act>;

const PATHS: &[&[u8]] = &[
    b"",
    b"a",
    b"b/c",
    b"1",
    b"4",
    b"4096",
    b"65537",
    b"scheme-creation-cap",
    b"..",
    b"../x",
    b"/abs",
    b"a/../b",
    b"./a",
    b"\xFF\xFE",
    b"nul\0inside",
    b"write",
    b"create-scheme",
];

impl Random {
    pub(super) fn rights(&self) -> u64 {
        let mut shared = self.shared.borrow_mut();
        shared.rng.u64(..) | shared.rng.u64(..)
    }

    /// An address: mostly in the own data, sometimes where nothing is, or where nothing can be.
    fn address(&self, user: &mut User<'_>) -> Result<usize, Act> {
        let at = self.base as usize + 0x4000 + self.below(0x2000);
        Ok(match self.below(24) {
            0 => self.any(&[
                0,
                8,
                0xFFFF,
                0x1000_0000,
                0x7FFF_FFFF_F000,
                0x7FFF_FFFF_EFF8,
                usize::MAX,
                usize::MAX - 7,
                1 << 47,
                DATA as usize - 4,
                DATA as usize + 256 * PAGE - 8,
            ]),
            1 => {
                let mapped = self.family(|family| family.mapped.clone());
                if mapped.is_empty() { at } else { self.any(&mapped) + self.below(5000) }
            }
            _ => {
                if self.chance(16) {
                    user.write(at as u64, &[1])?;
                }
                at
            }
        })
    }

    fn length(&self) -> usize {
        match self.below(12) {
            0 => {
                self.any(&[0, 1, 7, 4095, 4096, 4097, 65_536, 70_000, 1 << 20, usize::MAX, 1 << 40])
            }
            1 => self.below(30_000),
            _ => self.below(300),
        }
    }

    fn out(&self) -> usize {
        match self.below(12) {
            0 => self.below(40),
            1 if self.chance(300) => 65_535,
            1 => self.any(&[200, 65_536, upper_number(12, 0), upper_number(8, 7), 1 << 62]),
            2 | 3 => OUT_UPPER,
            _ => OUT_LOWEST,
        }
    }

    fn path(&self, user: &mut User<'_>) -> Result<(usize, usize), Act> {
        if self.chance(30) {
            let len = self.any(&[4096, 4097, 300, 255, 256]);
            let at = self.put(user, 0x2000, &vec![b'x'; len])?;
            return Ok((at, len));
        }
        let path = self.any(PATHS);
        Ok((self.put(user, 0x1F00, path)?, path.len()))
    }

    fn open_flags(&self) -> usize {
        let mut flags = 0;
        for (flag, of) in [
            (O_RDONLY, 2),
            (O_WRONLY, 2),
            (O_CREAT, 5),
            (O_TRUNC, 10),
            (O_APPEND, 8),
            (O_NONBLOCK, 3),
            (open_flags::BENEATH as usize, 8),
            (open_flags::NO_SYMLINKS as usize, 12),
            (open_flags::EXEC as usize, 12),
            (open_flags::NOT_DIRECTORY as usize, 20),
            (1 << 50, 400),
        ] {
            if self.chance(of) {
                flags |= flag;
            }
        }
        flags
    }

    fn map_flags(&self) -> MapFlags {
        let mut flags = if self.chance(2) { MapFlags::MAP_PRIVATE } else { MapFlags::MAP_SHARED };
        for (flag, of) in [
            (MapFlags::PROT_READ, 1),
            (MapFlags::PROT_WRITE, 2),
            (MapFlags::PROT_EXEC, 8),
            (MapFlags::MAP_FIXED, 12),
            (MapFlags::MAP_FIXED_NOREPLACE, 12),
            (MapFlags::MAP_SHARED, 20),
        ] {
            if self.chance(of) {
                flags |= flag;
            }
        }
        flags
    }

    /// Where something may be mapped: never over the own data.
    fn place(&self) -> usize {
        if self.chance(3) {
            let mapped = self.family(|family| family.mapped.clone());
            if !mapped.is_empty() {
                return (self.any(&mapped) & !(PAGE - 1)) + self.below(4) * PAGE;
            }
        }
        match self.below(8) {
            0 => 0x2000_0000 + self.below(64) * PAGE,
            1 => self.any(&[0x1000, 0x7FFF_FFFF_E000, 0x7FFF_FFFF_F000, 0x2000_0001, 1 << 48]),
            _ => 0,
        }
    }

    fn pages(&self) -> usize {
        match self.below(16) {
            0 => self.any(&[0, 1, 600 * PAGE, 3000 * PAGE, usize::MAX, 1 << 31, 1 << 40]),
            _ => (1 + self.below(20)) * PAGE,
        }
    }

    /// Any call of the table.
    pub(super) fn random_call(&mut self, user: &mut User<'_>) -> Planned {
        if self.chance(60) {
            let number = self.any(&[0, 1, 158, 0x4000_0000, 0x4000_0099, usize::MAX, 0x3000_0000]);
            return Ok((number, [self.handle(), self.length(), 0, 0, 0]));
        }
        let call = loop {
            let call = TABLE[self.below(TABLE.len())].call;
            let ends = matches!(call, Call::Exit | Call::ThreadExit);
            if !ends || (!self.is_init() && self.chance(8)) {
                break call;
            }
        };
        if self.chance(40) {
            // Whatever registers may hold.
            let mut args = [0; 5];
            for arg in &mut args {
                *arg = match self.below(4) {
                    0 => self.handle(),
                    1 => self.address(user)?,
                    2 => self.length(),
                    _ => self.rights() as usize,
                };
            }
            let unmaps = matches!(call, Call::Funmap | Call::Mremap | Call::Mprotect | Call::Fmap);
            if !matches!(call, Call::Exit | Call::ThreadExit | Call::Signal) && !unmaps {
                return Ok((call as usize, args));
            }
        }
        let args = self.arguments(user, call)?;
        Ok((call as usize, args))
    }

    fn region(&self) -> usize {
        let mapped = self.family(|family| family.mapped.clone());
        if mapped.is_empty() || self.chance(10) {
            return self.any(&[0x2000_0000, 0x2000_3000, 0x1000, 0x7FFF_FFFF_F000, 0x2000_0001]);
        }
        self.any(&mapped) + self.below(3) * PAGE
    }

    fn futex_arguments(&self, user: &mut User<'_>) -> Result<[usize; 5], Act> {
        let word = DATA as usize + 0xF_F000 + self.below(3) * 8 + self.below(20) / 19;
        if self.chance(2) {
            return Ok([word, 1, self.below(3), 0, 0]);
        }
        let span = if self.is_init() || !self.chance(8) {
            self.put(user, 0x1800, [0u64, self.below(100_000) as u64].as_bytes())?
        } else {
            0
        };
        Ok([word, self.any(&[0, 0, 2, 7]), self.below(2), span, 0])
    }

    fn create_arguments(&mut self, user: &mut User<'_>, fd: usize) -> Result<[usize; 5], Act> {
        self.then = Then::Handle;
        Ok(match self.below(4) {
            0 => {
                let few = |shift: u32| 1u64 << (4 + self.below(shift as usize));
                let limits = AccountLimits {
                    frames: few(11),
                    handles: few(8),
                    threads: few(4),
                    requests: few(4),
                    kernel_bytes: few(16),
                };
                [fd, self.put(user, 0x1700, limits.as_bytes())?, 0, self.out(), 0]
            }
            1 => {
                let (path, len) = self.path(user)?;
                [fd, path, len, self.out(), 0]
            }
            2 => [fd, self.below(20) * 2000, 0, self.out(), 0],
            _ => {
                let first = self.any(&[1, 4, 0x300, 0x3F8, 0xF000_0000, 0x8000, 1 << 31]);
                [fd, first, self.any(&[0, 1, 8, PAGE, 1 << 33]), self.out(), 0]
            }
        })
    }

    fn call_arguments(&mut self, user: &mut User<'_>, fd: usize) -> Result<[usize; 5], Act> {
        let words = self.below(4);
        let mut flags = CallFlags::empty();
        for (flag, of) in [
            (CallFlags::READ, 2),
            (CallFlags::WRITE, 2),
            (CallFlags::FD_CLONE, 3),
            (CallFlags::FD_EXCLUSIVE, 10),
            (CallFlags::FD_UPPER, 6),
            (CallFlags::MULTIPLE_FDS2, 30),
            (CallFlags::RSVD1, 100),
        ] {
            if self.chance(of) {
                flags |= flag;
            }
        }
        match self.below(3) {
            0 => {
                // Handles travel one way.
                flags |= CallFlags::FD;
                if self.chance(2) {
                    flags.remove(CallFlags::READ)
                } else {
                    flags.remove(CallFlags::WRITE)
                }
                let count = self.below(4);
                let handles: Vec<usize> = (0..count).map(|_| self.handle()).collect();
                let at = self.put(user, 0x1600, handles.as_bytes())?;
                let len = count * 8 + self.below(30) / 29;
                let metadata = self.put(user, 0x1500, [0u64, 1, 2].as_bytes())?;
                Ok([fd, at, len, flags.bits() | words, metadata])
            }
            1 => {
                let rule = &STD_FS[self.below(STD_FS.len())];
                flags |= CallFlags::STD_FS;
                flags.remove(CallFlags::FD_CLONE | CallFlags::FD_EXCLUSIVE | CallFlags::FD_UPPER);
                let kind = if self.chance(15) { self.below(300) as u64 } else { rule.kind as u64 };
                let start = self.any(&[0, 1, 1 << 62, 1 << 63, u64::MAX]);
                let words = [kind, start, self.any(&[0, 1, 1 << 62, 1 << 63])];
                let metadata = self.put(user, 0x1500, words.as_bytes())?;
                let (at, len) = if self.chance(2) {
                    self.path(user)?
                } else {
                    (self.address(user)?, self.any(&[0, 16, 32, 104, 300]))
                };
                let target = if rule.second.is_some() && self.chance(2) {
                    flags |= CallFlags::MULTIPLE_FDS2;
                    let pair = [self.handle(), self.handle()];
                    self.put(user, 0x1400, pair.as_bytes())? | 2
                } else {
                    fd
                };
                Ok([target, at, len, flags.bits() | 3, metadata])
            }
            _ => {
                let metadata = self.put(user, 0x1500, [self.rights(), 1, 2].as_bytes())?;
                if self.chance(8) {
                    flags |= CallFlags::CONSUME;
                }
                Ok([fd, self.address(user)?, self.length(), flags.bits() | words, metadata])
            }
        }
    }
}

//! Random servers: they answer rightly, late, twice, with garbage, or forward.
use super::{Random, Then};
use crate::calls::{cqe_bytes, sqe_of};
use crate::machine::PAGE;
use crate::program::{Act, User};
use crate::world::{DATA, DATA_PAGES};
use clavis_abi::call::Call;
use clavis_abi::class::CQE_FORWARD;
use clavis_abi::params::{
    ForwardParams, Grant, MapParams, MintParams, OUT_LOWEST, ObjectType, ProcessParams,
    upper_number,
};
use clavis_abi::syscall::flag::{CallFlags, MapFlags};
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use zerocopy::IntoBytes;

type Planned = Result<(usize, [usize; 5]), Act>;

/// A request that a random server has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) tag: u32,
    pub(super) opcode: u8,
    pub(super) len: u64,
}

impl Random {
    /// Puts bytes at an offset of the thread's own data.
    pub(super) fn put(&self, user: &mut User<'_>, offset: u64, bytes: &[u8]) -> Result<usize, Act> {
        user.write(self.base + offset, bytes)?;
        Ok((self.base + offset) as usize)
    }

    /// Messages that a read of a socket stored.
    pub(super) fn take_messages(
        &mut self,
        user: &mut User<'_>,
        socket: usize,
        at: u64,
        bytes: usize,
    ) -> Result<(), Act> {
        let mut stored = vec![0; bytes.min(4096)];
        user.read(at, &mut stored)?;
        for row in stored.chunks_exact(64) {
            let sqe = sqe_of(row);
            let opcode = sqe.opcode;
            let is_notice = opcode == Opcode::CloseMsg as u8
                || opcode == Opcode::Cancel as u8
                || opcode == Opcode::Munmap as u8;
            if !is_notice {
                // The payload that was announced can be read.
                if sqe.args[2] > 0 && sqe.args[2] <= 4096 && has_payload(opcode) {
                    let mut payload = vec![0; sqe.args[2] as usize];
                    let _ = user.read(sqe.args[1], &mut payload);
                }
                let taken = Taken { tag: sqe.tag, opcode, len: sqe.args[2] };
                self.family(|family| {
                    family.taken.push((socket, taken));
                    if family.taken.len() > 200 {
                        family.taken.remove(0);
                    }
                });
            }
        }
        Ok(())
    }

    /// Reads a socket, or answers and reads in one call.
    pub(super) fn serve(&mut self, user: &mut User<'_>) -> Planned {
        let socket = self.socket();
        let room = 0x8000 + self.below(4) as u64 * 8;
        let at = self.base + room;
        user.write(at, &[0; 256])?;
        if self.chance(4) {
            let metadata = self.put(user, 0x7F00, [0u64, 0, 2].as_bytes())?;
            self.then = Then::Messages(socket, at);
            let flags = CallFlags::READ | CallFlags::WRITE;
            return Ok((
                Call::Call as usize,
                [socket, at as usize, 256, flags.bits() | 3, metadata],
            ));
        }
        self.then = Then::Messages(socket, at);
        Ok((Call::Read as usize, [socket, at as usize, 64 * (1 + self.below(4)), 0, 0]))
    }

    /// Answers a request that was taken.
    pub(super) fn answer(&mut self, user: &mut User<'_>) -> Planned {
        let n = self.family(|family| family.taken.len());
        let which = self.below(n);
        let twice = self.chance(10);
        let (socket, taken) =
            self.family(
                |family| {
                    if twice { family.taken[which] } else { family.taken.swap_remove(which) }
                },
            );
        let tag = if self.chance(30) { taken.tag ^ 1 << self.below(32) } else { taken.tag };
        if taken.opcode == Opcode::Sendfd as u8 && self.chance(2) {
            let metadata = self.put(user, 0x7F00, [0u64, u64::from(tag)].as_bytes())?;
            let at = self.put(user, 0x7E00, &[0; 32])?;
            let count = 1 + self.below(3);
            let flags = CallFlags::FD | CallFlags::READ;
            self.family(|family| family.taken.push((socket, taken)));
            return Ok((Call::Call as usize, [socket, at, count * 8, flags.bits() | 2, metadata]));
        }
        let mut result = self.result(user, taken)?;
        let opcode = match self.below(10) {
            0 => self.below(8) as u8,
            1 | 2 if matches!(taken.opcode, 4 | 29 | 32) => {
                let path = self.any(&[
                    &b"a"[..],
                    b"file/b",
                    b"",
                    b"..",
                    b"/etc",
                    b"1",
                    b"scheme-creation-cap",
                    b"a\0b",
                    b"4096",
                ]);
                let path_at = self.put(user, 0x7D00, path)?;
                let masks = if self.chance(3) { self.rights() } else { u64::MAX };
                let params = ForwardParams {
                    fd: self.handle() as u64,
                    path: path_at as u64,
                    path_len: if self.chance(40) { 5000 } else { path.len() as u64 },
                    rights: masks,
                    inherit: masks,
                    flags: self.below(16) as u64,
                };
                result = self.put(user, 0x7C00, params.as_bytes())? as u64;
                CQE_FORWARD
            }
            3 => {
                result = self.handle() as u64;
                CqeOpcode::RespondWithFd as u8
            }
            4 => CqeOpcode::RespondAndNotifyOnDetach as u8,
            _ => CqeOpcode::RespondRegular as u8,
        };
        let bytes = cqe_bytes(opcode, tag, result, self.below(2) as u8);
        let at = self.put(user, 0x7B00, &bytes)?;
        if self.chance(5) {
            let metadata = self.put(user, 0x7F00, [0u64, 1, 1].as_bytes())?;
            self.put(user, 0x7B10, &[0; 48])?;
            let flags = CallFlags::READ | CallFlags::WRITE;
            self.then = Then::Messages(socket, at as u64);
            return Ok((Call::Call as usize, [socket, at, 64, flags.bits() | 3, metadata]));
        }
        Ok((Call::Write as usize, [socket, at, 16, 0, 0]))
    }

    /// A result that a server may give: mostly a fitting one.
    fn result(&self, user: &mut User<'_>, taken: Taken) -> Result<u64, Act> {
        if self.chance(12) {
            return Ok(self.any(&[u64::MAX, u64::MAX - 1, 1 << 63, u64::MAX - 200, 1 << 40, 4096]));
        }
        if self.chance(10) {
            return Ok((1 + self.below(140) as u64).wrapping_neg());
        }
        if taken.opcode == Opcode::MmapPrep as u8 {
            let mapped = self.family(|family| family.mapped.clone());
            let own = self.base + 0x9000;
            user.write(own, b"lent")?;
            let at =
                if mapped.is_empty() || self.chance(2) { own as usize } else { self.any(&mapped) };
            return Ok(at as u64);
        }
        let most = (taken.len as usize).min(1 << 20);
        Ok(if self.chance(2) { self.below(most + 1) } else { self.below(8) } as u64)
    }

    /// Builds a process with some of the own handles.
    pub(super) fn spawn(&mut self, user: &mut User<'_>) -> Planned {
        let count = self.below(12);
        let mut grants = Vec::new();
        let mut family = super::Family::default();
        for index in 0..count {
            let number = match self.below(60) {
                0 => self.any(&[0, 1, 2, 3, 30, upper_number(9, 0), upper_number(3, 0)]),
                n if n % 2 == 0 => index,
                _ => upper_number(8 + index as u16, 0),
            };
            let source = match self.below(10) {
                0 => u64::MAX,
                1 | 2 => self.socket() as u64,
                _ => self.live_handle(user) as u64,
            };
            let rights = if self.chance(3) { self.rights() } else { u64::MAX };
            let grant =
                Grant { source, number: number as u64, rights, inherit: u64::MAX, flags: 0 };
            grants.push(grant);
            family.handles.push(number);
            let is_socket = self.family(|own| own.sockets.contains(&(source as usize)));
            if is_socket {
                family.sockets.push(number);
            }
        }
        let new = {
            let mut shared = self.shared.borrow_mut();
            shared.families.push(family);
            shared.families.len() - 1
        };
        let grants_at = self.put(user, 0x7000, grants.as_bytes())?;
        let name = self.put(user, 0x6F00, b"/bin/random")?;
        let params = ProcessParams {
            grants: grants_at as u64,
            grant_count: grants.len() as u64,
            name: name as u64,
            name_len: self.below(12) as u64,
            table: if self.chance(20) { self.handle() as u64 } else { u64::MAX },
            priority: if self.chance(3) { self.below(33) as u64 } else { u64::MAX },
            flags: self.below(16) as u64 & self.any(&[3, 7, 15]) as u64,
        };
        let at = self.put(user, 0x6E00, params.as_bytes())?;
        self.then = Then::Process(new);
        let size = size_of::<ProcessParams>();
        Ok((
            Call::ProcessCreate as usize,
            [self.handle_of(user, &[ObjectType::Account]), at, size, OUT_LOWEST, 0],
        ))
    }

    /// A handle that is one, mostly.
    fn live_handle(&self, user: &User<'_>) -> usize {
        let known = self.family(|family| family.handles.clone());
        let live: Vec<usize> = known.into_iter().filter(|fd| user.kind(*fd).is_some()).collect();
        if live.is_empty() || self.chance(60) { self.handle() } else { self.any(&live) }
    }

    /// Makes something of several calls: a scheme with objects, a pipe, a queue, a filled slot.
    pub(super) fn build(&mut self, user: &mut User<'_>) -> Planned {
        let factories: Vec<usize> = self.family(|family| family.handles.clone());
        let of = |index: u16| upper_number(8 + index, 0);
        let is_init = self.is_init();
        let pick = |index: u16| if is_init { of(index) } else { factories[0] };
        if factories.is_empty() {
            return self.random_call(user);
        }
        let open = |at: usize, len: usize, fd: usize| {
            (Call::OpenAt as usize, [fd, at, len, 3 << 16, OUT_LOWEST])
        };
        match self.below(6) {
            0 | 1 => {
                let at = self.put(user, 0x1200, b"scheme-creation-cap")?;
                self.then = Then::Creation;
                Ok(open(at, 19, pick(7)))
            }
            2 => {
                let at = self.put(user, 0x1200, b"pipe")?;
                self.then = Then::Pipe;
                Ok(open(at, 4, pick(11)))
            }
            3 => {
                let at = self.put(user, 0x1200, b"queue")?;
                self.then = Then::Handle;
                Ok(open(at, 5, pick(10)))
            }
            4 => {
                let socket = self.socket();
                self.mint_some(user, socket)?;
                self.serve(user)
            }
            _ => {
                // A slot is filled with whatever is at hand.
                let slot = self.handle_of(user, &[ObjectType::Slot]);
                let root = self.handle_of(user, &[ObjectType::Scheme]);
                let payload = self.put(user, 0x1200, [root].as_bytes())?;
                let flags = CallFlags::FD | CallFlags::WRITE | CallFlags::FD_CLONE;
                Ok((Call::Call as usize, [slot, payload, 8, flags.bits(), 0]))
            }
        }
    }

    /// Handles to objects of the own scheme.
    pub(super) fn mint_some(&mut self, user: &mut User<'_>, socket: usize) -> Result<(), Act> {
        let params = MintParams {
            number: self.below(20) as u64,
            offset: 0,
            flags: 0,
            internal_flags: self.below(2) as u64,
            badge: 7,
            rights: u64::MAX,
            inherit: u64::MAX,
        };
        let at = self.put(user, 0x1100, params.as_bytes())?;
        for _ in 0..1 + self.below(3) {
            let mint = [socket, at, size_of::<MintParams>(), OUT_LOWEST, 0];
            self.script.push_back((Call::Mint as usize, mint, Then::Handle));
        }
        Ok(())
    }

    /// The calls that make a built process run.
    pub(super) fn start_process(
        &mut self,
        user: &mut User<'_>,
        process: usize,
        family: usize,
    ) -> Result<(), Act> {
        let flags = MapFlags::PROT_READ
            | MapFlags::PROT_WRITE
            | MapFlags::MAP_PRIVATE
            | MapFlags::MAP_FIXED_NOREPLACE;
        let map = MapParams {
            memory: u64::MAX,
            offset: 0,
            address: DATA,
            length: (DATA_PAGES * PAGE) as u64,
            flags: flags.bits() as u64,
        };
        let at = self.put(user, 0x6D00, map.as_bytes())?;
        let size = size_of::<MapParams>();
        let map = [process, at, size, 0, 0];
        self.script.push_back((Call::Map as usize, map, Then::Nothing));
        if !self.is_init() && self.chance(4) {
            let argument = self.family * 16 + self.below(4);
            let exec = [process, 0x1000, 0, argument, 0];
            self.script.push_back((Call::Exec as usize, exec, Then::Nothing));
        } else if !self.chance(10) {
            let start = [process, 0x1000, 0, family * 16 + self.below(4), 0];
            self.script.push_back((Call::ProcessStart as usize, start, Then::Nothing));
        }
        Ok(())
    }
}

fn has_payload(opcode: u8) -> bool {
    matches!(opcode, 4 | 5 | 6 | 13..=15 | 28 | 29 | 30 | 32 | 33)
}

//! Arguments that mean something, call by call.
use super::*;

impl Random {
    pub(super) fn arguments(&mut self, user: &mut User<'_>, call: Call) -> Result<[usize; 5], Act> {
        use ObjectType as O;
        let kinds: &[ObjectType] = match call {
            Call::OpenAt | Call::UnlinkAt => &[O::Scheme, O::Factory, O::Slot],
            Call::Flink | Call::Frename | Call::Fchown | Call::Fsync => &[O::Scheme],
            Call::Read | Call::Read2 => {
                &[O::Scheme, O::PipeReader, O::EventQueue, O::Memory, O::Irq, O::Name, O::Process]
            }
            Call::Write | Call::Write2 => {
                &[O::Scheme, O::PipeWriter, O::EventQueue, O::Memory, O::Irq, O::Timer]
            }
            Call::Lseek => &[O::Scheme, O::Memory],
            Call::Create => &[O::Factory, O::Account],
            Call::ProcessStart
            | Call::Inspect
            | Call::Borrow
            | Call::Exec
            | Call::Wait
            | Call::CpuTime
            | Call::Group => &[O::Process],
            Call::Signal => &[O::Process, O::Account],
            Call::Map | Call::Fmap | Call::MemoryOf | Call::Seal => &[O::Memory, O::Scheme],
            Call::TablePut => &[O::HandleTable],
            Call::Usage => &[O::Account],
            Call::Revoke => &[O::Lease],
            Call::Call => &[O::Scheme, O::Slot, O::PipeWriter, O::PipeReader, O::Scheme],
            Call::DupInto => &[O::Scheme, O::Factory, O::PipeReader, O::Socket],
            _ => &[],
        };
        let fd = if kinds.is_empty() { self.handle() } else { self.handle_of(user, kinds) };
        Ok(match call {
            Call::OpenAt => {
                let (path, len) = if user.kind(fd) == Some(O::Factory) && self.chance(2) {
                    let path = self.any(&[&b"scheme-creation-cap"[..], b"4", b"1", b"8192"]);
                    (self.put(user, 0x1F00, path)?, path.len())
                } else {
                    self.path(user)?
                };
                self.then = Then::Handle;
                [fd, path, len, self.open_flags(), self.out()]
            }
            Call::UnlinkAt | Call::Flink | Call::Frename => {
                let (path, len) = self.path(user)?;
                [fd, path, len, 0, 0]
            }
            Call::Close => {
                if self.is_init() && !self.chance(6) {
                    return self.arguments(user, Call::DupInto);
                }
                self.then = Then::Closed(fd);
                [fd, 0, 0, 0, 0]
            }
            Call::DupInto => {
                let message = match user.kind(fd) {
                    Some(O::Factory) if self.chance(2) => b"create-scheme",
                    Some(O::PipeReader) if self.chance(2) => &b"write"[..],
                    _ => self.any(&[&b""[..], b"", b"create-scheme", b"write", b"message"]),
                };
                let at = self.put(user, 0x1E00, message)?;
                let makes_socket = message == b"create-scheme";
                self.then = if makes_socket { Then::Socket } else { Then::Handle };
                [fd, at, message.len(), self.out(), 0]
            }
            Call::Dup2 => {
                self.then = Then::Handle;
                [fd, 3 + self.below(40), 0, 0, 0]
            }
            Call::Write if self.chance(3) => {
                // As it is written to an event queue.
                let flags = EventFlags::from_bits_retain(self.below(4));
                let id = if self.chance(5) { EVENT_TIMEOUT_ID } else { self.handle() };
                let event = Event { id, flags, data: self.below(3) };
                let bytes = event.to_vec();
                [fd, self.put(user, 0x1300, &bytes)?, bytes.len(), 0, 0]
            }
            Call::Read | Call::Write => [fd, self.address(user)?, self.length(), 0, 0],
            Call::Read2 | Call::Write2 => {
                let offset = self.any(&[usize::MAX, 0, 1, 4096, 1 << 40]);
                let flags = self.any(&[0, 1, 2, 3, usize::MAX]);
                [fd, self.address(user)?, self.length(), offset, flags]
            }
            Call::Lseek => {
                [fd, self.any(&[0, 5, usize::MAX, 1 << 62, 1 << 63]), self.below(4), 0, 0]
            }
            Call::Fchown => [fd, 1, 2, 0, 0],
            Call::Fcntl => {
                let command = self.any(&[F_DUPFD, F_GETFD, F_GETFL, F_SETFD, F_SETFL, F_SETFL, 77]);
                if command == F_DUPFD {
                    self.then = Then::Handle;
                }
                [fd, command, self.any(&[0, 3, 40, O_NONBLOCK, O_NONBLOCK, O_APPEND, 70_000]), 0, 0]
            }
            Call::Fevent => [fd, self.below(4), 0, 0, 0],
            Call::Call => self.call_arguments(user, fd)?,
            Call::Fmap => {
                let map = Map {
                    offset: self.any(&[0, 0, 0, PAGE, 5, usize::MAX & !4095]),
                    size: self.pages(),
                    flags: self.map_flags(),
                    address: self.place(),
                };
                let mut bytes = Vec::new();
                bytes.extend_from_slice(&map);
                let at = self.put(user, 0x1D00, &bytes)?;
                self.then = Then::Mapped;
                [if self.chance(3) { usize::MAX } else { fd }, at, 32, 0, 0]
            }
            Call::Funmap => [self.region(), self.pages().min(1 << 20), 0, 0, 0],
            Call::Mremap => {
                self.then = Then::Mapped;
                let (old, new) = (self.pages(), self.pages());
                [self.region(), old, self.place(), new, self.below(8)]
            }
            Call::Mprotect => {
                let flags = self.map_flags()
                    & (MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::PROT_EXEC);
                [self.region(), self.pages(), flags.bits(), 0, 0]
            }
            Call::Fpath => [fd, self.address(user)?, self.length(), 0, 0],
            Call::Fstat => [fd, self.address(user)?, self.any(&[104, 104, 200, 8]), 0, 0],
            Call::Fsync | Call::SetTls => [fd, 0, 0, 0, 0],
            Call::ClockGettime => [self.any(&[1, 4, 9]), self.address(user)?, 0, 0, 0],
            Call::Futex => self.futex_arguments(user)?,
            Call::Nanosleep => {
                let span = self.below(300_000) as u64;
                [self.put(user, 0x1C00, [0u64, span].as_bytes())?, 0, 0, 0, 0]
            }
            Call::Yield => [0; 5],
            Call::Exit => [self.below(3), 0, 0, 0, 0],
            Call::ThreadExit => {
                [if self.chance(2) { 0 } else { self.address(user)? & !3 }, 0, 0, 0, 0]
            }
            Call::ThreadCreate => {
                let arena = (self.family * 16 + self.below(12)) as u64;
                let entry = self.any(&[0x1000, 0x1000, 1 << 47]);
                let params = ThreadParams { entry, stack: 0, argument: arena, tls: 0 };
                [self.put(user, 0x1B00, params.as_bytes())?, size_of::<ThreadParams>(), 0, 0, 0]
            }
            Call::SetDeadline => {
                let now = user.now() as usize;
                let never = !self.is_init() && self.chance(4);
                [if never { 0 } else { now + self.below(5_000_000) }, 0, 0, 0, 0]
            }
            Call::Limit => {
                if !self.chance(10) {
                    return self.arguments(user, Call::Derive);
                }
                if !self.is_init() && self.chance(8) {
                    // All but one right, so that something is left to be tried.
                    let most = |own: &Self| !(1 << own.below(48));
                    return Ok([usize::MAX, most(self), most(self), self.below(16), 0]);
                }
                [fd, self.rights() as usize, self.rights() as usize, self.below(16), 0]
            }
            Call::Derive if self.chance(2) => return self.arguments(user, Call::Lend),
            Call::Derive => {
                self.then = Then::Handle;
                let most = |own: &Self| if own.chance(2) { u64::MAX } else { own.rights() };
                let flags = if self.chance(2) { 0 } else { self.below(16) };
                [fd, most(self) as usize, most(self) as usize, flags, self.out()]
            }
            Call::Query => [fd, self.address(user)?, size_of::<HandleInfo>(), 0, 0],
            Call::LastDenial => [self.address(user)?, size_of::<Denial>(), 0, 0, 0],
            Call::Create => self.create_arguments(user, fd)?,
            Call::ProcessCreate => return self.spawn(user).map(|(_, args)| args),
            Call::Fork => {
                // The child knows the same numbers.
                let family = {
                    let mut shared = self.shared.borrow_mut();
                    let copy = crate::random::Family {
                        init: false,
                        ..shared.families[self.family].clone()
                    };
                    shared.families.push(copy);
                    shared.families.len() - 1
                };
                let account = self.handle_of(user, &[O::Account]);
                let argument = family * 16 + self.below(12);
                let entry = self.any(&[0x1000, 0x1000, 0x1000, 1 << 47]);
                self.then = Then::Handle;
                [account, entry, 0, argument, self.out()]
            }
            Call::Exec => {
                // The first process stays what it is.
                let entry = if self.is_init() { 1 << 47 } else { 0x1000 };
                [fd, entry, 0, self.family * 16 + self.below(4), 0]
            }
            Call::SignalActions => {
                let entry = self.any(&[0x1000, 0x1000, 0x1000, 1 << 47]);
                let lost = !self.is_init() && self.chance(20);
                let frame = if lost { self.address(user)? } else { self.base as usize + 0xA000 };
                let never = 1 << 8 | 1 << 18;
                let caught = self.rights() & if self.chance(20) { u64::MAX } else { !never };
                let ignored = self.rights() & !caught & !never;
                [entry, frame, caught as usize, ignored as usize, 0]
            }
            Call::SignalMask => {
                let mask = if self.chance(2) { 0 } else { self.rights() };
                let info = if self.chance(2) { 0 } else { self.address(user)? };
                [mask as usize, info, 0, 0, 0]
            }
            Call::SignalWait => {
                let set = if self.chance(4) { 0 } else { self.rights() };
                let until = user.now() as usize + self.below(300_000);
                [set as usize, self.address(user)?, until, 0, 0]
            }
            Call::CpuTime => {
                let process = if self.chance(3) { usize::MAX } else { fd };
                [process, self.below(4), 0, 0, 0]
            }
            Call::Group => [fd, self.any(&[0, 1, 2]), self.any(&[0, 3]), 0, 0],
            Call::Wait => [fd, self.address(user)?, self.any(&[16, 16, 16, 8]), self.below(17), 0],
            Call::ProcessStart => [fd, 0x1000, 0, self.family * 16, 0],
            Call::Map => {
                let memory = self.handle_of(user, &[O::Memory, O::Scheme]) as u64;
                let map = MapParams {
                    memory: if self.chance(3) { u64::MAX } else { memory },
                    offset: self.any(&[0, 0, PAGE as u64, 3]),
                    address: self.place() as u64,
                    length: self.pages() as u64,
                    flags: self.map_flags().bits() as u64,
                };
                let at = self.put(user, 0x1A00, map.as_bytes())?;
                self.then = Then::Mapped;
                let target =
                    if self.chance(2) { MAP_SELF } else { self.handle_of(user, &[O::Process]) };
                [target, at, size_of::<MapParams>(), 0, 0]
            }
            Call::MemoryOf => {
                self.then = Then::Handle;
                let flags = self.map_flags().bits();
                [fd, self.any(&[0, PAGE, 1]), self.pages(), flags, self.out()]
            }
            Call::Seal => [fd, 0, 0, 0, 0],
            Call::Signal => {
                let own = user.kind(fd) == Some(O::Account) || fd == upper_number(8, 0);
                let fd = if self.chance(3) { usize::MAX } else { fd };
                let harmless = self.is_init() && (own || fd == usize::MAX);
                let number = self.any(&[0, 0, 0, 9, 65, 18, 18, 19, 20, 2, 10, 13, 17, 32, 64]);
                let thread = if self.chance(3) { self.below(9) } else { 0 };
                [fd, if harmless { 17 } else { number }, thread, self.any(&[0, 0, 0, 2]), 0]
            }
            Call::Inspect => {
                let size = size_of::<InspectRow>() * self.below(5);
                let process = if self.chance(4) { usize::MAX } else { fd };
                [process, self.below(70), self.address(user)?, size, 0]
            }
            Call::Declare if self.chance(3) => [fd, 8, 0, 0, 0],
            Call::Borrow => {
                self.then = Then::Handle;
                [fd, self.handle(), self.out(), 0, 0]
            }
            Call::Declare => [self.socket(), self.below(5), 0, 0, 0],
            Call::Mint => {
                let masks = if self.chance(2) { u64::MAX } else { self.rights() };
                let params = MintParams {
                    number: self.below(20) as u64,
                    offset: self.any(&[0, 0, u64::MAX]),
                    flags: self.any(&[0, 0, O_NONBLOCK as u64, 1 << 40]),
                    internal_flags: self.below(2) as u64,
                    badge: 7,
                    rights: masks,
                    inherit: masks,
                };
                let at = self.put(user, 0x1900, params.as_bytes())?;
                self.then = Then::Handle;
                [self.socket(), at, size_of::<MintParams>(), self.out(), 0]
            }
            Call::RequestInfo => {
                let tag = self.family(|f| f.taken.last().map_or(0, |(_, taken)| taken.tag));
                [self.socket(), tag as usize, self.address(user)?, size_of::<RequestInfo>(), 0]
            }
            Call::Identity => [self.below(3), 0, 0, 0, 0],
            Call::TablePut => {
                [fd, self.handle(), self.out(), self.rights() as usize, self.rights() as usize]
            }
            Call::Usage => [fd, self.address(user)?, size_of::<AccountUsage>(), 0, 0],
            Call::LeaseCreate => {
                self.then = Then::Handle;
                let parents = [(); 2].map(|()| match self.below(3) {
                    0 => self.handle_of(user, &[O::Lease]) as u64,
                    _ => NO_LEASE,
                });
                let until = if self.chance(4) { user.now() + self.below(90_000) as u64 } else { 0 };
                let [uses, bytes] = [30, 20_000].map(|most| match self.below(3) {
                    0 => self.below(most) as u64,
                    _ => u64::MAX,
                });
                let params = LeaseParams { parents, until, uses, bytes };
                let at = self.put(user, 0x1B00, params.as_bytes())?;
                [at, size_of::<LeaseParams>(), self.out(), 0, 0]
            }
            Call::Lend => {
                self.then = Then::Handle;
                let lease = self.handle_of(user, &[O::Lease]);
                let most = if self.chance(2) { u64::MAX } else { self.rights() };
                [fd, lease, most as usize, most as usize, self.out()]
            }
            Call::Revoke => {
                if !self.chance(10) {
                    return self.arguments(user, Call::Lend);
                }
                [fd, 0, 0, 0, 0]
            }
        })
    }
}

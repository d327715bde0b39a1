//! System calls as methods of a simulated thread, with Rust types.
mod processes;
mod schemes;

use crate::machine::PAGE;
use crate::thread::Thread;
use crate::world::{DATA, DATA_PAGES};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::class::CQE_FORWARD;
use clavis_abi::error::{EINVAL, Error, Result};
use clavis_abi::params::{
    AccountLimits, AccountUsage, AuditRecord, BIRTH_NULL, CounterRow, Denial, ExitKind, ExitStatus,
    ForwardParams, Grant, HandleInfo, InspectRow, LeaseParams, MapParams, MintParams, OUT_LOWEST,
    ProcessParams, SignalFrame, SignalInfo, ThreadParams, signal,
};
use clavis_abi::startup::{Entry, EntryKind, Header};
use clavis_abi::syscall::data::{Event, Map};
use clavis_abi::syscall::flag::{CallFlags, EventFlags, MapFlags};
use clavis_abi::syscall::schemev2::{Cqe, CqeOpcode, Opcode, Sqe, SqeFlags};
use zerocopy::{FromBytes, IntoBytes};

const SQE: usize = size_of::<Sqe>();

/// A handle for a child: the builder's number, the child's number, the masks.
#[derive(Clone, Copy, Debug)]
pub struct Give(pub usize, pub usize, pub Rights, pub Rights);

impl Give {
    /// A handle with all that the builder's has.
    #[must_use]
    pub fn all(source: usize, number: usize) -> Self {
        Self(source, number, Rights::all(), Rights::all())
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

impl Thread {
    /// The handle that init was started with for that purpose.
    ///
    /// # Panics
    /// When there is none.
    pub fn entry(&mut self, kind: EntryKind) -> usize {
        let header: Header = self.peek_struct(self.argument);
        for index in 0..header.entries {
            let at = self.argument + (size_of::<Header>() as u64) + index * 16;
            let entry: Entry = self.peek_struct(at);
            if entry.kind == kind as u64 {
                return entry.number as usize;
            }
        }
        panic!("no startup handle of kind {kind:?}")
    }

    /// OPENAT.
    pub fn open(&mut self, dir: usize, path: &str, flags: u64) -> Result<usize> {
        let at = self.put(path.as_bytes()) as usize;
        self.call(Call::OpenAt, [dir, at, path.len(), flags as usize, OUT_LOWEST])
    }

    /// UNLINKAT.
    pub fn unlink(&mut self, dir: usize, path: &str) -> Result<usize> {
        let at = self.put(path.as_bytes()) as usize;
        self.call(Call::UnlinkAt, [dir, at, path.len(), 0, 0])
    }

    /// READ.
    pub fn read(&mut self, fd: usize, len: usize) -> Result<Vec<u8>> {
        let at = self.room(len);
        let n = self.call(Call::Read, [fd, at as usize, len, 0, 0])?;
        Ok(self.peek(at, n.min(len)))
    }

    /// WRITE.
    pub fn write(&mut self, fd: usize, bytes: &[u8]) -> Result<usize> {
        let at = self.put(bytes);
        self.call(Call::Write, [fd, at as usize, bytes.len(), 0, 0])
    }

    /// CLOSE.
    pub fn close(&mut self, fd: usize) -> Result<usize> {
        self.call(Call::Close, [fd, 0, 0, 0, 0])
    }

    /// DUP, without a message.
    pub fn dup(&mut self, fd: usize) -> Result<usize> {
        self.call(Call::DupInto, [fd, 0, 0, OUT_LOWEST, 0])
    }

    /// DUP with a message.
    pub fn dup_message(&mut self, fd: usize, message: &[u8]) -> Result<usize> {
        let at = self.put(message) as usize;
        self.call(Call::DupInto, [fd, at, message.len(), OUT_LOWEST, 0])
    }

    /// DERIVE.
    pub fn derive(&mut self, fd: usize, rights: Rights, inherit: Rights) -> Result<usize> {
        let (rights, inherit) = (rights.bits() as usize, inherit.bits() as usize);
        self.call(Call::Derive, [fd, rights, inherit, 0, OUT_LOWEST])
    }

    /// LEASE_CREATE.
    pub fn lease(&mut self, params: &LeaseParams) -> Result<usize> {
        let at = self.put(params.as_bytes()) as usize;
        self.call(Call::LeaseCreate, [at, size_of::<LeaseParams>(), OUT_LOWEST, 0, 0])
    }

    /// LEND, with all that the handle permits.
    pub fn lend(&mut self, fd: usize, lease: usize) -> Result<usize> {
        self.call(Call::Lend, [fd, lease, usize::MAX, usize::MAX, OUT_LOWEST])
    }

    /// REVOKE.
    pub fn revoke(&mut self, lease: usize) -> Result<usize> {
        self.call(Call::Revoke, [lease, 0, 0, 0, 0])
    }

    /// LIMIT.
    pub fn limit(
        &mut self,
        fd: usize,
        rights: Rights,
        inherit: Rights,
        flags: u64,
    ) -> Result<usize> {
        let (rights, inherit) = (rights.bits() as usize, inherit.bits() as usize);
        self.call(Call::Limit, [fd, rights, inherit, flags as usize, 0])
    }

    /// QUERY.
    pub fn query(&mut self, fd: usize) -> Result<HandleInfo> {
        let at = self.room(size_of::<HandleInfo>());
        self.call(Call::Query, [fd, at as usize, size_of::<HandleInfo>(), 0, 0])?;
        Ok(self.peek_struct(at))
    }

    /// The rights and inherit mask of a handle.
    pub fn rights(&mut self, fd: usize) -> Result<(Rights, Rights)> {
        let info = self.query(fd)?;
        let set = Rights::from_bits_retain;
        Ok((set(info.rights), set(info.inherit)))
    }

    /// LASTDENIAL.
    pub fn denial(&mut self) -> Option<Denial> {
        let at = self.room(size_of::<Denial>());
        let there =
            self.call(Call::LastDenial, [at as usize, size_of::<Denial>(), 0, 0, 0]).ok()?;
        (there == 1).then(|| self.peek_struct(at))
    }

    /// INSPECT: every handle of a process.
    pub fn inspect(&mut self, process: usize) -> Result<Vec<InspectRow>> {
        const SIZE: usize = size_of::<InspectRow>();
        let (mut rows, mut cursor) = (Vec::new(), 0);
        loop {
            let at = self.room(4 * SIZE);
            let args = [process, cursor, at as usize, 4 * SIZE, 0];
            let count = self.call(Call::Inspect, args)?;
            rows.extend(
                (0..count.min(4))
                    .map(|row| self.peek_struct::<InspectRow>(at + (row * SIZE) as u64)),
            );
            match rows.last() {
                Some(last) if last.next != 0 && count > 0 => cursor = last.next as usize,
                _ => return Ok(rows),
            }
        }
    }

    /// Reads at most so many refusals, from where the handle to the ring is.
    pub fn refusals(&mut self, ring: usize, most: usize) -> Result<Vec<AuditRecord>> {
        const SIZE: usize = size_of::<AuditRecord>();
        let bytes = self.read(ring, most * SIZE)?;
        let rows = bytes.chunks_exact(SIZE);
        Ok(rows.filter_map(|row| AuditRecord::read_from_bytes(row).ok()).collect())
    }

    /// CREATE.
    pub fn create(&mut self, factory: usize, a: usize, b: usize) -> Result<usize> {
        self.call(Call::Create, [factory, a, b, OUT_LOWEST, 0])
    }

    /// A slot with that label.
    pub fn slot(&mut self, factory: usize, label: &str) -> Result<usize> {
        let at = self.put(label.as_bytes()) as usize;
        self.create(factory, at, label.len())
    }

    /// An account beneath another.
    pub fn account(&mut self, parent: usize, limits: &AccountLimits) -> Result<usize> {
        let at = self.put(limits.as_bytes()) as usize;
        self.create(parent, at, 0)
    }

    /// USAGE.
    pub fn usage(&mut self, account: usize) -> Result<AccountUsage> {
        let at = self.room(size_of::<AccountUsage>());
        self.call(Call::Usage, [account, at as usize, size_of::<AccountUsage>(), 0, 0])?;
        Ok(self.peek_struct(at))
    }

    /// FMAP.
    pub fn mmap(
        &mut self,
        fd: usize,
        offset: usize,
        size: usize,
        flags: MapFlags,
    ) -> Result<usize> {
        let map = Map { offset, size, flags, address: 0 };
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&map);
        let at = self.put(&bytes) as usize;
        self.call(Call::Fmap, [fd, at, size_of::<Map>(), 0, 0])
    }

    /// FUNMAP.
    pub fn munmap(&mut self, address: usize, size: usize) -> Result<usize> {
        self.call(Call::Funmap, [address, size, 0, 0, 0])
    }

    /// Sets when blocking calls end, from now on; 0: never.
    pub fn deadline(&mut self, span: u64) -> Result<()> {
        let now = if span == 0 { 0 } else { self.now()? + span };
        self.call(Call::SetDeadline, [now as usize, 0, 0, 0, 0]).map(|_| ())
    }

    /// The monotonic time.
    pub fn now(&mut self) -> Result<u64> {
        let at = self.room(16);
        self.call(Call::ClockGettime, [4, at as usize, 0, 0, 0])?;
        let bytes = self.peek(at, 16);
        let nanoseconds = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes"));
        Ok(word(&bytes, 0) * 1_000_000_000 + u64::from(nanoseconds))
    }

    /// Sleeps.
    pub fn sleep(&mut self, nanoseconds: u64) -> Result<usize> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(nanoseconds / 1_000_000_000).to_le_bytes());
        bytes[8..].copy_from_slice(&(nanoseconds % 1_000_000_000).to_le_bytes());
        let at = self.put(&bytes) as usize;
        self.call(Call::Nanosleep, [at, 0, 0, 0, 0])
    }

    /// Lets everybody else of the same priority run for a while.
    pub fn settle(&mut self) {
        let slept = self.sleep(1_000_000);
        assert_eq!(slept.map_err(|error| error.errno), Ok(0), "sleeping works");
    }

    /// Registers interest at an event queue.
    pub fn watch(
        &mut self,
        queue: usize,
        fd: usize,
        flags: EventFlags,
        data: usize,
    ) -> Result<usize> {
        let event = Event { id: fd, flags, data };
        let bytes = event.to_vec();
        self.write(queue, &bytes)
    }

    /// Reads events: handle, flags, data.
    pub fn events(&mut self, queue: usize, most: usize) -> Result<Vec<(usize, usize, usize)>> {
        let bytes = self.read(queue, most * size_of::<Event>())?;
        let rows = bytes.chunks_exact(size_of::<Event>());
        Ok(rows
            .map(|row| (word(row, 0) as usize, word(row, 8) as usize, word(row, 16) as usize))
            .collect())
    }

    /// A counter: made and destroyed.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn counter(&mut self, name: &str) -> (u64, u64) {
        let counters = self.entry(EntryKind::Counters);
        let fd = self.dup(counters).expect("a handle to the counters");
        self.call(Call::Lseek, [fd, 0, 0, 0, 0]).expect("counters can be read again");
        let bytes = self.read(fd, 2048).expect("counters can be read");
        self.close(fd).expect("it is open");
        let rows = bytes.chunks_exact(size_of::<CounterRow>());
        for row in rows {
            if row.starts_with(name.as_bytes()) && row[name.len()] == 0 {
                return (word(row, 16), word(row, 24));
            }
        }
        panic!("no counter {name}")
    }

    /// The null birth handle.
    #[must_use]
    pub fn null(&self) -> usize {
        BIRTH_NULL
    }
}

/// An Sqe from its bytes.
#[must_use]
pub fn sqe_of(bytes: &[u8]) -> Sqe {
    let mut args = [0; 6];
    for (index, arg) in args.iter_mut().enumerate() {
        *arg = word(bytes, 8 + index * 8);
    }
    Sqe {
        opcode: bytes[0],
        sqe_flags: SqeFlags::from_bits_retain(bytes[1]),
        _rsvd: 0,
        tag: u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes")),
        args,
        caller: word(bytes, 56),
    }
}

/// The bytes of a Cqe.
#[must_use]
pub fn cqe_bytes(opcode: u8, tag: u32, result: u64, extra: u8) -> Vec<u8> {
    let cqe = Cqe { flags: opcode, extra_raw: [extra, 0, 0], tag, result };
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&cqe);
    bytes
}

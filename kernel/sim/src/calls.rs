//! System calls as methods of a simulated thread, with Rust types.
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

    /// A scheme socket.
    pub fn socket(&mut self, scheme_factory: usize) -> Result<usize> {
        let creation = self.open(scheme_factory, "scheme-creation-cap", 0)?;
        let socket = self.dup_message(creation, b"create-scheme");
        self.close(creation)?;
        socket
    }

    /// MINT: a handle to an object of the caller's own scheme.
    pub fn mint(&mut self, socket: usize, number: u64, badge: u64) -> Result<usize> {
        let all = Rights::all().bits();
        self.mint_with(
            socket,
            &MintParams { number, badge, rights: all, inherit: all, ..MintParams::default() },
        )
    }

    /// MINT, with everything chosen.
    pub fn mint_with(&mut self, socket: usize, params: &MintParams) -> Result<usize> {
        let at = self.put(params.as_bytes()) as usize;
        self.call(Call::Mint, [socket, at, size_of::<MintParams>(), OUT_LOWEST, 0])
    }

    /// DECLARE.
    pub fn declare(&mut self, socket: usize, flags: u64) -> Result<usize> {
        self.call(Call::Declare, [socket, flags as usize, 0, 0, 0])
    }

    /// An endpoint whose server is another process, which has its socket as handle 3; a handle to
    /// its object 1 with all rights, and the process.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn served(&mut self, code: impl FnOnce(&mut Thread) + Send + 'static) -> (usize, usize) {
        let scheme = self.entry(EntryKind::FactoryScheme);
        let socket = self.socket(scheme).expect("a socket");
        let handle = self.mint(socket, 1, 0).expect("a handle");
        let process = self.server(socket, code);
        self.close(socket).expect("it is open");
        (handle, process)
    }

    /// A process that serves a socket, which it has as handle 3.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn server(
        &mut self,
        socket: usize,
        code: impl FnOnce(&mut Thread) + Send + 'static,
    ) -> usize {
        let account = self.entry(EntryKind::Account);
        let ends = |t: &mut Thread| {
            code(t);
            t.exit(0);
        };
        self.process(account, &[Give::all(socket, 3)], ends).expect("a server")
    }

    /// Waits until a process has come to its end, having met what it expected.
    ///
    /// # Panics
    /// When it ended otherwise.
    pub fn finished(&mut self, process: usize) {
        let status = self.wait(process).expect("it can be waited for");
        assert_eq!((status.kind, status.code), (ExitKind::Exit as u64, 0), "it ended by itself");
    }

    /// Reads one message from a socket, which has to be of that kind.
    ///
    /// # Panics
    /// When it is not.
    pub fn expect(&mut self, socket: usize, opcode: Opcode) -> Sqe {
        let sqe = self.receive(socket).expect("a message");
        assert_eq!(sqe.opcode, opcode as u8, "{opcode:?} is expected: {sqe:?}");
        sqe
    }

    /// Reads one request from a socket, which has to be of that kind, and answers it.
    ///
    /// # Panics
    /// When it is not.
    pub fn expect_and_reply(&mut self, socket: usize, opcode: Opcode, result: u64) -> Sqe {
        let sqe = self.expect(socket, opcode);
        self.reply(socket, sqe.tag, result).expect("answers are taken");
        sqe
    }

    /// Reads one message from a socket.
    pub fn receive(&mut self, socket: usize) -> Result<Sqe> {
        Ok(self.receive_many(socket, 1)?.remove(0))
    }

    /// Reads messages from a socket.
    pub fn receive_many(&mut self, socket: usize, most: usize) -> Result<Vec<Sqe>> {
        let bytes = self.read(socket, most * SQE)?;
        Ok(bytes.chunks_exact(SQE).map(sqe_of).collect())
    }

    /// Writes an answer to a socket.
    pub fn answer(&mut self, socket: usize, opcode: u8, tag: u32, result: u64) -> Result<usize> {
        let bytes = cqe_bytes(opcode, tag, result, 0);
        self.write(socket, &bytes)
    }

    /// Answers with a value.
    pub fn reply(&mut self, socket: usize, tag: u32, result: u64) -> Result<usize> {
        self.answer(socket, CqeOpcode::RespondRegular as u8, tag, result)
    }

    /// Answers with an error.
    pub fn refuse(&mut self, socket: usize, tag: u32, errno: i32) -> Result<usize> {
        self.reply(socket, tag, (i64::from(errno)).wrapping_neg() as u64)
    }

    /// Answers "ask that handle instead".
    pub fn forward(
        &mut self,
        socket: usize,
        tag: u32,
        target: usize,
        path: &[u8],
        masks: Rights,
    ) -> Result<usize> {
        let path_at = self.put(path);
        let params = ForwardParams {
            fd: target as u64,
            path: path_at,
            path_len: path.len() as u64,
            rights: masks.bits(),
            inherit: masks.bits(),
            flags: 0,
        };
        self.forward_with(socket, tag, &params)
    }

    /// Answers "ask that handle instead", with everything chosen.
    pub fn forward_with(
        &mut self,
        socket: usize,
        tag: u32,
        params: &ForwardParams,
    ) -> Result<usize> {
        let at = self.put(params.as_bytes());
        self.answer(socket, CQE_FORWARD, tag, at)
    }

    /// The payload of a request that carries one.
    pub fn payload(&mut self, sqe: &Sqe) -> Vec<u8> {
        self.peek(sqe.args[1], sqe.args[2] as usize)
    }

    /// The path of a request that carries one.
    pub fn path(&mut self, sqe: &Sqe) -> String {
        String::from_utf8(self.payload(sqe)).expect("paths are text")
    }

    /// CALL.
    pub fn call_with(
        &mut self,
        fd: usize,
        payload: &mut [u8],
        flags: CallFlags,
        metadata: &[u64],
    ) -> Result<usize> {
        let at = self.put(payload);
        let words = self.put(metadata.as_bytes()) as usize;
        let flags = flags.bits() | metadata.len();
        let result = self.call(Call::Call, [fd, at as usize, payload.len(), flags, words])?;
        payload.copy_from_slice(&self.peek(at, payload.len()));
        Ok(result)
    }

    /// CALL across two handles.
    pub fn call_across(
        &mut self,
        first: usize,
        second: usize,
        payload: &mut [u8],
        flags: CallFlags,
        metadata: &[u64],
    ) -> Result<usize> {
        let numbers = self.put([first, second].as_bytes()) as usize;
        self.call_with(numbers | 2, payload, flags | CallFlags::MULTIPLE_FDS2, metadata)
    }

    /// Sends handles through a channel.
    pub fn send_handles(
        &mut self,
        fd: usize,
        handles: &[usize],
        extra: CallFlags,
    ) -> Result<usize> {
        let mut bytes = handles.as_bytes().to_vec();
        self.call_with(fd, &mut bytes, CallFlags::FD | CallFlags::WRITE | extra, &[])
    }

    /// Receives handles through a channel.
    pub fn receive_handles(&mut self, fd: usize, count: usize) -> Result<Vec<usize>> {
        let mut bytes = vec![0; count * 8];
        let n = self.call_with(fd, &mut bytes, CallFlags::FD | CallFlags::READ, &[])?;
        Ok((0..n).map(|at| word(&bytes, at * 8) as usize).collect())
    }

    /// A server takes handles that came with a request.
    pub fn obtain(&mut self, socket: usize, tag: u32, count: usize) -> Result<Vec<usize>> {
        let mut bytes = vec![0; count * 8];
        let flags = CallFlags::FD | CallFlags::READ;
        let n = self.call_with(socket, &mut bytes, flags, &[0, u64::from(tag)])?;
        Ok((0..n).map(|at| word(&bytes, at * 8) as usize).collect())
    }

    /// A server moves handles into a request that asked for some.
    pub fn hand_in(&mut self, socket: usize, tag: u32, handles: &[usize]) -> Result<usize> {
        let mut bytes = handles.as_bytes().to_vec();
        let flags = CallFlags::FD | CallFlags::WRITE;
        self.call_with(socket, &mut bytes, flags, &[1, u64::from(tag)])
    }

    /// Empties a slot.
    pub fn empty_slot(&mut self, slot: usize) -> Result<usize> {
        self.send_handles(slot, &[], CallFlags::empty())
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

    /// Builds and starts a process with its own data pages; its handle. Thread `n` of it may use
    /// the argument `n`.
    pub fn process(
        &mut self,
        account: usize,
        gives: &[Give],
        code: impl FnOnce(&mut Thread) + Send + 'static,
    ) -> Result<usize> {
        let process = self.process_build(account, gives, &ProcessParams::default())?;
        let entry = self.program(code);
        match self.call(Call::ProcessStart, [process, entry as usize, 0, 0, 0]) {
            Ok(_) => Ok(process),
            Err(error) => {
                self.close(process)?;
                Err(error)
            }
        }
    }

    /// Builds a process with its own data pages, without starting it.
    pub fn process_build(
        &mut self,
        account: usize,
        gives: &[Give],
        params: &ProcessParams,
    ) -> Result<usize> {
        let grants: Vec<Grant> = gives
            .iter()
            .map(|Give(source, number, rights, inherit)| Grant {
                source: *source as u64,
                number: *number as u64,
                rights: rights.bits(),
                inherit: inherit.bits(),
                flags: 0,
            })
            .collect();
        let grants_at = self.put(grants.as_bytes());
        let name = self.put(b"child");
        let params = ProcessParams {
            grants: grants_at,
            grant_count: grants.len() as u64,
            name,
            name_len: 5,
            table: if params.table == 0 { u64::MAX } else { params.table },
            priority: if params.priority == 0 { u64::MAX } else { params.priority },
            flags: params.flags,
        };
        let at = self.put(params.as_bytes()) as usize;
        let size = size_of::<ProcessParams>();
        let process = self.call(Call::ProcessCreate, [account, at, size, OUT_LOWEST, 0])?;
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
        let at = self.put(map.as_bytes()) as usize;
        match self.call(Call::Map, [process, at, size_of::<MapParams>(), 0, 0]) {
            Ok(_) => Ok(process),
            Err(error) => {
                self.close(process)?;
                Err(error)
            }
        }
    }

    /// Starts another thread of the same process; it has the arena `argument`.
    pub fn spawn(
        &mut self,
        argument: u64,
        code: impl FnOnce(&mut Thread) + Send + 'static,
    ) -> Result<usize> {
        let entry = self.program(code);
        let params = ThreadParams { entry, stack: 0, argument, tls: 0 };
        let at = self.put(params.as_bytes()) as usize;
        self.call(Call::ThreadCreate, [at, size_of::<ThreadParams>(), 0, 0, 0])
    }

    /// FORK: the copy's only thread runs that code; it may use the same data as this one.
    pub fn fork(
        &mut self,
        account: usize,
        code: impl FnOnce(&mut Thread) + Send + 'static,
    ) -> Result<usize> {
        let argument = self.argument as usize;
        let entry = self.program(code) as usize;
        self.call(Call::Fork, [account, entry, 0, argument, OUT_LOWEST])
    }

    /// EXEC with that code as the new program; it has the arena 0.
    pub fn exec(
        &mut self,
        process: usize,
        code: impl FnOnce(&mut Thread) + Send + 'static,
    ) -> Result<usize> {
        let entry = self.program(code) as usize;
        self.call(Call::Exec, [process, entry, 0, 0, 0])
    }

    /// SIGNAL_ACTIONS: signals are caught and told of at an address of this thread's data.
    pub fn catch(&mut self, caught: &[u64], ignored: &[u64]) -> Result<usize> {
        let set = |all: &[u64]| all.iter().fold(0, |set, number| set | signal::bit(*number));
        let frame = self.put(&[0; size_of::<SignalFrame>()]) as usize;
        let (caught, ignored) = (set(caught) as usize, set(ignored) as usize);
        self.call(Call::SignalActions, [0x1000, frame, caught, ignored, 0])
    }

    /// SIGNAL_MASK.
    pub fn mask(&mut self, blocked: u64) -> Result<usize> {
        self.call(Call::SignalMask, [blocked as usize, 0, 0, 0, 0])
    }

    /// SIGNAL_WAIT until an instant; what was taken.
    pub fn wait_signal(&mut self, set: u64, until: usize) -> Result<SignalInfo> {
        let at = self.room(size_of::<SignalInfo>());
        self.call(Call::SignalWait, [set as usize, at as usize, until, 0, 0])?;
        Ok(self.peek_struct(at))
    }

    /// Ends the process.
    pub fn exit(&mut self, code: usize) -> ! {
        let _ = self.call(Call::Exit, [code, 0, 0, 0, 0]);
        unreachable!("EXIT returned")
    }

    /// SIGNAL.
    pub fn signal(&mut self, fd: usize, signal: usize) -> Result<usize> {
        self.call(Call::Signal, [fd, signal, 0, 0, 0])
    }

    /// Waits for the end of a process.
    pub fn wait(&mut self, process: usize) -> Result<ExitStatus> {
        let at = self.room(size_of::<ExitStatus>());
        let size = size_of::<ExitStatus>();
        match self.call(Call::Read, [process, at as usize, size, 0, 0])? {
            n if n == size => Ok(self.peek_struct(at)),
            _ => Err(Error::new(EINVAL)),
        }
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

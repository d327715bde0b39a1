//! Calls of servers, and of who hands handles to them.
use super::*;

impl Thread {
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
}

//! Calls that make, signal and end processes and threads.
use super::*;

impl Thread {
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
}

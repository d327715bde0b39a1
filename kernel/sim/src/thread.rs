//! Programs written as plain code: each runs on a host thread that takes turns with the kernel.
use crate::program::{Act, Program, User};
use crate::world::{ARENA, DATA, Programs};
use clavis_abi::call::Call;
use clavis_abi::error::{Result, demux};
use clavis_abi::params::SignalFrame;
use clavis_core::machine::Start;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use zerocopy::FromBytes;

enum Ask {
    Call(usize, [usize; 5]),
    Read(u64, usize),
    Write(u64, Vec<u8>),
    Pass(u64),
    /// A thread for another program: the closure, and where to answer its entry address.
    Add(Box<dyn FnOnce(&mut Thread) + Send>),
    /// The signals that it was told of.
    Signals,
}

enum Told {
    Result(usize),
    Bytes(Vec<u8>),
    Done,
    Entry(u64),
    Signals(Vec<SignalFrame>),
}

/// Why a host thread unwinds when its simulated thread is gone.
struct Gone;

/// The thread that a piece of test code is.
pub struct Thread {
    ask: Sender<Ask>,
    told: Receiver<Told>,
    base: u64,
    used: u64,
    /// The argument that it was started with.
    pub argument: u64,
}

/// A host thread as a program.
struct Host {
    ask: Receiver<Ask>,
    tell: Option<Sender<Told>>,
    pending: Option<Ask>,
    thread: Option<JoinHandle<std::thread::Result<()>>>,
    programs: Programs,
    awaits_result: bool,
    /// Where a frame lies that was not read yet.
    told: Option<u64>,
    /// Results of calls that signals came upon, and whether there was a call.
    under: Vec<Option<usize>>,
    signals: Vec<SignalFrame>,
}

impl Programs {
    /// Registers plain code as a program.
    pub fn add_thread(&self, code: impl FnOnce(&mut Thread) + Send + 'static) -> u64 {
        let programs = self.clone();
        self.add(move |start| Box::new(Host::start(programs, start, Box::new(code))))
    }
}

impl Host {
    fn start(programs: Programs, start: Start, code: Box<dyn FnOnce(&mut Thread) + Send>) -> Self {
        let (ask, asked) = channel();
        let (tell, told) = channel();
        let argument = start.argument;
        let forgiving = programs.is_forgiving();
        let run = move || {
            let base = DATA + (argument % 16) * ARENA;
            let mut thread = Thread { ask, told, base, used: 0, argument };
            let ended = catch_unwind(AssertUnwindSafe(|| code(&mut thread)));
            match ended {
                Ok(()) => {
                    let last = catch_unwind(AssertUnwindSafe(|| {
                        let _ = thread.call(Call::ThreadExit, [0; 5]);
                    }));
                    match last {
                        Err(why) if !why.is::<Gone>() => Err(why),
                        _ => Ok(()),
                    }
                }
                Err(why) if why.is::<Gone>() => Ok(()),
                Err(_) if forgiving => {
                    let last = catch_unwind(AssertUnwindSafe(|| {
                        let _ = thread.call(Call::Exit, [101, 0, 0, 0, 0]);
                    }));
                    last.err().filter(|why| !why.is::<Gone>()).map_or(Ok(()), Err)
                }
                Err(why) => Err(why),
            }
        };
        let thread = std::thread::Builder::new()
            .stack_size(256 * 1024)
            .spawn(run)
            .expect("the host has threads");
        Self {
            ask: asked,
            tell: Some(tell),
            pending: None,
            thread: Some(thread),
            programs,
            awaits_result: false,
            told: None,
            under: Vec::new(),
            signals: Vec::new(),
        }
    }

    fn tell(&self, what: Told) {
        if let Some(tell) = &self.tell {
            // A host thread that is gone is found at the next question.
            let _ = tell.send(what);
        }
    }

    fn join(&mut self) -> Option<Box<dyn Any + Send>> {
        self.thread.take()?.join().ok()?.err()
    }
}

impl Program for Host {
    fn act(&mut self, user: &mut User<'_>) -> Act {
        if let Some(at) = user.told.or(self.told) {
            // As a runtime would: the frame is taken, the handler is a note of it, and the mask
            // goes back to what it was.
            let mut bytes = [0; size_of::<SignalFrame>()];
            self.told = Some(at);
            if let Err(act) = user.read(at, &mut bytes) {
                return act;
            }
            self.told = None;
            let frame = SignalFrame::read_from_bytes(&bytes).expect("its size is right");
            self.signals.push(frame);
            let call = std::mem::take(&mut self.awaits_result);
            self.under.push(call.then_some(frame.rax as usize));
            return Act::Call(Call::SignalMask as usize, [frame.mask as usize, 0, 0, 0, 0]);
        }
        let mut result = user.result;
        if let Some(under) = self.under.pop() {
            self.awaits_result = under.is_some();
            result = under;
        }
        if std::mem::take(&mut self.awaits_result) {
            self.tell(Told::Result(result.unwrap_or(0)));
        }
        loop {
            let ask = match self.pending.take() {
                Some(ask) => ask,
                None => match self.ask.recv() {
                    Ok(ask) => ask,
                    Err(_) => match self.join() {
                        Some(why) => resume_unwind(why),
                        None => panic!("test code ended without ending its thread"),
                    },
                },
            };
            match ask {
                Ask::Call(number, args) => {
                    self.awaits_result = true;
                    return Act::Call(number, args);
                }
                Ask::Read(address, len) => {
                    let mut bytes = vec![0; len];
                    match user.read(address, &mut bytes) {
                        Ok(()) => self.tell(Told::Bytes(bytes)),
                        Err(act) => {
                            self.pending = Some(Ask::Read(address, len));
                            return act;
                        }
                    }
                }
                Ask::Write(address, bytes) => match user.write(address, &bytes) {
                    Ok(()) => self.tell(Told::Done),
                    Err(act) => {
                        self.pending = Some(Ask::Write(address, bytes));
                        return act;
                    }
                },
                Ask::Pass(time) => {
                    user.pass(time);
                    self.tell(Told::Done);
                }
                Ask::Signals => {
                    let signals = std::mem::take(&mut self.signals);
                    self.tell(Told::Signals(signals));
                }
                Ask::Add(code) => {
                    let entry = self.programs.add_thread(code);
                    self.tell(Told::Entry(entry));
                }
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The simulated thread is gone: the host thread learns it at its next question.
        self.tell = None;
        if let Some(why) = self.join()
            && !std::thread::panicking()
        {
            resume_unwind(why);
        }
    }
}

impl Thread {
    fn ask(&mut self, ask: Ask) -> Told {
        if self.ask.send(ask).is_err() {
            resume_unwind(Box::new(Gone));
        }
        match self.told.recv() {
            Ok(told) => told,
            Err(_) => resume_unwind(Box::new(Gone)),
        }
    }

    /// A system call by number.
    pub fn raw(&mut self, number: usize, args: [usize; 5]) -> usize {
        match self.ask(Ask::Call(number, args)) {
            Told::Result(value) => value,
            _ => unreachable!("a call is answered with its result"),
        }
    }

    /// A system call.
    ///
    /// # Errors
    /// What it answered.
    pub fn call(&mut self, call: Call, args: [usize; 5]) -> Result<usize> {
        demux(self.raw(call as usize, args))
    }

    /// Reads memory.
    pub fn peek(&mut self, address: u64, len: usize) -> Vec<u8> {
        match self.ask(Ask::Read(address, len)) {
            Told::Bytes(bytes) => bytes,
            _ => unreachable!("a read is answered with bytes"),
        }
    }

    /// Writes memory.
    pub fn poke(&mut self, address: u64, bytes: &[u8]) {
        self.ask(Ask::Write(address, bytes.to_vec()));
    }

    /// Reads a structure.
    pub fn peek_struct<T: zerocopy::FromBytes>(&mut self, address: u64) -> T {
        let bytes = self.peek(address, size_of::<T>());
        T::read_from_bytes(&bytes).expect("the size is the structure's")
    }

    /// Lets time pass.
    pub fn pass(&mut self, nanoseconds: u64) {
        self.ask(Ask::Pass(nanoseconds));
    }

    /// Room in the thread's own data; used again in a circle.
    pub fn room(&mut self, len: usize) -> u64 {
        let len = (len as u64).next_multiple_of(16);
        assert!(len <= ARENA, "more room than a thread has");
        if self.used + len > ARENA {
            self.used = 0;
        }
        let at = self.base + self.used;
        self.used += len;
        at
    }

    /// Puts bytes into the thread's own data.
    pub fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.room(bytes.len().max(1));
        if !bytes.is_empty() {
            self.poke(at, bytes);
        }
        at
    }

    /// The signals that the thread was told of since it last asked.
    pub fn signals(&mut self) -> Vec<SignalFrame> {
        match self.ask(Ask::Signals) {
            Told::Signals(signals) => signals,
            _ => unreachable!("signals are answered with signals"),
        }
    }

    /// Registers code for another thread; its entry address.
    pub fn program(&mut self, code: impl FnOnce(&mut Thread) + Send + 'static) -> u64 {
        match self.ask(Ask::Add(Box::new(code))) {
            Told::Entry(entry) => entry,
            _ => unreachable!("a program is answered with its entry"),
        }
    }
}

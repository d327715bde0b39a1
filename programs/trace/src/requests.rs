//! Requests, made once more on the real handles, and told.
use crate::boundary::{Boundary, Stood};
use crate::events::Events;
use crate::workers::Worker;
use clavis::abi::error::{EBADF, ENOSYS, ENOTCAPABLE};
use clavis::relay::{Request, relay, relay_open};
use clavis::server::request_info;
use clavis::{AsNumber, Error, memory};
use std::sync::Arc;
use syscall::flag::{EventFlags, MapFlags, StdFsCallKind};
use syscall::schemev2::Opcode;
use trace_lines::{Asked, Operation, Outcome, Yield, joined};

/// Why a request failed.
type Failed = Error;

/// What became of a request, as it is told.
pub(crate) fn failed(error: &Failed) -> Outcome {
    Outcome::Failed(error.errno(), error.denial().copied())
}

/// A request, as it is told.
pub(crate) struct Line {
    pub(crate) process: u64,
    pub(crate) operation: Operation,
    pub(crate) asked: String,
}

impl Boundary {
    /// Carries a request out and answers it.
    pub(crate) fn attend(self: &Arc<Self>, mut request: Request, worker: &mut Worker) {
        let opcode = match request.opcode() {
            Some(Opcode::CloseMsg) => return self.close(request.number()),
            Some(Opcode::Munmap | Opcode::Msync | Opcode::Detach) => return,
            opcode => opcode,
        };
        if self.is_own(&request) {
            let number = request.second().unwrap_or(0);
            worker.finished(self, request.tag());
            _ = self.receiver.answer(request, Ok(number));
            return;
        }
        let words = request.words();
        let operation = opcode.and_then(|opcode| Operation::of(opcode, words[0]));
        let second = request.second().map(|number| self.object(number));
        let object = self.object(request.number());
        let (Some(opcode), Some(operation), Some(object), None | Some(Some(_))) =
            (opcode, operation, object, &second)
        else {
            let errno = if operation.is_none() { ENOSYS } else { EBADF };
            worker.finished(self, request.tag());
            _ = self.receiver.answer(request, Err(errno));
            return;
        };
        let second = second.flatten();
        let on = object.shown();
        let second_name = second.as_ref().map(|second| second.shown());
        let words =
            if matches!(opcode, Opcode::OpenAt) { self.open_words(&request) } else { words };
        let asked = Asked {
            opcode,
            on: &on,
            second: second_name.as_deref(),
            payload: request.payload(),
            words,
        };
        let asked = asked.shown(operation);
        let line = Line { process: request.process(), operation, asked };
        match opcode {
            Opcode::OpenAt | Opcode::Dup => self.open(request, &object, words[0], &line, worker),
            Opcode::Sendfd => self.send(request, &object, &line, worker),
            Opcode::Recvfd => self.receive(request, &object, &line, worker),
            Opcode::MmapPrep => self.map(request, &object, &line, worker),
            Opcode::Fevent => {
                let flags = EventFlags::from_bits_truncate(words[0] as usize);
                let ready = Events::watch(self, &object, flags);
                self.finish(request, &line, ready, Yield::Number, worker);
            }
            _ => self.pass(request, &object, second.as_ref(), &line, worker),
        }
    }

    /// Whether it is a question of this process itself: which object a handle leads to.
    fn is_own(&self, request: &Request) -> bool {
        let own = request.process() == clavis::process::number() as u64;
        own && request.number() == 0
    }

    /// The flags of an open, those included that the server need not see.
    fn open_words(&self, request: &Request) -> [u64; 3] {
        let [flags, status, third] = request.words();
        let all = request_info(&self.receiver, request.tag()).map_or(0, |info| info.flags);
        [flags | all, status, third]
    }

    /// Makes a request once more whose answer is a number or bytes.
    fn pass(
        &self,
        mut request: Request,
        object: &Stood,
        second: Option<&Stood>,
        line: &Line,
        worker: &mut Worker,
    ) {
        let Some(opcode) = request.opcode() else { return };
        let mut words = request.words();
        if matches!(opcode, Opcode::Read | Opcode::Write) {
            words[2] = u64::from(object.shared && object.positioned);
        }
        // What has no offset may have to be waited for. A handle of a file is used as it is: closing
        // another to it would end the locks that were taken there.
        let locks = matches!(opcode, Opcode::StdFsCall) && about_locks(words[0]);
        let lent = if object.positioned || locks { Ok(None) } else { worker.lent(&object.real) };
        let second = second.map(|second| second.real.number());
        let result = lent.and_then(|lent| {
            let real = lent.as_ref().unwrap_or(&object.real);
            relay(real, second, opcode, request.payload(), words)
        });
        if matches!(opcode, Opcode::UnlinkAt) && is_refusal(&result) {
            return self.refuse(request, object, line, result, worker);
        }
        let bytes = match (opcode, &result) {
            (Opcode::Read | Opcode::Fpath, Ok(length)) => {
                request.payload().get(..*length).map(<[u8]>::to_vec)
            }
            _ => None,
        };
        let shown = |number| bytes.map_or(Yield::Number(number), Yield::Bytes);
        self.finish(request, line, result, shown, worker);
    }

    /// Opens what the program opens, and gives it a stand-in.
    fn open(
        &self,
        mut request: Request,
        object: &Stood,
        flags: u64,
        line: &Line,
        worker: &mut Worker,
    ) {
        let Some(opcode) = request.opcode() else { return };
        let payload = request.payload();
        let (path, flags) = match opcode {
            Opcode::OpenAt => (joined(&object.path, &String::from_utf8_lossy(payload)), flags),
            _ => (object.path.clone(), 0),
        };
        let opened = relay_open(&object.real, opcode, payload, flags);
        if matches!(opcode, Opcode::OpenAt) && is_refusal(&opened) {
            return self.refuse(request, object, line, opened.map(|_| 0), worker);
        }
        let given = opened.and_then(|real| self.found(path, flags, real));
        let given_up = worker.finished(self, request.tag());
        match given {
            Ok((handle, shown)) => {
                let outcome = if given_up { Outcome::GivenUp } else { Outcome::Yielded(shown) };
                self.told.call(line.process, line.operation, &line.asked, &outcome);
                _ = self.receiver.hand_over(request, handle);
            }
            Err(error) => {
                self.told.call(line.process, line.operation, &line.asked, &failed(&error));
                _ = self.receiver.answer(request, Err(error.errno()));
            }
        }
    }

    /// What the real handle refused the program meets itself, through that handle: so it learns what
    /// was missing as it would without a trace.
    fn refuse(
        &self,
        request: Request,
        object: &Stood,
        line: &Line,
        result: Result<usize, Error>,
        worker: &mut Worker,
    ) {
        let Err(error) = result else { return };
        worker.finished(self, request.tag());
        self.told.call(line.process, line.operation, &line.asked, &failed(&error));
        if let Some(denial) = error.denial() {
            self.told.expect(line.process, *denial);
        }
        if let Err(request) = self.receiver.forward(request, &object.real) {
            _ = self.receiver.answer(request, Err(error.errno()));
        }
    }

    /// Shows the program the memory that the real handle shows.
    fn map(&self, request: Request, object: &Stood, line: &Line, worker: &mut Worker) {
        let [length, flags, offset] = request.words();
        let mut flags = MapFlags::from_bits_retain(flags as usize);
        if flags.contains(MapFlags::MAP_PRIVATE) {
            // What is written there is the program's own.
            flags -= MapFlags::PROT_WRITE;
        }
        let shown = memory::shown(&object.real, offset, length as usize, flags);
        let address = shown.as_ref().map(memory::Mapping::address).map_err(|error| *error);
        // The program keeps its pages when this process unmaps its own.
        self.finish(request, line, address, |_| Yield::Number(0), worker);
        drop(shown);
    }

    /// Tells what became of a request, and answers it.
    pub(crate) fn finish(
        &self,
        request: Request,
        line: &Line,
        result: Result<usize, Error>,
        shown: impl FnOnce(u64) -> Yield,
        worker: &mut Worker,
    ) {
        let given_up = worker.finished(self, request.tag());
        let outcome = match &result {
            _ if given_up => Outcome::GivenUp,
            Ok(number) => Outcome::Yielded(shown(*number as u64)),
            Err(error) => failed(error),
        };
        self.told.call(line.process, line.operation, &line.asked, &outcome);
        _ = self.receiver.answer(request, result.map_err(|error| error.errno()));
    }

    fn close(&self, number: usize) {
        let Some(object) = self.closed(number) else { return };
        self.events.forget(&object);
        self.told.notice(Operation::Close, &format!("close({})", object.shown()));
    }
}

fn is_refusal<T>(result: &Result<T, Error>) -> bool {
    result.as_ref().is_err_and(|error| error.errno() == ENOTCAPABLE)
}

fn about_locks(kind: u64) -> bool {
    [StdFsCallKind::Lock, StdFsCallKind::Unlock, StdFsCallKind::GetLock]
        .iter()
        .any(|about| *about as u64 == kind)
}

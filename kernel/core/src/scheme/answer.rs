//! Answers: a server writes Cqes to its socket.
use super::receive::NOTICE_TAG;
use crate::prelude::*;
use crate::syscall::Asked;
use clavis_abi::syscall::schemev2::NewFdFlags;

const CQE: usize = size_of::<Cqe>();
const SQE: usize = size_of::<Sqe>();

/// How answers were handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// By a plain write: the library closes the numbers it answered with itself.
    Write,
    /// Together with the next receive: answered numbers are free at once.
    Combined,
}

impl<M: Machine> Kernel<M> {
    /// Writes answers to a socket. Never waits.
    pub(crate) fn socket_write(
        &mut self,
        caller: &Caller,
        endpoint: EndpointId,
        from: UserSlice,
    ) -> Reply {
        let count = (from.len / CQE).min(SOCKET_BATCH);
        for index in 0..count {
            if let Err(error) = self.answer_at(caller, endpoint, from, index, Style::Write) {
                return if index > 0 { Ok(Outcome::Done(index * CQE)) } else { Err(error) };
            }
        }
        Ok(Outcome::Done(count * CQE))
    }

    /// Writes answers and waits for requests in one call: metadata `[0, answers, requests]`.
    pub(crate) fn socket_combined(
        &mut self,
        caller: &Caller,
        endpoint: EndpointId,
        asked: &Asked,
    ) -> Reply {
        const BOTH: CallFlags = CallFlags::READ.union(CallFlags::WRITE);
        let Asked {
            first, payload: buffer, flags, metadata: [verb, answers, wanted], words, ..
        } = *asked;
        refuse_if(
            flags - CallFlags::ALLOW_DIRECT_SWITCH != BOTH || words != METADATA_WORDS,
            EINVAL,
        )?;
        let socket = self.door(caller, first, Rights::READ | Rights::WRITE)?;
        let nonblock = self.descriptions[socket.description].flags as usize & O_NONBLOCK != 0;
        let (answers, wanted) = (answers as usize, wanted as usize);
        refuse_if(
            verb != 0
                || answers > SOCKET_BATCH
                || wanted > SOCKET_BATCH
                || answers * CQE > buffer.len
                || wanted * SQE > buffer.len,
            EINVAL,
        )?;
        self.inbox_base(caller, endpoint)?;
        for index in 0..answers {
            self.answer_at(caller, endpoint, buffer, index, Style::Combined)?;
        }
        if wanted == 0 {
            return Ok(Outcome::Done(answers));
        }
        let (most, written) = (wanted, answers);
        let receive = Receive { endpoint, to: buffer, most, written, count: true, base: 0 };
        self.receive_or_wait(caller, receive, nonblock)
    }

    fn answer_at(
        &mut self,
        caller: &Caller,
        endpoint: EndpointId,
        from: UserSlice,
        index: usize,
        style: Style,
    ) -> Result<()> {
        let mut cqe = Cqe::default();
        self.read_user(caller.space, from.part(index * CQE, CQE).address, &mut cqe)?;
        self.answer(caller, endpoint, &cqe, style)
    }

    /// Takes one answer.
    ///
    /// # Errors
    /// Only those that leave the request with the server: a bad forward.
    fn answer(
        &mut self,
        caller: &Caller,
        endpoint: EndpointId,
        cqe: &Cqe,
        style: Style,
    ) -> Result<()> {
        let opcode = cqe.flags & 0b111;
        if opcode == CqeOpcode::SendFevent as u8 {
            let events = (cqe.tag & 0b111) as u8;
            self.notify(SchemeObject::whichever(endpoint, cqe.result), events);
            return Ok(());
        }
        let Ok(id) = self.request_by_tag(caller, endpoint, cqe.tag) else {
            if cqe.tag != NOTICE_TAG {
                self.statistics.swallowed = self.statistics.swallowed.wrapping_add(1);
            }
            return Ok(());
        };
        if opcode == CQE_FORWARD {
            return self.forward(caller, id, cqe.result);
        }
        self.requests[id].server = None;
        self.priority_back(caller, endpoint, id);
        match CqeOpcode::try_from_raw(opcode) {
            Some(CqeOpcode::RespondRegular) => self.answer_value(id, cqe),
            Some(CqeOpcode::RespondAndNotifyOnDetach) => {
                let through = self.requests[id].through;
                self.descriptions[through].tells_detach |= server_result(cqe.result).is_ok();
                self.answer_value(id, cqe);
            }
            Some(CqeOpcode::RespondWithFd) => {
                self.answer_handle(caller, id, cqe.result as usize, style);
            }
            Some(CqeOpcode::RespondWithMultipleFds) => {
                let count = cqe.result as usize;
                self.answer_batch(id, count);
            }
            _ => self.request_fail(id, EIO),
        }
        Ok(())
    }

    /// A server that answered a request runs at its own priority, or at that of the most urgent
    /// caller who still waits for it.
    #[inline]
    fn priority_back(&mut self, server: &Caller, at: EndpointId, answered: RequestId) {
        let thread = &self.threads[server.thread];
        if thread.priority == thread.base {
            return;
        }
        let waits = |request: &&Request| matches!(request.stage, Stage::Queued | Stage::Delivered);
        let places = self.endpoints[at].places.iter().filter_map(|place| place.request);
        let others = places.filter(|id| *id != answered).map(|id| &self.requests[id]);
        let callers = others.filter(waits).filter_map(|request| request.caller);
        let most = callers.map(|caller| self.threads[caller].priority).max();
        let priority = thread.base.max(most.unwrap_or(0));
        self.threads[server.thread].priority = priority;
        self.attend();
    }

    fn answer_value(&mut self, id: RequestId, cqe: &Cqe) {
        let request = &mut self.requests[id];
        let value = match server_result(cqe.result) {
            Ok(value) => value,
            Err(error) => return self.answer_error(id, error.errno),
        };
        let class = request.class;
        if matches!(class, Class::OpenAt | Class::Dup) {
            return self.answer_opened(id, cqe);
        }
        let Some(caller) = request.caller else { return self.request_free(id) };
        match class {
            Class::RecvFd => return self.request_fail(id, EIO),
            // An address of the server's own.
            Class::MmapPrep => match self.lend(id, value as u64) {
                Ok(caller) => return self.answered(id, caller),
                Err(error) => return self.request_fail(id, error.errno),
            },
            Class::Fevent => {
                if let Some((registration, interest)) = request.registration.take() {
                    let ready = value as u8 & interest;
                    if self.registrations.get(registration).is_some() {
                        self.tell(registration, ready);
                    }
                    let size = size_of::<clavis_abi::syscall::data::Event>();
                    self.requests[id].result = size;
                    return self.answered(id, caller);
                }
                request.result = value;
            }
            Class::Read | Class::Fpath if value > request.len => {
                return self.request_fail(id, EIO);
            }
            Class::Fsize if request.seek.is_some() => return self.answer_seek(id, value),
            Class::Write if value > request.len => return self.request_fail(id, EIO),
            _ => request.result = value,
        }
        self.answered(id, caller);
    }

    /// A server answered with an error, or nobody can be asked. An open that was passed on as long as no
    /// link and no directory is met, and met one, is made anew: who judges paths walks then.
    pub(super) fn answer_error(&mut self, id: RequestId, errno: i32) {
        const STRAIGHT: u64 = open_flags::OR_WALK | open_flags::WALK;
        let Request { caller, opening, .. } = self.requests[id];
        let asked = opening.map_or(0, |opening| opening.open_flags & STRAIGHT);
        let Some(caller) = caller
            .filter(|_| asked == open_flags::OR_WALK && matches!(errno, ELOOP | ENOTDIR | EISDIR))
        else {
            return self.request_fail(id, errno);
        };
        self.request_free(id);
        self.threads[caller].args[3] |= open_flags::WALK as usize;
        self.wake_next(caller, Resume::Retry);
    }

    /// A server answered how long an object is, for a seek from its end.
    fn answer_seek(&mut self, id: RequestId, length: usize) {
        let Request { seek, through, caller, .. } = self.requests[id];
        let (Some(distance), Some(caller)) = (seek, caller) else {
            return self.request_fail(id, EIO);
        };
        let sought = i64::try_from(length).ok().and_then(|length| length.checked_add(distance));
        match sought.and_then(|offset| u64::try_from(offset).ok()) {
            Some(offset) => {
                self.descriptions[through].offset = offset;
                self.requests[id].result = offset as usize;
                self.answered(id, caller);
            }
            None => self.request_fail(id, EINVAL),
        }
    }

    /// The answer is complete: its caller copies out what there is, or goes on at once.
    pub(crate) fn answered(&mut self, id: RequestId, caller: ThreadId) {
        let request = &mut self.requests[id];
        request.stage = Stage::Answered;
        request.moved = 0;
        let copies = request.bytes_back() > 0;
        if !copies && request.wanted.is_none() && !request.positioned && request.batch.is_none() {
            let result = request.result;
            self.request_free(id);
            self.complete_next(caller, Ok(result));
        } else {
            self.wake_next(caller, Resume::Finish(id));
        }
    }

    /// A server opened one of its own objects.
    fn answer_opened(&mut self, id: RequestId, cqe: &Cqe) {
        let request = &mut self.requests[id];
        let (Some(opening), Some(endpoint)) = (request.opening.take(), request.endpoint) else {
            return self.request_fail(id, EIO);
        };
        let Some(caller) = request.caller else {
            // The caller is gone: what was opened for it is closed at once.
            let epoch = self.endpoints[endpoint].epoch;
            self.endpoints.retain(endpoint);
            let object = SchemeObject { endpoint, epoch, number: cqe.result, badge: 0 };
            self.descriptions[opening.description].object = Object::Scheme(object);
            self.description_release(opening.description);
            return self.request_free(id);
        };
        request.result = opening.out.number;
        let lease = request.lease;
        self.opened(&opening, lease, endpoint, cqe);
        self.answered(id, caller);
    }

    /// Makes the handle to an object that its server opened.
    pub(crate) fn opened(&mut self, opening: &Opening, lease: Under, at: EndpointId, cqe: &Cqe) {
        let endpoint = &mut self.endpoints[at];
        endpoint.refs = endpoint.refs.wrapping_add(1);
        let (epoch, number) = (endpoint.epoch, cqe.result);
        let description = &mut self.descriptions[opening.description];
        description.object = Object::Scheme(SchemeObject { endpoint: at, epoch, number, badge: 0 });
        let extra = NewFdFlags::from_bits_truncate(cqe.extra_raw[0]);
        description.positioned = extra.contains(NewFdFlags::POSITIONED);
        if opening.open_flags as usize & O_WRONLY != 0 && !opening.rights.contains(Rights::WRITE) {
            description.flags |= O_APPEND as u32;
            description.append_locked = true;
        }
        self.number_fill(opening.out, opening.handle(opening.rights, lease));
    }

    /// A server hands over one of its own handles.
    fn answer_handle(&mut self, server: &Caller, id: RequestId, number: usize, style: Style) {
        let Request { caller, opening, class, lease, .. } = self.requests[id];
        let given = if number & UPPER_TAG == 0 {
            self.tables[server.table].get(number).copied()
        } else {
            None
        };
        let Some(given) = given else {
            self.request_fail(id, EBADF);
            return;
        };
        // Held until the request is over: it may be the socket that the request came through.
        self.descriptions.retain(given.description);
        let object = self.descriptions[given.description].object;
        let fits = given.rights.contains(Rights::TRANSFER)
            && !matches!(object, Object::Table(_))
            && matches!(class, Class::OpenAt | Class::Dup)
            && opening.is_some();
        // The number goes as it goes with any answer, whether it fits or not.
        self.answered_number(server, number, style);
        let (Some(opening), Some(caller), true) = (opening, caller, fits) else {
            if caller.is_some() {
                self.request_fail(id, EIO);
            } else {
                self.request_free(id);
            }
            return self.description_release(given.description);
        };
        let payer = self.descriptions[opening.description].account;
        let lease = match self.lease_join(payer, lease, given.lease) {
            Ok(lease) => lease,
            Err(error) => {
                self.request_fail(id, error.errno);
                return self.description_release(given.description);
            }
        };
        self.requests[id].opening = None;
        self.description_release(opening.description);
        let (rights, inherit) = (opening.rights.bits(), opening.inherit.bits());
        let given = given.came(Step::Answered, self.tables[server.table].process, number);
        let handle = given.derived(rights, inherit, u64::from(opening.flags));
        self.number_fill(opening.out, Handle { lease, ..handle });
        self.requests[id].result = opening.out.number;
        self.answered(id, caller);
    }

    /// A number that a server answered with leaves its table. After a plain write it stays taken
    /// until the library closes it.
    fn answered_number(&mut self, server: &Caller, number: usize, style: Style) {
        let handle = match style {
            Style::Combined => self.handle_take(server.table, number),
            Style::Write => self.handle_entomb(server.table, number),
        };
        if let Ok(handle) = handle {
            self.description_release(handle.description);
        }
    }
}

/// A server's result word: errors outside the known range are `EIO`.
fn server_result(result: u64) -> Result<usize> {
    let negated = result.wrapping_neg();
    if negated != 0 && negated < 4096 {
        let errno = negated as i32;
        Err(Error::new(if errno <= MAX_ERRNO { errno } else { EIO }))
    } else {
        Ok(result as usize)
    }
}

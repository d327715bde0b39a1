//! The direct way: a request whose server waits for it is delivered in its caller's own entry, and
//! an answer that leaves its server waiting is taken in the server's; the CPU goes on in the other
//! process at once. Each of the two either does all of its work or changes nothing: whatever is not
//! simple (other messages, other work, deadlines, watchers, faults, handles) goes the long way by
//! the queue and the caller's own end ([`super::finish`]), with the same outcome.
use super::endpoint::{EndpointId, Notice};
use super::receive::{Receive, close_sqe};
use super::request::{Gives, Stage};
use super::send::PayloadFrom;
use crate::container::List;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::memory::PAGE;
use crate::memory::user::UserSlice;
use crate::run::Caller;
use crate::task::thread::{Blocked, Resume, ThreadK};
use clavis_abi::class::Class;
use clavis_abi::syscall::schemev2::{Cqe, CqeOpcode};

/// Threads that wait for the same thing.
type Waiting = List<ThreadK, 0>;

impl<M: Machine> Kernel<M> {
    /// Delivers the message to the first thread that waits at its endpoint and makes that the
    /// running one; the caller waits. Where a close notice lies before it, that is delivered, and
    /// the message is the next. False, and nothing but bytes of the inbox is changed, if that is
    /// not possible now.
    pub(crate) fn send_direct(&mut self, caller: &Caller) -> bool {
        let Self { cpus: [cpu], requests, endpoints, threads, spaces, machine, .. } = self;
        let Some(draft) = requests.drafted() else { return false };
        let request = &mut *draft.value;
        let Some(at) = request.endpoint else { return false };
        let endpoint = &mut endpoints[at];
        let Some(taker) = endpoint.receivers.front() else { return false };
        if endpoint.check(request.epoch).is_err()
            || !endpoint.queue.is_empty()
            || !endpoint.unmaps.is_empty()
            || !endpoint.detaches.is_empty()
            || !endpoint.socket_watchers.is_empty()
            || !endpoint.admission.is_empty()
            || request.len > PAGE as usize
            || !cpu.is_quiet()
            || cpu.again
            || !self.work.is_empty()
            || self.orphans > 0
        {
            return false;
        }
        let Some(place) = endpoint.place_next().filter(|_| !endpoint.is_scarce()) else {
            return false;
        };
        let Some((client, server)) = threads.pair_mut(caller.thread, taker) else { return false };
        let Resume::Receive(receive) = &server.resume else { return false };
        let notice = endpoint.closes.front();
        if !client.waits_plainly()
            || !server.waits_plainly()
            || notice.is_some() && (receive.most > 1 || endpoint.in_hand.is_some())
        {
            return false;
        }
        (request.place, request.page) = (place, usize::from(place));
        if request.payload != PayloadFrom::Absent && request.len > 0 {
            let inbox = self.memories[endpoint.inbox].run_mut(u64::from(place));
            let (len, from) = (request.len, request.user.address);
            match (request.payload, self.scratch.get(..len), inbox) {
                (PayloadFrom::User, _, frames) => {
                    if machine.copy_in(from, frames, 0, len).done < len {
                        return false;
                    }
                }
                (PayloadFrom::Scratch, Some(bytes), [Some(frame), ..]) => {
                    machine.frame_write(frame, 0, bytes);
                }
                (_, _, [Some(frame), ..]) => machine.frame_zero(frame, 0, len),
                _ => return false,
            }
        }
        request.address(endpoint.tag_of(place), receive.base);
        let (space, process) = (server.space, server.process);
        let Some(tables) = spaces[space].tables.as_ref() else { return false };
        cpu.loaded = Some(space);
        machine.space_load(caller.cpu, Some(tables));
        let copied = match notice {
            None => machine.write_user(receive.to.address, &request.sqe),
            // What was closed before is heard of before.
            Some(notice) => {
                machine.write_user(receive.to.address, &close_sqe(&self.descriptions[notice]))
            }
        };
        if copied.fault.is_some() {
            // The server meets its fault when it takes the request from the queue.
            self.load(caller);
            return false;
        }
        let (id, request) = draft.adopt();
        if notice.is_none() {
            request.stage = Stage::Delivered;
            request.server = Some(process);
        } else {
            request.stage = Stage::Queued;
            request.order = endpoint.take_order();
            request.turn = endpoint.turn;
            // Nothing else is queued.
            let _ = endpoint.queue.append(id, request);
        }
        let through = &mut self.descriptions[request.through];
        through.refs = through.refs.wrapping_add(1);
        through.busy |= request.positioned;
        endpoint.free = endpoint.free.wrapping_sub(1);
        endpoint.place_occupy(place, id);
        machine.context_result(&mut server.context, receive.result(1));
        server.blocked = Blocked::No;
        server.resume = Resume::User;
        server.priority = server.priority.max(client.priority);
        cpu.current = Some(server.as_caller(taker, caller.cpu));
        cpu.user = Some(server.name);
        client.blocked = Blocked::Request(id);
        // What a refusal behind a forward is put down to.
        client.call = cpu.call;
        client.args[0] = cpu.first;
        endpoint.taker = Some(taker);
        let link = endpoint.receivers.detach(server);
        Waiting::mend(threads, link);
        self.statistics.switches = self.statistics.switches.wrapping_add(1);
        if let Some(notice) = notice {
            self.endpoints[at].closes.remove(&mut self.descriptions, notice);
            self.notice_taken(at, Notice::Close(notice));
        }
        true
    }

    /// Takes the one answer that lies at the start of a server's buffer, lets the server wait for
    /// requests, and makes the client the running thread. False, and nothing but the client's own
    /// buffer is changed, if that is not possible now.
    #[inline]
    pub(crate) fn hand_back(
        &mut self,
        caller: &Caller,
        at: EndpointId,
        buffer: UserSlice,
        most: usize,
    ) -> bool {
        let Self { cpus: [cpu], requests, endpoints, threads, spaces, machine, .. } = self;
        if !cpu.is_quiet() || !self.work.is_empty() || cpu.lease.is_some() {
            return false;
        }
        let endpoint = &mut endpoints[at];
        let Some((base, None)) = endpoint.inbox_of(caller) else { return false };
        if endpoint.has_messages() || !endpoint.admission.is_empty() {
            return false;
        }
        let mut cqe = Cqe::default();
        if machine.read_user(buffer.address, &mut cqe).fault.is_some() {
            return false;
        }
        let Some((place, id)) = endpoint.holder_of(cqe.tag) else { return false };
        let request = &mut requests[id];
        let Some(client) = request.caller else { return false };
        let value = cqe.result as usize;
        let is_error = cqe.result > 4096u64.wrapping_neg();
        let bound = match request.class {
            Class::Read | Class::Write | Class::Fpath => request.len,
            _ => usize::MAX,
        };
        if cqe.flags & 0b111 != CqeOpcode::RespondRegular as u8
            || is_error
            || value > bound
            || request.stage != Stage::Delivered
            || request.server != Some(caller.process)
            || request.bulk > 0
            || request.gives == Gives::More
            || request.batch.is_some_and(|batch| self.batches[batch].paid > 0)
            || request.positioned && !self.offset_waiters.is_empty()
        {
            return false;
        }
        let through = &mut self.descriptions[request.through];
        let Some((thread, server)) = threads.pair_mut(client, caller.thread) else { return false };
        if through.refs <= 1
            || !thread.waits_plainly()
            || !server.waits_plainly()
            || self.ready.highest() > Some(thread.priority)
        {
            return false;
        }
        let space = thread.space;
        let Some(tables) = spaces[space].tables.as_ref() else { return false };
        cpu.loaded = Some(space);
        machine.space_load(caller.cpu, Some(tables));
        request.result = value;
        let bytes = request.bytes_back();
        if bytes > 0 {
            let inbox = self.memories[endpoint.inbox].run(request.page as u64, 1);
            if machine.copy_out(request.user.address, inbox, 0, bytes).done < bytes {
                // The client meets its fault in its own time.
                self.load(caller);
                return false;
            }
        }
        through.refs = through.refs.wrapping_sub(1);
        if request.positioned {
            through.offset = through.offset.saturating_add(value as u64);
            through.busy = false;
        }
        endpoint.place_vacate(place);
        endpoint.place_free(place);
        endpoint.refs = endpoint.refs.wrapping_sub(1);
        let (opening, batch) = (request.opening.take(), request.batch.take());
        let lease = request.lease;
        let value = opening.as_ref().map_or(value, |opening| opening.out.number);
        requests.retire(id);
        machine.context_result(&mut thread.context, value);
        thread.blocked = Blocked::No;
        thread.resume = Resume::User;
        cpu.current = Some(thread.as_caller(client, caller.cpu));
        cpu.user = Some(thread.name);
        server.blocked = Blocked::Receive(at);
        let receive = Receive { endpoint: at, to: buffer, most, written: 1, count: true, base };
        server.resume = Resume::Receive(receive);
        server.priority = server.base;
        server.waits_under = None;
        let last = endpoint.receivers.append(caller.thread, server);
        Waiting::join(threads, last, caller.thread);
        self.statistics.switches = self.statistics.switches.wrapping_add(1);
        if let Some(opening) = opening {
            self.opened(&opening, lease, at, &cqe);
        }
        if let Some(batch) = batch {
            self.batch_release(batch, false);
        }
        true
    }
}

//! The direct way: a request whose server waits for it is delivered in its caller's own entry, and
//! an answer that leaves its server waiting is taken in the server's; the CPU goes on in the other
//! process at once. Each of the two either does all of its work or changes nothing: whatever is not
//! simple (other messages, other work, deadlines, watchers, faults, handles) goes the long way by
//! the queue and the caller's own end ([`super::finish`]), with the same outcome.
//!
//! Each object is looked up once and held until the end: instructions are what counts here.
use super::endpoint::{Endpoint, EndpointId, Notice};
use super::receive::{Receive, close_sqe};
use super::request::{Gives, Request, RequestId, RequestK, Stage};
use super::send::PayloadFrom;
use crate::container::{Arena, Draft, List};
use crate::handle::description::{Description, Object};
use crate::kernel::{CpuState, Kernel};
use crate::machine::Machine;
use crate::memory::PAGE;
use crate::memory::object::{Memory, MemoryK};
use crate::memory::space::{Space, SpaceId, SpaceK};
use crate::memory::user::UserSlice;
use crate::object::lease::Lease;
use crate::run::Caller;
use crate::task::thread::{Blocked, Resume, Thread, ThreadK};
use clavis_abi::Rights;
use clavis_abi::class::Class;
use clavis_abi::limits::{METADATA_WORDS, SOCKET_BATCH};
use clavis_abi::syscall::flag::{CallFlags, O_NONBLOCK};
use clavis_abi::syscall::schemev2::{Cqe, CqeOpcode, Sqe};
use zerocopy::IntoBytes;

/// Threads that wait for the same thing.
type Waiting = List<ThreadK, 0>;

/// Both ways at once.
const BOTH: usize = CallFlags::READ.union(CallFlags::WRITE).bits();
/// What a call has that is about payload and metadata alone: those ways, and how many words.
const PLAIN: usize = BOTH | CallFlags::ALLOW_DIRECT_SWITCH.bits() | 0xFF;

/// The parts of the kernel that both steps work with.
struct Step<'a, M: Machine> {
    cpu: &'a mut CpuState<M::ContextRef>,
    threads: &'a mut Arena<ThreadK, Thread<M>>,
    spaces: &'a Arena<SpaceK, Space<M>>,
    memories: &'a mut Arena<MemoryK, Memory<M::Frame>>,
    machine: &'a mut M,
    switches: &'a mut u64,
}

/// The parts of a kernel, beside which the others can be used.
macro_rules! step {
    ($kernel:ident) => {
        Step {
            cpu: &mut $kernel.cpus[0],
            threads: &mut $kernel.threads,
            spaces: &$kernel.spaces,
            memories: &mut $kernel.memories,
            machine: &mut $kernel.machine,
            switches: &mut $kernel.statistics.switches,
        }
    };
}

impl<M: Machine> Kernel<M> {
    /// Whether nothing is to be done before the CPU goes on.
    #[inline(always)]
    fn is_calm(&self) -> bool {
        let [cpu] = &self.cpus;
        cpu.is_quiet() & !cpu.again & self.work.is_empty() & (self.orphans == 0)
    }

    /// A call with a payload and metadata and nothing else, if it can go the direct way: to a server
    /// that waits, or as a server's answer. The thread that goes on.
    #[inline(always)]
    pub(crate) fn call_direct(
        &mut self,
        caller: &Caller,
        args: &[usize; 5],
    ) -> Option<M::ContextRef> {
        let [first, payload, len, flags, metadata] = *args;
        let words = flags & 0xFF;
        if flags & !PLAIN != 0 || words > METADATA_WORDS || !self.is_calm() {
            return None;
        }
        let handle = self.tables.get(caller.table)?.get(first)?;
        let through = self.descriptions.get_mut(handle.description)?;
        let payload = UserSlice::new(payload, len).ok()?;
        let mut given = [0; METADATA_WORDS];
        let bytes = given.get_mut(..words)?.as_mut_bytes();
        if self.cpus[0].loaded != Some(caller.space)
            || self.machine.read_user(metadata as u64, bytes).fault.is_some()
        {
            return None;
        }
        let object = match &through.object {
            Object::Scheme(object) => object,
            Object::Socket(at) => {
                let need = Rights::READ | Rights::WRITE;
                let fits = flags & BOTH == BOTH && words == METADATA_WORDS;
                let waits = through.flags as usize & O_NONBLOCK == 0;
                if !fits || !waits || !handle.rights.contains(need) || handle.lease.is_some() {
                    return None;
                }
                let at = *at;
                return self.hand_back(caller, at, payload, given);
            }
            _ => return None,
        };
        let endpoint = self.endpoints.get_mut(object.endpoint)?;
        if !handle.rights.contains(Rights::CALL)
            || !endpoint.is_ready(object.epoch)
            || endpoint.closes.front().is_some()
            || handle.lease.is_some_and(|id| !self.leases.get(id).is_some_and(Lease::holds_plainly))
        {
            return None;
        }
        let draft = self.requests.drafted()?;
        let request = &mut *draft.value;
        request.begin(caller, Class::Call, handle);
        request.aim(object);
        request.fill(payload, flags, given);
        let step = step!(self);
        let name = step.deliver(caller, endpoint, draft, &self.scratch, None)?;
        through.refs = through.refs.wrapping_add(1);
        Some(name)
    }

    /// Delivers the message to the first thread that waits at its endpoint and makes that the
    /// running one; the caller waits. Where a close notice lies before it, that is delivered, and
    /// the message is the next. False, and nothing but bytes of the inbox is changed, if that is
    /// not possible now.
    pub(crate) fn send_direct(&mut self, caller: &Caller) -> bool {
        self.deliver_draft(caller).is_some()
    }

    fn deliver_draft(&mut self, caller: &Caller) -> Option<()> {
        if !self.is_calm() {
            return None;
        }
        let draft = self.requests.drafted()?;
        let Request { endpoint, epoch, through, positioned, .. } = *draft.value;
        let at = endpoint?;
        let endpoint = self.endpoints.get_mut(at)?;
        if !endpoint.is_ready(epoch) {
            return None;
        }
        let notice = endpoint.closes.front();
        let noticed = notice.map(|notice| &self.descriptions[notice]);
        let name = step!(self).deliver(caller, endpoint, draft, &self.scratch, noticed)?;
        let [cpu] = &mut self.cpus;
        cpu.user = Some(name);
        let through = &mut self.descriptions[through];
        through.refs = through.refs.wrapping_add(1);
        through.busy |= positioned;
        if let Some(notice) = notice {
            endpoint.closes.remove(&mut self.descriptions, notice);
            self.notice_taken(at, Notice::Close(notice));
        }
        Some(())
    }

    /// Takes the one answer that lies at the start of a server's buffer, lets the server wait for
    /// requests, and makes the client the running thread. `None`, and nothing but the client's own
    /// buffer is changed, if that is not possible now.
    #[inline(always)]
    fn hand_back(
        &mut self,
        caller: &Caller,
        at: EndpointId,
        buffer: UserSlice,
        metadata: [u64; METADATA_WORDS],
    ) -> Option<M::ContextRef> {
        let [verb, answers, wanted] = metadata;
        let most = wanted as usize;
        if verb != 0
            || answers != 1
            || wanted.wrapping_sub(1) >= SOCKET_BATCH as u64
            || most * size_of::<Sqe>() > buffer.len
        {
            return None;
        }
        let endpoint = self.endpoints.get_mut(at)?;
        let (base, None) = endpoint.inbox_of(caller)? else { return None };
        if endpoint.has_messages() || !endpoint.admission.is_empty() {
            return None;
        }
        let mut cqe = Cqe::default();
        if self.machine.read_user(buffer.address, &mut cqe).fault.is_some() {
            return None;
        }
        let (place, id) = endpoint.holder_of(cqe.tag)?;
        let request = self.requests.get_mut(id)?;
        let client = request.caller?;
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
            return None;
        }
        let through = self.descriptions.get_mut(request.through)?;
        let step = step!(self);
        let (thread, server) = step.threads.pair_mut(client, caller.thread)?;
        if through.refs <= 1
            || !thread.waits_plainly()
            || !server.waits_plainly()
            || self.ready.highest() > Some(thread.priority)
        {
            return None;
        }
        load(step.cpu, step.machine, step.spaces, thread.space)?;
        request.result = value;
        let bytes = request.bytes_back();
        if bytes > 0 {
            let inbox = step.memories[endpoint.inbox].run(request.page as u64, 1);
            if step.machine.copy_out(request.user.address, inbox, 0, bytes).done < bytes {
                // The client meets its fault in its own time.
                load(step.cpu, step.machine, step.spaces, caller.space);
                return None;
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
        let number = request.opening.as_ref().map(|opening| opening.out.number);
        step.machine.context_result(&mut thread.context, number.unwrap_or(value));
        thread.blocked = Blocked::No;
        thread.resume = Resume::User;
        let name = thread.name;
        step.cpu.current = Some(thread.as_caller(client, caller.cpu));
        server.blocked = Blocked::Receive(at);
        let receive = Receive { endpoint: at, to: buffer, most, written: 1, count: true, base };
        server.resume = Resume::Receive(receive);
        server.priority = server.base;
        server.waits_under = None;
        let last = endpoint.receivers.append(caller.thread, server);
        Waiting::join(step.threads, last, caller.thread);
        *step.switches = step.switches.wrapping_add(1);
        if number.is_some() || request.batch.is_some() {
            self.handed_back(at, id, &cqe);
        } else {
            self.requests.retire(id);
        }
        Some(name)
    }

    /// Makes the handle that an answer gives, and ends the request.
    #[inline(never)]
    fn handed_back(&mut self, at: EndpointId, id: RequestId, cqe: &Cqe) {
        let Request { opening, batch, lease, .. } = &mut self.requests[id];
        let (opening, batch, lease) = (opening.take(), batch.take(), *lease);
        self.requests.retire(id);
        if let Some(opening) = opening {
            self.opened(&opening, lease, at, cqe);
        }
        if let Some(batch) = batch {
            self.batch_release(batch, false);
        }
    }
}

/// Loads a space. `None`: it has no tables.
#[inline(always)]
fn load<M: Machine>(
    cpu: &mut CpuState<M::ContextRef>,
    machine: &mut M,
    spaces: &Arena<SpaceK, Space<M>>,
    id: SpaceId,
) -> Option<()> {
    let tables = spaces.get(id)?.tables.as_ref()?;
    cpu.loaded = Some(id);
    machine.space_load(cpu.number, Some(tables));
    Some(())
}

impl<M: Machine> Step<'_, M> {
    /// Delivers a drafted message to the first thread that waits at an endpoint, or a close notice
    /// that lies before it.
    #[inline(always)]
    fn deliver(
        self,
        caller: &Caller,
        endpoint: &mut Endpoint,
        draft: Draft<'_, RequestK, Request>,
        scratch: &[u8],
        notice: Option<&Description>,
    ) -> Option<M::ContextRef> {
        let Self { cpu, threads, spaces, memories, machine, switches } = self;
        let (place, taker) = (endpoint.place_next()?, endpoint.receivers.front()?);
        let request = &mut *draft.value;
        let (client, server) = threads.pair_mut(caller.thread, taker)?;
        let Resume::Receive(receive) = &server.resume else { return None };
        if !client.waits_plainly()
            || !server.waits_plainly()
            || request.len > PAGE as usize
            || request.lease.is_some() && client.lease != request.lease
            || notice.is_some() && (receive.most > 1 || endpoint.in_hand.is_some())
        {
            return None;
        }
        (request.place, request.page) = (place, usize::from(place));
        if request.payload != PayloadFrom::Absent && request.len > 0 {
            let inbox = memories[endpoint.inbox].run_mut(u64::from(place));
            let (len, from) = (request.len, request.user.address);
            match (request.payload, scratch.get(..len), inbox) {
                (PayloadFrom::User, _, frames) => {
                    if machine.copy_in(from, frames, 0, len).done < len {
                        return None;
                    }
                }
                (PayloadFrom::Scratch, Some(bytes), [Some(frame), ..]) => {
                    machine.frame_write(frame, 0, bytes);
                }
                (_, _, [Some(frame), ..]) => machine.frame_zero(frame, 0, len),
                _ => return None,
            }
        }
        request.address(endpoint.tag_of(place), receive.base);
        load(cpu, machine, spaces, server.space)?;
        let copied = match notice {
            None => machine.write_user(receive.to.address, &request.sqe),
            // What was closed before is heard of before.
            Some(notice) => machine.write_user(receive.to.address, &close_sqe(notice)),
        };
        if copied.fault.is_some() {
            // The server meets its fault when it takes the request from the queue.
            load(cpu, machine, spaces, caller.space);
            return None;
        }
        let (id, request) = draft.adopt();
        if notice.is_none() {
            request.stage = Stage::Delivered;
            request.server = Some(server.process);
        } else {
            request.stage = Stage::Queued;
            request.order = endpoint.take_order();
            request.turn = endpoint.turn;
            // Nothing else is queued.
            let _ = endpoint.queue.append(id, request);
        }
        endpoint.free = endpoint.free.wrapping_sub(1);
        endpoint.place_occupy(place, id);
        endpoint.taker = Some(taker);
        machine.context_result(&mut server.context, receive.result(1));
        server.blocked = Blocked::No;
        server.resume = Resume::User;
        server.priority = server.priority.max(client.priority);
        let name = server.name;
        cpu.current = Some(server.as_caller(taker, caller.cpu));
        client.blocked = Blocked::Request(id);
        // What a refusal behind a forward is put down to.
        client.call = cpu.call;
        client.args[0] = cpu.first;
        let link = endpoint.receivers.detach(server);
        Waiting::mend(threads, link);
        *switches = switches.wrapping_add(1);
        Some(name)
    }
}

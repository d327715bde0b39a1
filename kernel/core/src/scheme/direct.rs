//! The direct way: a request whose server waits for it is delivered in its caller's own entry, and
//! the CPU goes on in the server. Whatever makes that anything but simple (other messages, other
//! work, deadlines, watchers) sends it through the queue instead; the outcome is the same.
use super::request::{RequestId, Stage};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::run::Caller;
use crate::task::thread::{Blocked, Resume};

impl<M: Machine> Kernel<M> {
    /// Delivers a whole request to the first thread that waits at its endpoint and makes that the
    /// running one; the caller waits. False, and nothing is changed, if that is not possible now.
    #[inline]
    pub(crate) fn hand_over(&mut self, caller: &Caller, id: RequestId) -> bool {
        let [cpu] = &self.cpus;
        if !cpu.is_quiet() || !self.work.is_empty() {
            return false;
        }
        let request = &self.requests[id];
        let Some(at) = request.endpoint else { return false };
        let endpoint = &self.endpoints[at];
        let Some(taker) = endpoint.receivers.front() else { return false };
        if endpoint.has_messages() || !endpoint.socket_watchers.is_empty() {
            return false;
        }
        let (client, server) = (&self.threads[caller.thread], &self.threads[taker]);
        let Resume::Receive(receive) = server.resume else { return false };
        if client.is_timed() || server.is_timed() {
            return false;
        }
        let priority = server.priority.max(client.priority);
        let sqe = request.sqe(endpoint, receive.base);
        let server = self.caller_of(caller.cpu, taker);
        self.load(&server);
        if self.write_user(server.space, receive.to.address, &sqe).is_err() {
            // The server meets its fault when it takes the request from the queue.
            self.load(caller);
            return false;
        }
        let Self { endpoints, requests, threads, processes, machine, cpus: [cpu], .. } = self;
        endpoints[at].receivers.pop_front(threads);
        let request = &mut requests[id];
        request.stage = Stage::Delivered;
        request.server = Some(server.process);
        processes[server.process].serving.push_back(requests, id);
        threads[caller.thread].blocked = Blocked::Request(id);
        let thread = &mut threads[taker];
        thread.blocked = Blocked::No;
        thread.resume = Resume::User;
        thread.priority = priority;
        machine.context_result(&mut thread.context, receive.result(1));
        cpu.current = Some(server);
        self.statistics.switches = self.statistics.switches.wrapping_add(1);
        true
    }
}

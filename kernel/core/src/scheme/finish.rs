//! The caller's end of a request: it copies out in its own context and goes on.
use crate::prelude::*;

impl<M: Machine> Kernel<M> {
    /// Takes a quantum of an answer; ends the call when it is whole.
    pub(crate) fn finish(&mut self, caller: &Caller, id: RequestId) -> Reply {
        let request = &self.requests[id];
        let Request { endpoint, page, user, moved, result, class, positioned, lease, .. } =
            *request;
        let bytes = request.bytes_back();
        if let Some(errno) = self.lease_end_of(lease) {
            self.request_free(id);
            return Err(Error::new(errno));
        }
        if moved < bytes
            && let Some(endpoint) = endpoint
        {
            let inbox = self.endpoints[endpoint].inbox;
            let part = user.part(moved, (bytes - moved).min(QUANTUM_BYTES));
            let offset = page as u64 * PAGE + moved as u64;
            if let Err(error) = self.copy_frames(caller.space, part, inbox, offset, Direction::Out)
            {
                self.request_free(id);
                return Err(error);
            }
            self.requests[id].moved = moved + part.len;
            if moved + part.len < bytes {
                self.threads[caller.thread].resume = crate::task::thread::Resume::Finish(id);
                return Ok(Outcome::More);
            }
        }
        let outcome = match class {
            Class::MmapPrep => self.map_lent(caller, id),
            Class::RecvFd => self.take_batch(caller, id),
            _ => Ok(result),
        };
        if positioned {
            let through = self.requests[id].through;
            let moved = outcome.as_ref().map_or(0, |n| *n as u64);
            let description = &mut self.descriptions[through];
            description.offset = description.offset.saturating_add(moved);
        }
        self.request_free(id);
        Ok(Outcome::Done(outcome?))
    }
}

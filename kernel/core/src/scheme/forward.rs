//! Forwarding: a server answers "ask that handle instead", and never waits for what comes of it.
use super::request::{RequestId, Stage};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::run::Caller;
use clavis_abi::Rights;
use clavis_abi::class::Class;
use clavis_abi::error::{EINVAL, ELOOP, Error, Result};
use clavis_abi::limits::{FORWARD_MAX, PATH_MAX};
use clavis_abi::params::{ForwardParams, handle_flags};

impl<M: Machine> Kernel<M> {
    /// Forwards a request that the calling server has.
    ///
    /// # Errors
    /// `EFAULT`, `EBADF`, `EKEYREJECTED`, `EINVAL` to the server, which keeps the request. What
    /// fails behind the new door is the client's.
    pub(crate) fn forward(&mut self, server: &Caller, id: RequestId, params: u64) -> Result<()> {
        // Everything is read and checked before anything changes.
        let params: ForwardParams =
            self.read_struct(server.space, params as usize, size_of::<ForwardParams>())?;
        if !matches!(self.requests[id].class, Class::OpenAt | Class::UnlinkAt) {
            return Err(Error::new(EINVAL));
        }
        let len = usize::try_from(params.path_len).map_err(|_| Error::new(EINVAL))?;
        if len > PATH_MAX {
            return Err(Error::new(EINVAL));
        }
        let own = self.cpus[0].lease;
        let target = self.door(server, params.fd as usize, Rights::LOOKUP | Rights::FORWARD);
        // What the server waits for next it reaches through its socket.
        self.cpus[0].lease = own;
        let target = target?;
        self.read_path(server, params.path as usize, len)?;

        let request = &mut self.requests[id];
        request.server = None;
        let Some(client) = request.caller else {
            // Abandoned meanwhile: there is nobody to go on for.
            self.request_free(id);
            return Ok(());
        };
        let (forwards, wants_remove) = (request.forwards, request.class == Class::UnlinkAt);
        let sticky = (params.flags as u32 | target.flags) & handle_flags::STICKY as u32;
        request.stage = Stage::Rerouted;
        request.forwards = forwards.saturating_add(1);
        request.confined |= sticky;
        request.rights = target.rights;
        if let Some(opening) = request.opening.as_mut() {
            let inherit = target.inherit;
            opening.rights &= Rights::from_bits_truncate(params.rights) & inherit;
            opening.inherit &= Rights::from_bits_truncate(params.inherit) & inherit;
            opening.flags |= sticky;
        }
        self.request_leave(id);
        self.request_through(id, target.description);
        let masks = target.rights & Rights::from_bits_truncate(params.rights);
        let leased = self.request_lease(id, target.lease);
        let routed = if leased.is_err() {
            leased
        } else if forwards >= FORWARD_MAX {
            Err(Error::new(ELOOP))
        } else if wants_remove && !masks.contains(Rights::REMOVE) {
            Err(self.refuse_behind(client, Rights::REMOVE, clavis_abi::params::DenialRule::Rights))
        } else {
            self.route(id, len)
        };
        if let Err(error) = routed {
            self.request_free(id);
            self.complete(client, Err(error));
        }
        Ok(())
    }
}

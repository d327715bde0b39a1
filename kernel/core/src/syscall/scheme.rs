//! Calls of servers on their sockets.
use super::dup::Minted;
use crate::prelude::*;
use clavis_abi::params::{MintParams, RequestInfo};

impl<M: Machine> Kernel<M> {
    fn socket(&mut self, caller: &Caller, fd: usize, need: Rights) -> Result<EndpointId> {
        match self.door_object(caller, fd, need)? {
            (_, Object::Socket(endpoint)) => Ok(endpoint),
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// A server declares what it does; who holds a process, that it ends with its handles.
    pub(crate) fn sys_declare(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let flags = args[1] as u64;
        if flags == process_flags::TIED {
            let process = self.process_or_own(caller, args[0], Rights::SIGNAL)?;
            self.processes[process].flags |= flags;
            return Ok(Outcome::Done(0));
        }
        let endpoint = self.socket(caller, args[0], Rights::CONTROL)?;
        refuse_if(flags & !(endpoint_flags::STRUCTURAL | endpoint_flags::ADOPT) != 0, EINVAL)?;
        self.endpoints[endpoint].flags = flags;
        Ok(Outcome::Done(0))
    }

    /// A server makes a handle to one of its objects, with a badge and masks.
    pub(crate) fn sys_mint(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [socket, params, size, out, _] = args;
        let endpoint = self.socket(caller, socket, Rights::DERIVE)?;
        let params: MintParams = self.read_struct(caller.space, params, size)?;
        refuse_if(params.internal_flags & !1 != 0 || params.flags >> 32 != 0, EINVAL)?;
        let minted = Minted {
            number: params.number,
            offset: params.offset,
            flags: params.flags as u32,
            positioned: params.internal_flags & 1 != 0,
            badge: params.badge,
        };
        let rights = Rights::from_bits_truncate(params.rights);
        let inherit = Rights::from_bits_truncate(params.inherit);
        self.mint(caller, endpoint, &minted, [rights, inherit], self.cpus[0].lease, out)
    }

    /// What a server may know of a request that it has.
    pub(crate) fn sys_request_info(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [socket, tag, buffer, size, _] = args;
        let endpoint = self.socket(caller, socket, Rights::READ)?;
        let tag = u32::try_from(tag).map_err(|_| Error::new(EINVAL))?;
        let id = self.request_by_tag(caller, endpoint, tag)?;
        let request = &self.requests[id];
        let info = RequestInfo {
            badge: request.badge,
            process: request.sqe.caller,
            rights: request.rights.bits(),
            flags: request.opening.map_or(0, |opening| opening.open_flags),
            again: request.redelivered.into(),
        };
        self.write_struct(caller.space, buffer, size, &info)?;
        Ok(Outcome::Done(0))
    }
}

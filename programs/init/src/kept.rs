//! What outlives the instances of a service: the endpoints that its clients hold handles of, and
//! the memory that it keeps its state in. With them the next instance goes on where the last one
//! ended.
use crate::given::Given;
use crate::world::Named;
use alloc::vec::Vec;
use clavis_rt::abi::error::ENOENT;
use clavis_rt::abi::namespace::SCHEME_CREATION_CAP;
use clavis_rt::abi::params::MintParams;
use clavis_rt::abi::startup::EntryKind;
use clavis_rt::spawn;
use clavis_rt::sys::call::Sending;
use clavis_rt::{Error, Handle, Number, Place, Result, Rights, object, sys};
use service_manifest::Service;

/// The object that the root of a kept endpoint stands for.
const ROOT: u64 = 0;

/// Makes an endpoint; its server's end.
pub(crate) fn endpoint(given: &Given) -> Result<Handle> {
    let capability = sys::file::openat(given.schemes, SCHEME_CREATION_CAP, 0, Place::Upper)?;
    sys::file::dup(capability.number(), b"create-scheme", Place::Upper)
}

/// A handle with all rights to an object of an endpoint.
pub(crate) fn object_of(socket: Number, number: u64, flags: usize) -> Result<Handle> {
    let params = MintParams {
        number,
        flags: flags as u64,
        rights: Rights::all().bits(),
        inherit: Rights::all().bits(),
        ..MintParams::default()
    };
    sys::clavis::mint(socket, &params, Place::Upper)
}

/// What is kept for a service.
#[derive(Default)]
pub(crate) struct Kept {
    sockets: Vec<Handle>,
    memory: Option<Handle>,
}

impl Kept {
    /// Makes what the manifest says, and registers the names: they stay filled while init keeps
    /// the endpoints.
    pub(crate) fn new(given: &Given, service: &Service, names: &[Named]) -> Result<Kept> {
        let mut kept = Kept::default();
        if service.keep.endpoints {
            for name in &service.registers {
                let slot = names.iter().find(|named| named.name == *name);
                let slot = slot.and_then(|named| named.slot.as_ref()).ok_or(Error::new(ENOENT))?;
                let socket = endpoint(given)?;
                let root = object_of(socket.number(), ROOT, 0)?;
                sys::call::send(slot.number(), &[root.number()], Sending::Move, &[])?;
                let _ = root.into_number();
                kept.sockets.push(socket);
            }
        }
        kept.memory = service.keep.memory.map(|n| object::memory(n, Place::Upper)).transpose()?;
        Ok(kept)
    }

    /// What an instance is given of it.
    pub(crate) fn handles(&self) -> impl Iterator<Item = spawn::Given> {
        let kinds = EntryKind::Endpoint as u64..;
        let sockets = self.sockets.iter().zip(kinds);
        let memory = self.memory.iter().map(|memory| (memory, EntryKind::State as u64));
        sockets.chain(memory).map(|(handle, kind)| spawn::Given::entry(handle.number(), kind))
    }
}

//! The objects that stand for the handles of a program.
use crate::events::Events;
use crate::told::Told;
use clavis::abi::error::EOPNOTSUPP;
use clavis::abi::params::MintParams;
use clavis::handle::query;
use clavis::relay::{Receiver, offset};
use clavis::server::{declare, endpoint_flags, mint};
use clavis::{Error, Handle, Place, Result, Rights, handle_flags};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use syscall::schemev2::NewFdFlags;
use trace_lines::{Kind, Object, Objects, Yield, passed_on};

/// A stand-in, by what it stands for.
pub(crate) type Stood = Arc<Object<Handle>>;

/// What lies between a program and everything it uses.
pub(crate) struct Boundary {
    /// Where its requests come from.
    pub(crate) receiver: Receiver,
    /// What is told of them.
    pub(crate) told: Told,
    /// Who waits for events of what.
    pub(crate) events: Events,
    /// One thread at a time waits for requests, so that they are known in their order.
    pub(crate) turn: Mutex<()>,
    /// The requests that are being carried out.
    pub(crate) open: Mutex<HashMap<u32, crate::workers::Open>>,
    objects: Mutex<Objects<Handle>>,
    /// Object 0, which nobody else has: tells which objects are this boundary's own.
    own: Handle,
}

/// Access that a thread which panicked does not end.
pub(crate) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Boundary {
    /// Makes an endpoint with no objects.
    pub(crate) fn new(told: Told) -> Result<Boundary> {
        let capability = Handle::open("/scheme/namespace/scheme-creation-cap", 0)?;
        let socket = Handle::ask(&capability, b"create-scheme", Place::Upper)?;
        // What is asked to stay beneath a directory is asked so of the real one.
        declare(&socket, endpoint_flags::STRUCTURAL)?;
        let rights = Rights::CALL.bits();
        let own = mint(&socket, &MintParams { rights, ..MintParams::default() })?;
        Ok(Boundary {
            receiver: Receiver::new(socket)?,
            told,
            events: Events::default(),
            turn: Mutex::default(),
            open: Mutex::default(),
            objects: Mutex::default(),
            own,
        })
    }

    /// The object of a number.
    pub(crate) fn object(&self, number: usize) -> Option<Stood> {
        lock(&self.objects).get(number)
    }

    /// Nobody has a handle to it any more.
    pub(crate) fn closed(&self, number: usize) -> Option<Stood> {
        lock(&self.objects).remove(number)
    }

    /// An object for a handle, and the handle to it that the program gets: with no more rights, and
    /// the same limits. `shared`: others go on at the offset where the program ends.
    pub(crate) fn stand_in(
        &self,
        kind: Kind,
        path: String,
        real: Handle,
        shared: bool,
    ) -> Result<(Stood, Handle)> {
        let info = query(&real)?;
        // What can only be appended to has writes at an offset refused by the real handle: so it has to
        // see which have one.
        let appends = info.rights & (Rights::APPEND | Rights::WRITE) == Rights::APPEND;
        let at = if appends { None } else { offset(&real) };
        let internal = if at.is_some() { NewFdFlags::POSITIONED } else { NewFdFlags::empty() };
        let positioned = at.is_some();
        let object = Object { number: 0, kind, path, positioned, shared, real };
        let object = lock(&self.objects).add(object);
        let params = MintParams {
            number: object.number as u64,
            offset: at.unwrap_or(0),
            flags: info.open_flags & u64::from(u32::MAX),
            internal_flags: internal.bits().into(),
            // To be narrowed, it can be duplicated here.
            rights: (info.rights | Rights::DUP).bits(),
            inherit: info.inherit.bits(),
            badge: 0,
        };
        let made = mint(&self.receiver, &params).and_then(|minted| {
            let sticky = info.flags & handle_flags::STICKY;
            Handle::derive_with(&minted, info.rights, info.inherit, sticky, Place::Lowest)
        });
        if made.is_err() {
            self.closed(object.number);
        }
        Ok((object, made?))
    }

    /// What a program gets for a handle that was opened or received for it: a stand-in, or the
    /// handle itself; and how that is told.
    pub(crate) fn found(&self, path: String, flags: u64, real: Handle) -> Result<(Handle, Yield)> {
        let info = query(&real)?;
        if !info.rights.contains(Rights::TRANSFER) {
            // It could not be given to the program with exactly the rights that it has.
            return Err(Error::from_errno(EOPNOTSUPP));
        }
        if let Some(why) = passed_on(info.object, flags) {
            return Ok((real, Yield::Passed(why)));
        }
        let (object, handle) = self.stand_in(Kind::Found, path, real, false)?;
        Ok((handle, Yield::Objects(vec![format!("#{}", object.number)])))
    }

    /// What a handle of this process stands for, if it is one of these objects.
    pub(crate) fn behind(&self, handle: &Handle) -> Option<Stood> {
        use clavis::AsNumber;
        // A call across two handles reaches a server only if both are its own: this one.
        let opcode = syscall::schemev2::Opcode::Call;
        let second = Some(handle.number());
        let number = clavis::relay::relay(&self.own, second, opcode, &mut [], [0; 3]).ok()?;
        self.object(number)
    }
}

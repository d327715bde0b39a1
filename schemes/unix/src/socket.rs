//! One socket.
use crate::queue::Queue;
use std::collections::{BTreeSet, VecDeque};
use syscall::error::{EPROTOTYPE, Error, Result};

/// What a socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes between two.
    Stream,
    /// Messages from anybody.
    Datagram,
    /// Messages between two.
    Packets,
}

/// A direction that is shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Nothing is received any more.
    Read,
    /// Nothing is sent any more.
    Write,
}

/// Who made a socket or connected it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The number of the process: information.
    pub process: u32,
    /// The badge of the handle of the service that it went through.
    pub badge: u64,
}

/// Whom a socket sends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Nobody.
    None,
    /// That socket.
    Socket(usize),
    /// One that is gone.
    Gone,
}

/// A socket that others connect to.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) backlog: usize,
    /// Connected ones that were not accepted yet.
    pub(crate) pending: VecDeque<usize>,
}

/// A socket.
#[derive(Debug)]
pub(crate) struct Socket<H> {
    pub(crate) kind: Kind,
    pub(crate) own: Credentials,
    pub(crate) other: Credentials,
    pub(crate) peer: Peer,
    /// The address of who is at the other end.
    pub(crate) peer_address: Vec<u8>,
    pub(crate) listener: Option<Listener>,
    /// The name that others find it by, and the address that they see.
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) address: Vec<u8>,
    pub(crate) inbox: Queue<H>,
    pub(crate) reads: bool,
    pub(crate) writes: bool,
    /// Who waits until it has room.
    pub(crate) waiters: BTreeSet<usize>,
    /// Whose room it waits for.
    pub(crate) waits_for: Option<usize>,
    /// Datagram sockets that send here.
    pub(crate) senders: BTreeSet<usize>,
}

impl<H> Socket<H> {
    pub(crate) fn new(kind: Kind, own: Credentials) -> Self {
        Self {
            kind,
            own,
            other: Credentials::default(),
            peer: Peer::None,
            peer_address: Vec::new(),
            listener: None,
            key: None,
            address: Vec::new(),
            inbox: Queue::default(),
            reads: true,
            writes: true,
            waiters: BTreeSet::new(),
            waits_for: None,
            senders: BTreeSet::new(),
        }
    }

    /// Whether nothing more will come once the inbox is empty.
    pub(crate) fn is_over(&self) -> bool {
        !self.reads || (self.kind != Kind::Datagram && self.peer == Peer::Gone)
    }

    pub(crate) fn same_kind(&self, kind: Kind) -> Result<()> {
        if self.kind == kind { Ok(()) } else { Err(Error::new(EPROTOTYPE)) }
    }
}

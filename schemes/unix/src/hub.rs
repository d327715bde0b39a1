//! All sockets of the service.
use crate::queue::{ASSURED, BYTES, Keep, Message};
use crate::socket::{Credentials, Half, Kind, Listener, Peer, Socket};
use slab::Slab;
use std::collections::{BTreeMap, BTreeSet};
use syscall::error::{
    EADDRINUSE, EAGAIN, EBADF, ECONNREFUSED, EDESTADDRREQ, EINVAL, EISCONN, EMSGSIZE, ENFILE,
    ENOTCONN, EOPNOTSUPP, EPIPE, Error, Result,
};

/// Sockets there can be.
pub const SOCKETS: usize = 4096;
/// The longest name that a socket is found by.
pub const KEY: usize = 128;
/// Connections that wait to be accepted at most.
pub const BACKLOG: usize = 128;

/// What everything that waits in all sockets costs at most, beyond what each is assured of. While
/// much waits, a socket can have as much as is left: who fills many takes nobody's place.
pub const SHARED: usize = 16 << 20;

/// What was received.
#[derive(Debug)]
pub struct Received<H> {
    /// Bytes that were copied.
    pub count: usize,
    /// Bytes that the message had; more than were copied: the rest is lost.
    pub length: usize,
    /// The address of who sent it.
    pub from: Vec<u8>,
    /// The handles that came with it.
    pub handles: Vec<H>,
}

/// The sockets.
#[derive(Debug)]
pub struct Hub<H> {
    sockets: Slab<Socket<H>>,
    names: BTreeMap<Vec<u8>, usize>,
    changed: BTreeSet<usize>,
    /// Handles that wait in all sockets.
    handles: usize,
    /// What everything that waits costs.
    cost: usize,
    /// Who would have found room if less waited elsewhere.
    starved: BTreeSet<usize>,
}

impl<H> Default for Hub<H> {
    fn default() -> Self {
        Self {
            sockets: Slab::new(),
            names: BTreeMap::new(),
            changed: BTreeSet::new(),
            handles: 0,
            cost: 0,
            starved: BTreeSet::new(),
        }
    }
}

impl<H> Hub<H> {
    fn get(&self, id: usize) -> Result<&Socket<H>> {
        self.sockets.get(id).ok_or(Error::new(EBADF))
    }

    fn get_mut(&mut self, id: usize) -> Result<&mut Socket<H>> {
        self.sockets.get_mut(id).ok_or(Error::new(EBADF))
    }

    fn touch(&mut self, id: usize) {
        if self.sockets.contains(id) {
            self.changed.insert(id);
        }
    }

    /// The sockets whose readiness may have changed since it was last asked.
    pub fn changed(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.changed)
    }

    /// Whether something happened that was not asked for yet.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Handles that wait in all sockets.
    #[must_use]
    pub fn handles(&self) -> usize {
        self.handles
    }

    /// What everything that waits costs.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Bytes that may wait in a socket now.
    fn most(&self) -> usize {
        SHARED.saturating_sub(self.cost).clamp(ASSURED, BYTES)
    }

    /// What waits in a socket costs another sum than before.
    fn count(&mut self, id: usize, before: usize) {
        let now = self.sockets.get(id).map_or(0, |socket| socket.inbox.cost());
        self.cost = self.cost.saturating_sub(before).saturating_add(now);
        if now < before && self.most() == BYTES {
            for id in std::mem::take(&mut self.starved) {
                self.waits_no_more(id);
                self.touch(id);
            }
        }
    }

    /// Makes a socket.
    ///
    /// # Errors
    /// `ENFILE`: there are too many.
    pub fn create(&mut self, kind: Kind, own: Credentials) -> Result<usize> {
        if self.sockets.len() >= SOCKETS {
            return Err(Error::new(ENFILE));
        }
        Ok(self.sockets.insert(Socket::new(kind, own)))
    }

    /// Makes the other end of a socket that has none.
    ///
    /// # Errors
    /// `EISCONN` when it has; `ENFILE`.
    pub fn pair(&mut self, id: usize, own: Credentials) -> Result<usize> {
        let socket = self.get(id)?;
        if socket.peer != Peer::None || socket.listener.is_some() {
            return Err(Error::new(EISCONN));
        }
        let (kind, first) = (socket.kind, socket.own);
        let other = self.create(kind, own)?;
        self.join(id, other);
        self.join(other, id);
        for (one, credentials) in [(id, own), (other, first)] {
            self.get_mut(one)?.other = credentials;
        }
        Ok(other)
    }

    fn join(&mut self, id: usize, to: usize) {
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.peer = Peer::Socket(to);
        }
        if let Some(socket) = self.sockets.get_mut(to).filter(|to| to.kind == Kind::Datagram) {
            socket.senders.insert(id);
        }
        self.touch(id);
    }

    /// Gives a socket a name, and the address that others see.
    ///
    /// # Errors
    /// `EADDRINUSE`; `EINVAL` when it has one, or for one that is empty or too long.
    pub fn bind(&mut self, id: usize, key: &[u8], address: &[u8]) -> Result<()> {
        let socket = self.get(id)?;
        if socket.key.is_some() || key.is_empty() || key.len() > KEY || address.len() > KEY {
            return Err(Error::new(EINVAL));
        }
        if self.names.contains_key(key) {
            return Err(Error::new(EADDRINUSE));
        }
        self.names.insert(key.to_vec(), id);
        let socket = self.get_mut(id)?;
        socket.key = Some(key.to_vec());
        socket.address = address.to_vec();
        Ok(())
    }

    /// Lets others connect to a socket, as that process.
    ///
    /// # Errors
    /// `EDESTADDRREQ` without a name; `EINVAL` when it is connected; `EOPNOTSUPP` for datagrams.
    pub fn listen(&mut self, id: usize, backlog: usize, process: u32) -> Result<()> {
        let socket = self.get_mut(id)?;
        if socket.kind == Kind::Datagram {
            return Err(Error::new(EOPNOTSUPP));
        }
        if socket.key.is_none() {
            return Err(Error::new(EDESTADDRREQ));
        }
        if socket.peer != Peer::None {
            return Err(Error::new(EINVAL));
        }
        let backlog = backlog.clamp(1, BACKLOG);
        socket.own.process = process;
        match &mut socket.listener {
            Some(listener) => listener.backlog = backlog,
            None => socket.listener = Some(Listener { backlog, pending: Default::default() }),
        }
        self.touch(id);
        Ok(())
    }

    /// Connects a socket to a name, as that process; for datagrams: sets whom it sends to.
    ///
    /// # Errors
    /// `ECONNREFUSED`: nobody listens there. `EAGAIN`: too many wait to be accepted. `EISCONN`;
    /// `EPROTOTYPE`: another kind listens.
    pub fn connect(&mut self, id: usize, key: &[u8], process: u32) -> Result<()> {
        let socket = self.get(id)?;
        let kind = socket.kind;
        if socket.listener.is_some() {
            return Err(Error::new(EINVAL));
        }
        if kind != Kind::Datagram && socket.peer != Peer::None {
            return Err(Error::new(EISCONN));
        }
        let (address, own) = (socket.address.clone(), Credentials { process, ..socket.own });
        let refused = Error::new(ECONNREFUSED);
        let at = *self.names.get(key).ok_or(refused)?;
        let target = self.get(at)?;
        target.same_kind(kind)?;
        let target_address = target.address.clone();
        if kind == Kind::Datagram {
            self.leave(id);
            self.join(id, at);
            let other = self.get(at)?.own;
            let socket = self.get_mut(id)?;
            (socket.other, socket.peer_address) = (other, target_address);
            return Ok(());
        }
        let listener = target.listener.as_ref().ok_or(refused)?;
        if listener.pending.len() >= listener.backlog {
            self.wait_for(id, at);
            return Err(Error::new(EAGAIN));
        }
        let listening = target.own;
        let made = self.create(kind, listening)?;
        self.join(id, made);
        self.join(made, id);
        let socket = self.get_mut(id)?;
        (socket.own, socket.other) = (own, listening);
        socket.peer_address = target_address.clone();
        let server = self.get_mut(made)?;
        (server.other, server.peer_address, server.address) = (own, address, target_address);
        if let Some(listener) = &mut self.get_mut(at)?.listener {
            listener.pending.push_back(made);
        }
        self.touch(at);
        Ok(())
    }

    /// Takes a connection.
    ///
    /// # Errors
    /// `EAGAIN`: none waits. `EINVAL`: it does not listen.
    pub fn accept(&mut self, id: usize) -> Result<usize> {
        let listener = self.get_mut(id)?.listener.as_mut().ok_or(Error::new(EINVAL))?;
        let made = listener.pending.pop_front().ok_or(Error::new(EAGAIN))?;
        self.released(id);
        self.touch(id);
        Ok(made)
    }

    /// A socket waits until another has room.
    fn wait_for(&mut self, id: usize, other: usize) {
        self.waits_no_more(id);
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.waits_for = Some(other);
        }
        if let Some(socket) = self.sockets.get_mut(other) {
            socket.waiters.insert(id);
        }
    }

    fn waits_no_more(&mut self, id: usize) {
        let before = self.sockets.get_mut(id).and_then(|socket| socket.waits_for.take());
        if let Some(other) = before.and_then(|other| self.sockets.get_mut(other)) {
            other.waiters.remove(&id);
        }
    }

    /// A socket has room again, or is gone: who waited may try.
    fn released(&mut self, id: usize) {
        let waiters = self.sockets.get_mut(id).map(|socket| std::mem::take(&mut socket.waiters));
        for waiter in waiters.unwrap_or_default() {
            if let Some(socket) = self.sockets.get_mut(waiter) {
                socket.waits_for = None;
            }
            self.touch(waiter);
        }
    }

    /// Whom a message goes to.
    fn target(&self, id: usize, to: Option<&[u8]>) -> Result<usize> {
        let socket = self.get(id)?;
        if !socket.writes {
            return Err(Error::new(EPIPE));
        }
        let datagram = socket.kind == Kind::Datagram;
        if let Some(key) = to {
            if !datagram {
                let connected = socket.peer != Peer::None;
                return Err(Error::new(if connected { EISCONN } else { EOPNOTSUPP }));
            }
            let at = *self.names.get(key).ok_or(Error::new(ECONNREFUSED))?;
            self.get(at)?.same_kind(Kind::Datagram)?;
            return Ok(at);
        }
        match socket.peer {
            Peer::Socket(at) => Ok(at),
            Peer::Gone => Err(Error::new(if datagram { ECONNREFUSED } else { EPIPE })),
            Peer::None => Err(Error::new(ENOTCONN)),
        }
    }

    /// Sends bytes, and handles with the first of them; they are taken out of the list. A stream
    /// takes as many bytes as there is room for, a message goes whole or not at all.
    ///
    /// # Errors
    /// `EAGAIN`: there is no room now. `EPIPE`, `ENOTCONN`, `ECONNREFUSED`, `EISCONN`;
    /// `EMSGSIZE`: a message that never fits.
    pub fn send(
        &mut self,
        id: usize,
        data: &[u8],
        handles: &mut Vec<H>,
        to: Option<&[u8]>,
    ) -> Result<usize> {
        let at = self.target(id, to)?;
        let most = self.most();
        let socket = self.get(id)?;
        let (kind, from) = (socket.kind, socket.address.clone());
        let target = self.get_mut(at)?;
        if !target.reads {
            return Err(Error::new(if kind == Kind::Datagram { ECONNREFUSED } else { EPIPE }));
        }
        if kind == Kind::Stream && data.is_empty() {
            return Ok(0);
        }
        let mut count = data.len();
        if kind == Kind::Stream {
            count = count.min(target.inbox.room(most));
        } else if count > BYTES {
            return Err(Error::new(EMSGSIZE));
        }
        let fits = target.inbox.fits(count, handles.len(), most) && (count > 0 || data.is_empty());
        if !fits {
            self.wait_for(id, at);
            if most < BYTES {
                self.starved.insert(id);
            }
            return Err(Error::new(EAGAIN));
        }
        let before = target.inbox.cost();
        let part = data.get(..count).unwrap_or_default();
        if kind == Kind::Stream && handles.is_empty() {
            target.inbox.extend(part);
        } else {
            let handles = std::mem::take(handles);
            let carried = handles.len();
            let data = part.iter().copied().collect();
            target.inbox.push(Message { data, from, handles });
            self.handles = self.handles.saturating_add(carried);
        }
        self.count(at, before);
        self.touch(at);
        Ok(count)
    }

    /// Receives.
    ///
    /// # Errors
    /// `EAGAIN`: nothing is there. `ENOTCONN`; `EINVAL` where others connect to.
    pub fn receive(&mut self, id: usize, out: &mut [u8], keep: Keep) -> Result<Received<H>> {
        let socket = self.get_mut(id)?;
        if socket.listener.is_some() {
            return Err(Error::new(EINVAL));
        }
        let nothing = Received { count: 0, length: 0, from: Vec::new(), handles: Vec::new() };
        if socket.inbox.is_empty() {
            return match (socket.is_over(), socket.kind, socket.peer) {
                (true, ..) => Ok(nothing),
                (_, Kind::Stream | Kind::Packets, Peer::None) => Err(Error::new(ENOTCONN)),
                _ => Err(Error::new(EAGAIN)),
            };
        }
        let before = socket.inbox.cost();
        let received = if socket.kind == Kind::Stream {
            if out.is_empty() {
                return Ok(nothing);
            }
            let (count, handles) = socket.inbox.read(out, keep);
            Received { count, length: count, from: Vec::new(), handles }
        } else {
            let room = out.len();
            match socket.inbox.take(out, keep) {
                Some((length, from, handles)) => {
                    Received { count: length.min(room), length, from, handles }
                }
                None => nothing,
            }
        };
        self.handles = self.handles.saturating_sub(received.handles.len());
        if keep == Keep::Nothing {
            self.count(id, before);
            let peer = self.get(id)?.peer;
            self.released(id);
            self.touch(id);
            if let Peer::Socket(peer) = peer {
                self.touch(peer);
            }
        }
        Ok(received)
    }

    /// Shuts a direction.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn shutdown(&mut self, id: usize, half: Half) -> Result<()> {
        let socket = self.get_mut(id)?;
        let Peer::Socket(peer) = socket.peer else { return Err(Error::new(ENOTCONN)) };
        match half {
            Half::Read => socket.reads = false,
            Half::Write => socket.writes = false,
        }
        let connected = socket.kind != Kind::Datagram;
        if let Some(peer) = self.sockets.get_mut(peer).filter(|_| connected) {
            match half {
                Half::Read => peer.writes = false,
                Half::Write => peer.reads = false,
            }
        }
        self.released(id);
        self.touch(id);
        self.touch(peer);
        Ok(())
    }

    /// A datagram socket sends to nobody any more.
    fn leave(&mut self, id: usize) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if let Peer::Socket(before) = std::mem::replace(&mut socket.peer, Peer::None)
            && let Some(before) = self.sockets.get_mut(before)
        {
            before.senders.remove(&id);
        }
    }

    /// The last handle of a socket is gone, and with it what waits there.
    pub fn close(&mut self, id: usize) {
        self.waits_no_more(id);
        self.released(id);
        let Some(socket) = self.sockets.try_remove(id) else { return };
        self.changed.remove(&id);
        self.starved.remove(&id);
        self.count(id, socket.inbox.cost());
        self.handles = self.handles.saturating_sub(socket.inbox.handles());
        if let Some(key) = &socket.key {
            self.names.remove(key);
        }
        let mut gone: Vec<usize> = socket.senders.into_iter().collect();
        if let Peer::Socket(peer) = socket.peer {
            match self.sockets.get_mut(peer) {
                Some(other) if socket.kind == Kind::Datagram => _ = other.senders.remove(&id),
                _ => gone.push(peer),
            }
        }
        for other in gone {
            if let Some(other) = self.sockets.get_mut(other) {
                other.peer = Peer::Gone;
            }
            self.released(other);
            self.touch(other);
        }
        for pending in socket.listener.into_iter().flat_map(|listener| listener.pending) {
            self.close(pending);
        }
    }

    /// Whether reading and writing would not wait.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn readiness(&self, id: usize) -> Result<(bool, bool)> {
        let socket = self.get(id)?;
        if let Some(listener) = &socket.listener {
            return Ok((!listener.pending.is_empty(), false));
        }
        let reads = !socket.inbox.is_empty() || socket.is_over();
        let writes = match socket.peer {
            _ if socket.waits_for.is_some() => false,
            Peer::Socket(peer) if socket.kind == Kind::Stream => {
                self.get(peer).map_or(true, |peer| peer.inbox.fits(1, 0, BYTES) || !peer.reads)
            }
            _ => true,
        };
        Ok((reads, writes || !socket.writes))
    }

    /// What a socket carries.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn kind(&self, id: usize) -> Result<Kind> {
        self.get(id).map(|socket| socket.kind)
    }

    /// Whether others connect to it.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn listens(&self, id: usize) -> Result<bool> {
        self.get(id).map(|socket| socket.listener.is_some())
    }

    /// Its own address; empty when it has none.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn address(&self, id: usize) -> Result<&[u8]> {
        self.get(id).map(|socket| socket.address.as_slice())
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn peer_address(&self, id: usize) -> Result<&[u8]> {
        match self.get(id)? {
            Socket { peer: Peer::None, .. } => Err(Error::new(ENOTCONN)),
            socket => Ok(&socket.peer_address),
        }
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn peer_credentials(&self, id: usize) -> Result<Credentials> {
        match self.get(id)? {
            Socket { peer: Peer::None, .. } => Err(Error::new(ENOTCONN)),
            socket => Ok(socket.other),
        }
    }
}

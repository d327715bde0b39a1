//! Requests of the kernel, translated.
use crate::staged::Staged;
use clavis::{AsNumber, Handle, Number};
use clavis_abi::limits::BATCH_MAX;
use clavis_abi::unix::{self, DATA, HEAD};
use clavis_unix::queue::Keep;
use clavis_unix::{Credentials, Half, Hub, Kind};
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult, RecvFdRequest, Response, SendFdRequest, Socket};
use scheme_daemon::{Patient, copy_path, device};
use std::collections::{BTreeMap, VecDeque};
use syscall::error::{
    EAGAIN, EBADF, EINVAL, ENOBUFS, ENOENT, EOPNOTSUPP, EWOULDBLOCK, Error, Result,
};
use syscall::flag::{F_SETFL, FmoveFdFlags, FobtainFdFlags, MODE_DIR, MODE_SOCK};
use syscall::schemev2::NewFdFlags;
use syscall::{EventFlags, Stat};

/// The number of the root; a socket's is its place and one.
const ROOT: usize = 0;
/// Handles that lie here at most.
const HANDLES: usize = 4096;

/// The name that it serves.
pub(crate) const NAME: &str = "unix";

/// The service.
#[derive(Default)]
pub(crate) struct Service {
    hub: Hub<Handle>,
    /// Events that the kernel wants to hear of, by socket.
    interest: BTreeMap<usize, EventFlags>,
    staged: Staged,
}

fn place(number: usize) -> Result<usize> {
    number.checked_sub(1).ok_or(Error::new(EBADF))
}

fn opened(place: usize) -> Result<OpenResult> {
    let number = place.checked_add(1).ok_or(Error::new(EBADF))?;
    Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::empty() })
}

fn credentials(caller: &CallerCtx) -> Credentials {
    let badge = u64::from(caller.gid) << 32 | u64::from(caller.uid);
    Credentials { process: u32::try_from(caller.pid).unwrap_or(0), badge }
}

/// A request that would have to wait is kept by who runs this.
fn waits<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| match error.errno {
        EAGAIN => Error::new(EWOULDBLOCK),
        _ => error,
    })
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    from.len().min(to.len())
}

fn split(payload: &[u8], at: u64) -> Result<(&[u8], &[u8])> {
    let at = usize::try_from(at).map_err(|_| Error::new(EINVAL))?;
    payload.split_at_checked(at).ok_or(Error::new(EINVAL))
}

impl Service {
    fn ready(&self, place: usize) -> Result<EventFlags> {
        let (reads, writes) = self.hub.readiness(place)?;
        let mut ready = EventFlags::empty();
        ready.set(EventFlags::EVENT_READ, reads);
        ready.set(EventFlags::EVENT_WRITE, writes);
        Ok(ready)
    }

    fn send(&mut self, place: usize, payload: &[u8], key: u64, batch: u64) -> Result<usize> {
        let (key, data) = split(payload, key)?;
        let to = (!key.is_empty()).then_some(key);
        let mut handles = match batch {
            0 => Vec::new(),
            batch => self.staged.take(place, batch).ok_or(Error::new(EINVAL))?,
        };
        let sent = self.hub.send(place, data, &mut handles, to);
        if sent.is_err() && !handles.is_empty() {
            self.staged.restore(place, batch, handles);
        }
        sent
    }

    fn receive(&mut self, place: usize, payload: &mut [u8], flags: u64) -> Result<usize> {
        let keep = if flags & unix::PEEK != 0 { Keep::Message } else { Keep::Nothing };
        let Some((head, data)) = payload.split_at_mut_checked(DATA) else {
            return Err(Error::new(EINVAL));
        };
        let received = self.hub.receive(place, data, keep)?;
        let handles = received.handles.len();
        let batch = if handles > 0 { self.staged.put(place, received.handles) } else { 0 };
        let (length, from) = (received.length as u64, received.from.len() as u64);
        let words = [length, from, handles as u64, batch];
        let (words_out, address) = head.split_at_mut_checked(HEAD).ok_or(Error::new(EINVAL))?;
        words_out
            .iter_mut()
            .zip(words.into_iter().flat_map(u64::to_ne_bytes))
            .for_each(|(to, byte)| *to = byte);
        copy(&received.from, address);
        Ok(received.count)
    }
}

impl Patient for Service {
    fn has_changed(&self) -> bool {
        self.hub.has_changed()
    }

    fn announce(&mut self, replies: &mut VecDeque<Response>) {
        for place in self.hub.changed() {
            let Ok(ready) = self.ready(place) else { continue };
            let Some(interest) = self.interest.get(&place) else { continue };
            let told = ready & *interest;
            if let (false, Some(number)) = (told.is_empty(), place.checked_add(1)) {
                replies.push_back(Response::post_fevent(number, told.bits()));
            }
        }
    }

    /// Takes handles that go along with the next message of a socket; the answer is their number.
    fn receive_handles(&mut self, socket: &Socket, request: &SendFdRequest) -> Result<usize> {
        let place = place(request.id())?;
        self.hub.kind(place)?;
        let count = request.num_fds();
        let here = self.hub.handles().saturating_add(self.staged.count());
        if here.saturating_add(count) > HANDLES {
            return Err(Error::new(ENOBUFS));
        }
        let mut numbers = [usize::MAX; BATCH_MAX];
        let numbers = numbers.get_mut(..count).ok_or(Error::new(EINVAL))?;
        request.obtain_fd(socket, FobtainFdFlags::UPPER_TBL, numbers)?;
        let owned = |number: &mut usize| Handle::from_number(Number::from_raw(*number));
        let handles = numbers.iter_mut().map(owned).collect();
        usize::try_from(self.staged.put(place, handles)).map_err(|_| Error::new(EINVAL))
    }

    /// Hands over handles that came with a message. Those beyond what was asked for are closed.
    fn hand_over(&mut self, socket: &Socket, request: &RecvFdRequest) -> Result<OpenResult> {
        let place = place(request.id())?;
        let number = request.metadata().first().copied().unwrap_or(0);
        let mut handles = self.staged.take(place, number).ok_or(Error::new(ENOENT))?;
        handles.truncate(request.num_fds());
        let numbers: Vec<usize> = handles.iter().map(|handle| handle.number().raw()).collect();
        request.move_fd(socket, FmoveFdFlags::empty(), &numbers)?;
        let num_fds = numbers.len();
        // They are the kernel's now.
        handles.into_iter().for_each(std::mem::forget);
        Ok(OpenResult::OtherSchemeMultiple { num_fds })
    }
}

impl SchemeSync for Service {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(ROOT)
    }

    fn openat(
        &mut self,
        fd: usize,
        path: &str,
        _flags: usize,
        _status: u32,
        caller: &CallerCtx,
    ) -> Result<OpenResult> {
        let kind = match (fd, path) {
            (ROOT, unix::STREAM) => Kind::Stream,
            (ROOT, unix::DATAGRAM) => Kind::Datagram,
            (ROOT, unix::PACKETS) => Kind::Packets,
            _ => return Err(Error::new(ENOENT)),
        };
        opened(self.hub.create(kind, credentials(caller))?)
    }

    fn dup(&mut self, id: usize, message: &[u8], caller: &CallerCtx) -> Result<OpenResult> {
        let place = place(id)?;
        match message {
            unix::ACCEPT => opened(self.hub.accept(place)?),
            unix::PAIR => opened(self.hub.pair(place, credentials(caller))?),
            _ => Err(Error::new(EINVAL)),
        }
    }

    fn read(&mut self, id: usize, buf: &mut [u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        let received = waits(self.hub.receive(place(id)?, buf, Keep::Nothing));
        received.map(|received| received.count)
    }

    fn write(&mut self, id: usize, buf: &[u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        waits(self.hub.send(place(id)?, buf, &mut Vec::new(), None))
    }

    fn call(
        &mut self,
        id: usize,
        payload: &mut [u8],
        words: &[u64],
        caller: &CallerCtx,
    ) -> Result<usize> {
        let place = place(id)?;
        let &[what, one, two] = words else { return Err(Error::new(EINVAL)) };
        let process = u32::try_from(caller.pid).unwrap_or(0);
        match what {
            unix::BIND => {
                let (key, address) = split(payload, one)?;
                self.hub.bind(place, key, address).map(|()| 0)
            }
            unix::LISTEN => {
                let backlog = usize::try_from(one).unwrap_or(usize::MAX);
                self.hub.listen(place, backlog, process).map(|()| 0)
            }
            unix::CONNECT => self.hub.connect(place, payload, process).map(|()| 0),
            unix::SEND => self.send(place, payload, one, two),
            unix::RECEIVE => self.receive(place, payload, one),
            unix::SHUTDOWN => {
                for (bit, half) in [(1, Half::Read), (2, Half::Write)] {
                    if one & bit != 0 {
                        self.hub.shutdown(place, half)?;
                    }
                }
                Ok(0)
            }
            unix::ADDRESS => Ok(copy(self.hub.address(place)?, payload)),
            unix::PEER_ADDRESS => Ok(copy(self.hub.peer_address(place)?, payload)),
            unix::PEER => {
                let Credentials { process, badge } = self.hub.peer_credentials(place)?;
                let words = [u64::from(process), badge];
                let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_ne_bytes).collect();
                Ok(copy(&bytes, payload))
            }
            unix::KIND => {
                let kind = match self.hub.kind(place)? {
                    Kind::Stream => 1,
                    Kind::Datagram => 2,
                    Kind::Packets => 3,
                };
                Ok(if self.hub.listens(place)? { kind | 16 } else { kind })
            }
            unix::DROP => self.staged.take(place, one).map(|_| 0).ok_or(Error::new(ENOENT)),
            _ => Err(Error::new(EINVAL)),
        }
    }

    fn fcntl(&mut self, _id: usize, command: usize, _: usize, _: &CallerCtx) -> Result<usize> {
        if command == F_SETFL { Ok(0) } else { Err(Error::new(EINVAL)) }
    }

    fn fevent(&mut self, id: usize, flags: EventFlags, _: &CallerCtx) -> Result<EventFlags> {
        let place = place(id).map_err(|_| Error::new(EOPNOTSUPP))?;
        self.interest.insert(place, flags);
        Ok(self.ready(place)? & flags)
    }

    fn fpath(&mut self, id: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        Ok(copy_path(&format!("/scheme/unix/{id}"), buf))
    }

    fn fstat(&mut self, id: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        stat.st_dev = device(NAME);
        stat.st_ino = id as u64;
        stat.st_mode = if id == ROOT { MODE_DIR | 0o555 } else { MODE_SOCK | 0o666 };
        stat.st_nlink = 1;
        Ok(())
    }

    fn on_close(&mut self, id: usize) {
        if let Ok(place) = place(id) {
            self.interest.remove(&place);
            self.staged.forget(place);
            self.hub.close(place);
        }
    }
}

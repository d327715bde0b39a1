//! Carries out what the desk decides.
use crate::ask::Ask;
use crate::counter::{Counter, Narrowed};
use crate::desk::{Answer, Desk, Grant, ROOT, Terms};
use clavis::abi::params::{LeaseState, MintParams};
use clavis::handle::limit;
use clavis::server::mint;
use clavis::{AsNumber, Handle, Lease, Number, Place, Rights, handle_flags};
use clavis_policy::Policy;
use redox_scheme::scheme::{Op, OpFdPathLike, SchemeState, SchemeSync};
use redox_scheme::{
    CallRequest, CallerCtx, OpenResult, Request, RequestKind, Response, SignalBehavior, Socket,
};
use scheme_daemon::{Forward, Resolution, Tag, answer, endpoint, forward, forward_and_wait};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use syscall::Stat;
use syscall::error::{EACCES, ECANCELED, ENOSYS, EOPNOTSUPP, Error, Result};
use syscall::flag::{MODE_DIR, O_RDWR};
use syscall::schemev2::NewFdFlags;

/// A broker that is being served. When it is dropped, what it granted is taken back.
pub struct Broker {
    root: Handle,
    shared: Arc<Shared>,
}

struct Shared {
    counter: Mutex<Counter<Lent>>,
    /// There is a question.
    asked: Condvar,
    socket: Socket,
    /// The namespace, as its owner gave it.
    own: Handle,
}

/// The namespace, under a lease.
struct Lent {
    lease: Lease,
    names: Handle,
}

impl Lent {
    fn new(own: &Handle) -> clavis::Result<Lent> {
        let all = Rights::all();
        let lease = Lease::new()?;
        let names = lease.lend(own, all, all)?;
        limit(&names, all, all, handle_flags::NO_SYMLINKS)?;
        Ok(Lent { lease, names })
    }

    /// Another, unless this was taken back: then nothing is given any more.
    fn again(&self, own: &Handle) -> clavis::Result<Option<Lent>> {
        match self.lease.info()?.state {
            LeaseState::Holds => Lent::new(own).map(Some),
            _ => Ok(None),
        }
    }
}

impl Broker {
    /// Begins to serve, in a thread of its own. Everything that is granted is opened in `names`,
    /// follows no symbolic link, and lies under a lease of the broker's.
    ///
    /// # Errors
    /// What the kernel answers; `ENOENT` without the right to create schemes.
    pub fn serve(names: &impl AsNumber, terms: Terms) -> Result<Broker> {
        let socket = endpoint(Resolution::Flat)?;
        let number = Number::from_raw(socket.inner().raw());
        let all = Rights::all().bits();
        let params = MintParams {
            number: ROOT as u64,
            rights: all,
            inherit: all,
            flags: O_RDWR as u64,
            ..MintParams::default()
        };
        let root = mint(&number, &params).map_err(own)?;
        let kept = Handle::duplicate(names, Place::Upper).map_err(own)?;
        let from = Lent::new(&kept).map_err(own)?;
        let counter = Mutex::new(Counter { desk: Desk::new(terms), from });
        let shared = Arc::new(Shared { counter, asked: Condvar::new(), socket, own: kept });
        let served = Arc::clone(&shared);
        // Who asks learns from the kernel when it ends.
        std::thread::spawn(move || serve(&served));
        Ok(Broker { root, shared })
    }

    /// Answers questions from now on, in a thread of its own.
    pub fn attend(&self, mut person: impl Ask + 'static) {
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            loop {
                let (number, grant) = shared.question();
                let answer = person.ask(&grant);
                shared.answered(number, answer);
            }
        });
    }

    /// The handle that programs ask through.
    #[must_use]
    pub fn root(&self) -> &Handle {
        &self.root
    }

    /// Takes everything back that was granted, wherever it is, and grants nothing more.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn revoke(&self) -> Result<()> {
        self.shared.counter().from.lease.revoke().map_err(own)
    }

    /// Gives only what this policy allows too, from now on. What was granted is taken back, all of
    /// it, and who waits for the person is refused: both can ask anew. `with` is done together with
    /// that, while nothing is granted: if it fails, nothing happens here either.
    ///
    /// # Errors
    /// `E2BIG`: it was done too often; what the kernel and `with` answer. Then nothing changed.
    pub fn shrink<T>(&self, policy: &Arc<Policy>, with: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut counter = self.shared.counter();
        let fresh = |from: &Lent| from.again(&self.shared.own).map_err(own);
        let Narrowed { old, waiting, done } = counter.narrow(policy, fresh, with)?;
        // Its last handle is closed, which ends the lease and all that was granted.
        drop(old);
        for tag in waiting {
            // A request that is gone needs no answer.
            _ = answer(&self.shared.number(), Tag(tag), Err(Error::new(EACCES)));
        }
        Ok(done)
    }
}

fn own(error: clavis::Error) -> Error {
    Error::new(error.errno())
}

impl Shared {
    fn number(&self) -> Number {
        Number::from_raw(self.socket.inner().raw())
    }

    fn counter(&self) -> MutexGuard<'_, Counter<Lent>> {
        self.counter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a question.
    fn question(&self) -> (u64, Grant) {
        let mut counter = self.counter();
        loop {
            if let Some((number, grant)) = counter.desk.question() {
                return (number, grant.clone());
            }
            counter = self.asked.wait(counter).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn answered(&self, number: u64, yes: bool) {
        // Held until the answer is sent: who gives up meanwhile is answered by one of both.
        let mut counter = self.counter();
        let Some((tag, grant)) = counter.desk.answered(number) else { return };
        let sent = if yes {
            self.grant(&counter.from.names, tag, &grant)
        } else {
            Err(Error::new(EACCES))
        };
        if let Err(error) = sent {
            // A request that is gone needs no answer.
            _ = answer(&self.number(), Tag(tag), Err(error));
        }
    }

    fn grant(&self, names: &Handle, tag: u32, grant: &Grant) -> Result<()> {
        let path = in_namespace(&grant.path);
        forward(&self.number(), Tag(tag), &granted(names.number(), &path, grant.rights))
    }

    /// Opens for who asks, and takes the next request.
    fn open(&self, open: OpFdPathLike<usize>, tag: Tag) -> Heard {
        loop {
            let mut counter = self.counter();
            let names = counter.from.names.number();
            let answer = counter.desk.open(open.fd, open.path(), tag.0);
            // Nobody else may have to wait until somebody asks for something.
            drop(counter);
            let result = match answer {
                Ok(Answer::Ask) => {
                    self.asked.notify_one();
                    return Heard::Later;
                }
                Ok(Answer::Grant(grant)) => {
                    let path = in_namespace(&grant.path);
                    let granted = granted(names, &path, grant.rights);
                    match forward_and_wait(&self.socket, tag, &granted) {
                        Ok(next) => return Heard::Before(next),
                        // Other terms hold, and that number means nothing any more.
                        Err(_) if self.counter().from.names.number() != names => continue,
                        Err(error) => Err(error),
                    }
                }
                Ok(Answer::Object(number)) => {
                    Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::empty() })
                }
                Err(error) => Err(error),
            };
            return Heard::Now(Response::open_dup_like(result, Op::OpenAt(open)));
        }
    }
}

/// What the broker asks the namespace for in the place of a program.
fn granted(names: Number, path: &str, rights: Rights) -> Forward<'_> {
    Forward { to: names, path, rights, inherit: rights, flags: 0 }
}

/// A path as a namespace knows it: with its scheme.
fn in_namespace(path: &str) -> std::borrow::Cow<'_, str> {
    match path.strip_prefix("/scheme") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => path.into(),
        _ => format!("/scheme/file{path}").into(),
    }
}

fn serve(shared: &Shared) -> Result<()> {
    let socket = &shared.socket;
    let mut state = SchemeState::new();
    let mut next = socket.next_request(SignalBehavior::Restart)?;
    while let Some(request) = next {
        let heard = match request.kind() {
            RequestKind::Call(call) => hear(shared, &mut state, call),
            // Nobody sends it handles, and it keeps none for anybody.
            RequestKind::SendFd(request) => {
                Heard::Now(Response::new(Err(Error::new(EOPNOTSUPP)), request))
            }
            RequestKind::RecvFd(request) => {
                Heard::Now(Response::open_dup_like(Err(Error::new(EOPNOTSUPP)), request))
            }
            RequestKind::Cancellation(request) => {
                let tag = Tag::of(&request.id);
                if shared.counter().desk.given_up(tag.0) {
                    answer(&shared.number(), tag, Err(Error::new(ECANCELED)))?;
                }
                Heard::Later
            }
            RequestKind::OnClose { id } => {
                shared.counter().desk.close(id);
                Heard::Later
            }
            _ => Heard::Later,
        };
        next = match heard {
            Heard::Now(response) => {
                socket.write_response_and_await_next_request(SignalBehavior::Restart, response)?.1
            }
            Heard::Later => socket.next_request(SignalBehavior::Restart)?,
            Heard::Before(next) => next,
        };
    }
    Ok(())
}

/// What became of a request.
enum Heard {
    /// This answers it.
    Now(Response),
    /// It waits for the person, or awaits no answer.
    Later,
    /// It was passed on, and this is the next.
    Before(Option<Request>),
}

/// Carries a request out.
fn hear(shared: &Shared, state: &mut SchemeState, call: CallRequest) -> Heard {
    let (caller, tag) = (call.caller(), Tag::of(&call.request_id()));
    Heard::Now(match call.op() {
        Ok(Op::OpenAt(open)) => return shared.open(open, tag),
        Ok(op) => op.handle_sync(caller, &mut Objects(shared), state),
        Err(call) => Response::new(Err(Error::new(ENOSYS)), call),
    })
}

/// What can be done with an object of the broker besides opening.
struct Objects<'a>(&'a Shared);

impl SchemeSync for Objects<'_> {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(ROOT)
    }

    /// The message is a policy: the new object gives what this one does, as far as that allows it.
    fn dup(&mut self, object: usize, limits: &[u8], _: &CallerCtx) -> Result<OpenResult> {
        let number = self.0.counter().desk.shrink(object, limits)?;
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::empty() })
    }

    fn fstat(&mut self, _: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        stat.st_mode = MODE_DIR | 0o500;
        Ok(())
    }
}

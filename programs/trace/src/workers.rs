//! Threads that carry requests out: one that waits holds up nobody else.
//!
//! One thread at a time waits for the next request; whoever takes it lets another wait in its
//! place. An endpoint has so many requests at once at most, and there are no more threads than
//! that, and a few.
use crate::boundary::{Boundary, lock};
use clavis::abi::error::{EEXPIRED, EINTR, EREVOKED};
use clavis::{Handle, Lease, Result, Rights};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use syscall::schemev2::Opcode;

/// Threads that wait at most.
const SPARE: usize = 3;
/// Bytes of a thread's stack.
const STACK: usize = 128 << 10;

/// A request that is being carried out.
pub(crate) struct Open {
    /// What it is carried out under, where that can take long.
    lease: Option<Arc<Lease>>,
    given_up: bool,
}

/// How many threads wait.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// What a thread has.
pub(crate) struct Worker {
    /// Ends when nobody waits for a request any more.
    lease: Option<Arc<Lease>>,
}

impl Worker {
    fn new() -> Worker {
        Worker { lease: Lease::new().ok().map(Arc::new) }
    }

    /// A handle that ends when nobody waits for the request any more; `None` where the real one may
    /// not be duplicated.
    ///
    /// # Errors
    /// Nobody waits for it any more already, or the real handle has ended.
    pub(crate) fn lent(&self, real: &Handle) -> Result<Option<Handle>> {
        let Some(lease) = &self.lease else { return Ok(None) };
        match lease.lend(real, Rights::all(), Rights::all()) {
            Ok(lent) => Ok(Some(lent)),
            Err(error) if [EREVOKED, EEXPIRED].contains(&error.errno()) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The request with that tag was carried out. Whether nobody waits for it any more.
    pub(crate) fn finished(&mut self, boundary: &Boundary, tag: u32) -> bool {
        let given_up = lock(&boundary.open).remove(&tag).is_some_and(|open| open.given_up);
        if given_up {
            *self = Worker::new();
        }
        given_up
    }
}

/// Starts a thread.
pub(crate) fn begin(boundary: &Arc<Boundary>) -> std::io::Result<()> {
    WAITING.fetch_add(1, Ordering::Relaxed);
    let own = Arc::clone(boundary);
    let started = std::thread::Builder::new().stack_size(STACK).spawn(move || work(&own));
    if started.is_err() {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
    started.map(drop)
}

fn work(boundary: &Arc<Boundary>) {
    let mut worker = Worker::new();
    loop {
        let turn = lock(&boundary.turn);
        let request = match boundary.receiver.receive() {
            Ok(request) => request,
            Err(error) if error.errno() == EINTR => continue,
            Err(_) => return,
        };
        match request.opcode() {
            // That request came before, so it is known or was answered.
            Some(Opcode::Cancel) => {
                if let Some(open) = lock(&boundary.open).get_mut(&request.tag()) {
                    open.given_up = true;
                    if let Some(lease) = &open.lease {
                        _ = lease.revoke();
                    }
                }
                continue;
            }
            Some(Opcode::CloseMsg | Opcode::Munmap | Opcode::Msync | Opcode::Detach) => {}
            _ => {
                let open = Open { lease: worker.lease.clone(), given_up: false };
                lock(&boundary.open).insert(request.tag(), open);
            }
        }
        if WAITING.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Without another thread the next request waits for this one.
            _ = begin(boundary);
        }
        drop(turn);
        boundary.attend(request, &mut worker);
        if WAITING.fetch_add(1, Ordering::Relaxed) >= SPARE {
            WAITING.fetch_sub(1, Ordering::Relaxed);
            return;
        }
    }
}

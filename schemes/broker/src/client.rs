//! For programs that ask.
use crate::refusal::Refusal;
use clavis::process::set_deadline;
use clavis::{Handle, Place};
use libredox::flag::CLOCK_MONOTONIC;
use std::time::Duration;
use syscall::flag::{O_DIRECTORY, O_RDONLY, O_WRONLY};

/// A broker, as a program sees it. Every question has a deadline: a broker that is dead, floods or
/// never answers costs at most that. It is the thread's own deadline, which is removed afterwards.
#[derive(Debug)]
pub struct Client {
    broker: Handle,
    patience: Duration,
}

/// Long enough for a person who reads.
const PATIENCE: Duration = Duration::from_secs(60);

impl Client {
    /// The broker of this program's namespace, `/scheme/broker`.
    ///
    /// # Errors
    /// [`Refusal::Gone`] if there is none.
    pub fn find() -> Result<Client, Refusal> {
        let open = || Handle::open("/scheme/broker", (O_RDONLY | O_DIRECTORY) as u64);
        match within(PATIENCE, open) {
            Err(Refusal::Absent) => Err(Refusal::Gone),
            found => found.map(Client::from_handle),
        }
    }

    /// The broker behind a handle.
    #[must_use]
    pub fn from_handle(broker: Handle) -> Client {
        Client { broker, patience: PATIENCE }
    }

    /// Waits this long for answers from now on.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Client {
        Client { patience, ..self }
    }

    /// Opens an absolute path.
    ///
    /// # Errors
    /// Why it was not given.
    pub fn open(&self, path: &str, flags: usize) -> Result<Handle, Refusal> {
        self.get(&format!("open{path}"), flags)
    }

    /// Random bytes, to be read.
    ///
    /// # Errors
    /// Why they were not given.
    pub fn random(&self) -> Result<Handle, Refusal> {
        self.get("random", O_RDONLY)
    }

    /// A log, to be written.
    ///
    /// # Errors
    /// Why it was not given.
    pub fn log(&self) -> Result<Handle, Refusal> {
        self.get("log", O_WRONLY)
    }

    /// A clock, by its number, to be read.
    ///
    /// # Errors
    /// Why it was not given.
    pub fn time(&self, clock: usize) -> Result<Handle, Refusal> {
        self.get(&format!("time/{clock}"), O_RDONLY)
    }

    /// The addresses of a host, to be read.
    ///
    /// # Errors
    /// [`Refusal::NoNetwork`] where there is none; why they were not given.
    pub fn resolve(&self, host: &str) -> Result<Handle, Refusal> {
        self.get(&format!("resolve/{host}"), O_RDONLY)
    }

    /// The same broker with limits: what the policy does not allow it does not give through this.
    ///
    /// # Errors
    /// [`Refusal::Busy`] after too many limits; an error for text that is no policy.
    pub fn shrunk(&self, policy: &str) -> Result<Client, Refusal> {
        // A dup without any message would be a mere copy.
        let message = format!("{policy}\n");
        let ask = || Handle::ask(&self.broker, message.as_bytes(), Place::Upper);
        Ok(Client { broker: within(self.patience, ask)?, patience: self.patience })
    }

    fn get(&self, wanted: &str, flags: usize) -> Result<Handle, Refusal> {
        within(self.patience, || Handle::open_at(&self.broker, wanted, flags as u64))
    }
}

/// Does something under a deadline.
fn within(
    patience: Duration,
    body: impl FnOnce() -> clavis::Result<Handle>,
) -> Result<Handle, Refusal> {
    let now = libredox::call::clock_gettime(CLOCK_MONOTONIC);
    let now = now.map_err(|error| Refusal::of(error.errno()))?;
    let now =
        Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0));
    let until = now.saturating_add(patience).as_nanos().try_into().unwrap_or(u64::MAX);
    let number = |error: clavis::Error| Refusal::of(error.errno());
    set_deadline(Some(until)).map_err(number)?;
    let result = body();
    set_deadline(None).map_err(number)?;
    result.map_err(number)
}

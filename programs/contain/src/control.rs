//! What a person can do with a program that runs: an object under its name, beneath
//! `/scheme/sandbox`, in the namespace of `contain` and never in the program's.
use crate::guarded;
use crate::live::Live;
use allow_list::RUNNING;
use clavis::Handle;
use clavis::abi::error::{EEXIST, ENODEV, EOWNERDEAD};
use clavis::account::Account;
use clavis::namespace::{Name, Namespace, entry_flags};
use clavis_broker::Broker;
use clavis_policy::{Lock, narrowing};
use containment::Trouble;
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::Daemon;
use slab::Slab;
use std::fmt::Write;
use std::sync::Arc;
use syscall::Stat;
use syscall::error::{E2BIG, EBADF, EINVAL, EIO, EMFILE, ENOENT, EOPNOTSUPP, EPERM, Error, Result};
use syscall::flag::MODE_FILE;
use syscall::schemev2::NewFdFlags;

/// Answers that are kept at a time.
const ANSWERS: usize = 64;

/// What is known of a running program.
pub(crate) struct Known {
    /// Its words.
    pub(crate) command: String,
    /// The policy, if it can shrink.
    pub(crate) live: Option<Live>,
    pub(crate) broker: Option<Arc<Broker>>,
    pub(crate) account: Account,
}

/// A name beneath `/scheme/sandbox`, as long as this lives.
pub(crate) struct Control {
    own: Namespace,
    place: String,
}

impl Control {
    /// Serves it.
    pub(crate) fn serve(
        own: Namespace,
        name: &str,
        known: Known,
    ) -> std::result::Result<Control, Trouble> {
        let place = format!("{RUNNING}/{name}");
        let failed = |error| Trouble::failed(&format!("the name {name}"), &error);
        let root = guarded::serve(name, move || Ok(Desk { known, answers: Slab::new() }))?;
        let whole = Name::whole(&place);
        match own.bind(&whole, &root) {
            Err(error) if error.errno() == EEXIST => {
                let there = Handle::open(&format!("/scheme/{place}"), 0);
                // One that was killed left its name.
                if !there.is_err_and(|error| [ENODEV, EOWNERDEAD].contains(&error.errno())) {
                    return Err(Trouble::own(name, "something runs under that name"));
                }
                let again = Name { flags: entry_flags::REPLACE, ..whole };
                own.bind(&again, &root).map_err(failed)?;
            }
            bound => bound.map_err(failed)?,
        }
        Ok(Control { own, place })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Whoever finds it finds that nobody answers.
        _ = self.own.unbind(&self.place);
    }
}

/// Answers orders. Each is a dup with a word, and a line break and lines where it takes some; what
/// comes of it is read from the new handle.
struct Desk {
    known: Known,
    answers: Slab<String>,
}

fn failed(error: clavis::Error) -> Error {
    Error::new(error.errno())
}

impl Desk {
    /// An order whose answer there is no place for is not carried out.
    fn room(&self) -> Result<()> {
        if self.answers.len() < ANSWERS { Ok(()) } else { Err(Error::new(EMFILE)) }
    }

    fn keep(&mut self, text: String) -> Result<OpenResult> {
        // The root has the number 0.
        let number = self.answers.insert(text).saturating_add(1);
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::POSITIONED })
    }

    fn answer(&self, number: usize) -> Result<&str> {
        let text = number.checked_sub(1).and_then(|number| self.answers.get(number));
        text.map(String::as_str).ok_or(Error::new(EBADF))
    }

    fn status(&self) -> Result<String> {
        let Known { command, live, broker, account } = &self.known;
        let mut text = format!("program: {command}\n");
        // Writing to a string does not fail.
        match live {
            None => text.push_str("policy: sealed\n"),
            Some(live) => {
                let guard = live.running.guard();
                let lock = if guard.lock() == Lock::Sealed { "sealed" } else { "shrink-only" };
                let times = guard.hashes().count().saturating_sub(1);
                _ = writeln!(text, "policy: {lock}, shrunk {times} times");
                for hash in guard.hashes() {
                    _ = writeln!(text, "  {hash}");
                }
                _ = writeln!(text, "files given: {}", live.running.given());
            }
        }
        _ = writeln!(text, "broker: {}", if broker.is_some() { "its own" } else { "none" });
        let usage = account.usage().map_err(failed)?;
        let (used, most) = (usage.used, usage.limits);
        _ = writeln!(text, "memory: {} of {} pages", used.frames, most.frames);
        _ = writeln!(text, "handles: {} of {}", used.handles, most.handles);
        _ = writeln!(text, "threads: {} of {}", used.threads, most.threads);
        Ok(text)
    }

    fn shrink(&mut self, lines: &str) -> Result<String> {
        let Known { live, broker, .. } = &mut self.known;
        let live = live.as_mut().ok_or(Error::new(EPERM))?;
        let policy = Arc::new(narrowing("shrink", lines).map_err(|_| Error::new(EINVAL))?);
        let running = || {
            live.running.shrink(Arc::clone(&policy)).map_err(|refused| match refused {
                clavis_policy::Refused::Full => Error::new(E2BIG),
                clavis_policy::Refused::Locked(_) => Error::new(EPERM),
            })
        };
        let (ended, granted) = match broker {
            Some(broker) => (broker.shrink(&policy, running)?, ", and what its broker gave"),
            None => (running()?, ""),
        };
        let files = ended.len();
        // Each ends as its last handle is closed: nothing here can fail and leave the rest.
        drop(ended);
        let names = live.prune().map_err(failed)?;
        Ok(format!("taken back: {files} files, {names} names{granted}\n"))
    }

    fn order(&mut self, message: &[u8]) -> Result<String> {
        let message = str::from_utf8(message).map_err(|_| Error::new(EINVAL))?;
        match message.split_once('\n').unwrap_or((message, "")) {
            ("status", "") => self.status(),
            ("shrink", lines) => self.shrink(lines),
            ("seal", "") => {
                if let Some(live) = &self.known.live {
                    live.running.seal();
                }
                Ok(String::new())
            }
            ("revoke", "") => {
                let broker = self.known.broker.as_ref().ok_or(Error::new(EOPNOTSUPP))?;
                broker.revoke().map(|()| String::new())
            }
            _ => Err(Error::new(EINVAL)),
        }
    }
}

impl Daemon for Desk {}

impl SchemeSync for Desk {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(0)
    }

    fn openat(
        &mut self,
        _: usize,
        path: &str,
        _: usize,
        _: u32,
        _: &CallerCtx,
    ) -> Result<OpenResult> {
        if !path.is_empty() {
            return Err(Error::new(ENOENT));
        }
        self.room()?;
        let text = self.status()?;
        self.keep(text)
    }

    fn dup(&mut self, _: usize, message: &[u8], _: &CallerCtx) -> Result<OpenResult> {
        self.room()?;
        let text = self.order(message)?;
        self.keep(text)
    }

    fn read(
        &mut self,
        number: usize,
        room: &mut [u8],
        at: u64,
        _: u32,
        _: &CallerCtx,
    ) -> Result<usize> {
        let text = self.answer(number)?.as_bytes();
        let rest = usize::try_from(at).ok().and_then(|at| text.get(at..)).unwrap_or_default();
        let count = rest.len().min(room.len());
        let (Some(to), Some(from)) = (room.get_mut(..count), rest.get(..count)) else {
            return Err(Error::new(EIO));
        };
        to.copy_from_slice(from);
        Ok(count)
    }

    fn fsize(&mut self, number: usize, _: &CallerCtx) -> Result<u64> {
        self.answer(number).map(|text| text.len() as u64)
    }

    fn fstat(&mut self, number: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        stat.st_mode = MODE_FILE | 0o400;
        stat.st_size = self.answer(number).map_or(0, |text| text.len() as u64);
        Ok(())
    }

    fn on_close(&mut self, number: usize) {
        if let Some(number) = number.checked_sub(1) {
            self.answers.try_remove(number);
        }
    }
}

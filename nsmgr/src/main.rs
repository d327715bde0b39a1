//! The daemon: receives a request, lets [`clavis_nsmgr::Manager`] decide, carries it out, answers
//! and receives the next in one call. It holds nothing of its own: its handles lie in a table and
//! its state in a memory object that init keeps, so the next instance goes on where it ended.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

extern crate alloc;

mod journal;

use clavis_nsmgr::{Decision, ForwardPath, Manager, Request, refusal};
use clavis_rt::abi::error::{ECANCELED, EINTR, EKEYREJECTED, ENOENT};
use clavis_rt::abi::params::endpoint_flags;
use clavis_rt::abi::startup::EntryKind;
use clavis_rt::server::{self, Answer, Server};
use clavis_rt::startup::Startup;
use clavis_rt::{Error, Handle, Number, Place, Result, Rights, sys, view};
use journal::Journal;
use zerocopy::IntoBytes;

clavis_rt::entry!(main);

#[global_allocator]
static HEAP: clavis_rt::heap::Heap = clavis_rt::heap::Heap::new();

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    clavis_rt::entry::panicked(info)
}

/// Numbers of the table that are looked at beyond the highest one in use: received handles take
/// the lowest free number.
const STRAY: u64 = 16;

fn main(startup: &'static Startup<'static>) -> i32 {
    let mut journal = Journal::new(startup.handle(EntryKind::Log));
    match serve(startup, &mut journal) {
        Ok(()) => 0,
        Err(error) => {
            journal.write(format_args!("ended: {error}"));
            1
        }
    }
}

fn serve(startup: &Startup<'_>, journal: &mut Journal) -> Result<()> {
    let given = |kind| startup.handle(kind).ok_or(Error::new(ENOENT));
    let socket = given(EntryKind::Socket)?;
    let slots = given(EntryKind::FactorySlot)?;
    let reports = startup.handle(EntryKind::Report);
    let state = view::state(given(EntryKind::State)?)?;
    let mut manager = Manager::open(state)?;
    close_strays(startup, &manager);
    sys::clavis::declare(socket, endpoint_flags::ADOPT)?;
    let server = Server::new(socket);
    let mut request = receive(&server)?;
    loop {
        let decision = match left_over(&server, &mut manager, &request) {
            Some(result) => Decision::Reply(result),
            None => manager.decide(Request {
                tag: request.tag(),
                opcode: request.opcode(),
                args: request.args(),
                payload: request.payload(),
            }),
        };
        if let (Decision::Reply(Err(error)), Some(ring)) = (&decision, reports) {
            report(ring, &mut request, *error);
        }
        let mut daemon = Daemon { server: &server, slots, journal };
        let answer = daemon.carry_out(&mut manager, &request, decision);
        let next = match answer {
            Some(answer) => server.answer(request, answer),
            None => server.receive(),
        };
        while let Some(handle) = manager.released() {
            drop(Handle::from_number(number(handle)));
        }
        request = match next {
            Ok(request) => request,
            Err(error) if error.errno == EINTR => receive(&server)?,
            Err(error) => return Err(error),
        };
    }
}

/// The answer to a request that a predecessor had carried out, or that nobody waits for any more:
/// whatever was made for that goes when it is answered. Requests of this instance are answered
/// before they can be cancelled.
fn left_over(
    server: &Server,
    manager: &mut Manager<'_>,
    request: &server::Request,
) -> Option<Result<u64>> {
    let done = manager.done(request.tag(), || server.is_again(request));
    if done.is_none() && request.is_cancellation() {
        return Some(Err(Error::new(ECANCELED)));
    }
    done.map(Ok)
}

/// Tells the audit ring of a refusal.
#[cold]
fn report(ring: Number, request: &mut server::Request, error: Error) {
    let (process, opcode) = (request.process(), request.opcode());
    if let Some(record) = refusal(process, opcode, request.payload(), error) {
        // The ring takes every record; there would be nobody to tell of a failure.
        let _ = sys::file::write(ring, record.as_bytes());
    }
}

fn receive(server: &Server) -> Result<server::Request> {
    loop {
        match server.receive() {
            Err(error) if error.errno == EINTR => {}
            other => return other,
        }
    }
}

/// Closes what a predecessor had received but not yet recorded.
fn close_strays(startup: &Startup<'_>, manager: &Manager<'_>) {
    let highest = manager.handles().max().unwrap_or(0);
    for raw in 3..highest.saturating_add(STRAY) {
        let known = manager.handles().any(|handle| handle == raw)
            || startup.entries().any(|entry| entry.number == raw);
        if !known {
            // Most of these numbers are free.
            let _ = sys::file::close(number(raw));
        }
    }
}

fn number(raw: u64) -> Number {
    Number::from_raw(usize::try_from(raw).unwrap_or(usize::MAX))
}

fn raw(handle: &Handle) -> u64 {
    handle.number().raw() as u64
}

struct Daemon<'a> {
    server: &'a Server,
    slots: Number,
    journal: &'a mut Journal,
}

impl Daemon<'_> {
    /// Does what was decided. `None`: there is nothing to answer.
    fn carry_out<'m>(
        &mut self,
        manager: &'m mut Manager<'_>,
        request: &server::Request,
        decision: Decision,
    ) -> Option<Answer<'m>> {
        let answer = match decision {
            Decision::Nothing => return None,
            Decision::Reply(result) => result.map(value),
            Decision::Mint(number) => Ok(value(number)),
            Decision::Forward(forward) => Ok(Answer::Forward {
                handle: number(forward.handle),
                path: match forward.path {
                    ForwardPath::Payload(range) => server::ForwardPath::Payload(range),
                    ForwardPath::Joined => server::ForwardPath::Bytes(manager.path()),
                },
                rights: forward.rights,
                inherit: forward.inherit,
                flags: forward.flags,
            }),
            Decision::Issue { slot } => issue(slot),
            Decision::MakeSlot { namespace, name } => {
                let made = sys::clavis::create_slot(self.slots, name.as_str(), Place::Lowest);
                self.keep(made, |handle| manager.made(namespace, name, handle)).and_then(|_| {
                    // The slot is bound: its first ticket goes to who asked.
                    match manager.slot(namespace, &name) {
                        Some(slot) => issue(slot),
                        None => Err(Error::new(ENOENT)),
                    }
                })
            }
            Decision::Receive { ticket } => {
                let taken = self.server.take_handle(request).and_then(useful);
                self.keep(taken, |handle| manager.received(ticket, handle)).map(|_| value(0))
            }
        };
        if request.is_notice() && !request.is_cancellation() {
            return None;
        }
        Some(answer.unwrap_or_else(|error| {
            self.journal.refused(error);
            Answer::Result(Err(error))
        }))
    }

    /// Offers a new handle to the manager: the table keeps it if the manager does.
    fn keep<T>(
        &mut self,
        handle: Result<Handle>,
        offer: impl FnOnce(Result<u64>) -> Result<T>,
    ) -> Result<T> {
        let answer = offer(handle.as_ref().map(raw).map_err(|error| *error))?;
        if let Ok(handle) = handle {
            let _ = handle.into_number();
        }
        Ok(answer)
    }
}

/// A handle that opens can be forwarded to.
fn useful(handle: Handle) -> Result<Handle> {
    let needed = Rights::LOOKUP | Rights::FORWARD;
    let rights = Rights::from_bits_truncate(sys::clavis::query(handle.number())?.rights);
    if rights.contains(needed) { Ok(handle) } else { Err(Error::new(EKEYREJECTED)) }
}

fn value<'a>(value: u64) -> Answer<'a> {
    Answer::Result(Ok(usize::try_from(value).unwrap_or(usize::MAX)))
}

/// A handle that can do nothing but fill a slot.
fn issue<'a>(slot: u64) -> Result<Answer<'a>> {
    let rights = Rights::FILL | Rights::SEND_HANDLE | Rights::TRANSFER;
    sys::clavis::derive(number(slot), rights, Rights::empty(), 0, Place::Lowest).map(Answer::Handle)
}

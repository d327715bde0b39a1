//! A file system that a program sees and does not change: served in a thread of its own, which is
//! told what to do with what was kept.
use crate::guarded::{Ready, served};
use clavis::abi::params::MintParams;
use clavis::server::mint;
use clavis::{Handle, Number, Place, Rights};
use clavis_overlay::commit::Report;
use clavis_overlay::{Change, Overlay};
use clavis_policy::Guard;
use clavis_view::guest::{Below, ORDERS, Server};
use clavis_view::{Guarded, View};
use containment::Trouble;
use scheme_daemon::{Resolution, answer_all, endpoint};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};
use syscall::TimeSpec;
use syscall::flag::O_RDWR;

type Order = Box<dyn FnOnce(&Overlay<Below>) + Send>;

/// What is served under a name.
pub(crate) struct System {
    name: String,
    /// What stands before its paths.
    pub(crate) front: String,
    /// Wakes who serves it.
    orders: Handle,
    sender: Sender<Order>,
}

fn now() -> TimeSpec {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeSpec {
        tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i32::try_from(since.subsec_nanos()).unwrap_or(0),
    }
}

impl System {
    /// Serves an overlay of a directory, judged by a guard, as long as this process lives. Answers its
    /// root too.
    pub(crate) fn serve(
        name: &str,
        directory: Handle,
        guard: &Arc<Guard>,
        limit: u64,
    ) -> Result<(Handle, System), Trouble> {
        let (sender, orders) = channel();
        let (guard, own) = (Arc::clone(guard), name.to_owned());
        let handles =
            served(name, move |ready| run(&own, &directory, &guard, limit, orders, ready))?;
        let (root, orders) = handles;
        let front = if name == "file" { String::new() } else { format!("/scheme/{name}") };
        Ok((root, System { name: name.to_owned(), front, orders, sender }))
    }

    /// Has who serves it do something.
    fn order<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Overlay<Below>) -> syscall::Result<T> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (tell, told) = channel();
        let order: Order = Box::new(move |overlay| _ = tell.send(act(overlay)));
        let gone = || Trouble::own(&self.name, "who serves it ended");
        self.sender.send(order).map_err(|_| gone())?;
        let asked = Handle::ask(&self.orders, b"order", Place::Upper);
        asked.map_err(|error| Trouble::failed(&self.name, &error))?;
        told.recv()
            .map_err(|_| gone())?
            .map_err(|error| Trouble::failed(&self.name, &clavis::Error::from_errno(error.errno)))
    }

    /// What became of it.
    pub(crate) fn difference(&self) -> Result<Vec<Change>, Trouble> {
        self.order(Overlay::difference)
    }

    /// What a change does to what is in something.
    pub(crate) fn shown(&self, index: usize) -> Result<String, Trouble> {
        let front = self.front.clone();
        self.order(move |overlay| overlay.shown(index, &front))
    }

    /// Carries out what was accepted.
    pub(crate) fn commit(&self, accepted: Vec<bool>) -> Result<Report, Trouble> {
        self.order(move |overlay| overlay.commit(&accepted))
    }
}

fn run(
    name: &str,
    directory: &Handle,
    guard: &Arc<Guard>,
    limit: u64,
    orders: Receiver<Order>,
    ready: &Ready<(Handle, Handle)>,
) -> syscall::Result<()> {
    let failed = |error: clavis::Error| syscall::Error::new(error.errno());
    let socket = endpoint(Resolution::Structural)?;
    let number = Number::from_raw(socket.inner().raw());
    let all = Rights::all();
    let handle = |object: usize| {
        let (rights, flags) = (all.bits(), O_RDWR as u64);
        let number_there = object as u64;
        let params = MintParams {
            number: number_there,
            rights,
            inherit: rights,
            flags,
            ..MintParams::default()
        };
        mint(&number, &params).map_err(failed)
    };
    let handles = (handle(clavis_view::ROOT)?, handle(ORDERS)?);
    // Calls that speak of a directory and a name take lower numbers.
    let root = Handle::derive_with(directory, all, all, 0, Place::Lowest).map_err(failed)?;
    let overlay = Overlay::new(Below::new(&root), root, limit, Box::new(now))?;
    let top = overlay.directory();
    let view = View::new(overlay, Guarded::new(guard, name), top);
    let attend = move |view: &View<Overlay<Below>, Guarded>| {
        for order in orders.try_iter() {
            order(view.lower());
        }
    };
    let mut server = Server::of(name, view).at(number).attended(attend);
    // Who waits for it may have given up.
    _ = ready.send(Ok(handles));
    answer_all(&socket, &mut server)
}

//! A namespace in which a policy decides: each name is what all its paths have in common, or a view.
use crate::Trouble;
use allow_list::BROKER;
use clavis::abi::params::MintParams;
use clavis::namespace::{Name, Namespace, permissions};
use clavis::server::mint;
use clavis::{Handle, Number, Place, Rights};
use clavis_broker::Broker;
use clavis_policy::{Below, Guard, Verdict};
use clavis_view::guest::Server;
use clavis_view::{Guarded, Judge, ROOT};
use scheme_daemon::{Resolution, answer_all, endpoint};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use syscall::flag::{O_DIRECTORY, O_RDONLY, O_RDWR};

/// Builds it.
pub(crate) fn build(
    own: &Namespace,
    guard: &Arc<Guard>,
    broker: Option<&Broker>,
) -> Result<Namespace, Trouble> {
    let failed = |error| Trouble::failed("namespace", &error);
    let (mut plain, mut viewed) = (Vec::new(), Vec::new());
    for name in own.names().map_err(failed)? {
        let path = format!("/scheme/{name}");
        let decision = guard.decide(&path);
        match decision.verdict {
            _ if !decision.is_visible() => {}
            // The program's own has that name.
            _ if name == BROKER && broker.is_some() => {}
            Verdict::Allow(rights) if guard.below(&path) == Below::Same => {
                plain.push(Name::narrowed(name, rights));
            }
            _ => viewed.push(name),
        }
    }
    let mut roots = Vec::new();
    for name in viewed {
        let root = root(&name)?;
        let judge = Guarded::new(guard, &name);
        let root = serve(&name, root, judge)?;
        roots.push((name, root));
    }
    if let Some(broker) = broker {
        let root = Handle::duplicate(broker.root(), Place::Upper).map_err(failed)?;
        roots.push((BROKER.to_owned(), root));
    }
    sealed(own, &plain, &roots)
}

/// The directory behind a name.
pub(crate) fn root(name: &str) -> Result<Handle, Trouble> {
    let path = format!("/scheme/{name}");
    Handle::open(&path, (O_RDONLY | O_DIRECTORY) as u64)
        .map_err(|error| Trouble::failed(&path, &error))
}

/// A namespace with some of its parent's names, and views, that nothing changes any more.
pub(crate) fn sealed(
    own: &Namespace,
    plain: &[Name],
    roots: &[(String, Handle)],
) -> Result<Namespace, Trouble> {
    let failed = |error| Trouble::failed("namespace", &error);
    let namespace = own.fork_closed(plain).map_err(failed)?;
    for (name, root) in roots {
        let bound = namespace.bind(&Name::whole(name), root);
        bound.map_err(|error| Trouble::failed(name, &error))?;
    }
    namespace.seal().map_err(failed)?;
    namespace.shrink(permissions::LIST).map_err(failed)
}

/// Serves a view of a directory, as long as this process lives. Answers its root.
pub(crate) fn serve(
    name: &str,
    directory: Handle,
    judge: impl Judge + Send + 'static,
) -> Result<Handle, Trouble> {
    let (ready, root) = channel();
    let own = name.to_owned();
    std::thread::spawn(move || {
        let failed = match run(&own, &directory, judge, &ready) {
            // Its clients see that nobody answers any more.
            Ok(()) => return,
            Err(error) => error,
        };
        _ = ready.send(Err(failed));
    });
    let answer = root.recv().map_err(|_| Trouble::own(name, "the view of it ended"))?;
    answer.map_err(|error| {
        let error = clavis::Error::from_errno(error.errno);
        Trouble::failed(&format!("a view of {name}"), &error)
    })
}

type Ready = Sender<syscall::Result<Handle>>;

fn run(name: &str, directory: &Handle, judge: impl Judge, ready: &Ready) -> syscall::Result<()> {
    let socket = endpoint(Resolution::Structural)?;
    let all = Rights::all().bits();
    let params = MintParams {
        number: ROOT as u64,
        rights: all,
        inherit: all,
        flags: O_RDWR as u64,
        ..MintParams::default()
    };
    let root = mint(&Number::from_raw(socket.inner().raw()), &params);
    let root = root.map_err(|error| syscall::Error::new(error.errno()))?;
    let mut server = Server::new(name, directory, judge)?;
    // Who waits for it may have given up.
    _ = ready.send(Ok(root));
    answer_all(&socket, &mut server)
}

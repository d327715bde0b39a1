//! A namespace in which a policy decides: each name is what all its paths have in common, or a view.
use allow_list::{BROKER, RUNNING};
use clavis::abi::params::MintParams;
use clavis::namespace::{Name, Namespace, permissions};
use clavis::server::mint;
use clavis::{Handle, Number, Place, Rights};
use clavis_broker::Broker;
use clavis_policy::{Below, Guard, Verdict};
use clavis_view::guest::Server;
use clavis_view::{Guarded, ROOT};
use containment::Trouble;
use scheme_daemon::{Daemon, Resolution, answer_all, endpoint};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use syscall::flag::{O_DIRECTORY, O_RDONLY, O_RDWR};

/// Names of a namespace under a policy.
pub(crate) struct Names {
    /// All of their paths give the same.
    pub(crate) plain: Vec<Name>,
    /// The others.
    pub(crate) viewed: Vec<String>,
}

/// What a policy makes of the names of a namespace.
pub(crate) fn names(
    own: &Namespace,
    guard: &Guard,
    broker: Option<&Broker>,
) -> Result<Names, Trouble> {
    let failed = |error| Trouble::failed("namespace", &error);
    let (mut plain, mut viewed) = (Vec::new(), Vec::new());
    for name in own.names().map_err(failed)? {
        let path = format!("/scheme/{name}");
        let decision = guard.decide(&path);
        match decision.verdict {
            _ if !decision.is_visible() => {}
            // For who runs programs.
            _ if name == RUNNING => {}
            // The program's own has that name.
            _ if name == BROKER && broker.is_some() => {}
            Verdict::Allow(rights) if guard.below(&path) == Below::Same => {
                plain.push(Name::narrowed(name, rights));
            }
            _ => viewed.push(name),
        }
    }
    Ok(Names { plain, viewed })
}

/// Adds a program's own broker to the names that are bound.
pub(crate) fn add(
    broker: Option<&Broker>,
    roots: &mut Vec<(String, Handle)>,
) -> Result<(), Trouble> {
    if let Some(broker) = broker {
        let root = Handle::duplicate(broker.root(), Place::Upper);
        let root = root.map_err(|error| Trouble::failed("the broker", &error))?;
        roots.push((BROKER.to_owned(), root));
    }
    Ok(())
}

/// Builds one that nothing changes any more.
pub(crate) fn build(
    own: &Namespace,
    guard: &Arc<Guard>,
    broker: Option<&Broker>,
) -> Result<Namespace, Trouble> {
    let Names { plain, viewed } = names(own, guard, broker)?;
    let mut roots = Vec::new();
    for name in viewed {
        let (directory, own) = (root(&name)?, name.clone());
        let judge = Guarded::new(guard, &name);
        let root = serve(&name, move || Server::new(&own, &directory, judge))?;
        roots.push((name, root));
    }
    add(broker, &mut roots)?;
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
    let namespace = bound(own, plain, roots)?;
    namespace.seal().map_err(failed)?;
    namespace.shrink(permissions::LIST).map_err(failed)
}

/// A namespace with some of its parent's names, and views.
pub(crate) fn bound(
    own: &Namespace,
    plain: &[Name],
    roots: &[(String, Handle)],
) -> Result<Namespace, Trouble> {
    let namespace = own.fork_closed(plain).map_err(|error| Trouble::failed("namespace", &error))?;
    for (name, root) in roots {
        let bound = namespace.bind(&Name::whole(name), root);
        bound.map_err(|error| Trouble::failed(name, &error))?;
    }
    Ok(namespace)
}

/// Serves a scheme, as long as this process lives. Answers its root.
pub(crate) fn serve<S: Daemon>(
    name: &str,
    scheme: impl FnOnce() -> syscall::Result<S> + Send + 'static,
) -> Result<Handle, Trouble> {
    served(name, move |ready| run(scheme, ready))
}

/// Who waits for a scheme to be served.
pub(crate) type Ready<T> = Sender<syscall::Result<T>>;

/// Serves a scheme in a thread, as long as this process lives. Answers what that says when it is
/// ready.
pub(crate) fn served<T: Send + 'static>(
    name: &str,
    serve: impl FnOnce(&Ready<T>) -> syscall::Result<()> + Send + 'static,
) -> Result<T, Trouble> {
    let (ready, answer) = channel();
    std::thread::spawn(move || {
        // Once it was ready, its clients see that nobody answers any more.
        if let Err(failed) = serve(&ready) {
            _ = ready.send(Err(failed));
        }
    });
    let answer = answer.recv().map_err(|_| Trouble::own(name, "who serves it ended"))?;
    answer.map_err(|error| {
        let error = clavis::Error::from_errno(error.errno);
        Trouble::failed(&format!("serving {name}"), &error)
    })
}

fn run<S: Daemon>(
    scheme: impl FnOnce() -> syscall::Result<S>,
    ready: &Ready<Handle>,
) -> syscall::Result<()> {
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
    let mut server = scheme()?;
    // Who waits for it may have given up.
    _ = ready.send(Ok(root));
    answer_all(&socket, &mut server)
}

//! A namespace in which a policy decides: each name is what all its paths have in common, or a view.
use crate::Trouble;
use clavis::abi::params::MintParams;
use clavis::namespace::{Name, Namespace, permissions};
use clavis::server::mint;
use clavis::{Handle, Number, Rights};
use clavis_policy::{Below, Guard, Verdict};
use clavis_view::guest::Server;
use clavis_view::{Guarded, ROOT};
use scheme_daemon::{Resolution, answer_all, endpoint};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use syscall::flag::{O_DIRECTORY, O_RDONLY, O_RDWR};

/// Builds it.
pub(crate) fn build(own: &Namespace, guard: &Arc<Guard>) -> Result<Namespace, Trouble> {
    let failed = |error| Trouble::failed("namespace", &error);
    let (mut plain, mut viewed) = (Vec::new(), Vec::new());
    for name in own.names().map_err(failed)? {
        let path = format!("/scheme/{name}");
        let decision = guard.decide(&path);
        match decision.verdict {
            _ if !decision.is_visible() => {}
            Verdict::Allow(rights) if guard.below(&path) == Below::Same => {
                plain.push(Name::narrowed(name, rights));
            }
            _ => viewed.push(name),
        }
    }
    let namespace = own.fork_closed(&plain).map_err(failed)?;
    for name in viewed {
        let path = format!("/scheme/{name}");
        let directory = Handle::open(&path, (O_RDONLY | O_DIRECTORY) as u64)
            .map_err(|error| Trouble::failed(&path, &error))?;
        let root = serve(&name, directory, guard)?;
        let bound = namespace.bind(&Name::whole(&name), &root);
        bound.map_err(|error| Trouble::failed(&path, &error))?;
    }
    namespace.seal().map_err(failed)?;
    namespace.shrink(permissions::LIST).map_err(failed)
}

/// Serves a view of a directory, as long as this process lives. Answers its root.
fn serve(name: &str, directory: Handle, guard: &Arc<Guard>) -> Result<Handle, Trouble> {
    let (ready, root) = channel();
    let (own, guard) = (name.to_owned(), Arc::clone(guard));
    std::thread::spawn(move || {
        let failed = match run(&own, &directory, &guard, &ready) {
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

fn run(name: &str, directory: &Handle, guard: &Arc<Guard>, ready: &Ready) -> syscall::Result<()> {
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
    let mut server = Server::new(name, directory, Guarded::new(guard, name))?;
    // Who waits for it may have given up.
    _ = ready.send(Ok(root));
    answer_all(&socket, &mut server)
}

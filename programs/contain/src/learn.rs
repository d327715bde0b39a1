//! `--learn`: what a program uses is recorded, written as the least policy for it, and proven by
//! running the program again under that.
use crate::{contained, guarded, policy};
use allow_list::List;
use clavis::Handle;
use clavis::abi::params::ObjectType;
use clavis::handle::query;
use clavis::namespace::{Name, Namespace};
use clavis_view::guest::{Below, Server};
use clavis_view::{Lower, Record, Recorder, Walks};
use containment::{Trouble, account};
use std::fmt::Write;
use std::sync::Arc;

/// Learns the policy of a program, and answers its status.
pub(crate) fn learn(list: &List, own: &Namespace, file: &str) -> Result<u8, Trouble> {
    let record = Arc::new(Record::default());
    let status = contained(list, &watched(own, list, &record)?, &account(list)?)?;
    let text = written(list, &record).map_err(|why| Trouble::own(file, &why))?;
    std::fs::write(file, &text)
        .map_err(|error| Trouble::own(file, &clavis_launch::reason(&error)))?;
    let guard = Arc::new(policy::guard(file)?);
    let again = contained(list, &guarded::build(own, &guard, None)?, &account(list)?)?;
    if again != status {
        let why = format!(
            "what was learned does not suffice: the program ended with {status}, and with {again} \
             under it; it may use other paths each time, or find what its first run left"
        );
        return Err(Trouble::own(file, &why));
    }
    Ok(status)
}

/// A namespace with the listed names, and every file system, watched.
fn watched(own: &Namespace, list: &List, record: &Arc<Record>) -> Result<Namespace, Trouble> {
    let failed = |error| Trouble::failed("namespace", &error);
    let listed = |name: &str| list.schemes.iter().any(|scheme| scheme.name == name);
    let plain: Vec<Name> =
        list.schemes.iter().map(|scheme| Name::narrowed(&scheme.name, scheme.rights)).collect();
    let names: Vec<String> = own.names().map_err(failed)?;
    let mut roots = Vec::new();
    for name in names.into_iter().filter(|name| !listed(name)) {
        let Ok(root) = guarded::root(&name) else { continue };
        if is_file_system(&root) {
            let judge = Recorder::new(record, &name);
            let own = name.clone();
            let root = guarded::serve(&name, move || Server::new(&own, &root, judge))?;
            roots.push((name, root));
        }
    }
    guarded::sealed(own, &plain, &roots)
}

/// Whether something is the root of files: a directory that a server walks by node. What makes
/// objects of the kernel looks like a directory too.
pub(crate) fn is_file_system(root: &Handle) -> bool {
    if query(root).is_ok_and(|info| info.object != Some(ObjectType::Scheme)) {
        return false;
    }
    let below = Below::new(root);
    let directory = below
        .stat(root)
        .is_ok_and(|stat| stat.st_mode & syscall::flag::MODE_TYPE == syscall::flag::MODE_DIR);
    directory && below.walks() == Walks::ByNode
}

/// The policy: the listed names as they are, and what was used.
fn written(list: &List, record: &Record) -> Result<String, String> {
    let mut text = format!("# What `{}` used.\n", list.command.join(" ").escape_debug());
    for scheme in &list.schemes {
        let rights = clavis_render::rights::compact(scheme.rights);
        // Writing to a string does not fail.
        _ = writeln!(text, "allow {rights} /scheme/{}/***", scheme.name);
    }
    Ok(text + &record.policy()?)
}

//! The namespace of the contained program: the listed names and places, and nothing else, sealed.
use crate::Trouble;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use allow_list::{Allowed, BROKER, List};
use clavis::abi::error::{EINVAL, ENOENT};
use clavis::abi::syscall::flag::{O_DIRECTORY, O_RDONLY, O_STAT};
use clavis::handle::query;
use clavis::namespace::{Name, Namespace, entry_flags, fork_flags, permissions};
use clavis::{Handle, Place, Rights, handle_flags};
use clavis_launch::Directory;

/// What a handle needs so that a name can be bound to it.
const BOUND: Rights = Rights::LOOKUP.union(Rights::FORWARD).union(Rights::TRANSFER);

/// The name that schemes are made with.
const MAKES_SCHEMES: &str = "namespace";

/// Builds it; `broker` is the root of the program's own.
///
/// # Errors
/// What is listed is not there, or cannot have the rights.
pub fn build(own: &Namespace, list: &List, broker: Option<&Handle>) -> Result<Namespace, Trouble> {
    let known = |name: &str| match own.entry(name) {
        Err(error) if [EINVAL, ENOENT].contains(&error.errno()) => {
            Err(Trouble::own(name, "there is no such name here"))
        }
        _ => Ok(()),
    };
    for scheme in &list.schemes {
        known(&scheme.name)?;
    }
    let names: Vec<Name> =
        list.schemes.iter().map(|scheme| Name::narrowed(&scheme.name, scheme.rights)).collect();
    let failed = |error| Trouble::failed("namespace", &error);
    if list.allowed.is_empty() && broker.is_none() {
        return own.fork(fork_flags::SEALED, permitted(list), &names).map_err(failed);
    }
    let view = own.fork_closed(&names).map_err(failed)?;
    for allowed in &list.allowed {
        let handle = directory(allowed)?;
        let name =
            Name { flags: entry_flags::BENEATH, ..Name::narrowed(&allowed.place, allowed.rights) };
        view.bind(&name, &handle).map_err(|error| Trouble::failed(&allowed.path, &error))?;
    }
    if let Some(broker) = broker {
        view.bind(&Name::whole(BROKER), broker).map_err(failed)?;
    }
    view.seal().map_err(failed)?;
    view.shrink(permitted(list)).map_err(failed)
}

/// What the program may do with its namespace: look at it, and make schemes where that was listed.
fn permitted(list: &List) -> u64 {
    let makes = list.schemes.iter().any(|scheme| scheme.name == MAKES_SCHEMES);
    if makes { permissions::LIST | permissions::SCHEME_CREATE } else { permissions::LIST }
}

/// What the program's namespace opens a file or directory through: it gives what is listed and leads nowhere else.
///
/// # Errors
/// It is not there, or cannot have the rights.
pub fn directory(allowed: &Allowed) -> Result<Handle, Trouble> {
    let failed = |error| Trouble::failed(&allowed.path, &error);
    let own = Handle::open(&allowed.path, O_STAT as u64).map_err(failed)?;
    let info = query(&own).map_err(failed)?;
    let lacks: Vec<&str> = (allowed.rights - info.inherit).names().collect();
    if !lacks.is_empty() {
        let why = format!("what is opened here cannot have {}", lacks.join(" "));
        return Err(Trouble::own(&allowed.path, &why));
    }
    let rights = allowed.rights | BOUND;
    let flags = handle_flags::BENEATH;
    Handle::derive_with(&own, rights, allowed.rights, flags, Place::Upper).map_err(failed)
}

/// The current directory, as far as the program can open it by itself.
pub(crate) fn current(view: &Handle, path: Option<&str>, list: &List) -> (Option<Handle>, String) {
    let opened = path.and_then(|path| {
        let place = allow_list::place_of(path).filter(|place| list.may_give(place))?;
        let flags = (O_RDONLY | O_DIRECTORY) as u64;
        let handle = Handle::open_at(view, &format!("/scheme/{place}"), flags).ok()?;
        Some((handle, path.to_owned()))
    });
    match opened {
        Some((handle, path)) => (Some(handle), path),
        None => (None, String::new()),
    }
}

/// The same, for [`clavis_launch`].
pub(crate) fn shown<'a>(current: &'a (Option<Handle>, String)) -> Directory<'a> {
    use clavis::{AsNumber, Give};
    let (handle, path) = current;
    let handle = handle.as_ref().map_or(Give::None, |handle| Give::This(handle.number()));
    Directory { handle, path }
}

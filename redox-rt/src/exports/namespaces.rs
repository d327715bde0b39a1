//! Namespaces.
use super::{answer, array, choice, done, number, one, place, store, text, text_of};
use crate::confinement;
use crate::handle::Handle;
use crate::namespace;
use crate::namespace::message::{self, Binding};
use crate::sys;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::error::{EINVAL, Error, Result};
use clavis_abi::namespace::{EntryInfo, ForkItem};
use clavis_abi::runtime::{BindParams, Bytes, ForkName};

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_namespace(to: usize) -> usize {
    answer(
        namespace::namespace()
            .and_then(|namespace| sys::file::dup(namespace.number(), &[], place(to))),
    )
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_namespace_set(handle: u64) -> usize {
    done(choice(handle, None).and_then(|number| {
        let new = number.map(Handle::from_number);
        if new.is_some() {
            // What was given is closed.
            confinement::outside()?;
        }
        drop(namespace::set_namespace(new));
        Ok(())
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_namespace_fork(
    namespace: usize,
    flags: u64,
    permissions: u64,
    names: *const ForkName,
    count: usize,
    to: usize,
) -> usize {
    // SAFETY: the caller's promise on `names`.
    let items = unsafe { items(names, count) };
    answer(
        items.and_then(|items| {
            message::fork(number(namespace), flags, permissions, &items, place(to))
        }),
    )
}

/// # Safety
/// `count` names lie there, each valid.
unsafe fn items<'a>(names: *const ForkName, count: usize) -> Result<Vec<ForkItem<'a>>> {
    // SAFETY: the caller's promise.
    let names = unsafe { array(names, count) }?;
    let item = |name: &ForkName| {
        // SAFETY: the caller's promise.
        let text = unsafe { text_of(name.name) }?;
        let (rights, inherit) = (name.rights, name.inherit);
        Ok(ForkItem { name: text, flags: name.flags, rights, inherit })
    };
    names.iter().map(item).collect()
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_namespace_shrink(
    namespace: usize,
    permissions: u64,
    to: usize,
) -> usize {
    answer(message::shrink(number(namespace), permissions, place(to)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_namespace_bind(
    namespace: usize,
    target: usize,
    params: *const BindParams,
) -> usize {
    // SAFETY: the caller's promise on `params`.
    let params = unsafe { one(params) };
    done(params.and_then(|params| {
        // SAFETY: as above.
        let name = unsafe { text_of(params.name) }?;
        // SAFETY: as above.
        let prefix = unsafe { text_of(params.prefix) }?;
        let binding = Binding {
            flags: params.flags,
            rights: Rights::from_bits_truncate(params.rights),
            inherit: Rights::from_bits_truncate(params.inherit),
            prefix,
        };
        message::bind(number(namespace), name, number(target), &binding)
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_namespace_unbind(
    namespace: usize,
    name: *const u8,
    length: usize,
) -> usize {
    // SAFETY: the caller's promise on `name`.
    done(unsafe { text(name, length) }.and_then(|name| message::unbind(number(namespace), name)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_namespace_register(
    namespace: usize,
    name: *const u8,
    length: usize,
    to: usize,
) -> usize {
    // SAFETY: the caller's promise on `name`.
    let name = unsafe { text(name, length) };
    answer(name.and_then(|name| message::register(number(namespace), name, place(to))))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_namespace_within(
    namespace: usize,
    name: *const u8,
    length: usize,
    to: usize,
) -> usize {
    // SAFETY: the caller's promise on `name`.
    let name = unsafe { text(name, length) };
    answer(name.and_then(|name| message::within(number(namespace), name, place(to))))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_namespace_seal(namespace: usize) -> usize {
    done(message::seal(number(namespace)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_namespace_entry(
    namespace: usize,
    name: *const u8,
    length: usize,
    entry: *mut EntryInfo,
) -> usize {
    // SAFETY: the caller's promise on `name`.
    let name = unsafe { text(name, length) };
    let result = name.and_then(|name| message::entry(number(namespace), name));
    // SAFETY: the caller's promise on `entry`.
    unsafe { store(entry, result) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_confine() -> usize {
    done(confinement::enter())
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_confined() -> usize {
    usize::from(confinement::is_entered())
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_unveil(path: *const Bytes, letters: *const Bytes) -> usize {
    // SAFETY: the caller's promise.
    let path = unsafe { optional(path) };
    // SAFETY: the caller's promise.
    let letters = unsafe { optional(letters) };
    done(path.and_then(|path| match (path, letters?) {
        (None, None) => confinement::veil::lock(),
        (Some(path), Some(letters)) => confinement::veil::unveil(path, letters),
        _ => Err(Error::new(EINVAL)),
    }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_pledge(own: *const Bytes, exec: *const Bytes) -> usize {
    // SAFETY: the caller's promise.
    let own = unsafe { optional(own) };
    // SAFETY: the caller's promise.
    let exec = unsafe { optional(exec) };
    done(own.and_then(|own| confinement::pledge::pledge(own, exec?)))
}

/// # Safety
/// Null, or a valid string.
unsafe fn optional<'a>(text: *const Bytes) -> Result<Option<&'a str>> {
    // SAFETY: the caller's promise.
    let text = unsafe { text.as_ref() };
    // SAFETY: the caller's promise.
    text.map(|text| unsafe { text_of(*text) }).transpose()
}

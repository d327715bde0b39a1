//! Namespaces: sets of names bound to services and directories.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::{Error, Result, check};
use crate::handle::{AsNumber, Handle, Number, Payload, call, owned};
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::error::EINVAL;
use clavis_abi::namespace::{EntryInfo, call as edit, padded};
pub use clavis_abi::namespace::{entry_flags, fork_flags, permissions};
use clavis_abi::params::OUT_UPPER;
use clavis_abi::runtime::{BindParams, Bytes, ForkName, NONE};

/// A namespace.
#[derive(Debug)]
pub struct Namespace {
    handle: Handle,
}

impl AsNumber for Namespace {
    fn number(&self) -> Number {
        self.handle.number()
    }
}

/// A name that a fork keeps (or, with `HIDE`, leaves out), narrowed by masks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub name: String,
    /// [`entry_flags`].
    pub flags: u64,
    /// Mask for the rights of what is opened through it.
    pub rights: Rights,
    /// Mask for their inherit mask.
    pub inherit: Rights,
}

impl Name {
    /// The name as the parent has it.
    #[must_use]
    pub fn whole(name: impl Into<String>) -> Name {
        Name { name: name.into(), flags: 0, rights: Rights::all(), inherit: Rights::all() }
    }

    /// The name with both masks narrowed to some rights.
    #[must_use]
    pub fn narrowed(name: impl Into<String>, rights: Rights) -> Name {
        Name { rights, inherit: rights, ..Name::whole(name) }
    }
}

impl Namespace {
    /// The namespace of this process.
    ///
    /// # Errors
    /// `ENOKEY` when it has none.
    pub fn current() -> Result<Namespace> {
        // SAFETY: no memory is involved.
        owned(unsafe { c::clavis_namespace(OUT_UPPER) }).map(Namespace::from_handle)
    }

    /// A namespace by its handle.
    #[must_use]
    pub fn from_handle(handle: Handle) -> Namespace {
        Namespace { handle }
    }

    /// Its handle.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Gives the handle away.
    #[must_use]
    pub fn into_handle(self) -> Handle {
        self.handle
    }

    /// Makes it the namespace of this process.
    ///
    /// # Errors
    /// None known.
    pub fn make_current(self) -> Result<()> {
        let raw = self.handle.into_number().raw() as u64;
        // SAFETY: no memory is involved; the runtime owns the number from now on.
        check(unsafe { c::clavis_namespace_set(raw) }).map(drop)
    }

    /// Makes a child that has only the listed names, and nothing that comes later.
    ///
    /// # Errors
    /// `ENOENT` for an unknown name; what the namespace manager answers.
    pub fn fork_closed(&self, names: &[Name]) -> Result<Namespace> {
        self.fork(0, permissions::ALL, names)
    }

    /// Makes a child that sees what this namespace becomes; the listed names are narrowed or
    /// hidden.
    ///
    /// # Errors
    /// As [`Namespace::fork_closed`].
    pub fn fork_open(&self, names: &[Name]) -> Result<Namespace> {
        self.fork(fork_flags::OPEN, permissions::ALL, names)
    }

    /// Makes a child, with [`fork_flags`] and a mask of [`permissions`].
    ///
    /// # Errors
    /// As [`Namespace::fork_closed`].
    pub fn fork(&self, flags: u64, permissions: u64, names: &[Name]) -> Result<Namespace> {
        let raw: Vec<ForkName> = names
            .iter()
            .map(|name| ForkName {
                name: Bytes::of(name.name.as_bytes()),
                flags: name.flags,
                rights: name.rights.bits(),
                inherit: name.inherit.bits(),
            })
            .collect();
        let (number, start, count) = (self.number().raw(), raw.as_ptr(), raw.len());
        // SAFETY: it reads the names, which live until the end of this function.
        owned(unsafe {
            c::clavis_namespace_fork(number, flags, permissions, start, count, OUT_UPPER)
        })
        .map(Namespace::from_handle)
    }

    /// A handle to the same namespace with fewer [`permissions`].
    ///
    /// # Errors
    /// What the namespace manager answers.
    pub fn shrink(&self, permissions: u64) -> Result<Namespace> {
        // SAFETY: no memory is involved.
        owned(unsafe { c::clavis_namespace_shrink(self.number().raw(), permissions, OUT_UPPER) })
            .map(Namespace::from_handle)
    }

    /// Binds a name, or a place within one (`file/home/me`), to a handle: what is opened under it
    /// is opened through a copy of the handle, narrowed by the masks of `name`.
    ///
    /// # Errors
    /// `EEXIST` without `REPLACE`; what the namespace manager answers.
    pub fn bind(&self, name: &Name, target: &impl AsNumber) -> Result<()> {
        let params = BindParams {
            name: Bytes::of(name.name.as_bytes()),
            prefix: Bytes::of(&[]),
            flags: name.flags,
            rights: name.rights.bits(),
            inherit: name.inherit.bits(),
        };
        let (number, target) = (self.number().raw(), target.number().raw());
        // SAFETY: it reads the parameters, which live until the end of this function.
        check(unsafe { c::clavis_namespace_bind(number, target, &raw const params) }).map(drop)
    }

    /// Removes a name with all that lies within it, or a place.
    ///
    /// # Errors
    /// `ENOENT`; what the namespace manager answers.
    pub fn unbind(&self, name: &str) -> Result<()> {
        let number = self.number().raw();
        // SAFETY: it reads the name.
        check(unsafe { c::clavis_namespace_unbind(number, name.as_ptr(), name.len()) }).map(drop)
    }

    /// A ticket on which the root of a new instance of a service is sent.
    ///
    /// # Errors
    /// What the namespace manager answers.
    pub fn ticket(&self, name: &str) -> Result<Handle> {
        let number = self.number().raw();
        // SAFETY: it reads the name.
        owned(unsafe { c::clavis_namespace_register(number, name.as_ptr(), name.len(), OUT_UPPER) })
    }

    /// Binds a name to an empty directory.
    ///
    /// # Errors
    /// `EINVAL`; what the namespace manager answers.
    pub fn mask(&self, name: &str) -> Result<()> {
        self.edit(edit::MASK, &[name])
    }

    /// Calls a name otherwise, with all that lies within it.
    ///
    /// # Errors
    /// `ENOENT`, `EEXIST`, `EINVAL`; what the namespace manager answers.
    pub fn rename(&self, name: &str, to: &str) -> Result<()> {
        self.edit(edit::RENAME, &[name, to])
    }

    fn edit(&self, operation: u64, names: &[&str]) -> Result<()> {
        let mut payload = Vec::new();
        for name in names {
            payload.extend(padded(name).ok_or(Error::from_errno(EINVAL))?);
        }
        call(&self.handle, &mut payload, Payload::In, &[operation]).map(drop)
    }

    /// Fixes the set of names and their masks for ever.
    ///
    /// # Errors
    /// What the namespace manager answers.
    pub fn seal(&self) -> Result<()> {
        // SAFETY: no memory is involved.
        check(unsafe { c::clavis_namespace_seal(self.number().raw()) }).map(drop)
    }

    /// What is known of a name.
    ///
    /// # Errors
    /// `EINVAL`, `ENOENT`; what the namespace manager answers.
    pub fn entry(&self, name: &str) -> Result<EntryInfo> {
        entry_of(&self.handle, name)
    }

    /// A listing of the names within a place: [`entry_of`] says what is known of them.
    ///
    /// # Errors
    /// `ENOENT` when there are none; what the namespace manager answers.
    pub fn within(&self, place: &str) -> Result<Handle> {
        let (number, start) = (self.number().raw(), place.as_ptr());
        // SAFETY: it reads the place.
        owned(unsafe { c::clavis_namespace_within(number, start, place.len(), OUT_UPPER) })
    }

    /// The names, in the namespace manager's order.
    ///
    /// # Errors
    /// Refused without the permission LIST.
    pub fn names(&self) -> Result<Vec<String>> {
        let flags = clavis_abi::syscall::flag::O_RDONLY | clavis_abi::syscall::flag::O_DIRECTORY;
        let listing = Handle::open_at(&self.handle, "/scheme", flags as u64)?;
        crate::object::list(&listing)
    }
}

/// What is known of a name of a namespace, or of a listing of one.
///
/// # Errors
/// `EINVAL`, `ENOENT`; what the namespace manager answers.
pub fn entry_of(names: &impl AsNumber, name: &str) -> Result<EntryInfo> {
    let mut entry = EntryInfo::question(name).ok_or(Error::from_errno(EINVAL))?;
    let (number, start) = (names.number().raw(), name.as_ptr());
    // SAFETY: it reads the name and writes one EntryInfo.
    check(unsafe { c::clavis_namespace_entry(number, start, name.len(), &raw mut entry) })?;
    Ok(entry)
}

/// Takes the namespace away from this process.
///
/// # Errors
/// None known.
pub fn drop_current() -> Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_namespace_set(NONE) }).map(drop)
}

/// Makes a directory handle (a copy of it) the current directory.
///
/// # Errors
/// `ENOTDIR`, `EBADF`.
pub fn set_current_directory(dir: &impl AsNumber) -> Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_cwd_set(dir.number().raw()) }).map(drop)
}

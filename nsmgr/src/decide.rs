//! What to do about a request: a total function from anything that a scheme can be asked to a
//! [`Decision`]. Opening is decided from the names alone: nothing is remembered and nobody is
//! waited for.
use crate::list;
use crate::manager::{Manager, Offer};
use crate::name::Name;
use crate::namespace::EMPTY;
use crate::place::{Led, Set};
use crate::record::Terms;
use crate::state::{Object, Resolved};
use alloc::vec::Vec;
use clavis_abi::error::{
    EBADF, EBUSY, EEXIST, EINVAL, EISDIR, EKEYREJECTED, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM, EROFS,
    Error, Result,
};
use clavis_abi::limits::{NAME_MAX, PATH_MAX};
use clavis_abi::namespace::{
    EntryInfo, Message, SCHEME_FACTORY, Target, call, entry_flags, permissions, split_path,
    split_relative, unpadded,
};
use clavis_abi::params::handle_flags;
use clavis_abi::rights::Rights;
use clavis_abi::syscall::data::Stat;
use clavis_abi::syscall::flag::{MODE_DIR, O_ACCMODE, O_CREAT, O_EXCL, O_WRONLY, StdFsCallKind};
use clavis_abi::syscall::schemev2::Opcode;
use core::ops::Range;

/// Marks the number of a listing; the rest is the set's.
const LISTING: u64 = 1 << 56;
/// Marks the number of a listing that names can be read from and nothing be opened through: its set
/// was reached on terms that are narrower than its own.
const BARE: u64 = 1 << 57;

/// A request as it arrived.
#[derive(Debug)]
pub struct Request<'p> {
    /// The Sqe's tag, which names the request until it is answered.
    pub tag: u32,
    /// The Sqe's opcode.
    pub opcode: u8,
    /// Its arguments.
    pub args: [u64; 6],
    /// Its payload, for opcodes that have one. What it holds after the decision goes back to the
    /// client where the class says so.
    pub payload: &'p mut [u8],
}

/// What the daemon shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it was a notice.
    Nothing,
    /// Answer with a result or error.
    Reply(Result<u64>),
    /// Answer an open or a dup with a number of this scheme.
    Mint(u64),
    /// Answer: ask that handle instead.
    Forward(Forward),
    /// Answer with a handle to this slot that can do nothing but fill it.
    Issue {
        /// The slot's handle in the manager's table.
        slot: u64,
    },
    /// Make a slot with that label, tell [`Manager::made`], and answer as for `Issue`.
    MakeSlot {
        /// The namespace that gets it.
        namespace: u64,
        /// The label.
        name: Name,
    },
    /// Take the one handle that was sent, tell [`Manager::received`], and answer with its result.
    Receive {
        /// The ticket that it was sent on.
        ticket: u64,
    },
}

/// A forwarded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Handle of the manager's table to ask.
    pub handle: u64,
    /// Where the path lies.
    pub path: ForwardPath,
    /// Mask for the rights of the result.
    pub rights: Rights,
    /// Mask for its inherit mask.
    pub inherit: Rights,
    /// Handle flags of the result.
    pub flags: u64,
}

/// The path of a forwarded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardPath {
    /// This part of the payload.
    Payload(Range<usize>),
    /// [`Manager::path`].
    Joined,
}

/// What a number that came with a request stands for.
#[derive(Clone, Copy)]
enum Subject {
    Access { namespace: u64, permissions: u64 },
    Listing { namespace: u64 },
    Bare { namespace: u64 },
    Ticket { number: u64 },
}

impl Manager<'_> {
    /// Decides about a request. Changes of the state are logged when this returns.
    pub fn decide(&mut self, request: Request<'_>) -> Decision {
        match self.dispatch(request) {
            Ok(decision) => decision,
            Err(error) => Decision::Reply(Err(error)),
        }
    }

    /// The slot that was asked for: binds it. Then a ticket for it is issued to who asked. On an
    /// error the daemon closes the handle.
    ///
    /// # Errors
    /// What the client shall be told.
    pub fn made(&mut self, namespace: u64, name: Name, slot: Result<u64>) -> Result<()> {
        let all = Rights::all().bits();
        let flags = entry_flags::REGISTER;
        let offer = Offer { name, handle: slot?, rights: all, inherit: all, flags, prefix: "" };
        // A successor finds the name and issues another ticket for it.
        self.serving = None;
        self.bind(namespace, &offer)
    }

    /// The handle that was sent on a ticket: binds the ticket's name to it. On an error the daemon
    /// closes the handle.
    ///
    /// # Errors
    /// What the client shall be told.
    pub fn received(&mut self, ticket: u64, handle: Result<u64>) -> Result<()> {
        self.redeem(ticket, handle?)
    }

    fn dispatch(&mut self, request: Request<'_>) -> Result<Decision> {
        let Request { tag, opcode, args: [number, _, _, first, second, _], payload } = request;
        self.serving = None;
        let Some(opcode) = Opcode::try_from_raw(opcode) else {
            return Err(Error::new(EOPNOTSUPP));
        };
        match opcode {
            Opcode::CloseMsg => {
                self.drop_number(number);
                return Ok(Decision::Nothing);
            }
            Opcode::Cancel | Opcode::Detach | Opcode::Munmap => return Ok(Decision::Nothing),
            _ => {}
        }
        self.serving = Some(tag);
        let subject = self.subject(number)?;
        match opcode {
            Opcode::OpenAt => self.open_at(subject, payload, first),
            Opcode::UnlinkAt => self.unlink_at(subject, payload),
            Opcode::Dup => self.duplicate(subject, number, payload),
            Opcode::Sendfd => match (subject, first) {
                (Subject::Ticket { number }, 1) => Ok(Decision::Receive { ticket: number }),
                (Subject::Ticket { .. }, _) => Err(Error::new(EINVAL)),
                _ => Err(Error::new(EOPNOTSUPP)),
            },
            Opcode::Call => self.call(subject, first, payload),
            Opcode::StdFsCall => {
                let header = u16::try_from(args_low(request.args)).ok();
                self.std_fs(subject, first, second, header, payload)
            }
            Opcode::Fstat => reply(self.stat(subject, payload)),
            Opcode::Fpath => reply(self.path_of(subject, payload)),
            // Always ready.
            Opcode::Fevent => Err(Error::new(EPERM)),
            Opcode::Fcntl | Opcode::Fsync => reply(Ok(0)),
            Opcode::Read | Opcode::Write | Opcode::Fsize | Opcode::MmapPrep => {
                Err(Error::new(EISDIR))
            }
            Opcode::Fchmod
            | Opcode::Fchown
            | Opcode::Ftruncate
            | Opcode::Futimens
            | Opcode::Flink
            | Opcode::Frename => Err(Error::new(EROFS)),
            _ => Err(Error::new(EOPNOTSUPP)),
        }
    }

    fn subject(&self, number: u64) -> Result<Subject> {
        if number & LISTING != 0 {
            let namespace = number & !(LISTING | BARE);
            // Outlives its namespace only as a handle to nothing.
            if namespace != EMPTY {
                self.state.namespace(namespace).ok_or(Error::new(ENOENT))?;
            }
            return Ok(match number & BARE {
                0 => Subject::Listing { namespace },
                _ => Subject::Bare { namespace },
            });
        }
        match self.state.object(number) {
            Some(&Object::Access { namespace, permissions }) => {
                Ok(Subject::Access { namespace, permissions })
            }
            Some(Object::Ticket { .. }) => Ok(Subject::Ticket { number }),
            None => Err(Error::new(EBADF)),
        }
    }

    /// What a path asks for through a subject.
    fn target<'p>(subject: Subject, payload: &'p [u8]) -> Result<(u64, u64, Target<'p>)> {
        let path = core::str::from_utf8(payload).map_err(|_| Error::new(EINVAL))?;
        let (namespace, permissions) = match subject {
            Subject::Access { namespace, permissions } => (namespace, permissions),
            // A listing has shown the names already, and gives no other power.
            Subject::Listing { namespace } | Subject::Bare { namespace } => {
                (namespace, permissions::LIST)
            }
            Subject::Ticket { .. } => return Err(Error::new(ENOTDIR)),
        };
        let target = match subject {
            Subject::Listing { .. } | Subject::Bare { .. } if !path.starts_with('/') => {
                split_relative(path)
            }
            _ => split_path(path).ok_or(Error::new(ENOENT))?,
        };
        match (subject, target) {
            (Subject::Bare { .. }, Target::Name { .. }) => Err(Error::new(EKEYREJECTED)),
            _ => Ok((namespace, permissions, target)),
        }
    }

    fn open_at(&mut self, subject: Subject, payload: &[u8], flags: u64) -> Result<Decision> {
        let (namespace, permissions, target) = Self::target(subject, payload)?;
        match target {
            Target::Root => {
                let bare = if matches!(subject, Subject::Bare { .. }) { BARE } else { 0 };
                listing(namespace | bare | LISTING, permissions, flags)
            }
            Target::Name { name, rest } => {
                if name == SCHEME_FACTORY && permissions & permissions::SCHEME_CREATE == 0 {
                    return Err(Error::new(EKEYREJECTED));
                }
                match self.state.lead(namespace, name, rest).ok_or(Error::new(ENOENT))? {
                    Led::Set(set) => listing(number_of(set), permissions, flags),
                    Led::Bound { found, rest, place } => {
                        let rest = if place.is_some() { directory(rest, payload) } else { rest };
                        forward(&found, rest, payload, &mut self.path)
                    }
                }
            }
        }
    }

    fn unlink_at(&mut self, subject: Subject, payload: &[u8]) -> Result<Decision> {
        let (namespace, permissions, target) = Self::target(subject, payload)?;
        match target {
            Target::Root => Err(Error::new(EISDIR)),
            Target::Name { name, rest: "" } => {
                let name = Name::new(name).ok_or(Error::new(ENOENT))?;
                if permissions & permissions::DELETE == 0 {
                    return Err(Error::new(EKEYREJECTED));
                }
                self.unbind(namespace, name)?;
                reply(Ok(0))
            }
            Target::Name { name, rest } => {
                match self.state.lead(namespace, name, rest).ok_or(Error::new(ENOENT))? {
                    Led::Set(_) => Err(Error::new(EBUSY)),
                    Led::Bound { place: Some((set, name)), rest, .. } if is_end(rest) => {
                        if permissions & permissions::DELETE == 0 {
                            return Err(Error::new(EKEYREJECTED));
                        }
                        self.unbind_place(set, name)?;
                        reply(Ok(0))
                    }
                    Led::Bound { found, rest, .. } => {
                        forward(&found, rest, payload, &mut self.path)
                    }
                }
            }
        }
    }

    fn duplicate(&mut self, subject: Subject, number: u64, payload: &[u8]) -> Result<Decision> {
        let Subject::Access { namespace, permissions } = subject else {
            return Err(Error::new(EOPNOTSUPP));
        };
        let may_insert = permissions & permissions::INSERT != 0;
        let new = match Message::decode(payload).ok_or(Error::new(EINVAL))? {
            Message::Fork { names } => self.fork_listed(number, names)?,
            Message::Shrink { permissions } => self.shrink(number, permissions)?,
            Message::ForkWith { flags, permissions, items } => {
                self.fork_with(number, flags, permissions, items)?
            }
            Message::Register { name } => {
                let name = Name::new(name).ok_or(Error::new(EINVAL))?;
                return match self.state.resolve(namespace, name.as_str()) {
                    Some(Resolved { handle: Some(slot), terms, .. })
                        if terms.flags & entry_flags::REGISTER != 0 =>
                    {
                        Ok(Decision::Issue { slot })
                    }
                    Some(_) => Err(Error::new(EEXIST)),
                    None if !may_insert => Err(Error::new(EKEYREJECTED)),
                    None => {
                        self.unsealed(namespace)?;
                        self.state.room(namespace, 1)?;
                        Ok(Decision::MakeSlot { namespace, name })
                    }
                };
            }
            Message::Within { place } => {
                if permissions & permissions::LIST == 0 {
                    return Err(Error::new(EKEYREJECTED));
                }
                number_of(self.set_at(namespace, place)?)
            }
            Message::Bind { flags, rights, inherit, place, prefix } => {
                let replace = flags & entry_flags::REPLACE != 0;
                if !may_insert || replace && permissions & permissions::DELETE == 0 {
                    return Err(Error::new(EKEYREJECTED));
                }
                self.unsealed(namespace)?;
                self.ticket(namespace, place, &Terms { rights, inherit, flags, prefix })?
            }
        };
        Ok(Decision::Mint(new))
    }

    fn call(&mut self, subject: Subject, operation: u64, payload: &mut [u8]) -> Result<Decision> {
        let (namespace, permissions) = match subject {
            Subject::Access { namespace, permissions } => (namespace, permissions),
            Subject::Listing { namespace } | Subject::Bare { namespace }
                if operation == call::ENTRY =>
            {
                (namespace, permissions::LIST)
            }
            _ => return Err(Error::new(EOPNOTSUPP)),
        };
        match operation {
            call::SEAL => {
                if permissions & permissions::INSERT == 0 {
                    return Err(Error::new(EKEYREJECTED));
                }
                reply(self.seal(namespace).map(|()| 0))
            }
            call::MASK | call::RENAME => {
                if !is_editor(permissions) {
                    return Err(Error::new(EKEYREJECTED));
                }
                let invalid = Error::new(EINVAL);
                let name = |bytes: &[u8]| unpadded(bytes).and_then(Name::new).ok_or(invalid);
                let (first, second) = payload.split_at_checked(NAME_MAX).ok_or(invalid)?;
                reply(match (operation, second.len()) {
                    (call::MASK, 0) => self.mask(namespace, name(first)?).map(|()| 0),
                    (call::RENAME, NAME_MAX) => {
                        let (from, to) = (name(first)?, name(second)?);
                        if from.as_str() == SCHEME_FACTORY
                            && permissions & permissions::SCHEME_CREATE == 0
                        {
                            return Err(Error::new(EKEYREJECTED));
                        }
                        self.rename(namespace, from, to).map(|()| 0)
                    }
                    _ => return Err(invalid),
                })
            }
            // Kept below the numbers that read as errors.
            call::GENERATION => reply(Ok(self.state.generation(namespace) & (u64::MAX >> 1))),
            call::ENTRY => {
                if permissions & permissions::LIST == 0 {
                    return Err(Error::new(EKEYREJECTED));
                }
                reply(self.entry_info(namespace, payload).map(|()| 0))
            }
            _ => Err(Error::new(EINVAL)),
        }
    }

    fn entry_info(&self, namespace: u64, payload: &mut [u8]) -> Result<()> {
        use zerocopy::{FromBytes, IntoBytes};
        let invalid = Error::new(EINVAL);
        let mut info = EntryInfo::read_from_bytes(payload).map_err(|_| invalid)?;
        let name = info.name().and_then(Name::new).ok_or(invalid)?;
        let found = self.state.resolve(namespace, name.as_str()).ok_or(Error::new(ENOENT))?;
        info.rights = found.terms.rights & Rights::all().bits();
        info.inherit = found.terms.inherit & Rights::all().bits();
        info.flags = found.terms.flags;
        if found.within != 0 {
            info.flags |= entry_flags::WITHIN;
        }
        if found.handle.is_none() {
            info.flags |= entry_flags::UNBOUND;
        }
        info.sealed = u64::from(self.unsealed(namespace).is_err());
        info.write_to(payload).map_err(|_| invalid)
    }

    fn std_fs(
        &self,
        subject: Subject,
        kind: u64,
        argument: u64,
        header: Option<u16>,
        payload: &mut [u8],
    ) -> Result<Decision> {
        let kind = u8::try_from(kind & 0xFF).ok().and_then(StdFsCallKind::try_from_raw);
        match kind {
            Some(StdFsCallKind::Getdents) => {
                let (Subject::Listing { namespace } | Subject::Bare { namespace }) = subject else {
                    return Err(Error::new(ENOTDIR));
                };
                let header = header.ok_or(Error::new(EINVAL))?;
                reply(list::getdents(&self.state, namespace, argument, header, payload))
            }
            Some(StdFsCallKind::Fstat) => reply(self.stat(subject, payload)),
            Some(StdFsCallKind::Fsync) => reply(Ok(0)),
            _ => Err(Error::new(EOPNOTSUPP)),
        }
    }

    fn path_of(&self, subject: Subject, payload: &mut [u8]) -> Result<u64> {
        const PATH: &[u8] = b"/scheme";
        let (Subject::Access { namespace, .. }
        | Subject::Listing { namespace }
        | Subject::Bare { namespace }) = subject
        else {
            return Err(Error::new(EOPNOTSUPP));
        };
        let mut path = Vec::new();
        self.state.path(namespace, &mut path)?;
        let length = PATH.len().saturating_add(path.len()).min(payload.len());
        for (to, from) in payload.iter_mut().zip(PATH.iter().chain(&path)) {
            *to = *from;
        }
        Ok(length as u64)
    }

    fn stat(&self, subject: Subject, payload: &mut [u8]) -> Result<u64> {
        let inode = match subject {
            Subject::Access { namespace, .. }
            | Subject::Listing { namespace }
            | Subject::Bare { namespace } => namespace,
            Subject::Ticket { number } => number,
        };
        let stat = Stat {
            st_ino: inode,
            st_mode: MODE_DIR | 0o555,
            st_nlink: 1,
            st_blksize: 4096,
            ..Stat::default()
        };
        if payload.len() != stat.len() {
            return Err(Error::new(EINVAL));
        }
        payload.copy_from_slice(&stat);
        Ok(0)
    }
}

/// Passes a request on to what a name is bound to; the kernel checks it against the masks. `path`
/// holds the path if it has a prefix.
fn forward(
    found: &Resolved<'_>,
    rest: &str,
    payload: &[u8],
    path: &mut Vec<u8>,
) -> Result<Decision> {
    let handle = found.handle.ok_or(Error::new(ENOENT))?;
    let rights = Rights::from_bits_truncate(found.terms.rights);
    // An entry without rights is there to be registered, not to be opened: its holder would
    // ask itself.
    if rights.is_empty() {
        return Err(Error::new(EKEYREJECTED));
    }
    let mut flags = 0;
    if found.terms.flags & entry_flags::BENEATH != 0 {
        flags |= handle_flags::BENEATH;
    }
    if found.terms.flags & entry_flags::NO_SYMLINKS != 0 {
        flags |= handle_flags::NO_SYMLINKS;
    }
    let path = match payload.strip_suffix(rest.as_bytes()) {
        Some(before) if found.terms.prefix.is_empty() => {
            ForwardPath::Payload(before.len()..payload.len())
        }
        _ => {
            join(path, found.terms.prefix, rest)?;
            ForwardPath::Joined
        }
    };
    let inherit = Rights::from_bits_truncate(found.terms.inherit);
    Ok(Decision::Forward(Forward { handle, path, rights, inherit, flags }))
}

/// What is asked of a place: a slash behind it demands a directory.
fn directory<'p>(rest: &'p str, payload: &[u8]) -> &'p str {
    if rest.is_empty() && payload.ends_with(b"/") { "." } else { rest }
}

/// The number of the listing of a set.
fn number_of(set: Set) -> u64 {
    let bare = if set.mask.narrows() { BARE } else { 0 };
    set.id | bare | LISTING
}

/// Answers an open of a set of names with the number of its listing.
fn listing(number: u64, permissions: u64, flags: u64) -> Result<Decision> {
    if permissions & permissions::LIST == 0 {
        return Err(Error::new(EKEYREJECTED));
    }
    let low = usize::try_from(flags & u64::from(u32::MAX)).unwrap_or(0);
    if low & O_CREAT != 0 && low & O_EXCL != 0 {
        return Err(Error::new(EEXIST));
    }
    if low & O_CREAT != 0 || low & O_ACCMODE & O_WRONLY != 0 {
        return Err(Error::new(EISDIR));
    }
    Ok(Decision::Mint(number))
}

/// Whether names may be replaced.
fn is_editor(permissions: u64) -> bool {
    let needed = permissions::INSERT | permissions::DELETE;
    permissions & needed == needed
}

/// Whether a path ends where it begins.
fn is_end(rest: &str) -> bool {
    rest.split('/').all(|part| matches!(part, "" | "."))
}

fn reply(result: Result<u64>) -> Result<Decision> {
    result.map(|value| Decision::Reply(Ok(value)))
}

/// The last argument of a request.
fn args_low(args: [u64; 6]) -> u64 {
    let [.., last] = args;
    last & u64::from(u16::MAX)
}

/// Puts a prefix before a path, which must not climb.
fn join(buffer: &mut Vec<u8>, prefix: &str, rest: &str) -> Result<()> {
    use clavis_abi::error::ENAMETOOLONG;
    if rest.split('/').any(|part| part == "..") {
        return Err(Error::new(EKEYREJECTED));
    }
    let length = prefix.len().saturating_add(rest.len()).saturating_add(1);
    if length > PATH_MAX {
        return Err(Error::new(ENAMETOOLONG));
    }
    buffer.clear();
    buffer.extend_from_slice(prefix.as_bytes());
    if !prefix.is_empty() && !rest.is_empty() {
        buffer.push(b'/');
    }
    buffer.extend_from_slice(rest.as_bytes());
    Ok(())
}

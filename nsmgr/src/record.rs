//! Changes of the state as bytes: what the log holds and what [`crate::state`] applies.
//!
//! A change is first encoded and then applied by decoding it again, so a running manager and one
//! that replays its log cannot differ.
use crate::name::Name;
use alloc::vec::Vec;
use clavis_abi::error::{ENOMEM, Error, Result};

/// Greatest bytes of a record, its prefix not counted.
pub(crate) const RECORD_MAX: usize = 160;

/// What an entry of a namespace is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Nothing: the name is left out, whatever the parent has.
    Hidden,
    /// What the parent binds the name to, with narrower masks.
    Parent,
    /// A handle in the manager's table: a slot or a directory.
    Handle(u64),
    /// An empty directory.
    Empty,
}

/// What is stored with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms<'a> {
    /// Mask for the rights of what is opened.
    pub(crate) rights: u64,
    /// Mask for its inherit mask.
    pub(crate) inherit: u64,
    /// `entry_flags`.
    pub(crate) flags: u64,
    /// Put before each path.
    pub(crate) prefix: &'a str,
}

/// A change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// The next number that is given out.
    Next { number: u64 },
    /// A namespace. Parent 0: none.
    Namespace { id: u64, parent: u64, flags: u8, budget: u32, generation: u64, serial: u64 },
    /// The set of names within a name of another set.
    Within { id: u64, set: u64, name: Name, generation: u64, serial: u64 },
    /// A name is called otherwise.
    Rename { namespace: u64, name: Name, to: Name },
    /// A handle to a namespace.
    Access { number: u64, namespace: u64, permissions: u64 },
    /// A bind ticket for a name of a set, paid for by the namespace that this lies within.
    Ticket { number: u64, home: u64, set: u64, name: Name, terms: Terms<'a> },
    /// A handle or ticket is gone.
    Drop { number: u64 },
    /// A name is bound. Serial 0: the namespace's next.
    Bind { namespace: u64, serial: u64, name: Name, binding: Binding, terms: Terms<'a> },
    /// A name is gone.
    Unbind { namespace: u64, name: Name },
    /// A namespace is sealed.
    Seal { namespace: u64 },
    /// The request with that tag was carried out, with this result.
    Done { tag: u32, result: u64 },
}

/// The tag that no request has.
pub(crate) const NOBODY: u32 = u32::MAX;
/// Flag of a [`Record::Namespace`]: it sees its parent's names.
pub(crate) const OPEN: u8 = 1;
/// Flag of a [`Record::Namespace`]: it is sealed.
pub(crate) const SEALED: u8 = 2;

impl<'a> Record<'a> {
    /// Appends the record to a frame.
    pub(crate) fn encode(&self, frame: &mut Vec<u8>) -> Result<()> {
        frame
            .try_reserve(RECORD_MAX.saturating_add(self.prefix_len()))
            .map_err(|_| Error::new(ENOMEM))?;
        let mut out = Writer(frame);
        match *self {
            Record::Next { number } => out.tag(1).word(number),
            Record::Namespace { id, parent, flags, budget, generation, serial } => out
                .tag(2)
                .word(id)
                .word(parent)
                .byte(flags)
                .word(u64::from(budget))
                .word(generation)
                .word(serial),
            Record::Access { number, namespace, permissions } => {
                out.tag(3).word(number).word(namespace).word(permissions)
            }
            Record::Ticket { number, home, set, ref name, ref terms } => {
                out.tag(4).word(number).word(home).word(set).name(name).terms(terms)
            }
            Record::Drop { number } => out.tag(5).word(number),
            Record::Bind { namespace, serial, ref name, binding, ref terms } => {
                let (kind, handle) = match binding {
                    Binding::Hidden => (0, 0),
                    Binding::Parent => (1, 0),
                    Binding::Handle(handle) => (2, handle),
                    Binding::Empty => (3, 0),
                };
                out.tag(6)
                    .word(namespace)
                    .word(serial)
                    .name(name)
                    .byte(kind)
                    .word(handle)
                    .terms(terms)
            }
            Record::Unbind { namespace, ref name } => out.tag(7).word(namespace).name(name),
            Record::Seal { namespace } => out.tag(8).word(namespace),
            Record::Done { tag, result } => out.tag(9).word(u64::from(tag)).word(result),
            Record::Rename { namespace, ref name, ref to } => {
                out.tag(11).word(namespace).name(name).name(to)
            }
            Record::Within { id, set, ref name, generation, serial } => {
                out.tag(10).word(id).word(set).name(name).word(generation).word(serial)
            }
        };
        Ok(())
    }

    fn prefix_len(&self) -> usize {
        match self {
            Record::Ticket { terms, .. } | Record::Bind { terms, .. } => terms.prefix.len(),
            _ => 0,
        }
    }

    /// Takes the first record off a frame.
    pub(crate) fn decode(frame: &mut &'a [u8]) -> Option<Record<'a>> {
        let mut input = Reader(frame);
        let record = match input.byte()? {
            1 => Record::Next { number: input.word()? },
            2 => Record::Namespace {
                id: input.word()?,
                parent: input.word()?,
                flags: input.byte()?,
                budget: u32::try_from(input.word()?).ok()?,
                generation: input.word()?,
                serial: input.word()?,
            },
            3 => Record::Access {
                number: input.word()?,
                namespace: input.word()?,
                permissions: input.word()?,
            },
            4 => Record::Ticket {
                number: input.word()?,
                home: input.word()?,
                set: input.word()?,
                name: input.name()?,
                terms: input.terms()?,
            },
            5 => Record::Drop { number: input.word()? },
            6 => Record::Bind {
                namespace: input.word()?,
                serial: input.word()?,
                name: input.name()?,
                binding: match (input.byte()?, input.word()?) {
                    (0, _) => Binding::Hidden,
                    (1, _) => Binding::Parent,
                    (2, handle) => Binding::Handle(handle),
                    (3, _) => Binding::Empty,
                    _ => return None,
                },
                terms: input.terms()?,
            },
            7 => Record::Unbind { namespace: input.word()?, name: input.name()? },
            8 => Record::Seal { namespace: input.word()? },
            9 => {
                let tag = u32::try_from(input.word()?).ok()?;
                Record::Done { tag, result: input.word()? }
            }
            11 => {
                Record::Rename { namespace: input.word()?, name: input.name()?, to: input.name()? }
            }
            10 => Record::Within {
                id: input.word()?,
                set: input.word()?,
                name: input.name()?,
                generation: input.word()?,
                serial: input.word()?,
            },
            _ => return None,
        };
        *frame = input.0;
        Some(record)
    }
}

/// The records of a frame, up to the first that is none.
pub(crate) fn records(mut frame: &[u8]) -> impl Iterator<Item = Record<'_>> {
    core::iter::from_fn(move || Record::decode(&mut frame))
}

/// Writes into a vector whose capacity was reserved.
struct Writer<'v>(&'v mut Vec<u8>);

impl Writer<'_> {
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.byte(tag)
    }

    fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    fn word(&mut self, word: u64) -> &mut Self {
        self.0.extend_from_slice(&word.to_le_bytes());
        self
    }

    fn name(&mut self, name: &Name) -> &mut Self {
        let name = name.as_str();
        // A name has at most NAME_MAX bytes.
        self.byte(u8::try_from(name.len()).unwrap_or(0));
        self.0.extend_from_slice(name.as_bytes());
        self
    }

    fn terms(&mut self, terms: &Terms<'_>) -> &mut Self {
        self.word(terms.rights).word(terms.inherit).byte(u8::try_from(terms.flags).unwrap_or(0));
        let length = u16::try_from(terms.prefix.len()).unwrap_or(0);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(terms.prefix.as_bytes());
        self
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn word(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self, length: usize) -> Option<&'a str> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        core::str::from_utf8(bytes).ok()
    }

    fn name(&mut self) -> Option<Name> {
        let length = usize::from(self.byte()?);
        Name::new(self.text(length)?)
    }

    fn terms(&mut self) -> Option<Terms<'a>> {
        let rights = self.word()?;
        let inherit = self.word()?;
        let flags = u64::from(self.byte()?);
        let length = usize::from(u16::from_le_bytes(self.array()?));
        Some(Terms { rights, inherit, flags, prefix: self.text(length)? })
    }
}

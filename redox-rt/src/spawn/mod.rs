//! Building a process from an explicit list: image, arguments, handles. Nothing is inherited.
//!
//! [`plan`] decides, purely, what lies where; `source` gets the program's bytes and memory;
//! this file makes the calls: one for the process with all its handles, one per mapping, one to
//! start it. Only the startup block and the pages in which file content ends and zeroes begin are
//! written, into one memory object; everything else is shown to the child as it is.
use crate::handle::{Handle, Number, Place};
use crate::object;
use crate::startup::Builder;
use crate::sys;
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::error::{E2BIG, EIO, ENOEXEC, Error, Result};
use clavis_abi::limits::SPAWN_GRANTS;
use clavis_abi::params::{
    BIRTH_RANDOM, FIRST_GRANT_INDEX, GRANT_SELF, Grant, MapParams, ProcessParams,
};
use clavis_abi::startup::EntryKind;
use clavis_abi::{PAGE_SIZE, Rights};
use syscall::flag::MapFlags;

#[cfg(test)]
mod corpus;
pub mod plan;
mod replace;
mod source;

use plan::{Content, Plan, Step};
pub use replace::replace;
pub use source::{Image, open_program};

/// Bytes of the first stack when nothing else was asked.
pub const STACK_DEFAULT: usize = 1 << 20;
/// Greatest size of arguments and environment together, in bytes.
pub const STRINGS_MAX: usize = 256 << 10;

/// A handle for the child.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// What this process holds.
    pub source: Number,
    /// Number in the child; `None`: a free upper one.
    pub number: Option<Number>,
    /// What it means there ([`EntryKind`] as a number); 0: no entry.
    pub kind: u64,
    /// Mask for its rights.
    pub rights: Rights,
    /// Mask for its inherit mask.
    pub inherit: Rights,
    /// Handle flags to set.
    pub flags: u64,
}

impl Given {
    /// A handle with all that it has, under a meaning.
    #[must_use]
    pub fn entry(source: Number, kind: u64) -> Given {
        let all = Rights::all();
        Given { source, number: None, kind, rights: all, inherit: all, flags: 0 }
    }

    /// A handle with all that it has, at a number.
    #[must_use]
    pub fn at(source: Number, number: Number) -> Given {
        Given { number: Some(number), ..Given::entry(source, 0) }
    }
}

/// What a child gets.
#[derive(Clone, Debug)]
pub struct Spawn<'a> {
    /// The program.
    pub image: Image<'a>,
    /// Its image name.
    pub name: &'a str,
    /// Its arguments, program name first.
    pub args: &'a [&'a [u8]],
    /// Its environment, `NAME=value`.
    pub envs: &'a [&'a [u8]],
    /// The account it is created in.
    pub account: Number,
    /// The path that its current directory is shown under; empty without one.
    pub cwd_path: &'a str,
    /// The handles it gets: standard streams, namespace, current directory and everything else.
    pub handles: &'a [Given],
    /// What handles mean that lie in `table` already: kind and number there.
    pub placed: &'a [(u64, Number)],
    /// The rights of the handle to itself that it gets, if it gets one.
    pub self_rights: Option<Rights>,
    /// Bytes of its first thread's stack.
    pub stack_size: usize,
    /// Handle table to use instead of a new one.
    pub table: Option<Number>,
    /// Priority of its threads; `None`: the creator's.
    pub priority: Option<u8>,
    /// [`clavis_abi::params::process_flags`].
    pub flags: u64,
    /// Promises of `pledge` that it begins without, as a word; 0: it begins with all.
    pub given_up: u64,
    /// Where the handle to it goes.
    pub place: Place,
}

impl<'a> Spawn<'a> {
    /// A child without arguments and handles.
    #[must_use]
    pub fn new(image: Image<'a>, name: &'a str, account: Number) -> Spawn<'a> {
        Spawn {
            image,
            name,
            args: &[],
            envs: &[],
            account,
            cwd_path: "",
            handles: &[],
            placed: &[],
            self_rights: None,
            stack_size: STACK_DEFAULT,
            table: None,
            priority: None,
            flags: 0,
            given_up: 0,
            place: Place::Upper,
        }
    }
}

/// Builds and starts a process. Answers its handle.
///
/// # Errors
/// As [`build`].
pub fn spawn(spawn: &Spawn<'_>) -> Result<Handle> {
    let (process, start) = build(spawn)?;
    sys::clavis::process_start(process.number(), start.entry, start.stack, start.argument)?;
    Ok(process)
}

/// Becomes the program that would be spawned: this process keeps its number, its lower handles
/// that are not closed on exec, and what is told of its end. Returns only when that failed, and
/// nothing has changed then.
#[must_use]
pub fn exec(spawn: &Spawn<'_>) -> Error {
    match build(spawn) {
        Ok((process, start)) => {
            sys::process::exec(process.number(), start.entry, start.stack, start.argument)
        }
        Err(error) => error,
    }
}

/// How the first thread of a built process starts.
struct Start {
    entry: u64,
    stack: u64,
    argument: u64,
}

/// Builds a process.
///
/// # Errors
/// `ENOEXEC` for a file that is not a static program; `E2BIG` for too many arguments; what the
/// kernel and the file's server answer. After an error nothing is left of the child.
fn build(spawn: &Spawn<'_>) -> Result<(Handle, Start)> {
    let strings = spawn.args.iter().chain(spawn.envs).map(|string| string.len() + 1);
    if strings.sum::<usize>() > STRINGS_MAX {
        return Err(Error::new(E2BIG));
    }
    let mut program = source::Program::open(spawn.image)?;
    let granted = Granted::new(spawn)?;
    let mut block = block(spawn, &granted);
    let plan = Plan::new(&program.image, block.size(), spawn.stack_size, random()?)
        .ok_or(Error::new(ENOEXEC))?;
    *block.header_mut() = plan.header(*block.header_mut());

    let scratch = object::memory(plan.scratch_size as u64, Place::Upper)?;
    write_exact_at(scratch.number(), &block.build(), 0)?;
    for tail in plan.tails() {
        let mut content = vec![0; tail.length];
        program.read(tail.file_offset, &mut content)?;
        write_exact_at(scratch.number(), &content, tail.scratch_offset as u64)?;
    }

    let params = ProcessParams {
        table: spawn.table.map_or(u64::MAX, |table| table.raw() as u64),
        priority: spawn.priority.map_or(u64::MAX, u64::from),
        flags: spawn.flags,
        ..ProcessParams::default()
    };
    let process = sys::clavis::process_create(
        spawn.account,
        &params,
        &granted.grants,
        spawn.name,
        spawn.place,
    )?;
    for step in plan.steps() {
        map(process.number(), step, &mut program, scratch.number())?;
    }
    let Plan { entry, stack_top, block_address, .. } = plan;
    Ok((process, Start { entry, stack: stack_top, argument: block_address }))
}

/// Maps one step into the child. The first step that runs from the file decides whether its
/// memory can be executed at all; if not, a sealed copy takes its place.
fn map(
    process: Number,
    step: &Step,
    program: &mut source::Program<'_>,
    scratch: Number,
) -> Result<()> {
    let params = |memory: Option<Number>, base: u64| MapParams {
        memory: memory.map_or(u64::MAX, |memory| memory.raw() as u64),
        offset: base.saturating_add(step.offset),
        address: step.address,
        length: step.length,
        flags: (step.flags | MapFlags::MAP_FIXED_NOREPLACE).bits() as u64,
    };
    match step.content {
        Content::Zero => sys::memory::map_into(process, &params(None, 0)),
        Content::Scratch => sys::memory::map_into(process, &params(Some(scratch), 0)),
        Content::File => {
            let (memory, base) = program.memory()?;
            let answer = sys::memory::map_into(process, &params(Some(memory), base));
            match answer {
                Err(error)
                    if step.flags.contains(MapFlags::PROT_EXEC) && program.may_copy(error) =>
                {
                    let (memory, base) = program.sealed_copy()?;
                    sys::memory::map_into(process, &params(Some(memory), base))
                }
                answer => answer,
            }
        }
    }
    .map(drop)
}

/// The handles of the child: what the kernel is told, and what the startup block says.
struct Granted {
    grants: Vec<Grant>,
    entries: Vec<(u64, Number)>,
}

impl Granted {
    fn new(spawn: &Spawn<'_>) -> Result<Granted> {
        let mut granted = Granted { grants: Vec::new(), entries: spawn.placed.to_vec() };
        let count = spawn.handles.len() + usize::from(spawn.self_rights.is_some());
        if count > SPAWN_GRANTS {
            return Err(Error::new(E2BIG));
        }
        let mut next = FIRST_GRANT_INDEX;
        let mut free = || {
            // Numbers that were chosen for other handles are skipped.
            let taken = |number| spawn.handles.iter().any(|given| given.number == Some(number));
            loop {
                let number = Number::upper(next, 0);
                next = next.checked_add(1).ok_or(Error::new(E2BIG))?;
                if !taken(number) {
                    return Ok(number);
                }
            }
        };
        for given in spawn.handles {
            let number = match given.number {
                Some(number) => number,
                None => free()?,
            };
            granted.grants.push(Grant {
                source: given.source.raw() as u64,
                number: number.raw() as u64,
                rights: given.rights.bits(),
                inherit: given.inherit.bits(),
                flags: given.flags,
            });
            if given.kind != 0 {
                granted.entries.push((given.kind, number));
            }
        }
        if let Some(rights) = spawn.self_rights {
            let number = free()?;
            granted.grants.push(Grant {
                source: GRANT_SELF,
                number: number.raw() as u64,
                rights: rights.bits(),
                inherit: rights.bits(),
                flags: 0,
            });
            granted.entries.push((EntryKind::SelfProcess as u64, number));
        }
        Ok(granted)
    }
}

/// The startup block, as far as it does not depend on the plan.
fn block(spawn: &Spawn<'_>, granted: &Granted) -> Builder {
    let mut builder = Builder::new();
    for arg in spawn.args {
        builder.arg(arg);
    }
    for env in spawn.envs {
        builder.env(env);
    }
    for &(kind, number) in &granted.entries {
        builder.entry(kind, number);
    }
    builder.cwd(spawn.cwd_path);
    builder.header_mut().given_up = spawn.given_up;
    builder
}

/// Writes all bytes into a memory object.
fn write_exact_at(memory: Number, mut bytes: &[u8], mut offset: u64) -> Result<()> {
    while !bytes.is_empty() {
        let count = sys::file::write_at(memory, bytes, offset)?;
        bytes = bytes.get(count..).filter(|_| count > 0).ok_or(Error::new(EIO))?;
        offset += count as u64;
    }
    Ok(())
}

/// Random bits for the place of the image.
fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    sys::file::read_full(Number::from_raw(BIRTH_RANDOM), &mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

const _: () = assert!(PAGE_SIZE as u64 == clavis_elf::PAGE);

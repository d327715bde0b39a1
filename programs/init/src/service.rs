//! One process: the namespace manager or a service, from its line in the manifest.
use crate::given::Given;
use crate::kept::Kept;
use crate::world::{Named, World};
use alloc::string::String;
use alloc::vec::Vec;
use boot_image::Entry;
use clavis_rt::abi::error::ENODEV;
use clavis_rt::abi::params::AccountLimits;
use clavis_rt::abi::startup::EntryKind;
use clavis_rt::spawn::{self, Image, Spawn};
use clavis_rt::{Error, Handle, Number, Place, Result, Rights, account, object};
use service_manifest::{Give, Limits, Service};

/// What whoever reads about the services may do with the memory that tells it.
const TOLD: Rights = Rights::READ.union(Rights::SEEK).union(Rights::STAT);
/// What a process may do with the handle to itself: show what it holds.
const SELF: Rights = Rights::INSPECT.union(Rights::NAME).union(Rights::DUP).union(Rights::TRANSFER);
/// What whoever reads refusals may do with the ring.
const REFUSALS: Rights = TOLD.union(Rights::EVENT).union(Rights::DUP).union(Rights::TRANSFER);
/// What whoever reports them may do with it.
pub(crate) const REPORT: Rights = Rights::WRITE.union(Rights::DUP).union(Rights::TRANSFER);
/// What a service may do with the log as its standard output.
const OUTPUT: Rights = Rights::WRITE
    .union(Rights::APPEND)
    .union(Rights::STAT)
    .union(Rights::EVENT)
    .union(Rights::DUP)
    .union(Rights::TRANSFER);

/// What a service may do at most with a handle of init's of that kind.
fn most(kind: EntryKind) -> Rights {
    match kind {
        EntryKind::Board => TOLD,
        EntryKind::Audit => REFUSALS,
        EntryKind::Report => REPORT,
        _ => Rights::all(),
    }
}

/// What a service keeps from one life to the next.
pub(crate) struct Holdings {
    /// Its account.
    account: Handle,
    /// Its devices, in the order of the manifest.
    devices: Vec<Handle>,
    /// What one instance leaves to the next; `None`: it is made at the next start.
    kept: Option<Kept>,
}

impl Holdings {
    pub(crate) fn new(given: &Given, service: &Service) -> Result<Holdings> {
        let account = account::create(given.account, &limits(&service.limits), Place::Upper)?;
        let mut devices = Vec::new();
        for give in &service.gives {
            devices.push(match *give {
                Give::Irq(line) => object::irq(line, Place::Upper)?,
                Give::Ports { first, count } => object::ports(first, count, Place::Upper)?,
                Give::Window { address, bytes } => object::window(address, bytes, Place::Upper)?,
                Give::Entry(_) | Give::Account | Give::SelfProcess => continue,
            });
        }
        Ok(Holdings { account, devices, kept: None })
    }

    /// The account.
    pub(crate) fn account(&self) -> Number {
        self.account.number()
    }

    /// Throws away what one instance leaves to the next: the handles of its clients say that they
    /// are dead.
    pub(crate) fn forget(&mut self) {
        self.kept = None;
    }

    /// Starts the service.
    pub(crate) fn start(
        &mut self,
        given: &Given,
        file: &Entry<'_>,
        service: &Service,
        (names, namespace): (&[Named], &Handle),
        argument: Option<&String>,
    ) -> Result<Handle> {
        if self.kept.is_none() {
            self.kept = Some(Kept::new(given, service, names)?);
        }
        let mut args: Vec<&[u8]> = Vec::new();
        args.push(service.program.as_bytes());
        args.extend(service.args.iter().chain(argument).map(|text| text.as_bytes()));
        let envs: Vec<&[u8]> = service.envs.iter().map(|text| text.as_bytes()).collect();
        let handles = self.handles(given, service, namespace)?;
        let own = service.gives.contains(&Give::SelfProcess);
        spawn::spawn(&Spawn {
            args: &args,
            envs: &envs,
            handles: &handles,
            self_rights: own.then_some(SELF),
            priority: service.priority,
            ..Spawn::new(image(given, file), &service.program, self.account.number())
        })
    }

    fn handles(
        &self,
        given: &Given,
        service: &Service,
        namespace: &Handle,
    ) -> Result<Vec<spawn::Given>> {
        let mut handles = Vec::new();
        for number in [Number::STDOUT, Number::STDERR] {
            let output = spawn::Given::at(given.log, number);
            handles.push(spawn::Given { rights: OUTPUT, inherit: OUTPUT, ..output });
        }
        let entry = spawn::Given::entry;
        handles.push(entry(namespace.number(), EntryKind::Namespace as u64));
        handles.extend(self.kept.iter().flat_map(Kept::handles));
        let mut devices = self.devices.iter().zip(EntryKind::Custom as u64..);
        for give in &service.gives {
            match *give {
                Give::Entry(kind) => match given.entry(kind) {
                    Some(number) => {
                        let most = most(kind);
                        let whole = entry(number, kind as u64);
                        handles.push(spawn::Given { rights: most, inherit: most, ..whole });
                    }
                    // Not every machine has a screen.
                    None if kind == EntryKind::Framebuffer => {}
                    None => return Err(Error::new(ENODEV)),
                },
                Give::Account => {
                    handles.push(entry(self.account.number(), EntryKind::Account as u64));
                }
                Give::SelfProcess => {}
                Give::Irq(_) | Give::Ports { .. } | Give::Window { .. } => {
                    if let Some((device, kind)) = devices.next() {
                        handles.push(entry(device.number(), kind));
                    }
                }
            }
        }
        Ok(handles)
    }
}

/// Starts the namespace manager on its table.
pub(crate) fn start_manager(given: &Given, file: &Entry<'_>, world: &World) -> Result<Handle> {
    spawn::spawn(&Spawn {
        args: &[b"nsmgr"],
        table: Some(world.table.number()),
        placed: &World::placed(),
        priority: World::priority(),
        ..Spawn::new(image(given, file), "nsmgr", world.account.number())
    })
}

fn image<'i>(given: &Given, file: &Entry<'i>) -> Image<'i> {
    Image::Memory { memory: given.image, offset: file.offset as u64, bytes: file.data }
}

fn limits(limits: &Limits) -> AccountLimits {
    let value = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    AccountLimits {
        frames: value(limits.frames),
        handles: value(limits.handles),
        threads: value(limits.threads),
        requests: value(limits.requests),
        kernel_bytes: value(limits.kernel_bytes),
    }
}

//! The namespace manager's world: its handle table and its state, built before it runs.
use crate::given::Given;
use crate::kept::{endpoint, object_of};
use crate::service::REPORT;
use alloc::string::String;
use alloc::vec::Vec;
use clavis_nsmgr::{Manager, Name, Offer};
use clavis_rt::abi::error::{EINVAL, ENOENT};
use clavis_rt::abi::limits::PRIORITIES;
use clavis_rt::abi::namespace::{entry_flags, permissions};
use clavis_rt::abi::startup::EntryKind;
use clavis_rt::account::{self, UNLIMITED};
use clavis_rt::{Error, Handle, Number, Place, Result, Rights, object, sys, view};
use service_manifest::{FACTORIES, Manifest, Service};
use syscall::flag::{O_DIRECTORY, O_RDONLY};

/// Bytes of the namespace manager's state.
const STATE: u64 = 4 << 20;
/// Numbers in its table.
const SOCKET: Number = Number::lower(3);
const STATE_AT: Number = Number::lower(4);
const LOG: Number = Number::lower(5);
const SLOTS: Number = Number::lower(6);
const REPORTS: Number = Number::lower(7);
/// The first name's number in its table.
const FIRST_NAME: u16 = 16;

/// A name that namespaces can have.
pub(crate) struct Named {
    /// The name.
    pub(crate) name: String,
    /// The slot, if a service registers it; a factory's name has none.
    pub(crate) slot: Option<Handle>,
    /// Its number in the namespace manager's table.
    at: u16,
}

/// What outlives the namespace manager.
pub(crate) struct World {
    /// All names.
    pub(crate) names: Vec<Named>,
    /// The namespace of each service, in the order of the manifest.
    pub(crate) namespaces: Vec<Handle>,
    /// The namespace manager's handles.
    pub(crate) table: Handle,
    /// Its account.
    pub(crate) account: Handle,
}

impl World {
    /// Makes everything that the namespace manager starts from.
    pub(crate) fn build(given: &Given, manifest: &Manifest) -> Result<World> {
        let socket = endpoint(given)?;
        let table = object::table(Place::Upper)?;
        let account = account::create(given.account, &UNLIMITED, Place::Upper)?;
        let memory = object::memory(STATE, Place::Upper)?;
        let put = |number: Number, at: Number| {
            sys::clavis::table_put(table.number(), number, at, Rights::all(), Rights::all())
        };
        put(socket.number(), SOCKET)?;
        put(memory.number(), STATE_AT)?;
        put(given.log, LOG)?;
        put(given.slots, SLOTS)?;
        if let Some(ring) = given.entry(EntryKind::Report) {
            sys::clavis::table_put(table.number(), ring, REPORTS, REPORT, REPORT)?;
        }

        let mut names = Vec::new();
        let mut at = FIRST_NAME;
        for service in &manifest.services {
            for name in &service.registers {
                let slot = object::slot(name, Place::Upper)?;
                put(slot.number(), Number::lower(at))?;
                names.push(Named { name: name.clone(), slot: Some(slot), at });
                at = at.checked_add(1).ok_or(Error::new(EINVAL))?;
            }
        }
        for &(name, kind) in FACTORIES {
            // A kernel without that factory has no such name.
            let Some(factory) = given.entry(kind) else { continue };
            put(factory, Number::lower(at))?;
            names.push(Named { name: name.into(), slot: None, at });
            at = at.checked_add(1).ok_or(Error::new(EINVAL))?;
        }

        let state = view::state(memory.number())?;
        let written = write_state(state, manifest, &names);
        view::release_state(state)?;
        let mut namespaces = Vec::new();
        for number in written? {
            namespaces.push(object_of(socket.number(), number, O_RDONLY | O_DIRECTORY)?);
        }
        Ok(World { names, namespaces, table, account })
    }

    /// The namespace manager's startup handles, which lie in its table already.
    pub(crate) fn placed() -> [(u64, Number); 5] {
        [
            (EntryKind::Socket as u64, SOCKET),
            (EntryKind::State as u64, STATE_AT),
            (EntryKind::Log as u64, LOG),
            (EntryKind::FactorySlot as u64, SLOTS),
            (EntryKind::Report as u64, REPORTS),
        ]
    }

    /// Its priority: above everything that opens names.
    pub(crate) fn priority() -> Option<u8> {
        u8::try_from(PRIORITIES.saturating_sub(6)).ok()
    }
}

/// Writes a namespace for each service. Answers the numbers that stand for them.
fn write_state(state: &mut [u8], manifest: &Manifest, names: &[Named]) -> Result<Vec<u64>> {
    let mut manager = Manager::open(state)?;
    let count = u32::try_from(manifest.services.len()).unwrap_or(u32::MAX);
    let budget = manager.capacity().checked_div(count).unwrap_or(0);
    let mut numbers = Vec::new();
    for service in &manifest.services {
        let number = manager.create(permissions::ALL, budget)?;
        for named in names {
            offer(&mut manager, number, service, named)?;
        }
        numbers.push(number);
    }
    Ok(numbers)
}

fn offer(manager: &mut Manager<'_>, number: u64, service: &Service, named: &Named) -> Result<()> {
    let name = Name::new(&named.name).ok_or(Error::new(ENOENT))?;
    let (rights, flags) = if service.registers.contains(&named.name) {
        // It answers for the name; opening it there would be asking itself.
        (Rights::empty(), entry_flags::REGISTER)
    } else if let Some(using) = service.use_of(&named.name) {
        (using.rights, using.flags)
    } else {
        return Ok(());
    };
    let rights = rights.bits();
    let handle = u64::from(named.at);
    manager.offer(number, &Offer { name, handle, rights, inherit: rights, flags, prefix: "" })
}

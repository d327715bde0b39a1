//! Descriptions: what handles point to.
use crate::prelude::*;

/// Names a description.
pub type DescriptionId = Id<Description>;

/// An object of a scheme, as its server knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemeObject {
    /// The scheme.
    pub endpoint: EndpointId,
    /// The server instance that minted the number.
    pub epoch: u32,
    /// The server's number.
    pub number: u64,
    /// Arrives with requests on it.
    pub badge: u64,
}

impl SchemeObject {
    /// The object of that number, of whichever epoch and badge: where events come from.
    pub(crate) fn whichever(endpoint: EndpointId, number: u64) -> Object {
        Object::Scheme(Self { endpoint, epoch: 0, number, badge: 0 })
    }
}

/// A run of pages of a memory object, as a handle gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The object. The description holds a reference.
    pub memory: MemoryId,
    /// The first page.
    pub first: u64,
    /// How many pages.
    pub pages: u64,
    /// The grant that it lives from. The description holds a reference.
    pub grant: Option<GrantId>,
    /// Bytes.
    pub bytes: u64,
}

/// What a description stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Object {
    /// Not yet known: a call in flight will answer it.
    #[default]
    Pending,
    /// An object of a scheme.
    Scheme(SchemeObject),
    /// The server's end of an endpoint.
    Socket(EndpointId),
    /// Memory.
    Memory(View),
    /// An event queue.
    Queue(QueueId),
    /// The read end of a pipe.
    PipeReader(PipeId),
    /// The write end of a pipe.
    PipeWriter(PipeId),
    /// A timer.
    Timer(TimerId),
    /// An interrupt line.
    Irq(IrqId),
    /// A range of ports.
    Ports {
        /// The first.
        first: u16,
        /// How many.
        count: u16,
    },
    /// A process.
    Process(ProcessId),
    /// An account.
    Account(AccountId),
    /// A handle table.
    Table(TableId),
    /// A slot.
    Slot(SlotId),
    /// A lease.
    Lease(LeaseId),
    /// Makes other objects.
    Factory(FactoryKind),
    /// The scheme-creation capability.
    SchemeCreation,
    /// What has no state of its own: the kernel's log, random bytes, the clock.
    Plain(ObjectType),
    /// An image name, as readable bytes.
    Name(MemoryId),
}

/// An open object. Handles share it by duplication.
#[derive(Debug, Default)]
pub struct Description {
    /// What it stands for.
    pub object: Object,
    /// Handles and calls that refer to it.
    pub refs: u32,
    /// Open flags: the kernel's copy is the truth.
    pub flags: u32,
    /// The kernel keeps the offset.
    pub positioned: bool,
    /// Opened with O_APPEND and no right to write elsewhere: it can never be cleared.
    pub append_locked: bool,
    /// The offset, when positioned; otherwise a cursor of kernel objects.
    pub offset: u64,
    /// A call at its own offset is under way.
    pub busy: bool,
    /// The slot it was opened through: a label for people.
    pub slot: Option<SlotId>,
    /// Who pays for it.
    pub account: AccountId,
    /// The process that made it; none: the kernel.
    pub maker: Option<ProcessId>,
    /// Order of its close notice among its endpoint's messages.
    pub close_order: u64,
    close: Link<Description>,
    /// Its server wants to be told when a handle to it is closed next.
    pub(crate) tells_detach: bool,
    /// The number of the process whose closing is to be told.
    pub(crate) detached: u32,
    /// Order of its detach notice among its endpoint's messages.
    pub(crate) detach_order: u64,
    detach: Link<Description>,
}

links!(Description, Description, [], 0 => close, 1 => detach);

impl Object {
    /// Its type, as tools show it.
    #[must_use]
    pub fn kind(&self) -> ObjectType {
        match self {
            Object::Pending | Object::Scheme(_) => ObjectType::Scheme,
            Object::Socket(_) => ObjectType::Socket,
            Object::Memory(_) => ObjectType::Memory,
            Object::Queue(_) => ObjectType::EventQueue,
            Object::PipeReader(_) => ObjectType::PipeReader,
            Object::PipeWriter(_) => ObjectType::PipeWriter,
            Object::Timer(_) => ObjectType::Timer,
            Object::Irq(_) => ObjectType::Irq,
            Object::Ports { .. } => ObjectType::PortRange,
            Object::Process(_) => ObjectType::Process,
            Object::Account(_) => ObjectType::Account,
            Object::Table(_) => ObjectType::HandleTable,
            Object::Slot(_) => ObjectType::Slot,
            Object::Lease(_) => ObjectType::Lease,
            Object::Factory(_) | Object::SchemeCreation => ObjectType::Factory,
            Object::Plain(kind) => *kind,
            Object::Name(_) => ObjectType::Name,
        }
    }
}

impl<M: Machine> Kernel<M> {
    /// Makes a description with one reference. The object's reference moves in.
    pub(crate) fn description_create(
        &mut self,
        account: AccountId,
        object: Object,
        flags: u32,
    ) -> Result<DescriptionId> {
        self.descriptions.reserve(&mut self.machine)?;
        self.charge_object::<Description>(account)?;
        let description = Description {
            object,
            refs: 1,
            flags,
            account,
            maker: self.cpus[0].current.map(|caller| caller.process),
            ..Description::default()
        };
        Ok(self.descriptions.insert(&mut self.machine, description)?)
    }

    /// Makes a full handle to an object, or lets go of the object.
    pub(crate) fn handle_create(&mut self, account: AccountId, object: Object) -> Result<Handle> {
        let made = self.description_create(account, object, 0);
        made.map(Handle::full).inspect_err(|_| self.object_release(object))
    }

    /// The number of an object among those of its type, as tools show it; 0: none is told.
    pub(crate) fn object_number(&self, object: &Object) -> u64 {
        match *object {
            Object::Scheme(SchemeObject { endpoint: id, .. }) | Object::Socket(id) => id.number(),
            Object::Memory(view) => view.memory.number(),
            Object::PipeReader(pipe) | Object::PipeWriter(pipe) => pipe.number(),
            Object::Process(process) => process_number(process).into(),
            Object::Account(account) => account.index().into(),
            Object::Slot(slot) => self.slots[slot]
                .root
                .map_or(0, |root| self.object_number(&self.descriptions[root.description].object)),
            Object::Lease(lease) => lease.number(),
            _ => 0,
        }
    }

    /// One reference less. The last one of a scheme's object becomes its close notice.
    pub(crate) fn description_release(&mut self, id: DescriptionId) {
        if !self.descriptions.release(id) {
            return;
        }
        match self.descriptions[id].object {
            Object::Scheme(object) if self.scheme_alive(&object) => {
                self.close_notice(object.endpoint, id);
            }
            _ => self.description_free(id),
        }
    }

    /// A process lets go of a handle that it had at a number of its table.
    #[inline]
    pub(crate) fn handle_release(&mut self, table: TableId, handle: Handle) {
        if self.descriptions[handle.description].tells_detach {
            self.detach_notice(table, handle.description);
        }
        self.description_release(handle.description);
    }

    /// Queues the notice that a process closed a handle to an object whose server asked for that.
    /// One waits at most: it lies in the description.
    #[cold]
    fn detach_notice(&mut self, table: TableId, id: DescriptionId) {
        let Self { endpoints, descriptions, tables, .. } = self;
        let description = &mut descriptions[id];
        let Object::Scheme(object) = description.object else { return };
        let endpoint = &mut endpoints[object.endpoint];
        if description.detach.is_linked() || endpoint.check(object.epoch).is_err() {
            return;
        }
        description.tells_detach = false;
        description.detached = tables[table].process;
        description.detach_order = endpoint.take_order();
        endpoint.detaches.push_back(descriptions, id);
        self.notice_queued(object.endpoint);
    }

    /// Frees a description that nobody refers to and whose close notice, if any, was delivered.
    pub(crate) fn description_free(&mut self, id: DescriptionId) {
        let Self { endpoints, descriptions, .. } = self;
        let Some(description) = descriptions.get(id) else { return };
        if let (Object::Scheme(object), true) = (description.object, description.detach.is_linked())
        {
            // Nobody hears of it any more.
            endpoints[object.endpoint].detaches.remove(descriptions, id);
        }
        let Some(description) = self.descriptions.remove(id) else { return };
        if let Some(slot) = description.slot {
            self.slot_release(slot);
        }
        self.uncharge_object::<Description>(description.account);
        self.object_release(description.object);
    }

    /// Lets go of what a description stood for.
    pub(crate) fn object_release(&mut self, object: Object) {
        match object {
            Object::Scheme(object) => self.endpoint_release(object.endpoint),
            Object::Socket(endpoint) => self.socket_release(endpoint),
            Object::Memory(view) => {
                self.memory_release(view.memory);
                if let Some(grant) = view.grant {
                    self.grant_release(grant);
                }
            }
            Object::Name(memory) => self.memory_release(memory),
            Object::Queue(queue) => self.queue_release(queue),
            Object::PipeReader(pipe) => self.pipe_reader_release(pipe),
            Object::PipeWriter(pipe) => self.pipe_writer_release(pipe),
            Object::Timer(timer) => self.timer_release(timer),
            Object::Irq(irq) => self.irq_release(irq),
            Object::Process(process) => self.process_release(process),
            Object::Account(account) => self.account_release(account),
            Object::Table(table) => self.table_release(table),
            Object::Slot(slot) => self.slot_release(slot),
            Object::Lease(lease) => self.lease_release(lease),
            Object::Ports { .. }
            | Object::Pending
            | Object::Factory(_)
            | Object::SchemeCreation
            | Object::Plain(_) => {}
        }
    }
}

//! Factories: kernel objects that make other objects.
use crate::prelude::*;

/// The one name that the scheme factory knows.
const CREATION_CAPABILITY: &str = "scheme-creation-cap";
/// The name under which Redox's servers fetch what lets them ask for a client's users and groups.
/// There are none to ask for.
const CREDENTIALS_CAPABILITY: &str = "proc-creds-capability";

impl<M: Machine> Kernel<M> {
    /// What a factory gives for a path; the path lies in the scratch page. `.` gives the
    /// factory itself, and so does the empty path where it makes nothing.
    pub(crate) fn factory_open(
        &mut self,
        process: ProcessId,
        factory: Object,
        len: usize,
    ) -> Result<Object> {
        let Object::Factory(kind) = factory else { return Err(Error::new(EINVAL)) };
        let account = self.processes[process].account;
        let path = core::str::from_utf8(self.scratch.get(..len).unwrap_or(&[]));
        let path = path.map_err(|_| Error::new(EINVAL))?;
        match kind {
            _ if path == "." => Ok(factory),
            FactoryKind::Event => self.queue_create(account).map(Object::Queue),
            FactoryKind::Pipe => self.pipe_create(account).map(Object::PipeReader),
            _ if path.is_empty() => Ok(factory),
            FactoryKind::Scheme if path == CREATION_CAPABILITY => Ok(Object::SchemeCreation),
            FactoryKind::Time => {
                let clock = path.parse().map_err(|_| Error::new(ENOENT))?;
                self.timer_create(account, clock).map(Object::Timer)
            }
            FactoryKind::Memory => {
                let bytes = path.parse().map_err(|_| Error::new(ENOENT))?;
                self.memory_object(account, bytes, Backing::Zero)
            }
            FactoryKind::Process if path == CREDENTIALS_CAPABILITY => {
                Ok(Object::Plain(ObjectType::Null))
            }
            FactoryKind::Process => {
                let number = path.parse().map_err(|_| Error::new(ENOENT))?;
                let process = self.process_by_number(number).ok_or(Error::new(ENOENT))?;
                self.processes.retain(process);
                Ok(Object::Process(process))
            }
            _ => Err(Error::new(ENOENT)),
        }
    }

    /// A new memory object.
    pub(crate) fn memory_object(
        &mut self,
        account: AccountId,
        bytes: u64,
        backing: Backing,
    ) -> Result<Object> {
        let memory = self.memory_create(account, bytes, backing)?;
        let pages = self.memories[memory].pages;
        Ok(Object::Memory(View { memory, first: 0, pages, grant: None, bytes }))
    }

    /// Makes an object from a factory or account handle.
    pub(crate) fn sys_create(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [factory, first, second, out, _] = args;
        let is_account = match self.tables[caller.table].get(factory) {
            Some(handle) => {
                matches!(self.descriptions[handle.description].object, Object::Account(_))
            }
            None => false,
        };
        let need = if is_account { Rights::MANAGE } else { Rights::CREATE };
        let (handle, object) = self.door_object(caller, factory, need)?;
        let made = self.number_with(caller.table, out, |kernel| {
            let object = kernel.create_object(caller, object, first, second)?;
            Ok(kernel.handle_create(caller.account, object)?.through(&handle))
        });
        made.map(Outcome::Done)
    }

    fn create_object(
        &mut self,
        caller: &Caller,
        factory: Object,
        first: usize,
        second: usize,
    ) -> Result<Object> {
        let payer = caller.account;
        match factory {
            Object::Account(parent) => {
                let limits: AccountLimits =
                    self.read_struct(caller.space, first, size_of::<AccountLimits>())?;
                self.account_create(parent, limits).map(Object::Account)
            }
            Object::Factory(FactoryKind::Memory) => {
                self.memory_object(payer, first as u64, Backing::Zero)
            }
            Object::Factory(FactoryKind::Table) => self.table_create(payer).map(Object::Table),
            Object::Factory(FactoryKind::Slot) => {
                refuse_if(second == 0 || second > NAME_MAX, EINVAL)?;
                self.read_path(caller, first, second)?;
                let mut name = [0; NAME_MAX];
                for (place, byte) in name.iter_mut().zip(self.scratch.iter().take(second)) {
                    *place = *byte;
                }
                let name = name.get(..second).unwrap_or(&[]);
                self.slot_create(payer, name).map(Object::Slot)
            }
            Object::Factory(FactoryKind::Irq) => {
                let line = u32::try_from(first).map_err(|_| Error::new(EINVAL))?;
                self.irq_create(payer, line).map(Object::Irq)
            }
            Object::Factory(FactoryKind::Port) => {
                let wrong = |_| Error::new(EINVAL);
                let (first, count) =
                    (u16::try_from(first).map_err(wrong)?, u16::try_from(second).map_err(wrong)?);
                let fits = count > 0 && first.checked_add(count - 1).is_some();
                refuse_if(!fits || !self.machine.port_permit(first, count), EINVAL)?;
                Ok(Object::Ports { first, count })
            }
            Object::Factory(FactoryKind::Window) => {
                let pages = pages_for(second as u64)?;
                let aligned = (first as u64).is_multiple_of(PAGE);
                refuse_if(
                    !aligned || !self.machine.window_permit(first as u64, pages as usize),
                    EINVAL,
                )?;
                self.memory_object(payer, second as u64, Backing::Device(first as u64))
            }
            _ => Err(Error::new(EINVAL)),
        }
    }
}

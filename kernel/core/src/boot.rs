//! Boot: the first process, and the handles to everything there is.
use crate::prelude::*;
use clavis_abi::startup::{Entry, EntryKind, Header, MAGIC};

/// What the machine hands over for the first process.
pub struct Boot<'a, M: Machine> {
    /// Init's segments: address, protection, frames.
    pub init: &'a mut dyn Iterator<Item = (u64, Protection, Vec<M::Frame>)>,
    /// Its first instruction.
    pub init_entry: u64,
    /// The boot image's frames in order.
    pub image: &'a mut dyn Iterator<Item = M::Frame>,
    /// Its bytes.
    pub image_len: u64,
    /// The command line: init's arguments, one a line.
    pub command_line: &'a str,
    /// The framebuffer: physical address and pages.
    pub framebuffer: Option<(u64, usize)>,
}

/// Top of init's stack: below the end of the user half, with a page to spare.
const STACK_TOP: u64 = 0x0000_7FFF_FFF0_0000;
const STACK_PAGES: u64 = 64;
/// Where init finds its startup block.
const BLOCK: u64 = 0x0000_7FFF_FFF8_0000;

/// Init's image name.
const INIT_NAME: &[u8] = b"init";

impl<M: Machine> Kernel<M> {
    /// Makes init from what the bootloader loaded. It runs at the next [`Kernel::run`].
    ///
    /// # Errors
    /// The machine is too small for init.
    pub fn boot(&mut self, boot: Boot<'_, M>) -> core::result::Result<(), NoMemory> {
        self.boot_init(boot).map_err(|_| NoMemory)
    }

    fn boot_init(&mut self, boot: Boot<'_, M>) -> Result<()> {
        let root = self.account_insert(None, 0, AccountLimits::UNLIMITED)?;
        self.root_account = Some(root);
        let priority = (PRIORITIES - 1) as u8;
        let init = self.process_create(root, None, priority, 0)?;
        self.init = Some(init);
        for (address, protection, frames) in boot.init {
            self.load_segment(init, page_of(address), protection, frames)?;
        }
        self.boot_stack(init)?;
        let name = self.memory_create(root, INIT_NAME.len() as u64, Backing::Zero)?;
        self.memory_populate(name, 0)?;
        if let Some(frame) = self.memories[name].frame_mut(0) {
            self.machine.frame_write(frame, 0, INIT_NAME);
        }
        self.processes[init].name = Some(name);
        self.boot_birth(init)?;
        let entries = self.boot_handles(init, boot.image, boot.image_len, boot.framebuffer)?;
        self.boot_block(init, &entries, boot.command_line)?;
        let start = Start { entry: boot.init_entry, stack: STACK_TOP, argument: BLOCK, tls: 0 };
        self.process_start(init, start)?;
        debug_assert!(self.processes[init].state == ProcessState::Running);
        Ok(())
    }

    fn load_segment(
        &mut self,
        init: ProcessId,
        start: u64,
        protection: Protection,
        frames: Vec<M::Frame>,
    ) -> Result<()> {
        let bytes = frames.len() as u64 * PAGE;
        let memory = self.memory_create(self.processes[init].account, bytes, Backing::Zero)?;
        for (page, frame) in frames.into_iter().enumerate() {
            self.memory_adopt(memory, page as u64, frame)?;
        }
        let writable = protection.contains(Protection::WRITE);
        self.memories[memory].private = writable;
        self.memories[memory].sealed = !writable;
        self.boot_map(init, memory, protection, start)
    }

    /// Shows all of an object to init, whose it is from then on.
    fn boot_map(
        &mut self,
        init: ProcessId,
        memory: MemoryId,
        protection: Protection,
        start: u64,
    ) -> Result<()> {
        let mapping = Mapping::whole(memory, self.memories[memory].pages, protection);
        self.space_map(self.processes[init].space, &mapping, Place::Free(start))?;
        self.memory_release(memory);
        Ok(())
    }

    fn boot_stack(&mut self, init: ProcessId) -> Result<()> {
        let account = self.processes[init].account;
        let memory = self.memory_create(account, STACK_PAGES * PAGE, Backing::Zero)?;
        self.memories[memory].private = true;
        let both = Protection::READ | Protection::WRITE;
        self.boot_map(init, memory, both, page_of(STACK_TOP) - STACK_PAGES)
    }

    fn boot_birth(&mut self, init: ProcessId) -> Result<()> {
        use clavis_abi::Rights;
        use clavis_abi::params::{BIRTH_NAME, BIRTH_NULL, BIRTH_RANDOM};
        self.birth(init, BIRTH_NULL, Object::Plain(ObjectType::Null), Rights::all())?;
        self.birth(init, BIRTH_RANDOM, Object::Plain(ObjectType::Random), Rights::all())?;
        if let Some(name) = self.processes[init].name {
            self.birth(init, BIRTH_NAME, Object::Name(name), Rights::all())?;
        }
        Ok(())
    }

    /// Gives init a handle to everything there is.
    fn boot_handles(
        &mut self,
        init: ProcessId,
        image: &mut dyn Iterator<Item = M::Frame>,
        image_len: u64,
        framebuffer: Option<(u64, usize)>,
    ) -> Result<Vec<Entry>> {
        let account = self.processes[init].account;
        let memory = self.memory_create(account, image_len.max(1), Backing::Zero)?;
        for (page, frame) in image.enumerate() {
            self.memory_adopt(memory, page as u64, frame)?;
        }
        self.memories[memory].sealed = true;
        let pages = self.memories[memory].pages;
        let view = View { memory, first: 0, pages, grant: None, bytes: image_len };
        self.accounts.retain(account);
        let mut objects = Vec::new();
        objects.try_reserve_exact(32).map_err(|_| NoMemory)?;
        objects.push((EntryKind::SelfProcess, Object::Process(init)));
        objects.push((EntryKind::Account, Object::Account(account)));
        objects.push((EntryKind::BootImage, Object::Memory(view)));
        objects.push((EntryKind::Log, Object::Plain(ObjectType::Log)));
        objects.push((EntryKind::Power, Object::Plain(ObjectType::Power)));
        objects.push((EntryKind::Counters, Object::Plain(ObjectType::Counters)));
        objects.push((EntryKind::Clock, Object::Plain(ObjectType::Clock)));
        objects.push((EntryKind::Audit, Object::Plain(ObjectType::Audit)));
        if let Some((physical, pages)) = framebuffer
            && self.machine.window_permit(physical, pages)
        {
            let window =
                self.memory_object(account, pages as u64 * PAGE, Backing::Device(physical))?;
            objects.push((EntryKind::Framebuffer, window));
        }
        objects.extend(FactoryKind::ALL.map(|kind| (kind.entry(), Object::Factory(kind))));
        let mut entries = Vec::new();
        entries.try_reserve_exact(objects.len()).map_err(|_| NoMemory)?;
        let table = self.processes[init].table;
        for (index, (kind, object)) in objects.into_iter().enumerate() {
            let number = upper_number(FIRST_GRANT_INDEX + index as u16, 0);
            self.number_with(table, number, |kernel| kernel.handle_create(account, object))?;
            entries.push(Entry { kind: kind as u64, number: number as u64 });
        }
        Ok(entries)
    }

    /// Writes init's startup block.
    fn boot_block(&mut self, init: ProcessId, entries: &[Entry], line: &str) -> Result<()> {
        let account = self.processes[init].account;
        let head = size_of::<Header>() + size_of_val(entries);
        let arguments = || line.lines().filter(|line| !line.is_empty());
        let strings: usize =
            "init".len() + 1 + arguments().map(|line| line.len() + 1).sum::<usize>();
        let size = head + strings;
        let header = Header {
            magic: MAGIC,
            size: size as u64,
            entries: entries.len() as u64,
            argc: 1 + arguments().count() as u64,
            args: head as u64,
            envs: size as u64,
            cwd: size as u64,
            stack_base: STACK_TOP - STACK_PAGES * PAGE,
            stack_size: STACK_PAGES * PAGE,
            ..Header::default()
        };
        let mut block = Vec::new();
        block.try_reserve_exact(size).map_err(|_| NoMemory)?;
        block.extend_from_slice(header.as_bytes());
        for entry in entries {
            block.extend_from_slice(entry.as_bytes());
        }
        for text in core::iter::once("init").chain(arguments()) {
            block.extend_from_slice(text.as_bytes());
            block.push(0);
        }
        let memory = self.memory_create(account, size as u64, Backing::Zero)?;
        for (page, bytes) in block.chunks(PAGE as usize).enumerate() {
            self.memory_populate(memory, page as u64)?;
            if let Some(frame) = self.memories[memory].frame_mut(page as u64) {
                self.machine.frame_write(frame, 0, bytes);
            }
        }
        self.boot_map(init, memory, Protection::READ, page_of(BLOCK))
    }
}

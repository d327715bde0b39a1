//! What the kernel asks of the simulated machine.
use super::*;

impl Machine for SimMachine {
    type Frame = Frame;
    type Space = Space;
    type Context = Context;
    type ContextRef = ContextName;

    fn frame_alloc(&mut self) -> Option<Frame> {
        if self.failures.refuses() {
            return None;
        }
        self.work.pages += 1;
        self.take_frame().map(Frame)
    }

    fn frame_share(&mut self, frame: &Frame) -> Option<Frame> {
        if self.failures.refuses() {
            return None;
        }
        assert!(self.frames[frame.0 as usize].is_some(), "a free frame is shared");
        self.shares[frame.0 as usize] += 1;
        Some(Frame(frame.0))
    }

    fn frame_is_shared(&self, frame: &Frame) -> bool {
        self.shares[frame.0 as usize] > 0
    }

    fn frame_free(&mut self, frame: Frame) {
        self.work.pages += 1;
        match &mut self.shares[frame.0 as usize] {
            0 => self.give_frame(frame.0),
            others => *others -= 1,
        }
    }

    fn frames_free(&self) -> usize {
        self.free.len()
    }

    fn heap_frames(&self) -> usize {
        // The heap of the simulation is the host's.
        0
    }

    fn frame_copy(&mut self, from: &Frame, to: &mut Frame) {
        assert!(!self.frame_is_shared(to), "a shared frame is written");
        let (from, to) = (self.frame_range(from, 0, PAGE), self.frame_range(to, 0, PAGE));
        self.memory.copy_within(from, to.start);
    }

    fn frame_read(&self, frame: &Frame, offset: usize, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.memory[self.frame_range(frame, offset, bytes.len())]);
    }

    fn frame_write(&mut self, frame: &mut Frame, offset: usize, bytes: &[u8]) {
        assert!(!self.frame_is_shared(frame), "a shared frame is written");
        let range = self.frame_range(frame, offset, bytes.len());
        self.memory[range].copy_from_slice(bytes);
    }

    fn frame_zero(&mut self, frame: &mut Frame, offset: usize, len: usize) {
        let range = self.frame_range(frame, offset, len);
        self.memory[range].fill(0);
    }

    fn chunk_permit(&mut self) -> Result<(), NoMemory> {
        if self.failures.refuses() { Err(NoMemory) } else { Ok(()) }
    }

    fn space_new(&mut self) -> Option<Space> {
        if self.failures.refuses() {
            return None;
        }
        let root = self.take_frame()?;
        let number = self.next_space;
        self.next_space += 1;
        self.spaces.insert(number, Tables { frames: vec![root], ..Tables::default() });
        Some(Space(number))
    }

    fn space_free(&mut self, space: Space) {
        assert_ne!(self.loaded, Some(space.0), "a loaded space is freed");
        let tables = self.spaces.remove(&space.0).expect("a space is freed twice");
        assert!(tables.pages.is_empty(), "a space is freed with pages in it");
        for frame in tables.frames {
            self.give_frame(frame);
        }
    }

    fn space_reserve(
        &mut self,
        space: &mut Space,
        address: u64,
        pages: usize,
    ) -> Result<usize, NoMemory> {
        let first = address / PAGE as u64;
        let leaves = first / 512..=(first + pages as u64 - 1) / 512;
        let exist = &self.spaces.get(&space.0).expect("a freed space is changed").leaves;
        let missing: Vec<u64> = leaves.filter(|leaf| !exist.contains_key(leaf)).collect();
        if missing.is_empty() {
            return Ok(0);
        }
        if self.failures.refuses() || self.free.len() < missing.len() {
            return Err(NoMemory);
        }
        for leaf in &missing {
            let frame = self.take_frame().expect("frames were counted");
            let tables = self.spaces.get_mut(&space.0).expect("it was just there");
            tables.leaves.insert(*leaf, frame);
            tables.frames.push(frame);
        }
        Ok(missing.len())
    }

    fn space_map(
        &mut self,
        space: &mut Space,
        address: u64,
        frames: &[Option<Frame>],
        protection: Protection,
    ) -> usize {
        for (index, frame) in frames.iter().enumerate() {
            let at = address + (index * PAGE) as u64;
            let tables = self.spaces.get(&space.0).expect("a freed space is changed");
            if !tables.leaves.contains_key(&(at / PAGE as u64 / 512)) {
                return index;
            }
            if let Some(frame) = frame {
                self.enter_page(
                    space,
                    at,
                    PageEntry { target: Target::Frame(frame.0), protection },
                );
            }
        }
        frames.len()
    }

    fn space_map_device(
        &mut self,
        space: &mut Space,
        address: u64,
        physical: u64,
        protection: Protection,
    ) {
        assert!(self.window_permit(physical, 1), "memory that is no device's is mapped as such");
        self.enter_page(space, address, PageEntry { target: Target::Device(physical), protection });
    }

    fn space_unmap(&mut self, space: &mut Space, address: u64, pages: usize) {
        let first = address / PAGE as u64;
        let tables = self.spaces.get_mut(&space.0).expect("a freed space is changed");
        let gone: Vec<u64> =
            tables.pages.range(first..first + pages as u64).map(|(page, _)| *page).collect();
        let entries: Vec<_> = gone.iter().filter_map(|page| tables.pages.remove(page)).collect();
        self.work.pages += entries.len();
        for entry in entries {
            self.unlink(entry);
        }
    }

    fn space_load(&mut self, _cpu: Cpu, space: Option<&Space>) {
        if let Some(space) = space {
            assert!(self.spaces.contains_key(&space.0), "a freed space is loaded");
        }
        self.loaded = space.map(|space| space.0);
    }

    fn copy_in(
        &mut self,
        address: u64,
        frames: &mut [Option<Frame>],
        offset: usize,
        len: usize,
    ) -> Copied {
        self.each_frame(frames, offset, len, |machine, frame, to, done, len| {
            assert!(!machine.frame_is_shared(frame), "a shared frame is written");
            machine.copy(address + done, len, Protection::READ, |memory, at, range| {
                memory.copy_within(at..at + range.len(), to + range.start);
            })
        })
    }

    fn copy_out(
        &mut self,
        address: u64,
        frames: &[Option<Frame>],
        offset: usize,
        len: usize,
    ) -> Copied {
        self.each_frame(frames, offset, len, |machine, _, from, done, len| {
            machine.copy(address + done, len, Protection::WRITE, |memory, at, range| {
                let (start, end) = (from + range.start, from + range.end);
                memory.copy_within(start..end, at);
            })
        })
    }

    fn read_user(&mut self, address: u64, bytes: &mut [u8]) -> Copied {
        self.copy(address, bytes.len(), Protection::READ, |memory, at, range| {
            let len = range.len();
            bytes[range].copy_from_slice(&memory[at..at + len]);
        })
    }

    fn write_user(&mut self, address: u64, bytes: &[u8]) -> Copied {
        self.copy(address, bytes.len(), Protection::WRITE, |memory, at, range| {
            memory[at..at + range.len()].copy_from_slice(&bytes[range]);
        })
    }

    fn context_new(&mut self, start: Start) -> Option<Context> {
        if self.failures.refuses() {
            return None;
        }
        let name = ContextName(self.next_context);
        self.next_context += 1;
        let tls = start.tls;
        self.contexts.insert(name, Registers { start, tls, ..Registers::default() });
        Some(Context(name))
    }

    fn context_free(&mut self, context: Context) {
        assert!(self.contexts.remove(&context.0).is_some(), "a context is freed twice");
    }

    fn context_ref(&self, context: &Context) -> ContextName {
        context.0
    }

    fn context_result(&mut self, context: &mut Context, value: usize) {
        self.contexts.get_mut(&context.0).expect("a freed context is changed").result = Some(value);
    }

    fn context_start(&mut self, context: &mut Context, start: Start) {
        let registers = self.contexts.get_mut(&context.0).expect("a freed context is changed");
        let (tls, time) = (start.tls, registers.time);
        *registers = Registers { start, tls, time, restarted: true, ..Registers::default() };
    }

    fn context_divert(&mut self, context: &mut Context, entry: u64, value: u64) -> [u64; 4] {
        let registers = self.contexts.get_mut(&context.0).expect("a freed context is changed");
        registers.diverted = Some((entry, value));
        let result = registers.result.replace(value as usize);
        [registers.start.entry, registers.start.stack, 0x202, result.unwrap_or(0) as u64]
    }

    fn context_time(&self, context: &Context) -> u64 {
        self.contexts.get(&context.0).expect("a freed context is asked").time
    }

    fn context_tls(&mut self, context: &mut Context, tls: u64) {
        self.contexts.get_mut(&context.0).expect("a freed context is changed").tls = tls;
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn wall_clock(&self) -> u64 {
        1_700_000_000_000_000_000u64.saturating_add(self.now)
    }

    fn timer_set(&mut self, _cpu: Cpu, deadline: Option<u64>) {
        self.timer = deadline;
    }

    fn irq_permit(&self, line: u32) -> bool {
        (1..16).contains(&line)
    }

    fn irq_mask(&mut self, line: u32, masked: bool) {
        self.masked.insert(line, masked);
    }

    fn port_permit(&self, first: u16, count: u16) -> bool {
        first >= 0x300 && u32::from(first) + u32::from(count) <= 0x400
    }

    fn port_in(&mut self, port: u16) -> u8 {
        port as u8
    }

    fn port_out(&mut self, port: u16, value: u8) {
        self.ports.push((port, value));
        self.ports.truncate(1024);
    }

    fn window_permit(&self, physical: u64, pages: usize) -> bool {
        let end = (pages as u64).checked_mul(PAGE as u64).and_then(|n| n.checked_add(physical));
        physical >= 0xF000_0000 && end.is_some_and(|end| end <= 0xF100_0000)
    }

    fn random(&mut self, bytes: &mut [u8]) {
        self.random.fill(bytes);
    }

    fn log(&mut self, bytes: &[u8]) {
        self.logged.extend_from_slice(bytes);
        self.logged.truncate(1 << 20);
    }

    fn power(&mut self, operation: u8) {
        self.power = Some(operation);
    }
}

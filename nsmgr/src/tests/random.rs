//! Random requests, good and bad: the manager never panics, its counts agree with what is there,
//! and nobody gets more than the handle it asked through.
use super::{bind, buffer, manager, offer};
use crate::{Decision, Manager, Request};
use alloc::vec::Vec;
use clavis_abi::namespace::{Encoder, ForkItem, call, entry_flags, padded, permissions};
use clavis_abi::syscall::schemev2::Opcode;
use std::string::String;
use std::{env, eprintln, format};

pub(super) struct Random(u64);

impl Random {
    pub(super) fn seeded() -> Random {
        let seed = env::var("CLAVIS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| {
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(1, |since| since.as_nanos() as u64)
        });
        eprintln!("CLAVIS_SEED={seed}");
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ word >> 31
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const NAMES: [&str; 6] = ["file", "log", "null", "one", "two", "three"];
const PLACES: [&str; 8] =
    ["file/a", "file/a/b", "file/a/b/c", "file/d", "four/a", "four/b/c", "log/a", "one/a/b"];

/// A request of a client.
#[derive(Clone, Debug)]
pub(super) struct Message {
    opcode: Opcode,
    args: [u64; 6],
    payload: Vec<u8>,
    /// What it gives is a ticket.
    ticket: bool,
    /// The handle that a slot made for it or sent with it has.
    handle: u64,
}

impl Message {
    fn new(opcode: Opcode, number: u64, payload: &[u8]) -> Message {
        let args = [number, 0, 0, 0, 0, 0];
        Message { opcode, args, payload: payload.to_vec(), ticket: false, handle: 0 }
    }

    /// A manager carries it out, as the daemon lets it.
    pub(super) fn perform(&self, manager: &mut Manager<'_>, tag: u32) -> Decision {
        let mut payload = self.payload.clone();
        let (opcode, args) = (self.opcode as u8, self.args);
        let decision = manager.decide(Request { tag, opcode, args, payload: &mut payload });
        let decision = match decision {
            Decision::MakeSlot { namespace, name } => {
                match manager.made(namespace, name, Ok(self.handle)) {
                    Ok(()) => Decision::Issue { slot: manager.slot(namespace, &name).unwrap() },
                    Err(error) => Decision::Reply(Err(error)),
                }
            }
            Decision::Receive { ticket } => {
                Decision::Reply(manager.received(ticket, Ok(self.handle)).map(|()| 0))
            }
            Decision::Mint(number) => Decision::Reply(Ok(number)),
            other => other,
        };
        while manager.released().is_some() {}
        decision
    }
}

/// A world of clients that hold numbers.
pub(super) struct World {
    pub(super) numbers: Vec<u64>,
    tickets: Vec<u64>,
    next_handle: u64,
}

impl World {
    pub(super) fn new(number: u64) -> World {
        World { numbers: [number].into(), tickets: Vec::new(), next_handle: 100 }
    }

    /// One plausible request is carried out.
    pub(super) fn step(&mut self, manager: &mut Manager<'_>, random: &mut Random) {
        let message = self.ask(random);
        let decision = message.perform(manager, 0);
        self.learn(&message, &decision);
    }

    /// One plausible request.
    pub(super) fn ask(&mut self, random: &mut Random) -> Message {
        self.next_handle += 1;
        let mut message = self.question(random);
        message.handle = self.next_handle;
        message
    }

    /// A client hears what came of its request.
    pub(super) fn learn(&mut self, message: &Message, decision: &Decision) {
        if let (Opcode::Dup, Decision::Reply(Ok(new))) = (message.opcode, decision) {
            let list = if message.ticket { &mut self.tickets } else { &mut self.numbers };
            list.push(*new);
        }
    }

    fn question(&mut self, random: &mut Random) -> Message {
        let number = random.pick(&self.numbers);
        let name = random.pick(&NAMES);
        let mut message = [0; 512];
        match random.below(12) {
            0 | 1 => {
                let mut encoder = Encoder::fork(&mut message).unwrap();
                for _ in 0..random.below(4) {
                    encoder = encoder.name(random.pick(&["file", "l*", "*", "one"])).unwrap();
                }
                Message::new(Opcode::Dup, number, encoder.finish())
            }
            2 | 3 => {
                let flags = random.below(8) as u64;
                let mut encoder =
                    Encoder::fork_with(&mut message, flags, random.next() & permissions::ALL)
                        .unwrap();
                for _ in 0..random.below(3) {
                    let item = ForkItem {
                        name: random.pick(&NAMES),
                        flags: random.next() & (entry_flags::STORED | entry_flags::HIDE),
                        rights: random.next(),
                        inherit: random.next(),
                    };
                    encoder = encoder.item(&item).unwrap();
                }
                Message::new(Opcode::Dup, number, encoder.finish())
            }
            4 | 5 => {
                let prefix = random.pick(&["", "a", "a/b"]);
                let name = if random.below(2) == 0 { name } else { random.pick(&PLACES) };
                let flags = random.next() & (entry_flags::STORED | entry_flags::REPLACE);
                let encoder =
                    Encoder::bind(&mut message, flags, random.next(), random.next(), name, prefix);
                let bind = Message::new(Opcode::Dup, number, encoder.unwrap().finish());
                Message { ticket: true, ..bind }
            }
            6 if !self.tickets.is_empty() => {
                let ticket = random.pick(&self.tickets);
                let sent = Message::new(Opcode::Sendfd, ticket, &[]);
                Message { args: [ticket, 0, 0, 1, 0, 0], ..sent }
            }
            7 => {
                let encoder = Encoder::register(&mut message, name).unwrap();
                Message::new(Opcode::Dup, number, encoder.finish())
            }
            8 if self.numbers.len() > 1 => {
                let at = 1 + random.below(self.numbers.len() - 1);
                Message::new(Opcode::CloseMsg, self.numbers.swap_remove(at), &[])
            }
            9 if !self.tickets.is_empty() => {
                let at = random.below(self.tickets.len());
                Message::new(Opcode::CloseMsg, self.tickets.swap_remove(at), &[])
            }
            10 => {
                let name = if random.below(2) == 0 { name } else { random.pick(&PLACES) };
                let path = format!("/scheme/{name}");
                Message::new(Opcode::UnlinkAt, number, path.as_bytes())
            }
            11 if random.below(3) == 0 => {
                let mut payload = padded(name).unwrap().to_vec();
                let mut operation = call::MASK;
                if random.below(2) == 0 {
                    operation = call::RENAME;
                    payload.extend(padded(random.pick(&NAMES)).unwrap());
                }
                let edit = Message::new(Opcode::Call, number, &payload);
                Message { args: [number, 0, 0, operation, 0, 0], ..edit }
            }
            11 if random.below(40) == 0 => {
                let seal = Message::new(Opcode::Call, number, &[]);
                Message { args: [number, 0, 0, 1, 0, 0], ..seal }
            }
            _ => {
                let name = if random.below(2) == 0 { name } else { random.pick(&PLACES) };
                let path = format!("/scheme/{name}/x");
                Message::new(Opcode::OpenAt, number, path.as_bytes())
            }
        }
    }
}

#[test]
fn random_clients_never_upset_the_books() {
    let mut random = Random::seeded();
    for _ in 0..20 {
        let mut buffer = buffer();
        let (mut manager, number) = manager(&mut buffer);
        let mut world = World::new(number);
        for step in 0..1500 {
            world.step(&mut manager, &mut random);
            if step % 16 == 0 {
                manager.state.check();
            }
        }
        let before = manager.dump();
        drop(manager);
        let manager = Manager::open(&mut buffer).unwrap();
        assert!(manager.dump() == before, "the state was not kept");
        manager.state.check();
    }
}

#[test]
fn garbage_gets_an_error_and_changes_nothing_for_others() {
    let mut random = Random::seeded();
    let mut buffer = buffer();
    let (mut manager, number) = manager(&mut buffer);
    let other = manager.create(permissions::ALL, 50).unwrap();
    offer(&mut manager, other, "mine", 50, 0).unwrap();
    let mut payload = Vec::new();
    for _ in 0..200_000 {
        let mut args = [0; 6];
        for word in &mut args {
            *word = random.next() >> random.below(64);
        }
        if random.below(4) != 0 {
            args[0] = number;
        }
        if random.below(2) == 0 {
            args[3] = random.below(18) as u64;
        }
        payload.clear();
        let kinds: [&[u8]; 6] = [b"/scheme/", b"file", b"/", &[0; 8], &[1, 1], &[0xFF, b'*']];
        for _ in 0..random.below(8) {
            if random.below(3) == 0 {
                payload.push(random.next() as u8);
            } else {
                payload.extend_from_slice(random.pick(&kinds));
            }
        }
        if args[0] != other && args[0] & !(1 << 56) != other - 1 {
            let opcode = random.next() as u8 % 40;
            let request = Request { tag: 1, opcode, args, payload: &mut payload };
            if opcode != Opcode::CloseMsg as u8 || args[0] != number {
                let _ = manager.decide(request);
            }
        }
    }
    manager.state.check();
    assert_eq!(bind(&mut manager, other, "more", "", 60), Decision::Reply(Ok(0)));
    let names: Vec<String> = super::names(&mut manager, other);
    assert_eq!(names, ["mine", "more"]);
}

#[test]
fn no_fork_has_more_than_its_parent() {
    let mut random = Random::seeded();
    for _ in 0..300 {
        let mut buffer = buffer();
        let (mut manager, number) = manager(&mut buffer);
        let mut world = World::new(number);
        for _ in 0..random.below(40) {
            world.step(&mut manager, &mut random);
        }
        let parent = world.numbers[random.below(world.numbers.len())];
        let known = world.numbers.len();
        let before = rights(&mut manager, parent);
        let mut message = [0; 512];
        let flags = random.below(8) as u64;
        let mut encoder = Encoder::fork_with(&mut message, flags, permissions::ALL).unwrap();
        for _ in 0..random.below(3) {
            let flags = random.next() & (entry_flags::STORED | entry_flags::HIDE);
            let name = random.pick(&NAMES);
            let item = ForkItem { name, flags, rights: random.next(), inherit: random.next() };
            encoder = encoder.item(&item).unwrap();
        }
        let fork = Message::new(Opcode::Dup, parent, encoder.finish());
        let decision = fork.perform(&mut manager, 0);
        world.learn(&fork, &decision);
        let Some(&child) = world.numbers.get(known) else { continue };
        for (name, (parent, child)) in
            NAMES.iter().chain(&PLACES).zip(before.into_iter().zip(rights(&mut manager, child)))
        {
            let Some(child) = child else { continue };
            let parent = parent.unwrap_or_else(|| panic!("{name} came from nowhere"));
            assert_eq!(child.0, parent.0, "{name} leads elsewhere");
            assert_eq!(child.1 & !parent.1, 0, "{name} gained rights");
            assert_eq!(child.2 & !parent.2, 0, "{name} gained inherited rights");
            assert_eq!(parent.3 & !child.3, 0, "{name} lost its bounds");
        }
    }
}

/// Handle, rights, inherit mask and flags of each of the names.
fn rights(manager: &mut Manager<'_>, number: u64) -> Vec<Option<(u64, u64, u64, u64)>> {
    NAMES
        .iter()
        .chain(&PLACES)
        .map(|name| match super::open(manager, number, &format!("/scheme/{name}")) {
            Decision::Forward(forward) => {
                Some((forward.handle, forward.rights.bits(), forward.inherit.bits(), forward.flags))
            }
            _ => None,
        })
        .collect()
}

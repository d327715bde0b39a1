//! Random programs: threads that make every call of the table with good and bad arguments, serve
//! schemes rightly and wrongly, and start each other.
mod arguments;
mod serving;

use crate::program::{Act, Program, User};
use crate::world::{ARENA, DATA, Programs};
use clavis_abi::Rights;
use clavis_abi::call::{Call, TABLE};
use clavis_abi::error::demux;
use clavis_abi::params::{
    BIRTH_NAME, BIRTH_NULL, BIRTH_RANDOM, FIRST_GRANT_INDEX, OUT_LOWEST, ObjectType, upper_number,
};
use clavis_core::machine::Start;
use fastrand::Rng;
use serving::Taken;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// What all random programs of a world share.
#[derive(Debug)]
pub struct Shared {
    /// What decides everything.
    pub rng: Rng,
    /// Calls made, and how many of them ended well, by call.
    pub made: BTreeMap<&'static str, (u64, u64)>,
    families: Vec<Family>,
}

/// What the threads of one process know together.
#[derive(Clone, Debug, Default)]
struct Family {
    /// Numbers that may be handles.
    handles: Vec<usize>,
    /// Numbers that are sockets.
    sockets: Vec<usize>,
    /// Requests taken and not answered.
    taken: Vec<(usize, Taken)>,
    /// Addresses that something was mapped at.
    mapped: Vec<usize>,
    /// The first process: it lives on.
    init: bool,
}

/// One thread.
pub struct Random {
    shared: Rc<RefCell<Shared>>,
    family: usize,
    base: u64,
    /// Calls that belong together and are still to be made.
    script: VecDeque<(usize, [usize; 5], Then)>,
    last: Option<(usize, [usize; 5])>,
    /// What to do with the number that the last call gives.
    then: Then,
    started: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    Handle,
    Socket,
    /// A process: map its data and start it with a new family.
    Process(usize),
    Mapped,
    /// Messages from that socket lie at that address.
    Messages(usize, u64),
    Closed(usize),
    /// The scheme-creation capability: make a scheme and some objects of it.
    Creation,
    /// A socket: mint objects.
    Minting,
    /// The read end of a pipe: make the write end.
    Pipe,
}

impl Shared {
    /// Decisions from that seed.
    #[must_use]
    pub fn new(seed: u64) -> Rc<RefCell<Self>> {
        let init = Family { init: true, ..Family::default() };
        Rc::new(RefCell::new(Self {
            rng: Rng::with_seed(seed),
            made: BTreeMap::new(),
            families: vec![init],
        }))
    }
}

/// Registers random programs for every thread; the entry address of init.
pub fn populate(programs: &Programs, shared: &Rc<RefCell<Shared>>) -> u64 {
    let again = shared.clone();
    programs.otherwise(move |start| Box::new(Random::new(again.clone(), start, None)));
    let shared = shared.clone();
    programs.add(move |start| Box::new(Random::new(shared, start, Some(0))))
}

impl Random {
    fn new(shared: Rc<RefCell<Shared>>, start: Start, family: Option<usize>) -> Self {
        let known = shared.borrow().families.len();
        let family = family.unwrap_or((start.argument / 16) as usize % known);
        let base = DATA + (start.argument % 16) * ARENA;
        Self {
            shared,
            family,
            base,
            script: VecDeque::new(),
            last: None,
            then: Then::Nothing,
            started: false,
        }
    }

    fn below(&self, n: usize) -> usize {
        self.shared.borrow_mut().rng.usize(..n)
    }

    fn chance(&self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn any<T: Copy>(&self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn family<R>(&self, with: impl FnOnce(&mut Family) -> R) -> R {
        with(&mut self.shared.borrow_mut().families[self.family])
    }

    fn is_init(&self) -> bool {
        self.family(|family| family.init)
    }

    /// A handle number: mostly one that was given, sometimes stale, never given, or absurd.
    fn handle(&self) -> usize {
        if self.chance(12) {
            return self.any(&[
                0,
                1,
                5,
                17,
                65_535,
                65_536,
                usize::MAX,
                usize::MAX - 3,
                BIRTH_NULL,
                BIRTH_RANDOM,
                BIRTH_NAME,
                upper_number(8, 1),
                upper_number(9, 0xFFFF),
                1 << 63,
            ]);
        }
        let picked = self.family(|family| {
            let n = family.handles.len();
            (n > 0).then(|| (family.handles.clone(), n))
        });
        match picked {
            Some((handles, n)) => handles[self.below(n)],
            None => upper_number(FIRST_GRANT_INDEX + self.below(24) as u16, 0),
        }
    }

    /// A handle of one of those kinds, if one is found soon.
    fn handle_of(&self, user: &User<'_>, kinds: &[ObjectType]) -> usize {
        let mut fd = self.handle();
        if self.chance(8) {
            return fd;
        }
        let known = self.family(|family| family.handles.clone());
        let fits = |fd: &usize| user.kind(*fd).is_some_and(|kind| kinds.contains(&kind));
        let fitting: Vec<usize> = known.into_iter().filter(fits).collect();
        if !fitting.is_empty() {
            fd = self.any(&fitting);
        }
        fd
    }

    fn socket(&self) -> usize {
        let sockets = self.family(|family| family.sockets.clone());
        if sockets.is_empty() || self.chance(8) { self.handle() } else { self.any(&sockets) }
    }

    /// Remembers what the last call gave.
    fn learn(&mut self, user: &mut User<'_>) -> Result<(), Act> {
        if user.told.is_some() {
            // A signal came upon the call. Its frame may lie anywhere; other signals may come.
            self.last = None;
            self.then = Then::Nothing;
            self.script.push_front((Call::SignalMask as usize, [0; 5], Then::Nothing));
        }
        let Some((number, _)) = self.last.take() else { return Ok(()) };
        let then = std::mem::replace(&mut self.then, Then::Nothing);
        let result = demux(user.result.unwrap_or(0));
        if let Some(call) = Call::from_number(number) {
            let name = TABLE.iter().find(|row| row.call == call).map_or("", |row| row.name);
            let mut shared = self.shared.borrow_mut();
            let counts = shared.made.entry(name).or_default();
            counts.0 += 1;
            counts.1 += u64::from(result.is_ok());
        }
        let Ok(value) = result else {
            self.script.clear();
            return Ok(());
        };
        let forget = if self.is_init() { 24 } else { 0 };
        let remember = |list: &mut Vec<usize>, value| {
            list.push(value);
            if list.len() > forget + 20 {
                list.swap_remove(forget.min(list.len() - 2));
            }
        };
        match then {
            Then::Nothing => {}
            Then::Handle => self.family(|family| remember(&mut family.handles, value)),
            Then::Socket => self.family(|family| {
                remember(&mut family.handles, value);
                remember(&mut family.sockets, value);
            }),
            Then::Mapped => self.family(|family| remember(&mut family.mapped, value)),
            Then::Closed(number) => self.family(|family| {
                // Some stay known, to be used when they are stale.
                if number.is_multiple_of(2) {
                    family.handles.retain(|handle| *handle != number);
                }
                family.sockets.retain(|socket| *socket != number);
            }),
            Then::Creation => {
                let at = self.put(user, 0x1200, b"create-scheme")?;
                let dup = [value, at, 13, OUT_LOWEST, 0];
                self.script.push_back((Call::DupInto as usize, dup, Then::Minting));
                self.script.push_back((Call::Close as usize, [value, 0, 0, 0, 0], Then::Nothing));
            }
            Then::Minting => {
                self.family(|family| {
                    remember(&mut family.handles, value);
                    remember(&mut family.sockets, value);
                });
                self.mint_some(user, value)?;
            }
            Then::Pipe => {
                self.family(|family| remember(&mut family.handles, value));
                let at = self.put(user, 0x1200, b"write")?;
                let dup = [value, at, 5, OUT_LOWEST, 0];
                self.script.push_back((Call::DupInto as usize, dup, Then::Handle));
            }
            Then::Process(family) => {
                self.family(|own| remember(&mut own.handles, value));
                self.start_process(user, value, family)?;
            }
            Then::Messages(socket, at) => {
                let bytes = if Call::from_number(number) == Some(Call::Call) {
                    value.min(64) * 64
                } else {
                    value
                };
                self.take_messages(user, socket, at, bytes)?;
            }
        }
        Ok(())
    }

    /// The next call of a script, or a new one.
    fn choose(&mut self, user: &mut User<'_>) -> Result<(usize, [usize; 5]), Act> {
        if let Some((number, args, then)) = self.script.pop_front() {
            self.then = then;
            return Ok((number, args));
        }
        if !self.started {
            self.started = true;
            if self.is_init() {
                let known = (0..24).map(|index| upper_number(FIRST_GRANT_INDEX + index, 0));
                let known: Vec<usize> =
                    known.filter(|fd| user.kind(*fd) != Some(ObjectType::Power)).collect();
                self.family(|family| family.handles.extend(known));
                // Nobody ends the first process, or all of them at once.
                let kept = (Rights::all() - Rights::SIGNAL).bits() as usize;
                for index in 0..2 {
                    let fd = upper_number(FIRST_GRANT_INDEX + index, 0);
                    self.script.push_back((
                        Call::Limit as usize,
                        [fd, kept, usize::MAX, 0, 0],
                        Then::Nothing,
                    ));
                }
            }
        }
        if self.chance(if self.is_init() { 12 } else { 25 }) {
            // Waits end soon; of others than the first process not all.
            let until = user.now() as usize + self.below(1_000_000);
            return Ok((Call::SetDeadline as usize, [until, 0, 0, 0, 0]));
        }
        let has_taken = self.family(|family| !family.taken.is_empty());
        if has_taken && self.chance(2) {
            return self.answer(user);
        }
        if self.chance(8) {
            return self.serve(user);
        }
        if self.is_init() && self.chance(12) {
            return self.spawn(user);
        }
        if self.chance(30) {
            return self.build(user);
        }
        self.random_call(user)
    }
}

impl Program for Random {
    fn act(&mut self, user: &mut User<'_>) -> Act {
        match self.learn(user).and_then(|()| self.choose(user)) {
            Ok((number, args)) => {
                self.last = Some((number, args));
                Act::Call(number, args)
            }
            // The page that was missing is there the next time.
            Err(act) => act,
        }
    }
}

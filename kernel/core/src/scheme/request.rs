//! Requests: what one call asks of a server, from the call to its end.
use crate::prelude::*;
use clavis_abi::params::ForwardParams;

/// Names a request.
pub type RequestId = Id<Request>;

/// Where a request is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its payload is being copied into the inbox.
    Filling,
    /// It waits in an empty slot; its path lies in its caller's spill page.
    InSlot(SlotId),
    /// It goes to another endpoint next; its path lies in its caller's spill page.
    Rerouted,
    /// It waits to be received.
    Queued,
    /// A server has it.
    Delivered,
    /// It was answered; its caller takes the answer.
    Answered,
}

/// What comes back to the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Nothing.
    Nothing,
    /// As many bytes as the result says.
    Length,
    /// The whole payload.
    Whole,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// A number for the caller, and nothing else.
    Number,
    /// The server's number for what the caller gets a handle to.
    Object,
    /// Something more.
    More,
}

impl Gives {
    /// What answers to messages of a class are.
    #[inline(always)]
    pub(super) fn of(class: Class) -> Self {
        match class {
            Class::OpenAt | Class::Dup => Self::Object,
            Class::RecvFd | Class::MmapPrep | Class::Fevent => Self::More,
            _ => Self::Number,
        }
    }
}

/// A handle that a request will make.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// The number that it gets.
    pub out: Reserved,
    /// The description that it gets, reserved.
    pub description: DescriptionId,
    /// The rights that it will have at most.
    pub rights: Rights,
    /// The inherit mask that it will have at most.
    pub inherit: Rights,
    /// Handle flags that it will have.
    pub flags: u32,
    /// Its open flags.
    pub open_flags: u64,
    /// The number that it goes through.
    pub via: usize,
}

impl Opening {
    /// It is passed on, to what gives at most those masks and adds those handle flags.
    pub(super) fn pass_on(&mut self, given: &ForwardParams, masks: Rights, flags: u32) {
        self.rights &= Rights::from_bits_truncate(given.rights) & masks;
        self.inherit &= Rights::from_bits_truncate(given.inherit) & masks;
        self.flags |= flags;
        self.open_flags |= given.flags & open_flags::FORWARDED;
    }

    /// The handle, if it gets those rights.
    pub(super) fn handle(&self, rights: Rights, lease: Under) -> Handle {
        let Opening { description, inherit, flags, via, .. } = *self;
        let opened = Handle::full(description).came(Step::Opened, 0, via);
        Handle { rights, inherit, flags: flags as u8, lease, ..opened }
    }
}

/// A mapping that a request will make.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// What was asked for.
    pub map: MapParams,
    /// What the handle permits.
    pub most: Protection,
    /// The most that a handle to it can have.
    pub inherit: Rights,
    /// Give a memory handle at this number instead of mapping.
    pub handle: Option<Reserved>,
    /// What the server lent: object and first page. Holds a reference.
    pub lent: Option<(MemoryId, u64, Protection)>,
}

/// A request.
#[derive(Debug)]
pub struct Request {
    /// What kind of message it is.
    pub class: Class,
    /// Where it is in its life.
    pub stage: Stage,
    /// Who waits for it; `None` once it was abandoned.
    pub caller: Option<ThreadId>,
    /// Who pays for it since it was abandoned.
    pub payer: Option<AccountId>,
    /// Where it is queued. Holds a reference.
    pub endpoint: Option<EndpointId>,
    /// Its place there.
    pub place: u8,
    /// What the server gets; its tag, and where the payload is, are put in at delivery.
    pub(crate) sqe: Sqe,
    /// The server instance that it is meant for.
    pub epoch: u32,
    /// Badge of the handle it came through.
    pub badge: u64,
    /// Rights of the handle it came through.
    pub rights: Rights,
    /// What it and what comes of it ends with.
    pub(crate) lease: Under,
    /// The caller's buffer.
    pub user: UserSlice,
    /// Bytes of payload.
    pub len: usize,
    /// Where they come from.
    pub(crate) payload: PayloadFrom,
    /// First page of the payload in the inbox.
    pub page: usize,
    /// Bulk pages that it has; 0: its place's own page.
    pub bulk: usize,
    /// Bytes copied so far.
    pub moved: usize,
    /// What its answer is.
    pub(crate) gives: Gives,
    /// What comes back.
    pub output: Output,
    /// What it returns.
    pub result: usize,
    /// The description it was sent through. Holds a reference.
    pub through: DescriptionId,
    /// It moves the description's own offset, from there.
    pub positioned: bool,
    /// Sticky flags of the handles that its path came through.
    pub confined: u32,
    /// The handle that it will make.
    pub opening: Option<Opening>,
    /// The mapping that it will make.
    pub wanted: Option<Wanted>,
    /// Handles that travel with it.
    pub batch: Option<BatchId>,
    /// The event registration that awaits its answer.
    pub registration: Option<(RegistrationId, u8)>,
    /// It moves the description's offset to that distance from the answered length.
    pub seek: Option<i64>,
    /// How often it was forwarded.
    pub forwards: u8,
    /// It was delivered a second time, after the first server died.
    pub redelivered: bool,
    /// The process that took it.
    pub server: Option<ProcessId>,
    /// Its caller asked not to wait.
    pub nonblock: bool,
    /// Its order among its endpoint's messages.
    pub order: u64,
    /// Which of its account's turns in the queue it has.
    pub(crate) turn: u64,
    pub(crate) queued: Link<Request>,
}

links!(Request, Request, [], 0 => queued);

impl Request {
    /// Something to write a request over.
    pub(crate) fn blank(through: DescriptionId) -> Self {
        Self {
            class: Class::Call,
            stage: Stage::Filling,
            caller: None,
            payer: None,
            endpoint: None,
            place: 0,
            sqe: Sqe::default(),
            epoch: 0,
            badge: 0,
            rights: Rights::empty(),
            lease: None,
            user: UserSlice::default(),
            len: 0,
            payload: PayloadFrom::Absent,
            page: 0,
            bulk: 0,
            moved: 0,
            gives: Gives::More,
            output: Output::Nothing,
            result: 0,
            through,
            positioned: false,
            confined: 0,
            opening: None,
            wanted: None,
            batch: None,
            registration: None,
            seek: None,
            forwards: 0,
            redelivered: false,
            server: None,
            nonblock: false,
            order: 0,
            turn: 0,
            queued: Link::new(),
        }
    }

    /// Whether something was set aside for what its answer makes.
    #[inline]
    pub(crate) fn makes_something(&self) -> bool {
        self.opening.is_some()
            || self.wanted.is_some()
            || self.batch.is_some()
            || self.registration.is_some()
    }

    /// The account that it counts for.
    pub(crate) fn pays<M: Machine>(&self, threads: &Threads<M>) -> Option<AccountId> {
        self.payer.or_else(|| Some(threads.get(self.caller?)?.account))
    }

    /// Bytes that go back to the caller's buffer once it was answered.
    #[inline]
    pub(crate) fn bytes_back(&self) -> usize {
        match self.output {
            Output::Nothing => 0,
            Output::Length => self.result.min(self.len),
            Output::Whole => self.len,
        }
    }
}

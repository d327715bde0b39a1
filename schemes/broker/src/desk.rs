//! What a broker decides: nothing is opened here.
use crate::service::{Service, Wanted};
use clavis_abi::Rights;
use clavis_policy::{Draft, Guard, Lock, Policy, Refused, Verdict};
use clavis_render::rights::READ_ONLY;
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;
use syscall::error::{
    EACCES, EBADF, EBUSY, EINVAL, EMFILE, ENETDOWN, ENOENT, ENXIO, Error, Result,
};

/// The number of the broker's own object: all that its terms give.
pub const ROOT: usize = 0;
/// Most objects with narrower limits at a time.
pub const OBJECTS: usize = 64;
/// Most questions that wait for the person.
pub const QUESTIONS: usize = 8;

/// What a broker gives.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Without asking.
    pub grant: Arc<Policy>,
    /// What is asked about beyond that.
    pub ask: Option<Arc<Policy>>,
    /// Who is asked.
    pub person: Person,
    /// Whether names of hosts can be resolved.
    pub network: Network,
}

/// Whether names of hosts can be resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// By `/scheme/net/dns`.
    Present,
    /// There is none.
    Absent,
}

/// Who answers questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// Somebody does.
    Present,
    /// There is nobody to ask.
    Absent,
}

/// What is opened for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Absolute, of the broker's namespace.
    pub path: String,
    /// The most rights of the result.
    pub rights: Rights,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This is opened for it.
    Grant(Grant),
    /// A number of the broker's own.
    Object(usize),
    /// The person is asked first, about [`Desk::question`].
    Ask,
}

/// What waits for the person.
#[derive(Clone, Debug)]
struct Question {
    /// Which it is: tags come round, and an answer is for what the person was shown.
    number: u64,
    tag: u32,
    grant: Grant,
}

/// Limits, and what waits.
#[derive(Clone, Debug)]
pub struct Desk {
    objects: Slab<Limits>,
    questions: VecDeque<Question>,
    /// How many there were.
    asked: u64,
    person: Person,
    network: Network,
}

#[derive(Clone, Debug)]
struct Limits {
    grant: Guard,
    ask: Option<Guard>,
}

impl Desk {
    /// Gives what the terms say.
    #[must_use]
    pub fn new(terms: Terms) -> Desk {
        let guard = |policy| Guard::new(policy, Lock::ShrinkOnly);
        let mut objects = Slab::new();
        objects.insert(Limits { grant: guard(terms.grant), ask: terms.ask.map(guard) });

        let Terms { person, network, .. } = terms;
        Desk { objects, questions: VecDeque::new(), asked: 0, person, network }
    }

    /// Answers who opens a path at an object. The tag names the request until it is answered.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`: what the terms say; `ENXIO`: there is nobody to ask; `EBUSY`: too many
    /// ask already; `ENETDOWN`: there is no network; `EBADF`, `EMFILE`.
    pub fn open(&mut self, object: usize, path: &str, tag: u32) -> Result<Answer> {
        let limits = self.objects.get(object).ok_or(Error::new(EBADF))?;
        if matches!(path, "" | "." | "/") {
            let limits = limits.clone();
            return self.keep(limits).map(Answer::Object);
        }
        let wanted = Wanted::read(path).ok_or(Error::new(ENOENT))?;
        let refusal = match granted(&limits.grant, &wanted) {
            Ok(_) if wanted.service == Service::Resolve && self.network == Network::Absent => {
                return Err(Error::new(ENETDOWN));
            }
            Ok(given) => return Ok(Answer::Grant(given.of(wanted))),
            Err(refusal) => refusal,
        };
        let asked = limits.ask.as_ref().map(|ask| granted(ask, &wanted));
        let Some(Ok(given)) = asked else { return Err(Error::new(refusal)) };
        if self.person == Person::Absent {
            return Err(Error::new(ENXIO));
        }
        if self.questions.len() >= QUESTIONS {
            return Err(Error::new(EBUSY));
        }
        let number = self.asked;
        self.asked = number.wrapping_add(1);
        self.questions.push_back(Question { number, tag, grant: given.of(wanted) });
        Ok(Answer::Ask)
    }

    /// What the person is asked next, with its number.
    #[must_use]
    pub fn question(&self) -> Option<(u64, &Grant)> {
        self.questions.front().map(|question| (question.number, &question.grant))
    }

    /// The person has answered the question with that number: the request, and what it gets if the
    /// answer is yes; `None`: nobody waits for that any more.
    pub fn answered(&mut self, number: u64) -> Option<(u32, Grant)> {
        self.remove(|question| question.number == number)
    }

    /// A request was given up: whether it was a question.
    pub fn given_up(&mut self, tag: u32) -> bool {
        self.remove(|question| question.tag == tag).is_some()
    }

    fn remove(&mut self, which: impl Fn(&Question) -> bool) -> Option<(u32, Grant)> {
        let index = self.questions.iter().position(which)?;
        self.questions.remove(index).map(|question| (question.tag, question.grant))
    }

    /// Makes an object whose limits are another's and these too.
    ///
    /// # Errors
    /// `EINVAL`: that is no policy; `EMFILE`: too many objects, or limits of one; `EBADF`.
    pub fn shrink(&mut self, object: usize, text: &[u8]) -> Result<usize> {
        let mut limits = self.objects.get(object).ok_or(Error::new(EBADF))?.clone();
        let text = str::from_utf8(text).map_err(|_| Error::new(EINVAL))?;
        let none = &mut |_: &str| Err("a limit includes nothing".to_owned());
        let policy = Draft::new().read("limit", text, none).and_then(Draft::seal);
        let policy = Arc::new(policy.map_err(|_| Error::new(EINVAL))?);
        for guard in [Some(&mut limits.grant), limits.ask.as_mut()].into_iter().flatten() {
            guard.shrink(Arc::clone(&policy)).map_err(|_| Error::new(EMFILE))?;
        }
        self.keep(limits)
    }

    /// Puts everything under a further policy. What has too many limits for that is no more.
    /// Answers the requests that waited for the person: they are to be refused.
    ///
    /// # Errors
    /// The broker itself has too many; then nothing changed.
    pub fn narrow(&mut self, policy: &Arc<Policy>) -> core::result::Result<Vec<u32>, Refused> {
        let narrowed = |limits: &Limits| {
            let mut limits = limits.clone();
            for guard in [Some(&mut limits.grant), limits.ask.as_mut()].into_iter().flatten() {
                guard.shrink(Arc::clone(policy))?;
            }
            Ok(limits)
        };
        if let Some(root) = self.objects.get_mut(ROOT) {
            *root = narrowed(root)?;
        }
        self.objects.retain(|number, limits| {
            let kept = if number == ROOT { Ok(limits.clone()) } else { narrowed(limits) };
            kept.is_ok_and(|kept| {
                *limits = kept;
                true
            })
        });
        Ok(self.questions.drain(..).map(|question| question.tag).collect())
    }

    fn keep(&mut self, limits: Limits) -> Result<usize> {
        if self.objects.len() >= OBJECTS {
            return Err(Error::new(EMFILE));
        }
        Ok(self.objects.insert(limits))
    }

    /// Nobody has an object any more.
    pub fn close(&mut self, object: usize) {
        if object != ROOT {
            self.objects.try_remove(object);
        }
    }
}

/// What a directory's handle does with the names in it. A policy speaks of each name by itself, so
/// each is asked for.
const NAMES: Rights = Rights::LOOKUP
    .union(Rights::LIST)
    .union(Rights::REMOVE)
    .union(Rights::RENAME)
    .union(Rights::LINK);

/// What is given of what is wanted.
struct Given {
    rights: Rights,
    /// Something empty in its place.
    is_masked: bool,
}

impl Given {
    fn of(self, wanted: Wanted) -> Grant {
        let path = if self.is_masked { EMPTY.to_owned() } else { wanted.path };
        Grant { path, rights: self.rights }
    }
}

/// What a guard gives of what is wanted, or the error number.
fn granted(guard: &Guard, wanted: &Wanted) -> core::result::Result<Given, i32> {
    let decision = guard.decide(&wanted.path);
    let (is_masked, rights) = match decision.verdict {
        Verdict::Allow(rights) => (false, rights),
        Verdict::Mask => (true, READ_ONLY),
        Verdict::Hide if !decision.leads => return Err(ENOENT),
        Verdict::Deny | Verdict::Hide => return Err(EACCES),
    };
    let rights = (rights & wanted.most).difference(NAMES);
    if rights.is_empty() {
        return Err(EACCES);
    }
    Ok(Given { rights, is_masked })
}

/// What is opened in the place of something masked.
const EMPTY: &str = "/scheme/null";

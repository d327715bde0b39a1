//! Who a terminal belongs to at the moment. Every handle of a terminal belongs to a job; the one in
//! the foreground reads, and is signalled by keys. A job is begun through a handle of another, and
//! is over with its last handle: the terminal then goes back to the job that it was begun from. Who
//! began the job in the foreground led it: when that is over first, the job is told.
use crate::discipline::Signal;
use syscall::error::{ENFILE, Error, Result};

/// What can be signalled: processes, behind a handle that a client sent.
pub trait Job {
    /// Signals them; whether there were any.
    fn signal(&self, signal: Signal) -> bool;
    /// The process group that is meant; 0: all.
    fn group(&self) -> u32;
}

/// Names a job; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobId(u64);

/// Jobs that a terminal can have.
pub const JOBS: usize = 256;

/// The job of whoever opened the terminal.
const SESSION: JobId = JobId(0);

struct Entry<J> {
    id: JobId,
    /// Where the terminal goes when this job is over.
    from: JobId,
    /// Handles that belong to it.
    handles: usize,
    job: Option<J>,
}

/// The jobs of a terminal.
pub struct Jobs<J> {
    entries: Vec<Entry<J>>,
    next: u64,
    front: JobId,
}

impl<J> Default for Jobs<J> {
    fn default() -> Self {
        let session = Entry { id: SESSION, from: SESSION, handles: 0, job: None };
        Self { entries: vec![session], next: 1, front: SESSION }
    }
}

impl<J: Job> Jobs<J> {
    fn entry(&mut self, id: JobId) -> Option<&mut Entry<J>> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    /// The job in the foreground: a terminal that is opened now belongs to it.
    #[must_use]
    pub fn front(&self) -> JobId {
        self.front
    }

    /// Begins a job through a handle of another. It has one handle.
    ///
    /// # Errors
    /// `ENFILE`: the terminal has as many as it can have.
    pub fn begin(&mut self, from: JobId) -> Result<JobId> {
        if self.entries.len() >= JOBS {
            return Err(Error::new(ENFILE));
        }
        let id = JobId(self.next);
        self.next = self.next.saturating_add(1);
        self.entries.push(Entry { id, from, handles: 1, job: None });
        Ok(id)
    }

    /// A handle more.
    pub fn opened(&mut self, id: JobId) {
        if let Some(entry) = self.entry(id) {
            entry.handles = entry.handles.saturating_add(1);
        }
    }

    /// A handle less.
    pub fn closed(&mut self, id: JobId) {
        let Some(entry) = self.entry(id) else { return };
        entry.handles = entry.handles.saturating_sub(1);
        if entry.handles > 0 {
            return;
        }
        let from = entry.from;
        if id == SESSION {
            entry.job = None;
        }
        if self.entries.iter().any(|entry| entry.id == self.front && entry.from == id) {
            self.signal(Signal::HangUp);
        }
        if id == SESSION {
            return;
        }
        self.entries.retain(|entry| entry.id != id);
        self.entries
            .iter_mut()
            .filter(|entry| entry.from == id)
            .for_each(|entry| entry.from = from);
        if self.front == id {
            self.front = from;
        }
    }

    /// Says which processes a job is.
    pub fn set(&mut self, id: JobId, job: J) {
        if let Some(entry) = self.entry(id) {
            entry.job = Some(job);
        }
    }

    /// Puts a job into the foreground.
    pub fn to_front(&mut self, id: JobId) {
        if self.entry(id).is_some() {
            self.front = id;
        }
    }

    /// Whether a job may read: who is not in the foreground is asked to stop until it is.
    pub fn may_read(&self, id: JobId) -> bool {
        if id == self.front {
            return true;
        }
        let turned_away = self.entries.iter().find(|entry| entry.id == id);
        turned_away.and_then(|entry| entry.job.as_ref()).map(|job| job.signal(Signal::Input));
        false
    }

    /// Signals the job in the foreground; whether there was anybody.
    pub fn signal(&self, signal: Signal) -> bool {
        let front = self.entries.iter().find(|entry| entry.id == self.front);
        front.and_then(|entry| entry.job.as_ref()).is_some_and(|job| job.signal(signal))
    }

    /// The process group in the foreground; 0: who asks through that job is.
    #[must_use]
    pub fn group(&self, asks: JobId) -> u32 {
        let front = self.entries.iter().find(|entry| entry.id == self.front);
        match front.and_then(|entry| entry.job.as_ref()).map_or(0, Job::group) {
            // No group has that number.
            0 if asks != self.front => i32::MAX as u32,
            group => group,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    type Heard = Rc<RefCell<Vec<(u32, Signal)>>>;

    struct Told(u32, Heard);

    impl Job for Told {
        fn signal(&self, signal: Signal) -> bool {
            self.1.borrow_mut().push((self.0, signal));
            true
        }

        fn group(&self) -> u32 {
            self.0
        }
    }

    #[test]
    fn who_reads_in_the_background_is_asked_to_stop() {
        let (heard, mut jobs) = (Heard::default(), Jobs::default());
        let [one, two] = [1, 2].map(|number| {
            let id = jobs.begin(SESSION).unwrap();
            jobs.set(id, Told(number, Rc::clone(&heard)));
            id
        });
        jobs.to_front(one);
        assert!(jobs.may_read(one) && !jobs.may_read(two) && !jobs.may_read(SESSION));
        assert_eq!(*heard.borrow(), [(2, Signal::Input)]);
        jobs.to_front(two);
        assert!(jobs.may_read(two));
    }

    #[test]
    fn the_end_of_who_began_the_job_in_the_foreground_hangs_it_up() {
        let (heard, mut jobs) = (Heard::default(), Jobs::default());
        jobs.opened(SESSION);
        let shell = jobs.begin(SESSION).unwrap();
        let [front, other] = [1, 2].map(|number| {
            let id = jobs.begin(shell).unwrap();
            jobs.set(id, Told(number, Rc::clone(&heard)));
            id
        });
        let inner = jobs.begin(front).unwrap();
        jobs.to_front(front);
        jobs.closed(inner);
        jobs.closed(other);
        assert!(heard.borrow().is_empty(), "neither began it");
        jobs.closed(shell);
        assert_eq!(*heard.borrow(), [(1, Signal::HangUp)]);
        assert_eq!(jobs.front(), front, "it has the terminal until it is over");
        jobs.closed(SESSION);
        assert_eq!(heard.borrow().len(), 2, "who began the shell stands for it");
        jobs.closed(front);
        assert_eq!(jobs.front(), SESSION);
    }

    #[test]
    fn keys_reach_the_job_in_the_foreground_alone() {
        let (heard, mut jobs) = (Heard::default(), Jobs::default());
        assert!(!jobs.signal(Signal::Interrupt));
        let one = jobs.begin(jobs.front()).unwrap();
        jobs.set(one, Told(1, Rc::clone(&heard)));
        let two = jobs.begin(SESSION).unwrap();
        jobs.set(two, Told(2, Rc::clone(&heard)));
        assert_eq!(jobs.front(), SESSION);
        jobs.to_front(two);
        assert!(jobs.signal(Signal::Suspend));
        jobs.to_front(SESSION);
        assert!(!jobs.signal(Signal::Interrupt));
        jobs.to_front(one);
        assert!(jobs.signal(Signal::Quit));
        assert_eq!(*heard.borrow(), [(2, Signal::Suspend), (1, Signal::Quit)]);
        assert_eq!((jobs.group(one), jobs.group(SESSION)), (1, 1));
        jobs.to_front(SESSION);
        assert_eq!((jobs.group(one), jobs.group(SESSION)), (i32::MAX as u32, 0));
    }

    #[test]
    fn a_job_is_over_with_its_last_handle_and_the_terminal_goes_back() {
        let (heard, mut jobs) = (Heard::default(), Jobs::default());
        let outer = jobs.begin(SESSION).unwrap();
        jobs.set(outer, Told(1, Rc::clone(&heard)));
        let inner = jobs.begin(outer).unwrap();
        jobs.opened(inner);
        jobs.set(inner, Told(2, heard));
        jobs.to_front(inner);
        jobs.closed(inner);
        assert_eq!(jobs.front(), inner);
        jobs.closed(outer);
        assert_eq!(jobs.front(), inner, "its own end puts nobody else back");
        jobs.closed(inner);
        assert_eq!(jobs.front(), SESSION, "where it came from is over too");
        jobs.to_front(inner);
        assert_eq!(jobs.front(), SESSION);
        assert_eq!(jobs.entries.len(), 1);
        jobs.closed(inner);
        jobs.opened(inner);
    }

    #[test]
    fn a_flood_of_jobs_is_bounded_and_passes() {
        let mut jobs = Jobs::<Told>::default();
        let mut begun = Vec::new();
        while let Ok(job) = jobs.begin(jobs.front()) {
            begun.push(job);
        }
        assert_eq!(begun.len(), JOBS - 1);
        begun.into_iter().for_each(|job| jobs.closed(job));
        assert!(jobs.begin(SESSION).is_ok());
    }

    #[test]
    fn any_order_of_calls_leaves_a_living_job_in_the_foreground() {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        println!("SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let (heard, mut jobs) = (Heard::default(), Jobs::default());
        let mut handles = vec![SESSION; 3];
        (0..3).for_each(|_| jobs.opened(SESSION));
        for _ in 0..20_000 {
            let Some(id) = random.choice(&handles).copied() else {
                handles.push(SESSION);
                jobs.opened(SESSION);
                continue;
            };
            match random.u8(0..6) {
                0 => match jobs.begin(id) {
                    Ok(job) => handles.push(job),
                    Err(_) => assert_eq!(jobs.entries.len(), JOBS),
                },
                1 => {
                    jobs.opened(id);
                    handles.push(id);
                }
                2 => jobs.set(id, Told(1, Rc::clone(&heard))),
                3 => jobs.to_front(id),
                _ => {
                    let at = random.usize(..handles.len());
                    jobs.closed(handles.swap_remove(at));
                }
            }
            assert!(jobs.front() == SESSION || handles.contains(&jobs.front()));
            assert!(jobs.entries.len() <= handles.len() + 1);
        }
    }
}

//! The life of a service: when it runs, when it starts again, and when what it keeps from one
//! instance to the next is thrown away. Times are nanoseconds of one clock.
use crate::model::Restart;

/// First pause before a service starts again.
const PAUSE_FIRST: u64 = 20_000_000;
/// Longest pause: shorter than an open waits for a name whose service is being started.
const PAUSE_LONGEST: u64 = 5_000_000_000;
/// An instance that lived this long did not fail at its start: pauses are short again.
const SETTLED: u64 = 10_000_000_000;
/// Instances in a row that end by themselves soon after their start, until what they inherited
/// from each other is taken for the reason.
pub const FAILURES: u32 = 8;

/// Where a service is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was not asked for.
    Unwanted,
    /// It waits for names to be registered.
    Waiting,
    /// It runs.
    Running {
        /// When it started.
        since: u64,
    },
    /// It starts at that moment.
    Pausing {
        /// When it starts.
        until: u64,
    },
    /// It ended for good.
    Ended,
}

/// How an instance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with 0.
    Success,
    /// It ended by itself in any other way, or could not be started.
    Failure,
    /// Somebody ended it: that says nothing about it.
    Killed,
}

/// What follows when an instance has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another one starts.
    Again {
        /// After so many nanoseconds.
        pause: u64,
        /// Without what its predecessors left to each other.
        afresh: bool,
    },
    /// Nothing.
    Done,
}

/// The life of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    stage: Stage,
    pause: u64,
    failures: u32,
    starts: u64,
}

impl Life {
    /// Of a service that was not asked for.
    #[must_use]
    pub const fn unwanted() -> Life {
        Life { stage: Stage::Unwanted, pause: 0, failures: 0, starts: 0 }
    }

    /// Of a service that starts as soon as it is ready to.
    #[must_use]
    pub const fn wanted() -> Life {
        Life { stage: Stage::Waiting, pause: 0, failures: 0, starts: 0 }
    }

    /// Where it is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Instances that were started.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.starts
    }

    /// Whether it runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self.stage, Stage::Running { .. })
    }

    /// Whether it starts now; `ready` says whether what it waits for is there.
    #[must_use]
    pub fn is_due(&self, now: u64, ready: impl FnOnce() -> bool) -> bool {
        match self.stage {
            Stage::Waiting => ready(),
            Stage::Pausing { until } => until <= now,
            _ => false,
        }
    }

    /// The moment at which it starts, if it only waits for that.
    #[must_use]
    pub fn moment(&self) -> Option<u64> {
        match self.stage {
            Stage::Pausing { until } => Some(until),
            _ => None,
        }
    }

    /// An instance runs.
    pub fn started(&mut self, now: u64) {
        self.stage = Stage::Running { since: now };
        self.starts = self.starts.saturating_add(1);
    }

    /// The instance ended, or could not be started.
    pub fn ended(&mut self, how: Ending, restart: Restart, now: u64) -> Next {
        let since = match self.stage {
            Stage::Running { since } => since,
            _ => now,
        };
        let again = match restart {
            Restart::Always => true,
            Restart::OnFailure => how != Ending::Success,
            Restart::Never => false,
        };
        if !again {
            self.stage = Stage::Ended;
            return Next::Done;
        }
        let settled = now.saturating_sub(since) >= SETTLED;
        if settled || how == Ending::Killed || self.pause == 0 {
            self.pause = PAUSE_FIRST;
        } else {
            self.pause = self.pause.saturating_mul(2).min(PAUSE_LONGEST);
        }
        self.failures = match how {
            Ending::Failure if settled => 1,
            Ending::Failure => self.failures.saturating_add(1),
            Ending::Success | Ending::Killed => 0,
        };
        let afresh = self.failures >= FAILURES;
        if afresh {
            self.failures = 0;
        }
        self.stage = Stage::Pausing { until: now.saturating_add(self.pause) };
        Next::Again { pause: self.pause, afresh }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use clavis_abi::limits::SLOT_WAIT_NS;

    const SECOND: u64 = 1_000_000_000;

    /// Runs a service whose instances live that long each and end in that way, in virtual time.
    /// Answers the pauses up to an hour, and how often it began afresh.
    fn hour(lived: u64, how: Ending) -> (Vec<u64>, usize) {
        let mut life = Life::wanted();
        let (mut now, mut pauses, mut fresh) = (0, Vec::new(), 0);
        while now < 3600 * SECOND {
            assert!(life.is_due(now, || true));
            life.started(now);
            assert!(life.runs() && !life.is_due(now, || true));
            now += lived;
            let Next::Again { pause, afresh } = life.ended(how, Restart::Always, now) else {
                panic!("it starts again for ever")
            };
            fresh += usize::from(afresh);
            pauses.push(pause);
            let moment = life.moment().unwrap();
            assert!(!life.is_due(moment - 1, || true));
            now = moment;
        }
        (pauses, fresh)
    }

    #[test]
    fn a_crash_loop_is_slow_and_never_so_slow_that_opens_give_up() {
        let (pauses, _) = hour(1, Ending::Failure);
        assert!(pauses.is_sorted() && pauses[0] == PAUSE_FIRST);
        assert_eq!(pauses.last(), Some(&PAUSE_LONGEST));
        assert!(pauses.len() < 800, "{} starts in an hour", pauses.len());
        const { assert!(PAUSE_LONGEST * 2 <= SLOT_WAIT_NS) }
    }

    #[test]
    fn what_instances_leave_to_each_other_is_thrown_away_when_none_of_them_can_live_with_it() {
        let (pauses, fresh) = hour(1, Ending::Failure);
        assert_eq!(fresh, pauses.len() / FAILURES as usize);
        let waited: u64 = pauses.iter().take(FAILURES as usize - 1).sum();
        assert!(waited < SLOT_WAIT_NS, "callers wait for {waited} ns");
        for (lived, how) in [(SETTLED, Ending::Failure), (1, Ending::Killed), (1, Ending::Success)]
        {
            assert_eq!(hour(lived, how).1, 0, "{how:?}");
        }
    }

    #[test]
    fn a_service_that_others_kill_or_that_had_settled_comes_back_soon() {
        for (lived, how) in [(1, Ending::Killed), (SETTLED, Ending::Failure)] {
            let (pauses, _) = hour(lived, how);
            assert!(pauses.iter().all(|pause| *pause == PAUSE_FIRST));
        }
    }

    #[test]
    fn the_policy_says_what_starts_again() {
        let ended = |how, restart| {
            let mut life = Life::wanted();
            life.started(0);
            let again = life.ended(how, restart, 1) != Next::Done;
            assert_eq!(again, life.moment().is_some());
            again
        };
        assert!(ended(Ending::Success, Restart::Always));
        assert!(!ended(Ending::Success, Restart::OnFailure));
        assert!(ended(Ending::Failure, Restart::OnFailure));
        assert!(ended(Ending::Killed, Restart::OnFailure));
        assert!(!ended(Ending::Failure, Restart::Never));
    }

    #[test]
    fn a_service_waits_until_it_is_wanted_and_ready() {
        assert!(!Life::unwanted().is_due(u64::MAX, || true));
        assert!(!Life::wanted().is_due(u64::MAX, || false));
        assert!(Life::wanted().is_due(0, || true));
    }

    #[test]
    fn a_life_tells_where_it_is_and_how_often_it_began() {
        let mut life = Life::wanted();
        assert_eq!((life.stage(), life.starts()), (Stage::Waiting, 0));
        life.started(5);
        assert_eq!((life.stage(), life.starts()), (Stage::Running { since: 5 }, 1));
        life.ended(Ending::Killed, Restart::Always, 7);
        assert_eq!(life.stage(), Stage::Pausing { until: 7 + PAUSE_FIRST });
        life.started(PAUSE_FIRST + 7);
        life.ended(Ending::Failure, Restart::Never, u64::MAX);
        assert_eq!((life.stage(), life.starts()), (Stage::Ended, 2));
    }
}

//! How long a service that ended waits before it starts again.

/// First pause, in nanoseconds.
const FIRST: u64 = 100_000_000;
/// Longest pause, in nanoseconds.
const LONGEST: u64 = 10_000_000_000;
/// A service that lived this long starts over with the first pause, in nanoseconds.
const SETTLED: u64 = 30_000_000_000;

/// Pauses that double while a service keeps ending soon after its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    last: u64,
}

impl Backoff {
    /// The pause after a life of that many nanoseconds, in nanoseconds.
    pub fn pause(&mut self, lived: u64) -> u64 {
        self.last = if self.last == 0 || lived >= SETTLED {
            FIRST
        } else {
            self.last.saturating_mul(2).min(LONGEST)
        };
        self.last
    }
}

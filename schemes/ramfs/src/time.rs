//! Moments, as they are kept.
use serde::{Deserialize, Serialize};
use syscall::TimeSpec;

/// A moment, since the start of 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Time {
    /// Whole seconds.
    pub seconds: i64,
    /// And so many nanoseconds.
    pub nanoseconds: i32,
}

impl From<TimeSpec> for Time {
    fn from(time: TimeSpec) -> Time {
        Time { seconds: time.tv_sec, nanoseconds: time.tv_nsec }
    }
}

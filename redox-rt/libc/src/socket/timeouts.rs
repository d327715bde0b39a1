//! `SO_RCVTIMEO` and `SO_SNDTIMEO`: kept here, by descriptor. A copy of a descriptor waits for ever,
//! as does what a program finds after exec.
//!
//! A handler may interrupt whoever changes a row, so nothing here takes a lock: a row belongs to
//! whoever puts a descriptor into it.
use crate::errno::error;
use clavis_abi::error::Result;
use clavis_rt::Number;
use clavis_rt::sys::time::{Clock, now};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use libc::{EDOM, EINVAL, ENOBUFS, timeval};

/// Descriptors that can have one.
const ROWS: usize = 128;

struct Row {
    /// The descriptor and one; 0: the row is free.
    owner: AtomicUsize,
    /// Nanoseconds; 0: for ever.
    spans: [AtomicU64; 2],
}

static TABLE: [Row; ROWS] =
    [const { Row { owner: AtomicUsize::new(0), spans: [AtomicU64::new(0), AtomicU64::new(0)] } };
        ROWS];
/// Rows in use: most programs have none.
static USED: AtomicUsize = AtomicUsize::new(0);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Something to receive.
    Receiving,
    /// Room to send.
    Sending,
}

fn row(socket: usize) -> Option<&'static Row> {
    if USED.load(Ordering::Relaxed) == 0 {
        return None;
    }
    TABLE.iter().find(|row| row.owner.load(Ordering::Acquire) == socket.wrapping_add(1))
}

fn span(socket: Number, what: For) -> u64 {
    row(socket.raw()).map_or(0, |row| row.spans[what as usize].load(Ordering::Relaxed))
}

/// When a wait that begins now is over (monotonic nanoseconds; `None`: never).
pub(crate) fn until(socket: Number, what: For) -> Option<u64> {
    match span(socket, what) {
        0 => None,
        span => Some(now(Clock::Monotonic).saturating_add(span)),
    }
}

/// The time-out as C has it.
pub(super) fn get(socket: Number, what: For) -> timeval {
    let micros = span(socket, what) / 1000;
    timeval { tv_sec: (micros / 1_000_000) as i64, tv_usec: (micros % 1_000_000) as i32 }
}

/// Sets it. `ENOBUFS`: too many descriptors have one.
pub(super) fn set(socket: Number, what: For, value: &timeval) -> Result<()> {
    let seconds = u64::try_from(value.tv_sec).map_err(|_| error(EINVAL))?;
    let micros = u64::try_from(value.tv_usec).ok().filter(|micros| *micros < 1_000_000);
    let span = seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(micros.ok_or(error(EDOM))?.saturating_mul(1000));
    let owner = socket.raw().wrapping_add(1);
    let free = |row: &&Row| {
        row.owner.compare_exchange(0, owner, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    };
    let row = match row(socket.raw()) {
        Some(row) => row,
        None if span == 0 => return Ok(()),
        None => {
            let row = TABLE.iter().find(free).ok_or(error(ENOBUFS))?;
            USED.fetch_add(1, Ordering::Relaxed);
            row
        }
    };
    row.spans[what as usize].store(span, Ordering::Relaxed);
    Ok(())
}

/// A descriptor is closed, or becomes another.
pub(crate) fn forget(descriptor: core::ffi::c_int) {
    let Some(row) = usize::try_from(descriptor).ok().and_then(row) else { return };
    for span in &row.spans {
        span.store(0, Ordering::Relaxed);
    }
    row.owner.store(0, Ordering::Release);
    USED.fetch_sub(1, Ordering::Relaxed);
}

//! Waits that a signal's handler ends, whenever it runs: those of `poll`, `select` and `epoll`.
//!
//! Letting signals through and waiting are two calls, and a handler may run between them. So the
//! handlers of a thread are counted, and who waits looks at the count first. A handler that runs
//! between that look and the call sends the thread back to look again.
use crate::local::{self, Word};
use clavis_abi::call::Call;
use clavis_abi::error::{Result, demux};
use clavis_rt::Number;
use clavis_rt::sys::process::{signal_mask, signal_wait};
use libc::{EINTR, sigset_t};

/// A wait that handlers end from its beginning on.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Handlers that had run on this thread then.
    handled: usize,
    /// What the thread blocked then, if it blocks something else meanwhile.
    blocked: Option<sigset_t>,
}

impl Watch {
    /// Begins; with a mask, that is what the thread blocks until the end.
    pub(crate) fn begin(mask: Option<sigset_t>) -> Watch {
        let handled = local::get(Word::Handled);
        let blocked = mask.map(|mask| {
            let before = signal_wait(0, None).map_or(0, |info| info.blocked);
            signal_mask(mask);
            before
        });
        Watch { handled, blocked }
    }

    /// Reads what an event queue has, waiting for it. `EINTR` when a handler runs, or has run since
    /// the beginning, whatever its action says of restarts.
    pub(crate) fn read(&self, queue: Number, buffer: &mut [u8]) -> Result<usize> {
        let (address, length) = (buffer.as_mut_ptr() as usize, buffer.len());
        let count = local::place(Word::Handled);
        // SAFETY: the kernel writes within an exclusively borrowed slice; the count is a word of
        // this thread.
        demux(unsafe { read_unless(queue.raw(), address, length, count, self.handled) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(before) = self.blocked {
            signal_mask(before);
        }
    }
}

/// Where a thread goes on whose signal came at `at`: back to the look at the count if it was about
/// to wait. A handler has run.
pub(super) fn counted(at: u64) -> u64 {
    local::set(Word::Handled, local::get(Word::Handled).wrapping_add(1));
    let (start, end) =
        (read_unless as *const () as u64, (&raw const clavis_read_made).addr() as u64);
    if (start..end).contains(&at) { start } else { at }
}

unsafe extern "C" {
    /// Behind the call in [`read_unless`].
    static clavis_read_made: u8;
}

/// Reads, unless the count at `count` is another than `before`: that is `EINTR`. Up to its call it
/// changes nothing but `rax`, so that it can be begun again anywhere there.
///
/// # Safety
/// `length` bytes at `address` are the caller's; `count` is a word of this thread.
#[unsafe(naked)]
unsafe extern "C" fn read_unless(
    queue: usize,
    address: usize,
    length: usize,
    count: *const usize,
    before: usize,
) -> usize {
    // `rdi`, `rsi` and `rdx` are where the kernel wants them, and it looks at no others.
    core::arch::naked_asm!(
        "cmp [rcx], r8",
        "jne 2f",
        "mov eax, {read}",
        "syscall",
        ".hidden clavis_read_made",
        ".globl clavis_read_made",
        "clavis_read_made:",
        "ret",
        "2:",
        "mov rax, {interrupted}",
        "ret",
        read = const Call::Read as usize,
        interrupted = const -(EINTR as isize),
    )
}

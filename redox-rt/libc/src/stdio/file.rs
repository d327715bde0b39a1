//! `FILE`: a stream that threads share, and the list of those that are open.
use super::source::Source;
use alloc::sync::Arc;
use alloc::vec::Vec;
use c_stdio::stream::{Access, Buffering, Stream};
use clavis_rt::sync::{Mutex, RawMutex};
use clavis_rt::sys::time::{Clock, now};
use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use libc::pid_t;

/// `FILE`.
#[derive(Debug)]
pub struct File {
    lock: Lock,
    /// Whether the thread that has the lock reads, and may wait for as long as it takes.
    reading: AtomicBool,
    /// Those that were opened later have greater ones.
    serial: usize,
    /// The descriptor, where the stream is of `popen`; -1: it is not.
    piped: c_int,
    inner: UnsafeCell<Inner>,
}

/// What the lock guards.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) stream: Stream<Source>,
    /// The process at the other end, of `popen`.
    pub(super) child: Option<pid_t>,
    /// What `fwide` answers.
    pub(super) width: c_int,
}

// SAFETY: what is inside is only reached through a `Guard`, of which the lock lets one be.
unsafe impl Sync for File {}
// SAFETY: the addresses in a `Source` belong to the process, not to a thread.
unsafe impl Send for File {}

/// A lock that its thread can take again.
#[derive(Debug)]
struct Lock {
    raw: RawMutex,
    /// The thread that has it, by its block; 0: none.
    owner: AtomicUsize,
    /// How often that took it.
    depth: AtomicU32,
}

/// The calling thread.
fn me() -> usize {
    core::ptr::from_ref(clavis_rt::tls::current()).addr()
}

impl Lock {
    const fn new() -> Lock {
        Lock { raw: RawMutex::new(), owner: AtomicUsize::new(0), depth: AtomicU32::new(0) }
    }

    /// Takes it as `how` does, unless this thread has it already; whether it was taken.
    fn take(&self, how: impl FnOnce(&RawMutex) -> bool) -> bool {
        // Only this thread writes its own name there.
        if self.owner.load(Ordering::Relaxed) == me() {
            self.depth.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let taken = how(&self.raw);
        if taken {
            self.owner.store(me(), Ordering::Relaxed);
            self.depth.store(1, Ordering::Relaxed);
        }
        taken
    }

    fn release(&self) {
        if self.owner.load(Ordering::Relaxed) == me()
            && self.depth.fetch_sub(1, Ordering::Relaxed) == 1
        {
            self.owner.store(0, Ordering::Relaxed);
            self.raw.release();
        }
    }
}

/// The right to use what is inside a stream.
pub(super) struct Guard<'f>(&'f File);

impl Deref for Guard<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        // SAFETY: this thread has the lock, and makes one guard at a time.
        unsafe { &*self.0.inner.get() }
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        // SAFETY: as above.
        unsafe { &mut *self.0.inner.get() }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.reading.store(false, Ordering::Relaxed);
        self.0.lock.release();
    }
}

/// How long somebody waits for a stream before it looks again whether that is being read.
const PATIENCE: u64 = 10_000_000;

impl File {
    const fn new(stream: Stream<Source>, serial: usize) -> File {
        File {
            lock: Lock::new(),
            reading: AtomicBool::new(false),
            serial,
            piped: -1,
            inner: UnsafeCell::new(Inner { stream, child: None, width: 0 }),
        }
    }

    const fn standard(number: c_int, write: bool, buffering: Option<Buffering>) -> File {
        let access = Access { read: !write, write, append: false };
        File::new(Stream::new(Source::Descriptor(number), access, buffering), 0)
    }

    /// The descriptor of a stream of `popen`.
    pub(super) fn piped(&self) -> Option<c_int> {
        Some(self.piped).filter(|number| *number >= 0)
    }

    /// Takes the lock, for C's `flockfile`.
    pub(super) fn acquire(&self) {
        arm();
        self.lock.take(|raw| {
            raw.acquire();
            true
        });
    }

    /// Takes the lock if nobody has it.
    pub(super) fn try_acquire(&self) -> bool {
        arm();
        self.lock.take(RawMutex::try_acquire)
    }

    /// Gives the lock back that this thread took.
    pub(super) fn release(&self) {
        self.lock.release();
    }

    pub(super) fn lock(&self) -> Guard<'_> {
        self.acquire();
        Guard(self)
    }

    /// As [`File::lock`], to read: what waits in the output for the end of its line is written first
    /// if somebody is asked.
    pub(super) fn lock_to_read(&self) -> Guard<'_> {
        let mut guard = self.lock();
        if guard.stream.asks_somebody() && !core::ptr::eq(self, &raw const STDOUT) {
            flush_lines();
        }
        self.reading.store(true, Ordering::Relaxed);
        guard
    }

    /// Writes what waits in it, when it can be had. One that another thread reads from is let alone:
    /// nothing waits there, and it could take for ever.
    fn flush(&self) -> bool {
        let soon = |raw: &RawMutex| {
            raw.acquire_until(Clock::Monotonic, now(Clock::Monotonic).saturating_add(PATIENCE))
        };
        while !self.lock.take(soon) {
            if self.reading.load(Ordering::Relaxed) {
                return true;
            }
        }
        Guard(self).stream.sync().is_ok()
    }
}

/// Writes what waits in the standard output for the end of its line.
fn flush_lines() {
    if STDOUT.try_acquire() {
        let mut guard = Guard(&STDOUT);
        if guard.stream.pending() > 0 && guard.stream.buffering() == Buffering::Line {
            // The stream notes the error, for who asks it.
            let _ = guard.stream.flush();
        }
    }
}

static STDIN: File = File::standard(0, false, None);
static STDOUT: File = File::standard(1, true, None);
static STDERR: File = File::standard(2, true, Some(Buffering::None));
/// What null stands for: nothing can be done with it.
static NOWHERE: File = File::new(
    Stream::new(
        Source::Closed,
        Access { read: false, write: false, append: false },
        Some(Buffering::None),
    ),
    0,
);

/// The standard input.
#[unsafe(no_mangle)]
pub static stdin: AtomicPtr<File> = AtomicPtr::new((&raw const STDIN).cast_mut());
/// The standard output.
#[unsafe(no_mangle)]
pub static stdout: AtomicPtr<File> = AtomicPtr::new((&raw const STDOUT).cast_mut());
/// The standard error.
#[unsafe(no_mangle)]
pub static stderr: AtomicPtr<File> = AtomicPtr::new((&raw const STDERR).cast_mut());

/// Those that were opened, in that order.
static OPEN: Mutex<Vec<Arc<File>>> = Mutex::const_new(RawMutex::new(), Vec::new());

/// Makes a stream one that is open. C gives it back to [`withdraw`].
pub(super) fn publish(stream: Stream<Source>) -> *mut File {
    add(File::new(stream, 0))
}

/// As [`publish`], of a stream with a process at its other end.
pub(super) fn publish_piped(stream: Stream<Source>, number: c_int, child: pid_t) -> *mut File {
    let mut file = File { piped: number, ..File::new(stream, 0) };
    file.inner.get_mut().child = Some(child);
    add(file)
}

fn add(mut file: File) -> *mut File {
    static SERIAL: AtomicUsize = AtomicUsize::new(1);
    arm();
    let mut open = OPEN.lock();
    file.serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let file = Arc::new(file);
    let place = Arc::as_ptr(&file).cast_mut();
    open.push(file);
    place
}

/// Takes a stream from those that are open; `None` for one that always is.
pub(super) fn withdraw(file: *mut File) -> Option<Arc<File>> {
    let mut open = OPEN.lock();
    let index = open.iter().position(|open| core::ptr::eq(Arc::as_ptr(open), file))?;
    Some(open.remove(index))
}

/// The streams that are open, without a lock in between.
pub(super) fn each(mut action: impl FnMut(&File)) {
    let mut last = 0;
    loop {
        let open = OPEN.lock();
        let next = open.partition_point(|file| file.serial <= last);
        let file = open.get(next).cloned();
        drop(open);
        let Some(file) = file else { return };
        last = file.serial;
        action(&file);
    }
}

/// The stream that C names; null is one with which nothing can be done.
///
/// # Safety
/// C contract: null, or a stream that is open and stays so meanwhile.
pub(super) unsafe fn of<'f>(file: *mut File) -> &'f File {
    // SAFETY: the caller's promise.
    unsafe { file.as_ref() }.unwrap_or(&NOWHERE)
}

/// The standard output as the program has it.
pub(super) fn output<'f>() -> &'f File {
    // SAFETY: what a program puts there is a stream.
    unsafe { of(stdout.load(Ordering::Relaxed)) }
}

/// The standard input as the program has it.
pub(super) fn input<'f>() -> &'f File {
    // SAFETY: what a program puts there is a stream.
    unsafe { of(stdin.load(Ordering::Relaxed)) }
}

/// The standard error as the program has it.
pub(super) fn error<'f>() -> &'f File {
    // SAFETY: what a program puts there is a stream.
    unsafe { of(stderr.load(Ordering::Relaxed)) }
}

/// Writes what waits in all of them; whether that worked.
pub(super) fn flush_all() -> bool {
    let mut good = [&STDIN, &STDOUT, &STDERR].map(File::flush) == [true; 3];
    each(|file| good &= file.flush());
    good
}

/// Sees to it that what waits is written when the process ends in order. A program that uses no
/// stream has nothing of them.
fn arm() {
    static ARMED: AtomicBool = AtomicBool::new(false);
    if !ARMED.load(Ordering::Relaxed) {
        crate::exit::finally(|| {
            flush_all();
        });
        ARMED.store(true, Ordering::Relaxed);
    }
}

//! The C library's ways to wait: for descriptors, for each other, for a while.
use super::support::check;
use crate::run::{Case, Verdict};
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::io::{Error, PipeReader, PipeWriter, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = &[
    Case { name: "c_epoll_tells_levels_again_and_edges_once", run: epoll },
    Case { name: "c_epoll_forgets_what_is_closed", run: epoll_closed },
    Case { name: "c_select_and_poll_agree_on_what_is_ready", run: select },
    Case { name: "c_semaphores_count_between_threads", run: semaphores },
    Case { name: "c_mutexes_behave_as_their_kind_says", run: mutexes },
    Case { name: "c_timed_waits_end_when_their_clock_says", run: timed },
    Case { name: "c_keys_run_their_destructors_at_the_end_of_a_thread", run: keys },
];

fn pipe() -> Result<(PipeReader, PipeWriter), String> {
    std::io::pipe().map_err(|error| format!("pipe: {error}"))
}

fn last() -> i32 {
    Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// An epoll object of a test.
struct Epoll(c_int);

impl Epoll {
    fn new() -> Result<Epoll, String> {
        // SAFETY: flags alone.
        let number = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        check(number >= 0, &format!("epoll_create1: {}", last()))?;
        Ok(Epoll(number))
    }

    /// 0, or the error number.
    fn control(&self, how: c_int, descriptor: c_int, events: c_int, data: u64) -> c_int {
        let mut event = libc::epoll_event { events: events as u32, u64: data, _pad: 0 };
        // SAFETY: numbers and an event.
        if unsafe { libc::epoll_ctl(self.0, how, descriptor, &mut event) } == 0 {
            0
        } else {
            last()
        }
    }

    /// What is told within that many milliseconds: data and events.
    fn wait(&self, timeout: c_int) -> Vec<(u64, c_int)> {
        let mut events = [libc::epoll_event { events: 0, u64: 0, _pad: 0 }; 8];
        // SAFETY: room for eight events.
        let found = unsafe { libc::epoll_wait(self.0, events.as_mut_ptr(), 8, timeout) };
        let told = events.iter().take(usize::try_from(found).unwrap_or(0));
        told.map(|event| (event.u64, event.events as c_int)).collect()
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        // SAFETY: ours, closed once.
        unsafe { libc::close(self.0) };
    }
}

fn epoll() -> Verdict {
    let (epoll, (mut from, mut to)) = (Epoll::new()?, pipe()?);
    let read = from.as_raw_fd();
    let add = epoll.control(libc::EPOLL_CTL_ADD, read, libc::EPOLLIN, 7);
    check(add == 0, &format!("adding failed with {add}"))?;
    let twice = epoll.control(libc::EPOLL_CTL_ADD, read, libc::EPOLLIN, 8);
    check(twice == libc::EEXIST, &format!("adding twice gave {twice}"))?;
    check(epoll.wait(0).is_empty(), "an empty pipe is readable")?;
    to.write_all(b"ab").map_err(|error| error.to_string())?;
    for _ in 0..3 {
        let told = epoll.wait(1000);
        check(told == [(7, libc::EPOLLIN)], &format!("a level gave {told:?}"))?;
    }
    from.read_exact(&mut [0; 2]).map_err(|error| error.to_string())?;
    check(epoll.wait(5).is_empty(), "it is readable without anything to read")?;
    let edge = epoll.control(libc::EPOLL_CTL_MOD, read, libc::EPOLLIN | libc::EPOLLET, 9);
    check(edge == 0, &format!("changing failed with {edge}"))?;
    to.write_all(b"c").map_err(|error| error.to_string())?;
    check(epoll.wait(1000) == [(9, libc::EPOLLIN)], "the edge was not told")?;
    check(epoll.wait(5).is_empty(), "the edge was told twice")?;
    let once = epoll.control(libc::EPOLL_CTL_MOD, read, libc::EPOLLIN | libc::EPOLLONESHOT, 10);
    check(once == 0 && epoll.wait(1000) == [(10, libc::EPOLLIN)], "it was not told once")?;
    to.write_all(b"d").map_err(|error| error.to_string())?;
    check(epoll.wait(5).is_empty(), "once was twice")?;
    check(epoll.control(libc::EPOLL_CTL_MOD, read, 0, 11) == 0, "changing failed")?;
    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(10));
        drop(to);
    });
    let told = epoll.wait(5000);
    check(writer.join().is_ok(), "the writer failed")?;
    check(told == [(11, libc::EPOLLHUP)], &format!("a hang-up gave {told:?}"))?;
    check(epoll.control(libc::EPOLL_CTL_DEL, read, 0, 0) == 0, "removing failed")?;
    let gone = epoll.control(libc::EPOLL_CTL_DEL, read, 0, 0);
    check(gone == libc::ENOENT && epoll.wait(0).is_empty(), &format!("removing again gave {gone}"))
}

fn epoll_closed() -> Verdict {
    let (epoll, (from, mut to)) = (Epoll::new()?, pipe()?);
    let number = from.as_raw_fd();
    to.write_all(b"x").map_err(|error| error.to_string())?;
    check(epoll.control(libc::EPOLL_CTL_ADD, number, libc::EPOLLIN, 1) == 0, "adding failed")?;
    drop(from);
    check(epoll.wait(0).is_empty(), "a closed descriptor is ready")?;
    // The lowest free number is used again, for something else.
    let (again, mut other) = pipe()?;
    check(again.as_raw_fd() == number, "another number was given")?;
    let add = epoll.control(libc::EPOLL_CTL_ADD, number, libc::EPOLLIN, 2);
    check(add == 0, &format!("the number is still taken: {add}"))?;
    other.write_all(b"y").map_err(|error| error.to_string())?;
    check(epoll.wait(1000) == [(2, libc::EPOLLIN)], "the new pipe is not told of")?;
    // A duplicate is the same object, and stays when the first is closed.
    // SAFETY: a descriptor.
    let copy = Epoll(unsafe { libc::fcntl(epoll.0, libc::F_DUPFD_CLOEXEC, 0) });
    let (last, mut sign) = pipe()?;
    let add = copy.control(libc::EPOLL_CTL_ADD, last.as_raw_fd(), libc::EPOLLIN, 3);
    check(add == 0, &format!("a duplicate refused with {add}"))?;
    let none = epoll.control(libc::EPOLL_CTL_ADD, 9999, libc::EPOLLIN, 0);
    check(none == libc::EBADF, &format!("a descriptor that is none gave {none}"))?;
    let itself = epoll.control(libc::EPOLL_CTL_ADD, epoll.0, libc::EPOLLIN, 0);
    check(itself == libc::EINVAL, &format!("watching itself gave {itself}"))?;
    drop((epoll, again));
    sign.write_all(b"z").map_err(|error| error.to_string())?;
    check(copy.wait(1000) == [(3, libc::EPOLLIN)], "the duplicate went with its original")
}

fn select() -> Verdict {
    let ((quiet, _held), (mut loud, mut to)) = (pipe()?, pipe()?);
    to.write_all(b"x").map_err(|error| error.to_string())?;
    let (quiet_fd, loud_fd, to_fd) = (quiet.as_raw_fd(), loud.as_raw_fd(), to.as_raw_fd());
    let ask = |milliseconds: i32| {
        // SAFETY: sets are integers.
        let mut sets: [libc::fd_set; 2] = unsafe { MaybeUninit::zeroed().assume_init() };
        let [readable, writable] = &mut sets;
        for fd in [quiet_fd, loud_fd] {
            // SAFETY: a set and a small number.
            unsafe { libc::FD_SET(fd, readable) };
        }
        // SAFETY: a set and a small number.
        unsafe { libc::FD_SET(to_fd, writable) };
        let mut time = libc::timeval { tv_sec: 0, tv_usec: milliseconds * 1000 };
        // SAFETY: two sets and a time.
        let count = unsafe { libc::select(100, readable, writable, ptr::null_mut(), &mut time) };
        // SAFETY: a set and a small number.
        let has = |set: &libc::fd_set, fd| unsafe { libc::FD_ISSET(fd, set) };
        (count, has(readable, quiet_fd), has(readable, loud_fd), has(writable, to_fd))
    };
    let found = ask(900);
    check(found == (2, false, true, true), &format!("select says {found:?}"))?;
    let mut entries = [quiet_fd, loud_fd, 9999, -1].map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: four entries.
    let count = unsafe { libc::poll(entries.as_mut_ptr(), 4, 1000) };
    let seen = entries.map(|entry| entry.revents);
    let expected = [0, libc::POLLIN, libc::POLLNVAL, 0];
    check(count == 2 && seen == expected, &format!("poll says {count}, {seen:?}"))?;
    loud.read_exact(&mut [0; 1]).map_err(|error| error.to_string())?;
    drop(to);
    // SAFETY: one entry.
    let count = unsafe { libc::poll(entries.as_mut_ptr().wrapping_add(1), 1, 1000) };
    let seen = entries.map(|entry| entry.revents & libc::POLLHUP);
    check(count == 1 && seen == [0, libc::POLLHUP, 0, 0], &format!("poll says {seen:?}"))?;
    let start = Instant::now();
    let mut time = libc::timeval { tv_sec: 0, tv_usec: 15_000 };
    let none = ptr::null_mut;
    // SAFETY: no sets, and a time.
    let slept = unsafe { libc::select(0, none(), none(), none(), &mut time) };
    check(slept == 0 && start.elapsed() >= Duration::from_millis(14), "select did not wait")
}

/// Something of C's that threads share.
struct Shared<T>(UnsafeCell<T>);

// SAFETY: what lies in it is a lock, a semaphore or a condition, made to be shared.
unsafe impl<T> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Shared<T> {}

impl<T> Shared<T> {
    fn zeroed() -> Arc<Shared<T>> {
        // SAFETY: all zeroes are what these types start as, and are initialised from.
        Arc::new(Shared(UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() })))
    }

    fn at(&self) -> *mut T {
        self.0.get()
    }
}

fn semaphores() -> Verdict {
    const EACH: usize = 400;
    let semaphore = Shared::<libc::sem_t>::zeroed();
    // SAFETY: a place for a semaphore.
    check(unsafe { libc::sem_init(semaphore.at(), 0, 2) } == 0, "it cannot be made")?;
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (semaphore, inside, most) = (semaphore.clone(), inside.clone(), most.clone());
            thread::spawn(move || {
                (0..EACH).all(|_| {
                    // SAFETY: a semaphore.
                    let taken = unsafe { libc::sem_wait(semaphore.at()) } == 0;
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    // SAFETY: a semaphore.
                    taken && unsafe { libc::sem_post(semaphore.at()) } == 0
                })
            })
        })
        .collect();
    check(threads.into_iter().all(|it| it.join().unwrap_or(false)), "a thread failed")?;
    check(most.load(Ordering::SeqCst) == 2, "other than two were inside at once")?;
    let mut value = 0;
    // SAFETY: a semaphore and a place.
    unsafe { libc::sem_getvalue(semaphore.at(), &mut value) };
    check(value == 2, &format!("its value is {value}"))?;
    // SAFETY: a semaphore.
    let taken = [(); 3].map(|()| unsafe { libc::sem_trywait(semaphore.at()) });
    check(taken == [0, 0, -1] && last() == libc::EAGAIN, &format!("three tries gave {taken:?}"))
}

fn mutexes() -> Verdict {
    for (kind, again, foreign) in [
        (libc::PTHREAD_MUTEX_RECURSIVE, 0, libc::EPERM),
        (libc::PTHREAD_MUTEX_ERRORCHECK, libc::EDEADLK, libc::EPERM),
    ] {
        let mutex = Shared::<libc::pthread_mutex_t>::zeroed();
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: a place for attributes.
        unsafe { libc::pthread_mutexattr_init(attributes.as_mut_ptr()) };
        // SAFETY: attributes.
        let set = unsafe { libc::pthread_mutexattr_settype(attributes.as_mut_ptr(), kind) };
        // SAFETY: a place and attributes.
        let made = unsafe { libc::pthread_mutex_init(mutex.at(), attributes.as_ptr()) };
        check((set, made) == (0, 0), "it cannot be made")?;
        // SAFETY: a mutex.
        let lock = || unsafe { libc::pthread_mutex_lock(mutex.at()) };
        // SAFETY: a mutex.
        let unlock = || unsafe { libc::pthread_mutex_unlock(mutex.at()) };
        let (first, second) = (lock(), lock());
        check((first, second) == (0, again), &format!("locking twice gave {first}, {second}"))?;
        let other = mutex.clone();
        let from_elsewhere = thread::spawn(move || {
            // SAFETY: a mutex.
            let locked = unsafe { libc::pthread_mutex_trylock(other.at()) };
            // SAFETY: a mutex.
            (locked, unsafe { libc::pthread_mutex_unlock(other.at()) })
        });
        let seen = from_elsewhere.join().map_err(|_| "a thread failed")?;
        check(seen == (libc::EBUSY, foreign), &format!("another thread got {seen:?}"))?;
        let unlocks = if again == 0 { 2 } else { 1 };
        check((0..unlocks).all(|_| unlock() == 0), "it cannot be unlocked")?;
        check(unlock() == libc::EPERM, "an open mutex was unlocked")?;
        // SAFETY: a mutex that nobody holds.
        check(unsafe { libc::pthread_mutex_destroy(mutex.at()) } == 0, "it is held")?;
    }
    Ok(())
}

/// The time of a clock in so many milliseconds.
fn instant(clock: c_int, milliseconds: i64) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for a time.
    unsafe { libc::clock_gettime(clock, &mut time) };
    let nanoseconds = time.tv_nsec + milliseconds * 1_000_000;
    libc::timespec {
        tv_sec: time.tv_sec + nanoseconds / 1_000_000_000,
        tv_nsec: nanoseconds % 1_000_000_000,
    }
}

fn timed() -> Verdict {
    let late = |start: Instant| start.elapsed() >= Duration::from_millis(9);
    let mutex = Shared::<libc::pthread_mutex_t>::zeroed();
    let condition = Shared::<libc::pthread_cond_t>::zeroed();
    // SAFETY: a mutex.
    unsafe { libc::pthread_mutex_lock(mutex.at()) };
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: a place for attributes.
    unsafe { libc::pthread_condattr_init(attributes.as_mut_ptr()) };
    let clock = libc::CLOCK_MONOTONIC;
    // SAFETY: attributes.
    let set = unsafe { libc::pthread_condattr_setclock(attributes.as_mut_ptr(), clock) };
    // SAFETY: a place and attributes.
    unsafe { libc::pthread_cond_init(condition.at(), attributes.as_ptr()) };
    let (start, end) = (Instant::now(), instant(clock, 10));
    // SAFETY: a condition, a mutex that is held, an instant.
    let waited = unsafe { libc::pthread_cond_timedwait(condition.at(), mutex.at(), &end) };
    check(set == 0 && waited == libc::ETIMEDOUT && late(start), &format!("it gave {waited}"))?;
    let semaphore = Shared::<libc::sem_t>::zeroed();
    let (start, end) = (Instant::now(), instant(libc::CLOCK_REALTIME, 10));
    // SAFETY: a semaphore of value 0, an instant.
    let waited = unsafe { libc::sem_timedwait(semaphore.at(), &end) };
    check(waited == -1 && last() == libc::ETIMEDOUT && late(start), "a semaphore did not wait")?;
    let wrong = libc::timespec { tv_sec: 0, tv_nsec: 2_000_000_000 };
    // SAFETY: a semaphore of value 0, an instant that cannot be.
    let waited = unsafe { libc::sem_timedwait(semaphore.at(), &wrong) };
    check(waited == -1 && last() == libc::EINVAL, "a time that cannot be was waited for")?;
    // SAFETY: a mutex that is held.
    check(unsafe { libc::pthread_mutex_unlock(mutex.at()) } == 0, "the wait lost its mutex")
}

static ENDED: AtomicUsize = AtomicUsize::new(0);

fn keys() -> Verdict {
    unsafe extern "C" fn end(value: *mut c_void) {
        ENDED.fetch_add(value as usize, Ordering::SeqCst);
    }
    let mut key = 0;
    // SAFETY: a place for a key.
    check(unsafe { libc::pthread_key_create(&mut key, Some(end)) } == 0, "there is no key")?;
    let threads: Vec<_> = (1..=10usize)
        .map(|own| {
            thread::spawn(move || {
                // SAFETY: a key and a value.
                unsafe { libc::pthread_setspecific(key, ptr::without_provenance(own)) };
                // SAFETY: a key.
                unsafe { libc::pthread_getspecific(key) as usize == own }
            })
        })
        .collect();
    check(threads.into_iter().all(|it| it.join().unwrap_or(false)), "a value was another's")?;
    let ended = ENDED.load(Ordering::SeqCst);
    check(ended == 55, &format!("the destructors saw values of {ended} in all"))?;
    // SAFETY: a key.
    check(unsafe { libc::pthread_key_delete(key) } == 0, "the key is gone")?;
    // SAFETY: a key that is gone.
    let gone = unsafe { libc::pthread_setspecific(key, ptr::null()) };
    check(gone == libc::EINVAL, &format!("a key that is gone gave {gone}"))
}

//! Starting programs as C does it: `posix_spawn` with actions and attributes, `system`, `execl`;
//! and waits with another set of blocked signals.
use super::place::Place;
use super::support::check;
use crate::run::{Case, PROGRAM, Verdict};
use std::ffi::{CStr, CString, c_char, c_int, c_short, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    Case { name: "posix_spawn_does_its_file_actions_in_order", run: actions },
    Case { name: "posix_spawn_says_which_action_failed", run: refusals },
    Case { name: "posix_spawn_sets_masks_and_default_effects", run: attributes },
    Case { name: "system_runs_a_command_and_tells_its_status", run: system },
    Case { name: "execl_takes_any_number_of_arguments", run: listed },
    Case { name: "pselect_lets_a_waiting_signal_through_and_ends", run: pending },
    Case { name: "ppoll_never_misses_a_signal_that_comes_as_it_begins", run: racing },
];

/// `posix_spawn_file_actions_t` and `posix_spawnattr_t`, which the `libc` crate does not declare.
type Opaque = [usize; 5];

unsafe extern "C" {
    fn posix_spawn(
        place: *mut libc::pid_t,
        path: *const c_char,
        actions: *const Opaque,
        attributes: *const Opaque,
        arguments: *const *const c_char,
        environment: *const *const c_char,
    ) -> c_int;
    fn posix_spawn_file_actions_init(actions: *mut Opaque) -> c_int;
    fn posix_spawn_file_actions_destroy(actions: *mut Opaque) -> c_int;
    fn posix_spawn_file_actions_addopen(
        actions: *mut Opaque,
        descriptor: c_int,
        path: *const c_char,
        flags: c_int,
        mode: libc::mode_t,
    ) -> c_int;
    fn posix_spawn_file_actions_addclose(actions: *mut Opaque, descriptor: c_int) -> c_int;
    fn posix_spawn_file_actions_adddup2(actions: *mut Opaque, from: c_int, to: c_int) -> c_int;
    fn posix_spawn_file_actions_addchdir(actions: *mut Opaque, path: *const c_char) -> c_int;
    fn posix_spawnattr_init(attributes: *mut Opaque) -> c_int;
    fn posix_spawnattr_setflags(attributes: *mut Opaque, flags: c_short) -> c_int;
    fn posix_spawnattr_getflags(attributes: *const Opaque, flags: *mut c_short) -> c_int;
    fn posix_spawnattr_setsigmask(attributes: *mut Opaque, set: *const libc::sigset_t) -> c_int;
    fn posix_spawnattr_setsigdefault(attributes: *mut Opaque, set: *const libc::sigset_t) -> c_int;
    fn ppoll(
        entries: *mut libc::pollfd,
        amount: libc::nfds_t,
        timeout: *const libc::timespec,
        mask: *const libc::sigset_t,
    ) -> c_int;
}

fn string(path: &Path) -> Result<CString, String> {
    CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())
}

/// Starts this program's act with actions and attributes; its number, or the error.
fn spawn(what: &CStr, actions: *const Opaque, attributes: *const Opaque) -> Result<c_int, c_int> {
    let program = CString::new(PROGRAM).map_err(|_| libc::EINVAL)?;
    let words = [program.as_ptr(), c"--act".as_ptr(), what.as_ptr(), ptr::null()];
    let variables = [c"GREETING=spawned".as_ptr(), ptr::null()];
    let mut child = 0;
    // SAFETY: strings, arrays that end with null, and what the callers initialised.
    let errno = unsafe {
        posix_spawn(
            &raw mut child,
            program.as_ptr(),
            actions,
            attributes,
            words.as_ptr(),
            variables.as_ptr(),
        )
    };
    if errno == 0 { Ok(child) } else { Err(errno) }
}

/// Waits for a child; its exit code.
fn code(child: c_int) -> Result<c_int, String> {
    let mut status = 0;
    // SAFETY: a place for the status.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    check(waited == child && libc::WIFEXITED(status), &format!("{waited}: {status:#x}"))?;
    Ok(libc::WEXITSTATUS(status))
}

/// File actions that end with this value.
struct Actions(Opaque);

impl Actions {
    fn new() -> Actions {
        let mut actions = [usize::MAX; 5];
        // SAFETY: a place that is large enough.
        unsafe { posix_spawn_file_actions_init(&raw mut actions) };
        Actions(actions)
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: they were initialised.
        unsafe { posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

fn actions() -> Verdict {
    let place = Place::new("spawn")?;
    let (written, within) = (place.at("said"), place.at(""));
    let mut actions = Actions::new();
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
    let path = string(&written)?;
    // SAFETY: actions and a string, which is copied.
    let opened = unsafe {
        posix_spawn_file_actions_addopen(&raw mut actions.0, 9, path.as_ptr(), flags, 0o600)
    };
    drop(path);
    // SAFETY: actions.
    let moved = unsafe { posix_spawn_file_actions_adddup2(&raw mut actions.0, 9, 1) };
    // SAFETY: actions.
    let closed = unsafe { posix_spawn_file_actions_addclose(&raw mut actions.0, 9) };
    let directory = string(&within)?;
    // SAFETY: actions and a string.
    let entered =
        unsafe { posix_spawn_file_actions_addchdir(&raw mut actions.0, directory.as_ptr()) };
    check([opened, moved, closed, entered] == [0; 4], "actions are taken")?;
    let child = spawn(c"tell", &raw const actions.0, ptr::null());
    check(code(child.map_err(|errno| format!("spawn: {errno}"))?)? == 0, "it succeeds")?;
    let said = std::fs::read_to_string(&written).map_err(|error| error.to_string())?;
    let wanted = format!("spawned {}\n", within.display()).replace("/\n", "\n");
    check(said == wanted, &format!("it said {said:?}, not {wanted:?}"))?;
    let child = spawn(c"numbers", &raw const actions.0, ptr::null());
    check(code(child.map_err(|errno| format!("spawn: {errno}"))?)? == 0, "it succeeds again")?;
    let said = std::fs::read_to_string(&written).map_err(|error| error.to_string())?;
    check(!said.split(' ').any(|number| number == "9"), &format!("9 is closed: {said}"))
}

fn refusals() -> Verdict {
    let mut absent = Actions::new();
    let path = c"/nothing/there";
    // SAFETY: actions and a string.
    unsafe { posix_spawn_file_actions_addopen(&raw mut absent.0, 1, path.as_ptr(), 0, 0) };
    let refused = spawn(c"exit-7", &raw const absent.0, ptr::null());
    check(refused == Err(libc::ENOENT), &format!("a missing file: {refused:?}"))?;
    let mut closed = Actions::new();
    // SAFETY: actions.
    unsafe { posix_spawn_file_actions_adddup2(&raw mut closed.0, 999, 1) };
    let refused = spawn(c"exit-7", &raw const closed.0, ptr::null());
    check(refused == Err(libc::EBADF), &format!("a number that is closed: {refused:?}"))?;
    // SAFETY: actions.
    let negative = unsafe { posix_spawn_file_actions_addclose(&raw mut closed.0, -1) };
    // SAFETY: no actions at all.
    let nowhere = unsafe { posix_spawn_file_actions_addclose(ptr::null_mut(), 1) };
    check((negative, nowhere) == (libc::EBADF, libc::EINVAL), "nonsense is refused")?;
    let (mut attributes, mut flags) = ([usize::MAX; 5], -1);
    // SAFETY: a place that is large enough.
    unsafe { posix_spawnattr_init(&raw mut attributes) };
    // SAFETY: attributes.
    let unknown = unsafe { posix_spawnattr_setflags(&raw mut attributes, 0x10) };
    // SAFETY: attributes and a place.
    let read = unsafe { posix_spawnattr_getflags(&raw const attributes, &raw mut flags) };
    check((unknown, read, flags) == (libc::EINVAL, 0, 0), "scheduling is refused")?;
    // SAFETY: no place for a status.
    let none = unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) };
    check(none == -1, "a child that failed is still there")
}

fn bit(signal: c_int) -> libc::sigset_t {
    1 << (signal - 1)
}

fn mask(how: c_int, set: libc::sigset_t) -> libc::sigset_t {
    let mut before = 0;
    // SAFETY: a set, and a place for one.
    unsafe { libc::pthread_sigmask(how, &raw const set, &raw mut before) };
    before
}

fn attributes() -> Verdict {
    // SAFETY: no handler.
    unsafe { libc::signal(libc::SIGUSR1, libc::SIG_IGN) };
    on(libc::SIGWINCH);
    mask(libc::SIG_BLOCK, bit(libc::SIGUSR2));
    // The act tells what it was given: 1 for an ignored SIGUSR1, 2 for a blocked SIGUSR2.
    let plain = spawn(c"signals", ptr::null(), ptr::null());
    let plain = code(plain.map_err(|errno| format!("spawn: {errno}"))?)?;
    let mut attributes = [usize::MAX; 5];
    // SAFETY: a place that is large enough.
    unsafe { posix_spawnattr_init(&raw mut attributes) };
    let (set, none) = (bit(libc::SIGUSR1), 0);
    // SAFETY: attributes and a set.
    unsafe { posix_spawnattr_setsigdefault(&raw mut attributes, &raw const set) };
    // SAFETY: attributes and a set.
    unsafe { posix_spawnattr_setsigmask(&raw mut attributes, &raw const none) };
    let unasked = spawn(c"signals", ptr::null(), &raw const attributes);
    let unasked = code(unasked.map_err(|errno| format!("spawn: {errno}"))?)?;
    // SAFETY: attributes; the flags of default effects and of the mask.
    unsafe { posix_spawnattr_setflags(&raw mut attributes, 4 | 8) };
    let asked = spawn(c"signals", ptr::null(), &raw const attributes);
    let asked = code(asked.map_err(|errno| format!("spawn: {errno}"))?)?;
    let own = mask(libc::SIG_UNBLOCK, bit(libc::SIGUSR2));
    check(
        (plain, unasked, asked) == (3, 3, 0),
        &format!("children were given {plain}, {unasked}, {asked}"),
    )?;
    check(own & bit(libc::SIGUSR2) != 0, "the parent's mask is as it was")
}

fn system() -> Verdict {
    // SAFETY: a string.
    let status = unsafe { libc::system(c"exit 3".as_ptr()) };
    check(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 3, &format!("{status:#x}"))?;
    // SAFETY: no command: is there a shell?
    check(unsafe { libc::system(ptr::null()) } == 1, "there is a shell")
}

fn listed() -> Verdict {
    let program = CString::new(PROGRAM).map_err(|error| error.to_string())?;
    let (act, end) = (c"--act".as_ptr(), ptr::null::<c_char>());
    for count in [0, 1, 2, 7] {
        // SAFETY: the child becomes another program, or ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let (path, word) = (program.as_ptr(), c"w".as_ptr());
            let (what, variables) = (c"count".as_ptr(), [c"SAID=x".as_ptr(), end]);
            match count {
                // SAFETY: strings up to a null.
                0 => unsafe { libc::execl(path, path, act, what, end) },
                // SAFETY: as above.
                1 => unsafe { libc::execlp(path, path, act, what, word, end) },
                // SAFETY: as above, and an array of strings.
                2 => unsafe {
                    let variables = variables.as_ptr();
                    libc::execle(path, path, act, what, word, word, end, variables)
                },
                // SAFETY: as above.
                _ => unsafe {
                    libc::execl(
                        path, path, act, what, word, word, word, word, word, word, word, end,
                    )
                },
            };
            // SAFETY: ends the process.
            unsafe { libc::_exit(98) };
        }
        let wanted = if count == 2 { 102 } else { count };
        let found = code(child)?;
        check(found == wanted, &format!("with {count} words it counted {found}"))?;
    }
    Ok(())
}

static CAME: AtomicUsize = AtomicUsize::new(0);

extern "C" fn note(_: c_int) {
    CAME.fetch_add(1, Ordering::SeqCst);
}

fn on(signal: c_int) {
    let handler: extern "C" fn(c_int) = note;
    // SAFETY: the handler counts.
    unsafe { libc::signal(signal, handler as *const c_void as libc::sighandler_t) };
}

fn interrupted() -> bool {
    std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR)
}

fn pending() -> Verdict {
    on(libc::SIGUSR1);
    mask(libc::SIG_BLOCK, bit(libc::SIGUSR1));
    // SAFETY: a signal with a handler.
    unsafe { libc::raise(libc::SIGUSR1) };
    let before = CAME.load(Ordering::SeqCst);
    let (short, open) = (libc::timespec { tv_sec: 0, tv_nsec: 20_000_000 }, 0);
    // SAFETY: no sets, a time.
    let select = |mask| unsafe {
        let none = ptr::null_mut();
        libc::pselect(0, none, none, none, &raw const short, mask)
    };
    check(select(ptr::null()) == 0, "a blocked signal changes nothing")?;
    check(CAME.load(Ordering::SeqCst) == before, "its handler waits")?;
    let ended = select(&raw const open);
    check(ended == -1 && interrupted(), &format!("it answered {ended}"))?;
    check(CAME.load(Ordering::SeqCst) == before + 1, "the handler ran")?;
    check(select(&raw const open) == 0, "it ends after its time")?;
    let own = mask(libc::SIG_UNBLOCK, bit(libc::SIGUSR1));
    check(own & bit(libc::SIGUSR1) != 0, "the mask is as it was")
}

fn racing() -> Verdict {
    const ROUNDS: usize = 2000;
    on(libc::SIGUSR1);
    mask(libc::SIG_BLOCK, bit(libc::SIGUSR1));
    // SAFETY: the calling thread, which outlives the other.
    let own = unsafe { libc::pthread_self() } as usize;
    let before = CAME.load(Ordering::SeqCst);
    let sender = thread::spawn(move || {
        for round in 0..ROUNDS {
            // Sooner and later than the other thread comes to wait.
            for _ in 0..round % 61 * 50 {
                std::hint::spin_loop();
            }
            // SAFETY: a thread that waits for this one to end.
            unsafe { libc::pthread_kill(own as libc::pthread_t, libc::SIGUSR1) };
            while CAME.load(Ordering::SeqCst) < before + round + 1 {
                thread::yield_now();
            }
        }
    });
    let open = 0;
    for round in 0..ROUNDS {
        while CAME.load(Ordering::SeqCst) == before + round {
            // SAFETY: no entries, no time: only a signal ends it.
            let ended = unsafe { ppoll(ptr::null_mut(), 0, ptr::null(), &raw const open) };
            check(ended == -1 && interrupted(), &format!("round {round} answered {ended}"))?;
        }
    }
    thread::sleep(Duration::from_millis(1));
    check(sender.join().is_ok(), "the sender ends")?;
    check(CAME.load(Ordering::SeqCst) == before + ROUNDS, "each signal came once")
}

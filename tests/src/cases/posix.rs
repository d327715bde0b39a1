//! Fork, exec, waiting and signals, as C and `std::process::Command` see them.
#![expect(unsafe_code, reason = "the C functions that this is about")]
use super::support::check;
use crate::run::{Case, PROGRAM, Verdict};
use std::ffi::{CString, c_int, c_void};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = &[
    Case { name: "command_runs_a_program_and_tells_how_it_ended", run: status },
    Case { name: "command_passes_arguments_environment_directory_and_pipes", run: passing },
    Case { name: "command_says_that_a_program_is_missing_or_is_none", run: missing },
    Case { name: "a_thousand_commands_run_and_leave_nothing", run: thousand },
    Case { name: "a_fork_writes_its_own_copy_of_private_memory", run: private },
    Case { name: "a_fork_shares_what_is_mapped_shared", run: shared },
    Case { name: "a_fork_copies_under_memory_pressure_or_says_so", run: pressure },
    Case { name: "a_fork_in_a_threaded_program_allocates_and_exits", run: threaded },
    Case { name: "children_are_waited_for_in_any_order_and_once", run: waiting },
    Case { name: "exec_closes_what_is_marked_and_keeps_the_rest", run: keeps },
    Case { name: "exec_of_what_is_no_program_leaves_the_caller_as_it_was", run: hostile },
    Case { name: "a_handler_runs_and_the_program_goes_on_with_all_registers", run: handler },
    Case { name: "a_blocked_signal_waits_for_the_mask", run: masked },
    Case { name: "a_signal_interrupts_a_read_or_restarts_it_as_its_action_says", run: restart },
    Case { name: "a_write_to_a_broken_pipe_signals_a_c_program", run: broken_pipe },
    Case { name: "a_parent_is_told_of_its_child_by_a_signal", run: child_signal },
    Case { name: "handlers_nest_and_run_on_the_alternate_stack", run: nested },
    Case { name: "a_fault_is_a_signal_with_its_address", run: fault },
    Case { name: "a_stack_that_leads_nowhere_at_a_signal_ends_only_its_process", run: lost_stack },
    Case { name: "sigwait_takes_and_sigsuspend_lets_through", run: sigwait },
    Case { name: "an_alarm_goes_off_and_can_be_taken_back", run: alarm },
];

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

fn act(what: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--act", what]);
    command
}

fn said<T>(what: &str, result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

/// Runs code in a fork; how that ended. The code answers the exit code.
fn forked(code: impl FnOnce() -> c_int) -> Result<c_int, String> {
    // SAFETY: the child runs the code alone and ends without coming back.
    match unsafe { libc::fork() } {
        0 => {
            let code = code();
            // SAFETY: ends the process.
            unsafe { libc::_exit(code) }
        }
        -1 => Err(format!("fork: {}", std::io::Error::last_os_error())),
        child => wait(child),
    }
}

fn wait(child: libc::pid_t) -> Result<c_int, String> {
    let mut status = 0;
    loop {
        // SAFETY: a place for the status.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        if waited == child {
            return Ok(status);
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != ErrorKind::Interrupted {
            return Err(format!("waitpid: {waited}, {error}"));
        }
    }
}

fn exited(status: c_int, code: c_int) -> bool {
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == code
}

fn set_action(signal: c_int, action: libc::sighandler_t, flags: c_int) {
    // SAFETY: plain numbers, for which zeroes are good.
    let mut new = unsafe { std::mem::zeroed::<libc::sigaction>() };
    new.sa_sigaction = action;
    new.sa_flags = flags;
    // SAFETY: the handlers of this file keep to what may be done in one.
    unsafe { libc::sigaction(signal, &raw const new, ptr::null_mut()) };
}

fn on(signal: c_int, handler: Handler, flags: c_int) {
    set_action(signal, handler as libc::sighandler_t, flags | libc::SA_SIGINFO);
}

fn raise(signal: c_int) {
    // SAFETY: handlers as above.
    unsafe { libc::raise(signal) };
}

fn block(how: c_int, signal: c_int) {
    let mut set = 0;
    // SAFETY: a place for a set.
    unsafe { libc::sigaddset(&raw mut set, signal) };
    // SAFETY: a set, and none wanted back.
    unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) };
}

static CAME: AtomicI32 = AtomicI32::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static SENDER: AtomicI32 = AtomicI32::new(0);
static PLACE: AtomicUsize = AtomicUsize::new(0);

extern "C" fn note(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    let here = 0u8;
    PLACE.store(&raw const here as usize, Ordering::SeqCst);
    // SAFETY: what the handler was given.
    let info = unsafe { *info };
    ADDRESS.store(info.si_addr as usize, Ordering::SeqCst);
    CODE.store(info.si_code, Ordering::SeqCst);
    SENDER.store(info.si_pid, Ordering::SeqCst);
    CAME.fetch_add(1, Ordering::SeqCst);
}

fn status() -> Verdict {
    let ended = said("run", act("exit-7").status())?;
    check(ended.code() == Some(7), &format!("it exits with 7: {ended}"))?;
    let mut child = said("spawn", act("sleep").spawn())?;
    check(matches!(child.try_wait(), Ok(None)), "it still runs")?;
    said("kill", child.kill())?;
    let ended = said("wait", child.wait())?;
    check(ended.signal() == Some(libc::SIGKILL), &format!("it was killed: {ended}"))?;
    let ended = said("run", act("fault").status())?;
    check(ended.signal() == Some(libc::SIGSEGV), &format!("it faulted: {ended}"))
}

fn passing() -> Verdict {
    let mut child =
        said("spawn", act("echo").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn())?;
    let text = "x".repeat(100_000);
    let mut input = child.stdin.take().ok_or("no pipe")?;
    let sent = text.clone();
    let writer = std::thread::spawn(move || input.write_all(sent.as_bytes()));
    let output = said("wait", child.wait_with_output())?;
    check(writer.join().is_ok_and(|written| written.is_ok()), "the input was written")?;
    check(output.status.success() && output.stdout == text.as_bytes(), "it came back")?;
    let output = said(
        "run",
        act("tell").env("GREETING", "hello").current_dir("/scheme/initfs/etc").output(),
    )?;
    let told = String::from_utf8_lossy(&output.stdout);
    check(told == "hello /scheme/initfs/etc\n", &format!("it was told: {told:?}"))?;
    let output = said("run", act("tell").env_clear().output())?;
    check(output.stdout.starts_with(b"none "), "an empty environment is empty")?;
    let output = said("run", Command::new("echo").args(["a", "b"]).output())?;
    check(output.stdout == b"a b\n", "a name is looked for in PATH")
}

fn missing() -> Verdict {
    for name in ["/nothing/there", "nothing-there", "/scheme/initfs/bin/nothing"] {
        let error = Command::new(name).spawn().err().ok_or("it ran")?;
        check(error.kind() == ErrorKind::NotFound, &format!("{name}: {error}"))?;
    }
    let error = Command::new("/scheme/initfs/etc/motd").spawn().err().ok_or("text ran")?;
    check(error.kind() == ErrorKind::PermissionDenied, &format!("text: {error}"))?;
    let error = Command::new("/scheme/initfs/etc").spawn().err().ok_or("a folder ran")?;
    check(error.kind() == ErrorKind::PermissionDenied, &format!("a folder: {error}"))
}

fn thousand() -> Verdict {
    for round in 0..1000 {
        let ended = said("run", Command::new("/scheme/initfs/bin/true").status())?;
        check(ended.success(), &format!("round {round}: {ended}"))?;
    }
    // SAFETY: no place is given.
    let none = unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) };
    check(none == -1, "no child is left")
}

fn private() -> Verdict {
    let mut words = vec![1u64; 10_000];
    let status = forked(|| {
        let before = words.iter().all(|word| *word == 1);
        words.fill(2);
        c_int::from(!(before && words.iter().all(|word| *word == 2)))
    })?;
    check(exited(status, 0), &format!("the child sees its own writes: {status:#x}"))?;
    check(words.iter().all(|word| *word == 1), "the parent sees none of them")?;
    words.fill(3);
    check(words.iter().all(|word| *word == 3), "and writes on")
}

/// Anonymous memory; it stays until the end of the process.
fn anonymous(bytes: usize, sharing: c_int) -> Result<*mut u64, String> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, sharing | libc::MAP_ANON);
    // SAFETY: new memory at a free place.
    let place = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    check(place != libc::MAP_FAILED, "memory can be mapped")?;
    Ok(place.cast())
}

fn shared() -> Verdict {
    let place = anonymous(4096, libc::MAP_SHARED)?;
    // SAFETY: fresh memory of that size, for both processes to change.
    let word = unsafe { AtomicU64::from_ptr(place) };
    let status = forked(|| {
        word.store(77, Ordering::SeqCst);
        0
    })?;
    check(exited(status, 0) && word.load(Ordering::SeqCst) == 77, "the parent sees the write")
}

fn pressure() -> Verdict {
    let limits = clavis::AccountLimits { frames: 3000, ..clavis::account::UNLIMITED };
    let account = clavis::account::Account::new(&limits);
    let account = account.map_err(|error| format!("an account: {error}"))?;
    let child = clavis::Command::new(PROGRAM)
        .args(["--act", "forks"])
        .child_account(clavis::Give::Own)
        .account(&account)
        .spawn();
    let child = child.map_err(|error| format!("spawn: {error}"))?;
    let status = child.wait().map_err(|error| format!("wait: {error}"))?;
    check(status.success(), &format!("forks under pressure: {status:?}"))
}

fn threaded() -> Verdict {
    let stop = Arc::new(AtomicBool::new(false));
    let names = Arc::new(Mutex::new(Vec::new()));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (stop, names) = (stop.clone(), names.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let text = format!("{:?}", Instant::now());
                    if let Ok(mut names) = names.lock() {
                        names.push(text);
                        names.truncate(50);
                    }
                }
            })
        })
        .collect();
    let mut verdict = Ok(());
    for round in 0..50 {
        let status = forked(|| {
            let text: Vec<String> = (0..100).map(|n| n.to_string()).collect();
            c_int::from(text.concat().len() != 190)
        });
        verdict =
            verdict.and(status.and_then(|status| {
                check(exited(status, 0), &format!("round {round}: {status:#x}"))
            }));
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        verdict = verdict.and(worker.join().map_err(|_| "a worker panicked".to_string()));
    }
    verdict
}

fn waiting() -> Verdict {
    let mut children = Vec::new();
    for code in 0..8 {
        // SAFETY: the child ends at once.
        match unsafe { libc::fork() } {
            0 => {
                std::thread::sleep(Duration::from_millis(10 * (8 - code as u64)));
                // SAFETY: ends the process.
                unsafe { libc::_exit(code) }
            }
            child => children.push((child, code)),
        }
    }
    let mut left = children.clone();
    while !left.is_empty() {
        let mut status = 0;
        // SAFETY: a place for the status.
        let child = unsafe { libc::wait(&raw mut status) };
        let at = left.iter().position(|(own, _)| *own == child);
        let (_, code) = left.remove(at.ok_or(format!("{child} is no child"))?);
        check(exited(status, code), &format!("child {code}: {status:#x}"))?;
    }
    // SAFETY: no place is given.
    let none = unsafe { libc::wait(ptr::null_mut()) };
    let error = std::io::Error::last_os_error();
    check(none == -1 && error.raw_os_error() == Some(libc::ECHILD), "no child is there twice")
}

fn keeps() -> Verdict {
    let open = |flags: c_int| -> Result<c_int, String> {
        let path = CString::new("/scheme/initfs/etc/motd").map_err(|error| error.to_string())?;
        // SAFETY: a string.
        let number = unsafe { libc::open(path.as_ptr(), flags) };
        check(number >= 0, "a file opens")?;
        Ok(number)
    };
    let (kept, closed) = (open(libc::O_RDONLY)?, open(libc::O_RDONLY | libc::O_CLOEXEC)?);
    let output = said("run", act("numbers").output())?;
    let told = String::from_utf8_lossy(&output.stdout);
    let open: Vec<c_int> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    check(open.contains(&kept), &format!("{kept} stays open: {told}"))?;
    check(!open.contains(&closed), &format!("{closed} is closed: {told}"))?;
    let own = std::process::id();
    let status = forked(|| {
        let error = Command::new(PROGRAM).args(["--act", "parent"]).arg0("suite").exec();
        eprintln!("exec: {error}");
        1
    })?;
    check(exited(status, 0), &format!("{own}: a number outlasts exec: {status:#x}"))
}

fn hostile() -> Verdict {
    let before: Vec<u8> = (0..100).collect();
    let path = format!("/hostile-{}", std::process::id());
    let good = said("read", std::fs::read("/scheme/initfs/bin/true"))?;
    for length in [0, 1, 4, 63, 64, 120, 500, 4096] {
        let mut bytes = good.get(..length).unwrap_or(&good).to_vec();
        if length > 70 {
            bytes[32..40].fill(0xFF);
        }
        said("write", std::fs::write(&path, &bytes))?;
        let error = Command::new(&path).exec();
        check(
            matches!(error.raw_os_error(), Some(libc::ENOEXEC | libc::EKEYREJECTED | libc::EACCES)),
            &format!("{length} bytes: {error}"),
        )?;
    }
    said("remove", std::fs::remove_file(&path))?;
    check(before.iter().copied().eq(0..100), "the caller goes on as it was")?;
    status()
}

fn handler() -> Verdict {
    on(libc::SIGUSR1, note, 0);
    let before = CAME.load(Ordering::SeqCst);
    let mut sum = 0.5f64;
    for round in 0..1000 {
        sum = sum.mul_add(1.000_1, f64::from(round));
        raise(libc::SIGUSR1);
    }
    let mut expected = 0.5f64;
    for round in 0..1000 {
        expected = expected.mul_add(1.000_1, f64::from(round));
    }
    check(CAME.load(Ordering::SeqCst) - before == 1000, "each signal came once")?;
    check(sum.to_bits() == expected.to_bits(), "what was computed is untouched")?;
    check(SENDER.load(Ordering::SeqCst) == std::process::id() as i32, "the sender is told")
}

fn masked() -> Verdict {
    on(libc::SIGUSR1, note, 0);
    let before = CAME.load(Ordering::SeqCst);
    block(libc::SIG_BLOCK, libc::SIGUSR1);
    raise(libc::SIGUSR1);
    raise(libc::SIGUSR1);
    check(CAME.load(Ordering::SeqCst) == before, "it does not come while it is blocked")?;
    let mut waiting = 0;
    // SAFETY: a place for a set.
    unsafe { libc::sigpending(&raw mut waiting) };
    check(waiting == 1 << (libc::SIGUSR1 - 1), "it is told as waiting")?;
    block(libc::SIG_UNBLOCK, libc::SIGUSR1);
    check(CAME.load(Ordering::SeqCst) == before + 1, "it comes once when it is let through")
}

fn restart() -> Verdict {
    for (flags, restarts) in [(libc::SA_RESTART, true), (0, false)] {
        on(libc::SIGUSR2, note, flags);
        let before = CAME.load(Ordering::SeqCst);
        let (mut reader, mut writer) = said("a pipe", std::io::pipe())?;
        let own = std::process::id() as libc::pid_t;
        block(libc::SIG_UNBLOCK, libc::SIGUSR2);
        let sender = std::thread::spawn(move || {
            block(libc::SIG_BLOCK, libc::SIGUSR2);
            std::thread::sleep(Duration::from_millis(50));
            // SAFETY: a signal with a handler.
            unsafe { libc::kill(own, libc::SIGUSR2) };
            std::thread::sleep(Duration::from_millis(50));
            _ = writer.write_all(b"x");
        });
        let mut byte = [0];
        let read = reader.read(&mut byte);
        check(sender.join().is_ok(), "the sender ends")?;
        check(CAME.load(Ordering::SeqCst) == before + 1, "the handler ran")?;
        match (restarts, read) {
            (true, Ok(1)) => {}
            (false, Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            (_, read) => return Err(format!("flags {flags:#x}: {read:?}")),
        }
    }
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(30));
    check(start.elapsed() >= Duration::from_millis(30), "std sleeps on over signals")
}

fn broken_pipe() -> Verdict {
    let status = forked(|| {
        set_action(libc::SIGPIPE, libc::SIG_DFL, 0);
        let Ok((reader, mut writer)) = std::io::pipe() else { return 2 };
        drop(reader);
        _ = writer.write(b"x");
        3
    })?;
    check(
        libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGPIPE,
        &format!("it ends by SIGPIPE: {status:#x}"),
    )?;
    let (reader, mut writer) = said("a pipe", std::io::pipe())?;
    drop(reader);
    let error = writer.write(b"x").err().ok_or("it was written")?;
    check(error.kind() == ErrorKind::BrokenPipe, &format!("std ignores it: {error}"))
}

fn child_signal() -> Verdict {
    on(libc::SIGCHLD, note, libc::SA_RESTART);
    let before = CAME.load(Ordering::SeqCst);
    // SAFETY: the child ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: ends the process.
        unsafe { libc::_exit(9) };
    }
    let start = Instant::now();
    while CAME.load(Ordering::SeqCst) == before && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(1));
    }
    set_action(libc::SIGCHLD, libc::SIG_DFL, 0);
    check(CAME.load(Ordering::SeqCst) > before, "the signal came")?;
    check(SENDER.load(Ordering::SeqCst) == child, "it names the child")?;
    check(exited(wait(child)?, 9), "the child can be waited for")
}

extern "C" fn nests(_: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    raise(libc::SIGUSR2);
    CAME.fetch_add(100, Ordering::SeqCst);
}

fn nested() -> Verdict {
    let mut stack = vec![0u8; 65_536];
    let alternate =
        libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: memory that stays until the stack is taken back below.
    check(unsafe { libc::sigaltstack(&raw const alternate, ptr::null_mut()) } == 0, "it is set")?;
    on(libc::SIGUSR1, nests, libc::SA_ONSTACK);
    on(libc::SIGUSR2, note, libc::SA_ONSTACK);
    let before = CAME.load(Ordering::SeqCst);
    raise(libc::SIGUSR1);
    check(CAME.load(Ordering::SeqCst) == before + 101, "both handlers ran")?;
    let range = stack.as_ptr() as usize..stack.as_ptr() as usize + stack.len();
    check(range.contains(&PLACE.load(Ordering::SeqCst)), "on the alternate stack")?;
    on(libc::SIGUSR2, note, 0);
    raise(libc::SIGUSR2);
    check(!range.contains(&PLACE.load(Ordering::SeqCst)), "another one is not")?;
    let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: takes the stack back.
    check(unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) } == 0, "it is taken back")
}

static HOLE: AtomicUsize = AtomicUsize::new(0);

extern "C" fn mend(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: what the handler was given.
    let at = unsafe { (*info).si_addr } as usize;
    ADDRESS.store(at, Ordering::SeqCst);
    CAME.fetch_add(1, Ordering::SeqCst);
    let page = (HOLE.load(Ordering::SeqCst)) as *mut c_void;
    // SAFETY: memory that this case made inaccessible.
    unsafe { libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_WRITE) };
}

fn fault() -> Verdict {
    let place = anonymous(4096, libc::MAP_PRIVATE)?;
    HOLE.store(place as usize, Ordering::SeqCst);
    // SAFETY: memory of this case.
    unsafe { libc::mprotect(place.cast(), 4096, libc::PROT_NONE) };
    on(libc::SIGSEGV, mend, 0);
    let before = CAME.load(Ordering::SeqCst);
    // SAFETY: it faults, and the handler makes it writable.
    unsafe { place.wrapping_add(3).write_volatile(5) };
    set_action(libc::SIGSEGV, libc::SIG_DFL, 0);
    check(CAME.load(Ordering::SeqCst) == before + 1, "the handler ran once")?;
    check(ADDRESS.load(Ordering::SeqCst) == place as usize + 24, "with the address")?;
    // SAFETY: it was just made readable.
    check(unsafe { place.wrapping_add(3).read_volatile() } == 5, "and the write was done")?;
    let status = forked(|| {
        // SAFETY: none: this faults, which is what is wanted.
        unsafe { (16 as *mut u64).write_volatile(1) };
        0
    })?;
    check(libc::WTERMSIG(status) == libc::SIGSEGV, &format!("without one it ends: {status:#x}"))
}

fn lost_stack() -> Verdict {
    let status = forked(|| {
        on(libc::SIGUSR1, note, 0);
        // SAFETY: none: the stack pointer leads nowhere when the signal comes.
        unsafe {
            std::arch::asm!(
                "mov rsp, 0x1000",
                "mov edi, -1",
                "mov esi, 10",
                "xor edx, edx",
                "movsxd rdi, edi",
                "mov eax, 0x40000010",
                "syscall",
                "ud2",
                options(noreturn)
            )
        }
    })?;
    check(libc::WTERMSIG(status) == libc::SIGSEGV, &format!("it ends: {status:#x}"))
}

fn sigwait() -> Verdict {
    on(libc::SIGUSR1, note, 0);
    block(libc::SIG_BLOCK, libc::SIGUSR1);
    let before = CAME.load(Ordering::SeqCst);
    let own = std::process::id() as libc::pid_t;
    let send = move || {
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            // SAFETY: a signal with a handler.
            unsafe { libc::kill(own, libc::SIGUSR1) };
        })
    };
    let sender = send();
    let (set, mut taken) = (1 << (libc::SIGUSR1 - 1), 0);
    // SAFETY: a set and a place.
    let result = unsafe { libc::sigwait(&raw const set, &raw mut taken) };
    check(result == 0 && taken == libc::SIGUSR1, "sigwait takes it")?;
    check(CAME.load(Ordering::SeqCst) == before, "and no handler runs")?;
    check(sender.join().is_ok(), "the sender ends")?;
    unsafe extern "C" {
        fn sigsuspend(set: *const libc::sigset_t) -> c_int;
    }
    let sender = send();
    let mask = 0;
    // SAFETY: a set.
    let result = unsafe { sigsuspend(&raw const mask) };
    check(sender.join().is_ok(), "the sender ends")?;
    check(result == -1 && CAME.load(Ordering::SeqCst) == before + 1, "sigsuspend runs it")?;
    raise(libc::SIGUSR1);
    check(CAME.load(Ordering::SeqCst) == before + 1, "and the mask is as it was")
}

fn alarm() -> Verdict {
    on(libc::SIGALRM, note, 0);
    let before = CAME.load(Ordering::SeqCst);
    // SAFETY: no memory is involved.
    check(unsafe { libc::alarm(1000) } == 0, "there was no alarm")?;
    // SAFETY: as above.
    check(unsafe { libc::alarm(1) } >= 999, "the one before had time left")?;
    // SAFETY: as above.
    let woken = unsafe { libc::pause() };
    check(woken == -1 && CAME.load(Ordering::SeqCst) == before + 1, "it went off")
}

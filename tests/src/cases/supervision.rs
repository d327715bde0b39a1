//! Services that are killed a hundred times, at random moments, while everybody uses them: nobody
//! else notices, their own clients get what the service promises, and nothing is left behind.
use super::support::{at, check};
use crate::run::{Case, Verdict, now};
use clavis::abi::error::{ENODEV, EOWNERDEAD};
use clavis::abi::params::BIRTH_NAME;
use clavis::namespace::{Name, Namespace};
use clavis::{Handle, Number, Place, process};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    Case { name: "clients_of_null_notice_nothing_when_it_is_killed_a_hundred_times", run: null },
    Case {
        name: "clients_of_initfs_notice_nothing_when_it_is_killed_a_hundred_times",
        run: initfs,
    },
    Case { name: "clients_of_ramfs_notice_nothing_when_it_is_killed_a_hundred_times", run: ramfs },
    Case { name: "clients_of_nsmgr_notice_nothing_when_it_is_killed_a_hundred_times", run: nsmgr },
    Case { name: "clients_of_log_notice_nothing_when_it_is_killed_a_hundred_times", run: log },
    Case { name: "clients_of_sys_notice_nothing_when_it_is_killed_a_hundred_times", run: sys },
    Case { name: "terminals_end_with_pty_and_new_ones_do_not_a_hundred_times", run: pty },
    Case { name: "sockets_end_with_unix_and_new_ones_do_not_a_hundred_times", run: unix },
    Case {
        name: "a_console_that_is_killed_a_hundred_times_loses_only_its_own_handles",
        run: console,
    },
    Case { name: "an_open_waits_for_a_service_that_was_killed", run: waits },
];

/// Deaths of a service.
const DEATHS: u64 = 100;
/// The longest that an instance lives, in nanoseconds.
const LIFE: u64 = 20_000_000;

type Work = io::Result<()>;
/// Something that a client does again and again.
type Step = Box<dyn FnMut() -> Work>;

/// What clients of a service do.
struct Load {
    service: &'static str,
    /// Does everything once; it keeps what it opened first.
    make: fn() -> io::Result<Step>,
}

const LOADS: &[Load] = &[
    Load { service: "/bin/nulld", make: use_null },
    Load { service: "/bin/initfs", make: use_initfs },
    Load { service: "/bin/ramfs", make: use_files },
    Load { service: "nsmgr", make: use_names },
    Load { service: "/bin/log", make: use_log },
    Load { service: "/bin/console", make: use_console },
    Load { service: "/bin/sys", make: use_sys },
    Load { service: "/bin/pty", make: use_terminal },
    Load { service: "/bin/unix", make: use_sockets },
];

fn wrong(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

fn ensure(holds: bool, what: &str) -> Work {
    if holds { Ok(()) } else { Err(wrong(what)) }
}

fn use_null() -> io::Result<Step> {
    let mut null = OpenOptions::new().read(true).write(true).open("/scheme/null")?;
    let mut zero = File::open("/scheme/zero")?;
    Ok(Box::new(move || {
        let mut bytes = [1; 64];
        zero.read_exact(&mut bytes)?;
        ensure(bytes == [0; 64], "zero is not zero")?;
        null.write_all(&bytes)?;
        ensure(null.read(&mut bytes)? == 0, "null holds something")?;
        File::open("/scheme/rand")?.read_exact(&mut bytes)
    }))
}

fn use_initfs() -> io::Result<Step> {
    const MOTD: &str = "/scheme/initfs/etc/motd";
    let expected = fs::read(MOTD)?;
    let mut kept = File::open(MOTD)?;
    Ok(Box::new(move || {
        let mut bytes = Vec::new();
        kept.seek(SeekFrom::Start(0))?;
        kept.read_to_end(&mut bytes)?;
        ensure(bytes == expected && fs::read(MOTD)? == expected, "a file of the image changed")?;
        ensure(fs::read_dir("/scheme/initfs/bin")?.count() > 10, "programs are missing")
    }))
}

fn use_files() -> io::Result<Step> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let place = format!("/killed-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut round = 0_u64;
    Ok(Box::new(move || {
        round += 1;
        fs::create_dir(&place)?;
        let (first, second) = (format!("{place}/first"), format!("{place}/second"));
        let mut file = OpenOptions::new().write(true).create_new(true).open(&first)?;
        let text = format!("round {round}\n").repeat(500);
        file.write_all(text.as_bytes())?;
        fs::rename(&first, &second)?;
        file.write_all(b"end")?;
        drop(file);
        ensure(fs::read_to_string(&second)? == format!("{text}end"), "a file changed")?;
        fs::remove_file(&second)?;
        fs::remove_dir(&place)
    }))
}

fn use_names() -> io::Result<Step> {
    let own = Namespace::current()?;
    let null = Handle::open("/scheme/null", 0)?;
    Ok(Box::new(move || {
        let fork = own.fork_closed(&[Name::whole("null"), Name::whole("initfs")])?;
        fork.bind(&Name::whole("mine"), &null)?;
        let mut names = fork.names()?;
        names.sort();
        ensure(names == ["initfs", "mine", "null"], "a namespace changed")?;
        Handle::open_at(fork.handle(), "/scheme/mine", 0)?;
        fork.unbind("mine")?;
        let gone = Handle::open_at(fork.handle(), "/scheme/mine", 0);
        ensure(gone.is_err(), "a name that was removed is there")
    }))
}

fn use_log() -> io::Result<Step> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let which = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("suite-{}-{which}", process::number());
    let own = format!("{name}: ");
    let mut writer = OpenOptions::new().write(true).open(format!("/scheme/log/{name}"))?;
    let mut reader = File::open("/scheme/log")?;
    let (mut heard, mut round) = (String::new(), 0_u64);
    Ok(Box::new(move || {
        round += 1;
        // What was there before, and what others say, is passed over; each line comes once.
        writer.write_all(format!("half {round},").as_bytes())?;
        writer.write_all(b" whole\n")?;
        let expected = format!("{own}half {round}, whole");
        loop {
            let mut bytes = [0; 4096];
            let count = reader.read(&mut bytes)?;
            ensure(count > 0, "a line is lost")?;
            heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
            let mut found = false;
            while let Some((line, rest)) = heard.split_once('\n') {
                if line.starts_with(&own) {
                    ensure(line == expected && !found, "a line came twice, or changed")?;
                    found = true;
                }
                heard = rest.to_owned();
            }
            if found {
                break;
            }
        }
        let mut log = OpenOptions::new().write(true).open("/scheme/log/suite")?;
        log.write_all(b"")?;
        File::open("/scheme/log")?.read(&mut [0; 64]).map(drop)
    }))
}

fn use_console() -> io::Result<Step> {
    Ok(Box::new(|| {
        let mut console = OpenOptions::new().read(true).write(true).open("/scheme/console")?;
        console.write_all(b".")?;
        console.metadata().map(drop)
    }))
}

fn use_sys() -> io::Result<Step> {
    let mut kept = File::open("/scheme/sys/uname")?;
    Ok(Box::new(move || {
        let mut text = String::new();
        kept.seek(SeekFrom::Start(0))?;
        kept.read_to_string(&mut text)?;
        ensure(text.starts_with("Clavis\n"), "the system has another name")?;
        ensure(fs::read_to_string("/scheme/sys/services")?.contains("nsmgr"), "no services")?;
        ensure(fs::read_dir("/scheme/sys")?.count() == 6, "files are missing")
    }))
}

fn use_terminal() -> io::Result<Step> {
    let open = || -> io::Result<(Handle, Handle)> {
        let control = Handle::open("/scheme/pty/new", syscall::O_RDWR as u64)?;
        let used = Handle::ask(&control, b"other", Place::Upper)?;
        Ok((control, used))
    };
    let kept = open()?;
    let pass = |(control, used): &(Handle, Handle)| {
        let (mut control, mut used, mut bytes) = (control, used, [0; 4]);
        used.write_all(b"out")?;
        control.read_exact(&mut bytes[..3])?;
        ensure(&bytes[..3] == b"out", "a terminal shows something else")?;
        control.write_all(b"in\n")?;
        used.read_exact(&mut bytes[..3])?;
        control.read_exact(&mut bytes)?;
        ensure(&bytes == b"in\r\n", "a terminal echoes something else")
    };
    Ok(Box::new(move || {
        pass(&kept)?;
        pass(&open()?)
    }))
}

fn use_sockets() -> io::Result<Step> {
    let kept = UnixStream::pair()?;
    let pass = |(one, other): &(UnixStream, UnixStream)| {
        let (mut one, mut other, mut bytes) = (one, other, [0; 5]);
        one.write_all(b"hello")?;
        other.read_exact(&mut bytes)?;
        ensure(&bytes == b"hello", "a socket brings something else")
    };
    Ok(Box::new(move || {
        pass(&kept)?;
        pass(&UnixStream::pair()?)
    }))
}

/// What clients met.
#[derive(Default)]
struct Tally {
    rounds: AtomicU64,
    excused: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// Whether an error says that a server died and nothing else.
fn is_death(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENODEV | EOWNERDEAD))
}

/// Uses a service until it is told to stop. `excused`: its death may be seen.
fn client(load: &'static Load, excused: bool, stop: &AtomicBool, tally: &Tally) {
    let fail = |error: &io::Error| {
        if excused && is_death(error) {
            tally.excused.fetch_add(1, Ordering::Relaxed);
        } else if let Ok(mut failures) = tally.failures.lock() {
            failures.push(format!("a client of {}: {error}", load.service));
        }
    };
    let mut work = None;
    while !stop.load(Ordering::Relaxed) {
        match &mut work {
            None => match (load.make)() {
                Ok(made) => work = Some(made),
                Err(error) => fail(&error),
            },
            Some(step) => match step() {
                Ok(()) => {
                    tally.rounds.fetch_add(1, Ordering::Relaxed);
                    // Others come to their turn, the one who kills among them.
                    std::thread::sleep(Duration::from_micros(200));
                }
                Err(error) => {
                    fail(&error);
                    work = None;
                }
            },
        }
    }
}

/// The process that serves: its number and handle.
pub(super) fn find(service: &str) -> Result<Option<(u64, Handle)>, String> {
    let all = fs::read_dir("/scheme/proc").map_err(|error| format!("proc: {error}"))?;
    for entry in all.flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end between the list and the question.
        let Ok(process) = clavis::object::process(number) else { continue };
        let name = process::borrow(&process, Number::from_raw(BIRTH_NAME))
            .and_then(|name| clavis::handle::path(&name));
        if name.is_ok_and(|name| name.trim_end_matches('\0') == service) {
            return Ok(Some((number, process)));
        }
    }
    Ok(None)
}

/// Kills a service so often, at random moments.
fn kill(service: &str, deaths: u64, random: &mut fastrand::Rng) -> Verdict {
    let mut last = 0;
    for _ in 0..deaths {
        let (number, process) = loop {
            match find(service)? {
                Some((number, process)) if number != last => break (number, process),
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        std::thread::sleep(Duration::from_nanos(random.u64(0..LIFE)));
        at("kill", process::send_signal(&process, 9))?;
        last = number;
    }
    Ok(())
}

/// Counts of what is no object.
const NO_OBJECTS: &[&str] = &["swallowed", "calls", "switches", "all frames"];

/// How many objects of each type there are, and how many frames no process has: those of the kernel's
/// heap, which keeps what it once took, are among them.
fn living() -> Result<BTreeMap<String, u64>, String> {
    let rows = at("counters", clavis::object::counters())?;
    let mut counts: BTreeMap<_, _> =
        rows.into_iter().map(|row| (row.name, row.created - row.destroyed)).collect();
    let heap = counts.remove("heap frames").unwrap_or(0);
    counts.entry("free frames".into()).and_modify(|free| *free += heap);
    counts.retain(|name, _| !NO_OBJECTS.contains(&name.as_str()));
    Ok(counts)
}

/// By how much a count may differ for other reasons than a leak, of which there would be a hundred.
/// Those who live on keep more or less memory in their heaps and logs than before, up to what they ever
/// needed: a log of changes has twice its 64 pages.
fn tolerance(name: &str) -> u64 {
    match name {
        "memories" | "regions" => DEATHS / 20,
        "free frames" | "paid frames" => 5 * DEATHS,
        _ => 0,
    }
}

/// How many there are when the service runs and nothing changes any more.
fn at_rest(service: &str) -> Result<BTreeMap<String, u64>, String> {
    let mut before = BTreeMap::new();
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let after = living()?;
        let same = |(name, count): (&String, &u64)| {
            before.get(name).is_some_and(|old: &u64| old.abs_diff(*count) <= tolerance(name))
        };
        if after.iter().all(same) && find(service)?.is_some() {
            return Ok(after);
        }
        before = after;
    }
}

/// Whether there are as many objects of each type as before, soon.
fn settled(before: &BTreeMap<String, u64>) -> Verdict {
    let patience = now() + 20_000_000_000;
    loop {
        let after = living()?;
        let differ: Vec<String> = before
            .iter()
            .filter(|(name, count)| {
                after.get(*name).is_none_or(|now| now.abs_diff(**count) > tolerance(name))
            })
            .map(|(name, count)| format!("{name}: {count} before, {:?} after", after.get(name)))
            .collect();
        if differ.is_empty() {
            return Ok(());
        }
        if now() > patience {
            return Err(format!("something is left: {}", differ.join(", ")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Kills a service under load. Clients of a service that does not adopt may see its death.
fn torture(
    service: &'static str,
    adopts: bool,
    deaths: u64,
    random: &mut fastrand::Rng,
) -> Verdict {
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = LOADS
        .iter()
        .map(|load| {
            let (stop, tally) = (Arc::clone(&stop), Arc::new(Tally::default()));
            let excused = load.service == service && !adopts;
            let own = Arc::clone(&tally);
            let thread = std::thread::spawn(move || client(load, excused, &stop, &own));
            (load.service, tally, thread)
        })
        .collect();
    let killed = kill(service, deaths, random);
    stop.store(true, Ordering::Relaxed);
    let mut failures = Vec::new();
    for (name, tally, thread) in clients {
        thread.join().map_err(|_| format!("the client of {name} panicked"))?;
        failures.extend(tally.failures.lock().map(|all| all.clone()).unwrap_or_default());
        let rounds = tally.rounds.load(Ordering::Relaxed);
        if rounds == 0 {
            failures.push(format!("the client of {name} did nothing"));
        }
    }
    killed?;
    check(failures.is_empty(), &failures.join("; "))
}

fn survive(service: &'static str, adopts: bool) -> Verdict {
    survive_each(service, adopts, 1)
}

/// As many services run that program: they die in turn.
fn survive_each(service: &'static str, adopts: bool, services: u64) -> Verdict {
    let mut random = fastrand::Rng::with_seed(7);
    // What the first deaths leave (memory that allocators keep) is no leak.
    torture(service, adopts, 5 * services, &mut random)?;
    kill(service, services, &mut random)?;
    let before = at_rest(service)?;
    torture(service, adopts, DEATHS * services, &mut random)?;
    // Instances that were never under load, as before.
    kill(service, services, &mut random)?;
    settled(&before)
}

fn null() -> Verdict {
    survive("/bin/nulld", true)
}

fn initfs() -> Verdict {
    survive("/bin/initfs", true)
}

fn ramfs() -> Verdict {
    // It serves `file` and `shm`.
    survive_each("/bin/ramfs", true, 2)
}

fn nsmgr() -> Verdict {
    survive("nsmgr", true)
}

fn log() -> Verdict {
    survive("/bin/log", true)
}

fn sys() -> Verdict {
    survive("/bin/sys", true)
}

fn pty() -> Verdict {
    survive("/bin/pty", false)
}

fn unix() -> Verdict {
    survive("/bin/unix", false)
}

fn console() -> Verdict {
    survive("/bin/console", false)
}

fn waits() -> Verdict {
    let found = find("/bin/unix")?;
    let Some((_, process)) = found else { return Err("there is no unix".into()) };
    let (mut old, _other) = UnixStream::pair().map_err(|error| format!("pair: {error}"))?;
    at("kill", process::send_signal(&process, 9))?;
    at("wait", process::wait(&process).map(drop))?;
    UnixStream::pair().map_err(|error| format!("open in the gap: {error}"))?;
    match old.write_all(b"lost\n") {
        Err(error) if is_death(&error) && error.kind() != ErrorKind::TimedOut => Ok(()),
        other => Err(format!("an old handle answered {other:?}")),
    }
}

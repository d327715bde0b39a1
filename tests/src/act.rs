//! What programs started by a case do.
use crate::cases::traced_sockets;
use crate::cases::ways_out::scripts;
use std::collections::HashMap;
use std::io::Read;
use std::process::ExitCode;

/// Does it.
pub(crate) fn main(what: &str) -> ExitCode {
    match what {
        "exit-7" => ExitCode::from(7),
        "sleep" => loop {
            std::thread::sleep(std::time::Duration::from_secs(1000));
        },
        "spin" => loop {
            std::hint::spin_loop();
        },
        "fault" => fault(),
        "hog" => hog(),
        "recurse" => ExitCode::from(recurse(0)),
        "recurse-thread" => match std::thread::spawn(|| recurse(0)).join() {
            Ok(code) => ExitCode::from(code),
            Err(_) => ExitCode::FAILURE,
        },
        "vectors-1" => survived(1),
        "vectors-2" => survived(2),
        "say" => {
            let words: Vec<String> = std::env::args().skip(3).collect();
            println!("{words:?} {:?}", std::env::var_os("SAID"));
            ExitCode::SUCCESS
        }
        "std" => ordinary(),
        "tell" => tell(),
        "numbers" => numbers(),
        "parent" => parent(),
        "forks" => forks(),
        "fork-away" => fork_away(),
        "signals" => signals(),
        "count" => {
            let words = std::env::args().skip(3).count() as u8;
            let said = if std::env::var_os("SAID").is_some() { 100 } else { 0 };
            ExitCode::from(words + said)
        }
        "echo" => {
            let mut text = String::new();
            match std::io::stdin().read_to_string(&mut text) {
                Ok(_) => {
                    print!("{text}");
                    ExitCode::SUCCESS
                }
                Err(_) => ExitCode::FAILURE,
            }
        }
        "echo-bytes" => echo_bytes(),
        "spawn" => match clavis::Command::new(crate::run::PROGRAM).spawn() {
            Ok(_) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        "c-unwritten" | "c-prompt" | "c-reopen" => {
            ExitCode::from(crate::cases::c_streams::in_child(what) as u8)
        }
        "threads" => threads(),
        "handles" => handles(),
        "hold" => hold(),
        "leave" => leave(),
        "one-way" => one_way(),
        "reread" => reread(),
        "here" => here(),
        "confined" => confined(),
        "append-nothing" => append_nothing(),
        "pledge-more" => ExitCode::from(u8::from(
            crate::cases::unveil::pledge(Some("stdio rpath wpath error"), None) != 0,
        )),
        "numbers-of-handles" => numbers_of_handles(),
        "open" => open(),
        "append" => append(),
        "late" => late(),
        "downgrade" => crate::tend::downgrade(),
        "tend" => crate::tend::tend(),
        "demonstrate" => crate::demonstration::demonstrate(),
        "ask" => crate::asks::ask(),
        "flood-broker" => crate::asks::flood(),
        "traced" => crate::traced::said(crate::traced::each()),
        "mute" => crate::traced::mute(),
        "reopen" => crate::traced::said(crate::traced::reopen()),
        "both" => crate::traced::said(crate::traced::both()),
        "impatient" => crate::traced::impatient(),
        "rights" => crate::traced::said(crate::traced::rights()),
        "send-around" => crate::traced::said(traced_sockets::send_around()),
        "run-scripts" => scripts::run_scripts(),
        "run-handles" => crate::traced::said(scripts::run_handles()),
        "trade" => crate::traced::said(traced_sockets::trade()),
        "watch" => crate::traced::said(traced_sockets::watch()),
        "crowd" => match crowd() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("crowd: {error}");
                ExitCode::FAILURE
            }
        },
        _ => ExitCode::from(99),
    }
}

/// Appends to a file, and tries everything else.
fn append() -> ExitCode {
    use std::io::{Seek, SeekFrom, Write};
    let path = std::env::args().nth(3).unwrap_or_default();
    let mut options = std::fs::OpenOptions::new();
    let Ok(mut file) = options.append(true).open(&path) else { return ExitCode::from(2) };
    if file.write_all(b"more").is_err() {
        return ExitCode::from(3);
    }
    _ = file.seek(SeekFrom::Start(0));
    let others = [
        file.set_len(0),
        std::os::unix::fs::FileExt::write_at(&file, b"x", 0).map(drop),
        std::fs::write(&path, "x"),
        std::fs::OpenOptions::new().write(true).open(&path).map(drop),
        std::fs::read(&path).map(drop),
    ];
    if others.iter().any(Result::is_ok) {
        return ExitCode::from(4);
    }
    println!("added, and refused to do more");
    ExitCode::SUCCESS
}

/// Tells how many threads there can be beside the first.
fn threads() -> ExitCode {
    let mut all = Vec::new();
    let sleep = || std::thread::sleep(std::time::Duration::from_secs(1000));
    while let Ok(thread) = std::thread::Builder::new().stack_size(64 << 10).spawn(sleep) {
        all.push(thread);
    }
    println!("{} threads more", all.len());
    // They sleep on: ends the process.
    std::process::exit(0)
}

/// In capability mode: what a directory's number leads to, and that a path leads nowhere.
fn confined() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(3).collect();
    let [number, path] = words.as_slice() else { return ExitCode::from(2) };
    let directory =
        clavis::Handle::from_number(clavis::Number::from_raw(number.parse().unwrap_or(0)));
    let opened = |path: &str| clavis::Handle::open_at(&directory, path, syscall::O_RDONLY as u64);
    let beneath = opened("file").is_ok();
    let above = opened("..").err().map(|error| error.errno());
    let elsewhere = std::fs::File::open(path).err().and_then(|error| error.raw_os_error());
    let (refused, no_paths) = (clavis::abi::error::ENOTCAPABLE, clavis::abi::error::ECAPMODE);
    let right = beneath && above == Some(refused) && elsewhere == Some(no_paths);
    ExitCode::from(u8::from(!(right && clavis::confinement::is_entered())))
}

/// Appends nothing to a file.
fn append_nothing() -> ExitCode {
    let path = std::env::args().nth(3).unwrap_or_default();
    ExitCode::from(u8::from(std::fs::File::options().append(true).open(path).is_err()))
}

/// Tells the numbers of two dozen copies of a handle.
fn numbers_of_handles() -> ExitCode {
    for _ in 0..24 {
        // SAFETY: no memory is involved.
        print!("{} ", unsafe { libc::dup(1) });
    }
    ExitCode::SUCCESS
}

/// Tells how many handles can be opened.
fn handles() -> ExitCode {
    let mut all = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        all.push(file);
    }
    println!("{}", all.len());
    ExitCode::SUCCESS
}

/// Holds many handles, says a byte, and sleeps.
fn hold() -> ExitCode {
    let mut all = Vec::new();
    for _ in 0..110 {
        match std::fs::File::open("/dev/null") {
            Ok(file) => all.push(file),
            Err(_) => return ExitCode::FAILURE,
        }
    }
    print!(".");
    if std::io::Write::flush(&mut std::io::stdout()).is_err() {
        return ExitCode::FAILURE;
    }
    loop {
        std::thread::sleep(std::time::Duration::from_secs(1000));
    }
}

/// Leaves a process behind that would live for long.
fn leave() -> ExitCode {
    println!("left");
    // SAFETY: the child sleeps.
    match unsafe { libc::fork() } {
        -1 => ExitCode::FAILURE,
        0 => loop {
            std::thread::sleep(std::time::Duration::from_secs(1000));
        },
        _ => ExitCode::SUCCESS,
    }
}

/// Tells where it is and what a file there holds; ends with the error's number.
fn here() -> ExitCode {
    let path = std::env::args().nth(3).unwrap_or_default();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            println!("{} {text}", std::env::current_dir().unwrap_or_default().display());
            ExitCode::SUCCESS
        }
        Err(error) => ExitCode::from(error.raw_os_error().unwrap_or(1) as u8),
    }
}

/// Opens something for reading; tells what it holds, if it is a file.
fn open() -> ExitCode {
    let path = std::env::args().nth(3).unwrap_or_default();
    let Ok(mut file) = std::fs::File::open(path) else { return ExitCode::FAILURE };
    let mut text = String::new();
    if file.read_to_string(&mut text).is_ok() {
        print!("{text}");
    }
    ExitCode::SUCCESS
}

/// Reads a file again and again, anew and through what it opened first, until neither gives it.
fn reread() -> ExitCode {
    use std::os::unix::fs::FileExt;
    let Some(path) = std::env::args().nth(3) else { return ExitCode::FAILURE };
    let Ok(file) = std::fs::File::open(&path) else { return ExitCode::FAILURE };
    println!("reading");
    while std::fs::read(&path).is_ok() || file.read_at(&mut [0], 0).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    ExitCode::SUCCESS
}

/// Tells what comes of writing to the standard input and reading from the standard output.
fn one_way() -> ExitCode {
    let error = || std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    // SAFETY: a byte of a literal is read.
    let written = unsafe { libc::write(0, b"x".as_ptr().cast(), 1) };
    let writing = if written < 0 { error() } else { 0 };
    let mut byte = 0_u8;
    // SAFETY: a byte of a local is written.
    let read = unsafe { libc::read(1, (&raw mut byte).cast(), 1) };
    let reading = if read < 0 { error() } else { 0 };
    println!("{writing} {reading}");
    ExitCode::SUCCESS
}

/// Threads that wait at Unix sockets until there is nothing more to read.
fn crowd() -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    let mut ends = Vec::new();
    let mut readers = Vec::new();
    for _ in 0..40 {
        let (one, mut other) = UnixStream::pair()?;
        ends.push(one);
        let builder = std::thread::Builder::new().stack_size(64 << 10);
        readers.push(builder.spawn(move || other.read_exact(&mut [0]))?);
    }
    std::thread::sleep(std::time::Duration::from_millis(50));
    let mut output = std::io::stdout();
    output.write_all(b"x")?;
    output.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    for mut end in ends {
        end.write_all(b"x")?;
    }
    for reader in readers {
        reader.join().map_err(|_| std::io::Error::other("a reader failed"))??;
    }
    Ok(())
}

/// Answers every byte with the same, at once.
fn echo_bytes() -> ExitCode {
    use std::io::Write;
    let mut byte = [0];
    while std::io::stdin().read_exact(&mut byte).is_ok() {
        let mut output = std::io::stdout();
        if output.write_all(&byte).and_then(|()| output.flush()).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Reads where nothing can be mapped.
fn fault() -> ExitCode {
    let nowhere = std::hint::black_box(0x10 as *const u8);
    // SAFETY: none: the address is never mapped, and the fault that follows is what is wanted.
    let read = unsafe { nowhere.read_volatile() };
    ExitCode::from(read)
}

/// Calls itself until the stack ends.
fn recurse(depth: u64) -> u8 {
    let block = std::hint::black_box([depth as u8; 512]);
    let deeper = if depth == u64::MAX { 0 } else { recurse(depth + 1) };
    deeper.wrapping_add(std::hint::black_box(block).len() as u8)
}

/// Whether vector registers keep what they hold.
fn survived(seed: u64) -> ExitCode {
    match crate::vectors::survive(seed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Takes memory until there is none.
fn hog() -> ExitCode {
    let mut all = Vec::new();
    loop {
        all.push(vec![1u8; 1 << 20]);
        std::hint::black_box(&all);
    }
}

/// Tells of its surroundings.
fn tell() -> ExitCode {
    let greeting = std::env::var("GREETING").unwrap_or("none".into());
    let place = std::env::current_dir().unwrap_or_default();
    println!("{greeting} {}", place.display());
    ExitCode::SUCCESS
}

/// Tells which descriptors are open.
fn numbers() -> ExitCode {
    for number in 0..64 {
        // SAFETY: asking for the flags of any number changes nothing.
        if unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0 {
            print!("{number} ");
        }
    }
    println!();
    ExitCode::SUCCESS
}

/// Tells what it was given of signals: 1 for an ignored SIGUSR1, 2 for a blocked SIGUSR2.
fn signals() -> ExitCode {
    // SAFETY: no handler is set; what it did is asked.
    let ignored = unsafe { libc::signal(libc::SIGUSR1, libc::SIG_DFL) } == libc::SIG_IGN;
    let mut blocked = 0;
    // SAFETY: a place for a set, and none to set.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut blocked) };
    let blocked = blocked & 1 << (libc::SIGUSR2 - 1) != 0;
    ExitCode::from(u8::from(ignored) + 2 * u8::from(blocked))
}

/// Forks and waits as a program does that was exec'ed from a fork.
fn parent() -> ExitCode {
    match std::process::Command::new(crate::run::PROGRAM).args(["--act", "exit-7"]).status() {
        Ok(status) if status.code() == Some(7) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Leaves a process behind that lives a while longer.
fn fork_away() -> ExitCode {
    // SAFETY: the child sleeps and ends.
    match unsafe { libc::fork() } {
        -1 => ExitCode::FAILURE,
        0 => {
            std::thread::sleep(std::time::Duration::from_millis(200));
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Forks with more and more memory until the account has none for a copy; nothing is lost of it.
fn forks() -> ExitCode {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for round in 1u8..=200 {
        all.push(vec![round; 64 << 10]);
        // SAFETY: the child writes its own memory and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            for bytes in &mut all {
                bytes.iter_mut().step_by(4096).for_each(|byte| *byte = 0xFF);
            }
            // SAFETY: ends the process.
            unsafe { libc::_exit(5) };
        }
        let whole = all.iter().zip(1u8..).all(|(bytes, n)| bytes.iter().all(|byte| *byte == n));
        if !whole {
            return ExitCode::from(1);
        }
        if child == -1 {
            let error = std::io::Error::last_os_error();
            eprintln!("round {round}: {error}");
            let refused = error.raw_os_error() == Some(libc::ENOMEM);
            return if refused && round > 10 { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
        let mut status = 0;
        // SAFETY: a place for the status.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        if !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 5 {
            return ExitCode::from(3);
        }
    }
    ExitCode::from(4)
}

/// Uses std as programs do: maps with random keys, threads, time, the environment, output.
fn ordinary() -> ExitCode {
    let squares: HashMap<u32, u32> = (0..100).map(|n| (n, n * n)).collect();
    let start = std::time::Instant::now();
    let sum = std::thread::spawn(move || squares.values().sum::<u32>()).join();
    let passed = sum.ok() == Some(328_350) && start.elapsed().as_secs() < 1000;
    println!("{passed}");
    let closed = std::fs::File::open("/nothing").is_err();
    if passed && closed && std::env::var_os("NOTHING").is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Opens a file, adds to it through another handle, and then reads through the first.
fn late() -> ExitCode {
    use std::io::Write;
    let path = std::env::args().nth(3).unwrap_or_default();
    let said = std::fs::File::open(&path).and_then(|mut early| {
        let mut adding = std::fs::OpenOptions::new().append(true).open(&path)?;
        adding.write_all(b", and later")?;
        std::io::read_to_string(&mut early)
    });
    match said {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

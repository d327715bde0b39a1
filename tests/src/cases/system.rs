//! What the system tells of itself.
use super::supervision::find;
use super::support::{act, at, check};
use crate::run::{Case, Verdict, now};
use clavis::account::{Account, UNLIMITED};
use clavis::namespace::{Name, Namespace};
use clavis::process::Change;
use clavis::{Handle, Rights, process};
use std::fs;
use std::io::Read;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) const CASES: &[Case] = &[
    Case { name: "the_system_tells_its_name_its_memory_and_its_counters", run: told },
    Case { name: "the_clock_is_set_by_who_may_write_it", run: clock },
    Case { name: "a_name_that_may_only_be_read_sets_no_clock", run: no_clock },
    Case { name: "init_tells_what_became_of_each_service", run: services },
    Case { name: "a_process_tells_its_parent_its_account_and_its_state", run: process_told },
    Case { name: "who_lacks_the_name_proc_sees_no_process", run: no_processes },
    Case { name: "the_tool_services_shows_what_init_tells", run: tool },
];

fn read(file: &str) -> Result<String, String> {
    let path = format!("/scheme/sys/{file}");
    fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
}

/// The number behind a word at the beginning of a line.
fn number(text: &str, word: &str) -> Result<u64, String> {
    let line = text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    let first = line.and_then(|line| line.split(' ').next()).and_then(|word| word.parse().ok());
    first.ok_or(format!("there is no number of {word} in {text:?}"))
}

fn told() -> Verdict {
    let names =
        at("list", Handle::open("/scheme/sys", (syscall::O_DIRECTORY | syscall::O_RDONLY) as u64))?;
    let names = at("list", clavis::object::list(&names))?;
    let all = ["uname", "memory", "counters", "uptime", "clock", "services"];
    check(names == all, &format!("there are {names:?}"))?;
    check(read("uname")?.starts_with("Clavis\n"), "it has another name")?;
    let memory = read("memory")?;
    let (total, free) = (number(&memory, "total")?, number(&memory, "free")?);
    let heap = number(&memory, "kernel")?;
    check(free > 0 && heap > 0 && free + heap < total, &memory)?;
    let counters = read("counters")?;
    for row in at("counters", clavis::object::counters())? {
        let count = number(&counters, &row.name.replace(' ', "-"))?;
        let is_total = row.name == "all frames";
        check(!is_total || count == row.created, "the kernel counts otherwise")?;
    }
    check(number(&read("counters")?, "switches")? > number(&counters, "switches")?, "no switch")?;
    let uptime: f64 = read("uptime")?.trim_end().parse().map_err(|_| "no uptime".to_owned())?;
    let here = now() as f64 / 1e9;
    check(uptime > 0.0 && uptime <= here, &format!("up for {uptime} s, not {here}"))
}

fn time_of_day() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn clock() -> Verdict {
    const AHEAD: Duration = Duration::from_secs(1_000_000);
    let (before, begun) = (time_of_day(), Instant::now());
    let set = |time: Duration| {
        let text = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
        fs::write("/scheme/sys/clock", text).map_err(|error| format!("set: {error}"))
    };
    set(before + AHEAD)?;
    let jumped = time_of_day();
    let file = "/clock-was-set";
    fs::write(file, "x").map_err(|error| error.to_string())?;
    let stamp = fs::metadata(file).and_then(|meta| meta.modified());
    let passed = begun.elapsed();
    set(before + passed)?;
    _ = fs::remove_file(file);
    check(jumped >= before + AHEAD, "the time of day did not change")?;
    check(passed < AHEAD, "the time since boot changed")?;
    let stamp = stamp.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    check(stamp.is_some_and(|stamp| stamp >= before + AHEAD), "files have another time")?;
    for wrong in ["", "soon", "-1", "1.2.3"] {
        let refused = fs::write("/scheme/sys/clock", wrong);
        check(refused.is_err() || wrong.is_empty(), &format!("it was set to {wrong:?}"))?;
    }
    check(time_of_day() < before + AHEAD, "it was not set back")
}

fn no_clock() -> Verdict {
    let own = at("namespace", Namespace::current())?;
    let reading = Rights::READING | Rights::STAT | Rights::LOOKUP | Rights::CALL;
    let name = Name { rights: reading, inherit: reading, ..Name::whole("sys") };
    let fork = at("fork", own.fork_closed(&[name]))?;
    let open = |flags: usize| Handle::open_at(fork.handle(), "/scheme/sys/clock", flags as u64);
    at("read", open(syscall::O_RDONLY))?;
    super::support::refused("write", open(syscall::O_WRONLY), clavis::abi::error::ENOTCAPABLE)
}

/// What is told of a service: its columns.
fn row(service: &str) -> Result<Vec<String>, String> {
    let all = read("services")?;
    let mut lines = all.lines().map(|line| line.split('\t').map(str::to_owned).collect());
    let found = lines.find(|row: &Vec<String>| row.first().is_some_and(|name| name == service));
    found.filter(|row| row.len() == 6).ok_or(format!("{service} is not in {all:?}"))
}

fn services() -> Verdict {
    let before = row("log")?;
    let Some((number, process)) = find("/bin/log")? else { return Err("there is no log".into()) };
    check(before[1] == "running" && before[4] == number.to_string(), &format!("{before:?}"))?;
    at("kill", process::send_signal(&process, 9))?;
    at("wait", process::wait(&process).map(drop))?;
    let patience = now() + 20_000_000_000;
    let after = loop {
        let row = row("log")?;
        if row[1] == "running" && row[4] != before[4] {
            break row;
        }
        check(now() < patience, &format!("it did not come back: {row:?}"))?;
        std::thread::sleep(Duration::from_millis(5));
    };
    let starts = |row: &[String]| row[3].parse::<u64>().unwrap_or(0);
    check(starts(&after) == starts(&before) + 1, &format!("{before:?}, then {after:?}"))?;
    check(after[5] == "was ended by signal 9", &after[5])?;
    check(row("session")?[1] == "unwanted", "somebody sits at the console")?;
    check(row("nsmgr")?[1] == "running", "names are not managed")
}

fn process_told() -> Verdict {
    let account = at("account", Account::new(&UNLIMITED))?;
    let child = at("spawn", act("sleep").account(account.handle()).spawn())?;
    let usage = at("usage", process::usage(child.handle()))?;
    check(usage.maker == process::number() as u64, &format!("{usage:?}"))?;
    check(usage.used.threads == 1 && usage.processes == 1, &format!("{usage:?}"))?;
    let paid = at("usage", account.usage())?;
    check(paid.number == usage.number && paid.maker == 0, &format!("{paid:?}"))?;
    let state = |expected| {
        let state = at("state", process::state(child.handle()))?;
        check(state == expected, &format!("it is {state:?} instead of {expected:?}"))
    };
    state(None)?;
    at("stop", child.signal(process::signal::STOP))?;
    let stop = Some(Change::Stopped(process::signal::STOP as u32));
    state(stop)?;
    state(stop)?;
    let number = at("path", clavis::handle::path(child.handle()))?;
    let output = Command::new("/scheme/initfs/bin/ps").output();
    let said = output.map_err(|error| format!("ps: {error}"))?.stdout;
    let said = String::from_utf8_lossy(&said);
    let mut rows = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.first() == Some(&number.as_str()));
    let row = row.ok_or(format!("{number} is not in {said}"))?;
    let parent = process::number().to_string();
    let account = usage.number.to_string();
    check(row[1..5] == [&parent, "stopped", &account, "1"], &format!("{row:?}"))?;
    at("kill", child.kill())?;
    at("wait", child.wait())?;
    let over = at("usage", process::usage(child.handle()))?;
    check(over.number == usage.number && over.used.threads == 0, &format!("{over:?}"))
}

fn no_processes() -> Verdict {
    let own = at("namespace", Namespace::current())?;
    let names = ["memory", "initfs", "pipe"].map(Name::whole);
    let fork = at("fork", own.fork_closed(&names))?;
    let path = format!("/scheme/proc/{}", process::number());
    let seen = Handle::open_at(fork.handle(), &path, syscall::O_RDWR as u64);
    super::support::refused("open", seen, clavis::abi::error::ENOENT)?;
    let (from, to) = at("pipe", clavis::object::pipe(0))?;
    let ps = clavis::Command::new("/scheme/initfs/bin/ps").stdout(&to).stderr(&to);
    let ps = ps.namespace(clavis::Give::This(clavis::AsNumber::number(&fork)));
    let child = at("ps", ps.spawn())?;
    drop(to);
    let mut said = String::new();
    (&from).read_to_string(&mut said).map_err(|error| error.to_string())?;
    check(!at("wait", child.wait())?.success(), &said)?;
    check(said.starts_with("ps: /scheme/proc: "), &said)
}

fn tool() -> Verdict {
    let output = Command::new("/scheme/initfs/bin/services").output();
    let output = output.map_err(|error| format!("services: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    check(output.status.success(), &said)?;
    let line = said.lines().find(|line| line.starts_with("ramfs "));
    let line = line.ok_or(format!("no ramfs in {said:?}"))?;
    check(line.contains("running for"), line)
}

//! Who holds what, as the tools `why` and `capgraph` tell it.
use super::support::{at, check, refused};
use crate::run::{Case, PROGRAM, Verdict};
use clavis::abi::error::EKEYREJECTED;
use clavis::{AsNumber, Child, Command, EntryKind, Give, Handle, Lease, Number, Rights, process};
use std::io::Read;

pub(crate) const CASES: &[Case] = &[
    Case { name: "why_follows_a_handle_to_who_opened_it", run: followed },
    Case { name: "why_tells_the_lease_and_the_last_refusal", run: leased },
    Case { name: "capgraph_draws_processes_whatever_they_are_called", run: drawn },
    Case { name: "capgraph_finds_a_way_where_there_is_one_and_none_where_not", run: reached },
    Case { name: "capgraph_tells_what_changed_since_a_moment", run: changed },
    Case { name: "capgraph_draws_a_hundred_processes_with_ten_thousand_handles", run: many },
];

/// What a tool says on standard output, and its exit code.
fn tool(name: &str, words: &[&str]) -> Result<(i32, String), String> {
    let path = format!("/scheme/initfs/bin/{name}");
    let (from, to) = at("pipe", clavis::object::pipe(0))?;
    let command = Command::new(path).args(words).namespace(Give::Own).stdout(&to);
    let command = command.own_startup(EntryKind::Audit);
    let child = at(name, command.spawn())?;
    drop(to);
    let mut said = String::new();
    (&from).read_to_string(&mut said).map_err(|error| error.to_string())?;
    let status = at("wait", child.wait())?;
    Ok((status.shell_code(), said))
}

/// A process that sleeps and has that as its handle 40.
fn sleeper(handle: &Handle) -> Result<Child, String> {
    let command = Command::new(PROGRAM).arg("--act").arg("sleep");
    at("spawn", command.handle_at(Number::from_raw(40), handle).spawn())
}

/// Its number.
fn number(child: &Child) -> Result<String, String> {
    let own = clavis::startup::number(EntryKind::SelfProcess).ok_or("no handle to itself")?;
    let rows = at("inspect", process::inspect(&own))?;
    let is_it = |row: &&process::Row| row.number == child.handle().number();
    Ok(rows.iter().find(is_it).ok_or("it is not there")?.object.to_string())
}

fn followed() -> Verdict {
    let file = at("motd", Handle::open("/scheme/initfs/etc/motd", 0))?;
    let child = sleeper(&file)?;
    let pid = number(&child)?;
    let (code, said) = tool("why", &[&pid, "40"])?;
    at("kill", child.kill())?;
    check(code == 0, &format!("it ended with {code}"))?;
    let me = process::number();
    check(said.starts_with(&format!("handle 40 of process {pid} ")), &said)?;
    check(said.contains(&format!("process {me} (")), &said)?;
    check(said.contains(" gave it its u") && said.contains("opened it through"), &said)?;
    check(said.contains("it ends with its server: process "), &said)?;
    let (code, said) = tool("why", &[&me.to_string(), "9999"])?;
    check((code, said.as_str()) == (1, ""), "a handle that is not there is told of")
}

fn leased() -> Verdict {
    let file = at("motd", Handle::open("/scheme/initfs/etc/motd", 0))?;
    let lease = at("lease", Lease::new())?;
    let lent = at("lend", lease.lend(&file, Rights::all(), Rights::STAT))?;
    let shown = lent.number().raw() & 0xFFFF;
    refused("write", lent.write_at(b"x", u64::MAX), EKEYREJECTED)?;
    let (_, said) = tool("why", &[&process::number().to_string(), &format!("u{shown}")])?;
    check(
        said.contains("it ends with lease ") && said.contains("which is held by process "),
        &said,
    )?;
    check(said.contains("last refused: ") && said.contains("the handle lacks "), &said)
}

fn drawn() -> Verdict {
    let name = "</text><script>\"]\u{1b}[2J\u{202e}evil\\";
    let file = at("null", Handle::open("/dev/null", 0))?;
    let command = Command::new(PROGRAM).name(name).arg("--act").arg("sleep");
    let child = at("spawn", command.handle_at(Number::from_raw(40), &file).spawn())?;
    let pid = number(&child)?;
    let (dot_code, dot) = tool("capgraph", &["--all"])?;
    let (svg_code, svg) = tool("capgraph", &["--svg"])?;
    let (_, caps) = tool("why", &[&pid, "40"])?;
    at("kill", child.kill())?;
    check((dot_code, svg_code) == (0, 0), "it failed")?;
    check(dot.starts_with("digraph holdings {\n") && dot.ends_with("}\n"), "this is no DOT")?;
    check(svg.starts_with("<?xml") && svg.ends_with("</svg>\n"), "this is no SVG")?;
    check(!svg.contains("<script") && svg.contains("&lt;script"), "the name is markup")?;
    check(dot.contains("nsmgr") && svg.contains("nsmgr"), "the namespace manager is missing")?;
    for text in [&dot, &svg, &caps] {
        let controls = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        check(!text.contains(controls), "the name controls the terminal")?;
    }
    Ok(())
}

fn reached() -> Verdict {
    let me = process::number().to_string();
    let (code, said) = tool("capgraph", &["--reach", &me, "ramfs"])?;
    check(code == 0 && said.lines().count() >= 2, &format!("{code}: {said}"))?;
    // It gets neither a namespace nor a directory nor an account.
    let bare = Command::new(PROGRAM).arg("--act").arg("sleep");
    let bare = at("spawn", bare.spawn())?;
    let pid = number(&bare)?;
    let (none, told) = tool("capgraph", &["--reach", &pid, "ramfs"])?;
    let trust = ["--reach", &me, "log", "--trust", "nsmgr"];
    let (trusting, _) = tool("capgraph", &trust)?;
    let (back, _) = tool("capgraph", &["--reach", &me, &pid])?;
    at("kill", bare.kill())?;
    check(none == 1 && told.contains("cannot act on"), &format!("{none}: {told}"))?;
    check(trusting == 0 || trusting == 1, "whom to trust is not understood")?;
    check(back == 0, "who made a process can end it")?;
    check(tool("capgraph", &["--reach", &me, "nothing-like-it"])?.0 == 2, "it was found")
}

fn changed() -> Verdict {
    let file = "/moment";
    check(tool("capgraph", &["--save", file])?.0 == 0, "it was not kept")?;
    let null = at("null", Handle::open("/dev/null", 0))?;
    let child = sleeper(&null)?;
    let pid = number(&child)?;
    let (code, said) = tool("capgraph", &["--diff", file])?;
    at("kill", child.kill())?;
    let shown = null.number().raw() & 0xFFFF;
    check(code == 0 && said.contains(&format!("+ process {pid} (")), &said)?;
    check(said.contains(&format!("+ {}/u{shown} ", process::number())), &said)?;
    let (code, said) = tool("capgraph", &["--diff", file, file])?;
    check((code, said.as_str()) == (0, ""), "a moment differs from itself")?;
    let gone = std::fs::remove_file(file);
    gone.map_err(|error| error.to_string())
}

/// Ninety processes of the case's own beside those of the system: together more than a hundred.
fn many() -> Verdict {
    const PROCESSES: usize = 90;
    let (from, to) = at("pipe", clavis::object::pipe(0))?;
    let mut children = Vec::new();
    for _ in 0..PROCESSES {
        let command = Command::new(PROGRAM).arg("--act").arg("hold");
        let command = command.namespace(Give::Own).stdout(&to);
        children.push(at("spawn", command.spawn())?);
    }
    drop(to);
    // Each says a byte once it has all its handles.
    let mut ready = [0; PROCESSES];
    (&from).read_exact(&mut ready).map_err(|error| error.to_string())?;
    let (from, to) = at("pipe", clavis::object::pipe(0))?;
    let command = Command::new("/scheme/initfs/bin/capgraph").arg("--svg").arg("--all");
    let command = command.namespace(Give::Own).stdout(&to);
    let drawing = at("capgraph", command.spawn())?;
    drop(to);
    let mut said = String::new();
    (&from).read_to_string(&mut said).map_err(|error| error.to_string())?;
    let status = at("wait", drawing.wait())?;
    let spent = at("time", process::cpu_time(drawing.handle()))?;
    println!("capgraph --svg --all took {} us", spent.as_micros());
    for child in &children {
        at("kill", child.kill())?;
    }
    check(status.success(), &format!("{status}"))?;
    check(said.matches("<g>").count() > PROCESSES, "processes are missing")
}

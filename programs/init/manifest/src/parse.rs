//! Reading the text: one directive per line, `#` starts a comment, `service NAME` starts a service.
use crate::model::{
    End, FACTORIES, Give, Keep, Limits, Manifest, Problem, Restart, SERVICES, Service, Start,
    Supervise, Use, UseName,
};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::PAGE_SIZE;
use clavis_abi::Rights;
use clavis_abi::limits::{MEMORY_PAGES, PRIORITIES};
use clavis_abi::namespace::{entry_flags, valid_name};
use clavis_abi::startup::EntryKind;

/// Startup handles that a service can be given by name.
const ENTRIES: &[(&str, EntryKind)] = &[
    ("image", EntryKind::BootImage),
    ("log", EntryKind::Log),
    ("power", EntryKind::Power),
    ("counters", EntryKind::Counters),
    ("clock", EntryKind::Clock),
    ("audit", EntryKind::Audit),
    ("report", EntryKind::Report),
    ("services", EntryKind::Board),
    ("framebuffer", EntryKind::Framebuffer),
    ("factory-scheme", EntryKind::FactoryScheme),
    ("factory-slot", EntryKind::FactorySlot),
    ("factory-memory", EntryKind::FactoryMemory),
    ("factory-event", EntryKind::FactoryEvent),
    ("factory-pipe", EntryKind::FactoryPipe),
    ("factory-time", EntryKind::FactoryTime),
    ("factory-process", EntryKind::FactoryProcess),
    ("factory-table", EntryKind::FactoryTable),
];

/// What `read-only` stands for.
const READ_ONLY: Rights = Rights::READING
    .union(Rights::STAT)
    .union(Rights::NAME)
    .union(Rights::DUP)
    .union(Rights::CALL)
    .union(Rights::LOOKUP)
    .union(Rights::EVENT)
    .union(Rights::TRANSFER)
    .union(Rights::FORWARD);

/// Reads a manifest.
///
/// # Errors
/// Every line that cannot be read.
pub fn parse(text: &str) -> Result<Manifest, Vec<Problem>> {
    let mut manifest = Manifest::default();
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index.saturating_add(1);
        let line = line.split_once('#').map_or(line, |(before, _)| before).trim();
        if line.is_empty() {
            continue;
        }
        if let Err(message) = directive(&mut manifest, number, line) {
            problems.push(Problem { line: number, message });
        }
    }
    for service in &manifest.services {
        if service.program.is_empty() {
            let message = format!("service {} has no program", service.name);
            problems.push(Problem { line: service.line, message });
        }
    }
    if problems.is_empty() { Ok(manifest) } else { Err(problems) }
}

fn directive(manifest: &mut Manifest, line: usize, text: &str) -> Result<(), String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    if word == "service" {
        let name = name(rest)?;
        if manifest.services.iter().any(|service| service.name == name) {
            return Err(format!("service {name} is there twice"));
        }
        if manifest.services.len() >= SERVICES {
            return Err(format!("more than {SERVICES} services"));
        }
        manifest.services.push(empty(name, line));
        return Ok(());
    }
    let Some(service) = manifest.services.last_mut() else {
        return Err(format!("`{word}` stands before the first `service`"));
    };
    match word {
        "program" => {
            if !rest.starts_with('/') || rest.contains(char::is_whitespace) {
                return Err(format!("`{rest}` is not an absolute path"));
            }
            once(&service.program, "program")?;
            service.program = rest.to_owned();
        }
        "arg" => service.args.push(rest.to_owned()),
        "env" => {
            if rest.split_once('=').is_none_or(|(name, _)| name.is_empty()) {
                return Err(format!("`{rest}` is not NAME=VALUE"));
            }
            service.envs.push(rest.to_owned());
        }
        "start" => {
            service.start = match rest {
                "always" => Start::Always,
                "interactive" => Start::Interactive,
                "optional" => Start::Optional,
                _ => return Err(choice("start", rest, "always, interactive, optional")),
            };
        }
        "restart" => {
            service.restart = match rest {
                "always" => Restart::Always,
                "on-failure" => Restart::OnFailure,
                "never" => Restart::Never,
                _ => return Err(choice("restart", rest, "always, on-failure, never")),
            };
        }
        "end" => {
            service.end = match rest {
                "ignore" => End::Ignore,
                "power-off" => End::PowerOff,
                _ => return Err(choice("end", rest, "ignore, power-off")),
            };
        }
        "supervise" => {
            service.supervise = match rest {
                "process" => Supervise::Process,
                "account" => Supervise::Account,
                _ => return Err(choice("supervise", rest, "process, account")),
            };
        }
        "keep" => keep(&mut service.keep, rest)?,
        "priority" => {
            let priority = number(rest)?;
            if priority >= PRIORITIES as u64 {
                return Err(format!("priorities go from 0 to {}", PRIORITIES.saturating_sub(1)));
            }
            service.priority = u8::try_from(priority).ok();
        }
        "register" => add_names(&mut service.registers, rest)?,
        "wait" => add_names(&mut service.waits, rest)?,
        "use" => uses(service, rest)?,
        "give" => service.gives.push(give(rest)?),
        "limit" => limit(&mut service.limits, rest)?,
        _ => return Err(format!("`{word}` is no directive")),
    }
    Ok(())
}

fn empty(name: String, line: usize) -> Service {
    Service {
        name,
        line,
        program: String::new(),
        args: Vec::new(),
        envs: Vec::new(),
        start: Start::Always,
        restart: Restart::Always,
        end: End::Ignore,
        supervise: Supervise::Process,
        keep: Keep::default(),
        priority: None,
        registers: Vec::new(),
        uses: Vec::new(),
        gives: Vec::new(),
        waits: Vec::new(),
        limits: Limits::default(),
    }
}

/// `endpoints` or `memory BYTES`
fn keep(keep: &mut Keep, rest: &str) -> Result<(), String> {
    match rest.split_once(char::is_whitespace) {
        None if rest == "endpoints" => keep.endpoints = true,
        Some(("memory", bytes)) => {
            let bytes = number(bytes.trim())?;
            if bytes == 0 || bytes > (MEMORY_PAGES as u64).saturating_mul(PAGE_SIZE as u64) {
                return Err(format!("{bytes} is no size of memory"));
            }
            keep.memory = Some(bytes);
        }
        _ => return Err(choice("keep", rest, "endpoints, memory BYTES")),
    }
    Ok(())
}

fn once(have: &str, what: &str) -> Result<(), String> {
    if have.is_empty() { Ok(()) } else { Err(format!("a second `{what}`")) }
}

fn choice(what: &str, have: &str, of: &str) -> String {
    format!("`{have}` is no value of `{what}`; there are: {of}")
}

fn name(text: &str) -> Result<String, String> {
    if valid_name(text) && !text.contains(char::is_whitespace) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not a name"))
    }
}

fn add_names(names: &mut Vec<String>, rest: &str) -> Result<(), String> {
    if rest.is_empty() {
        return Err("a name is missing".into());
    }
    for word in rest.split_whitespace() {
        let name = name(word)?;
        if names.contains(&name) {
            return Err(format!("`{name}` is there twice"));
        }
        names.push(name);
    }
    Ok(())
}

/// `NAME... [with RIGHT...] [read-only] [beneath]`
fn uses(service: &mut Service, rest: &str) -> Result<(), String> {
    let mut names = Vec::new();
    let mut rights = Rights::all();
    let mut flags = 0;
    let mut words = rest.split_whitespace().peekable();
    while let Some(word) = words.next() {
        match word {
            "with" => {
                rights = Rights::empty();
                while let Some(word) = words.peek() {
                    let Some(right) = right(word) else { break };
                    rights |= right;
                    words.next();
                }
                if rights.is_empty() {
                    return Err("`with` needs the names of rights".into());
                }
            }
            "read-only" => rights &= READ_ONLY,
            "beneath" => flags |= entry_flags::BENEATH,
            "*" => names.push(UseName::All),
            word => names.push(UseName::Name(name(word)?)),
        }
    }
    if names.is_empty() {
        return Err("a name is missing".into());
    }
    for name in names {
        if service.uses.iter().any(|using| using.name == name) {
            return Err(match name {
                UseName::All => "`use *` is there twice".into(),
                UseName::Name(name) => format!("`{name}` is used twice"),
            });
        }
        service.uses.push(Use { name, rights, flags });
    }
    Ok(())
}

fn right(word: &str) -> Option<Rights> {
    Rights::by_name(&word.to_ascii_uppercase().replace('-', "_"))
}

fn give(rest: &str) -> Result<Give, String> {
    let mut words = rest.split_whitespace();
    let what = words.next().ok_or("what to give is missing")?;
    let mut argument =
        |what: &str| words.next().ok_or_else(|| format!("{what} is missing")).and_then(number);
    let given = match what {
        "irq" => Give::Irq(fit(argument("the line")?)?),
        "port" => {
            let first = fit(argument("the first port")?)?;
            let count: u16 = fit(argument("the number of ports")?)?;
            if count == 0 || u32::from(first).saturating_add(u32::from(count)) > 0x1_0000 {
                return Err("these are no ports".into());
            }
            Give::Ports { first, count }
        }
        "window" => {
            let address = argument("the physical address")?;
            let bytes = argument("the number of bytes")?;
            if bytes == 0 || address.checked_add(bytes).is_none() {
                return Err("this is no range of memory".into());
            }
            Give::Window { address, bytes }
        }
        "account" => Give::Account,
        "self" => Give::SelfProcess,
        what => match ENTRIES.iter().find(|(name, _)| *name == what) {
            Some(&(_, kind)) => Give::Entry(kind),
            None => return Err(format!("there is no `{what}` to give")),
        },
    };
    match words.next() {
        None => Ok(given),
        Some(word) => Err(format!("`{word}` is too much")),
    }
}

fn fit<T: TryFrom<u64>>(value: u64) -> Result<T, String> {
    T::try_from(value).map_err(|_| format!("{value} is too large"))
}

fn number(word: &str) -> Result<u64, String> {
    let digits = word.replace('_', "");
    let value = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    value.map_err(|_| format!("`{word}` is not a number"))
}

fn limit(limits: &mut Limits, rest: &str) -> Result<(), String> {
    let (what, value) = rest.split_once(char::is_whitespace).ok_or("a value is missing")?;
    let value = value.trim();
    let place = match what {
        "frames" => &mut limits.frames,
        "handles" => &mut limits.handles,
        "threads" => &mut limits.threads,
        "requests" => &mut limits.requests,
        "kernel-bytes" => &mut limits.kernel_bytes,
        _ => {
            let of = "frames, handles, threads, requests, kernel-bytes";
            return Err(choice("limit", what, of));
        }
    };
    *place = Some(number(value)?);
    Ok(())
}

/// Whether a name is bound to a factory of the kernel.
pub(crate) fn is_factory(name: &str) -> bool {
    FACTORIES.iter().any(|(factory, _)| *factory == name)
}

//! `--dry-run`: what the program changes is kept here, shown when it has ended, and committed as far
//! as the person at the terminal accepts it.
use crate::guarded::{self, Names};
use crate::overlaid::System;
use crate::{complain, contained, policy};
use allow_list::{Allowed, DryRun, List};
use clavis::abi::params::ObjectType;
use clavis::handle::query;
use clavis::namespace::Namespace;
use clavis::{Handle, Rights};
use clavis_overlay::commit::{Conflict, Report};
use clavis_overlay::review::{Question, review};
use clavis_overlay::{Change, show};
use clavis_policy::{Draft, Guard, Lock, quoted};
use clavis_render::rights::compact;
use clavis_view::guest::{Below, Server};
use clavis_view::{Guarded, Lower, Walks};
use containment::{FAILED, Trouble, account};
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use syscall::Stat;
use syscall::flag::{MODE_DIR, MODE_TYPE};

/// The status when the program ended well and not all that it changed was committed.
const NOT_COMMITTED: u8 = 124;

/// Any of these changes a file system.
const CHANGES: Rights = Rights::WRITE
    .union(Rights::APPEND)
    .union(Rights::TRUNCATE)
    .union(Rights::SET_ATTR)
    .union(Rights::CREATE)
    .union(Rights::REMOVE)
    .union(Rights::RENAME)
    .union(Rights::LINK);

/// Runs the program, and asks or shows what becomes of what it changed.
pub(crate) fn run(list: &List, own: &Namespace, dry: DryRun) -> Result<u8, Trouble> {
    let guard = match &list.policy {
        Some(path) => policy::guard(path)?,
        None => listed(list)?,
    };
    let (namespace, systems) = build(own, &Arc::new(guard), list.limits.changes)?;
    let status = contained(list, &namespace, &account(list)?)?;
    let mut found = Vec::new();
    for (index, system) in systems.iter().enumerate() {
        let changes = system.difference()?;
        found.extend(changes.into_iter().enumerate().map(|(place, change)| Found {
            system: index,
            place,
            line: show::line(&change, &system.front),
            change,
        }));
    }
    let asks = dry == DryRun::Ask && std::io::stdin().is_terminal();
    let difference = Difference { systems, found };
    let (committed, well) = if asks { difference.ask()? } else { (difference.show()?, true) };
    Ok(match (well, status) {
        (false, _) => FAILED,
        (true, 0) if committed < difference.found.len() => NOT_COMMITTED,
        (true, status) => status,
    })
}

/// What `--allow` and `--scheme` say, as a policy.
fn listed(list: &List) -> Result<Guard, Trouble> {
    let mut text = String::new();
    for scheme in &list.schemes {
        text += &format!("allow {} /scheme/{}/***\n", compact(scheme.rights), scheme.name);
    }
    for allowed in &list.allowed {
        // Said at once, as without a dry run.
        drop(containment::directory(allowed)?);
        let rights = compact(allowed.rights);
        for path in paths(allowed)? {
            text += &format!("allow {rights} {}/***\n", quoted(path.trim_end_matches('/')));
        }
    }
    let mut include = |_: &str| Err("nothing is included here".to_owned());
    let policy = Draft::new().read("--allow", &text, &mut include).and_then(Draft::seal);
    let policy = policy.map_err(|mistake| Trouble::plain(mistake.to_string()))?;
    Ok(Guard::new(Arc::new(policy), Lock::Sealed))
}

/// The path that is listed; and where it leads, if it is a link.
fn paths(allowed: &Allowed) -> Result<Vec<String>, Trouble> {
    let own = format!("/scheme/{}", allowed.place);
    let failed = |error| Trouble::own(&allowed.path, &clavis_launch::reason(&error));
    let link = std::fs::symlink_metadata(&allowed.path).map_err(failed)?.is_symlink();
    if !link {
        return Ok(vec![own]);
    }
    let led = std::fs::canonicalize(&allowed.path).map_err(failed)?;
    Ok(vec![own, led.to_string_lossy().into_owned()])
}

/// A namespace under a policy in which every file system that could be changed is an overlay.
fn build(
    own: &Namespace,
    guard: &Arc<Guard>,
    limit: u64,
) -> Result<(Namespace, Vec<System>), Trouble> {
    let Names { plain, mut viewed } = guarded::names(own, guard, None)?;
    let mut kept = Vec::new();
    for name in plain {
        // What is no directory is no file system.
        let directory = name.rights.intersects(CHANGES).then(|| guarded::root(&name.name).ok());
        match directory.flatten() {
            Some(directory) if can_change(&name.name, &directory)? => viewed.push(name.name),
            _ => kept.push(name),
        }
    }
    let (mut roots, mut systems) = (Vec::new(), Vec::new());
    for name in viewed {
        let directory = guarded::root(&name)?;
        if can_change(&name, &directory)? {
            let (root, system) = System::serve(&name, directory, guard, limit)?;
            systems.push(system);
            roots.push((name, root));
        } else {
            let (own, judge) = (name.clone(), Guarded::new(guard, &name));
            let root = guarded::serve(&name, move || Server::new(&own, &directory, judge))?;
            roots.push((name, root));
        }
    }
    Ok((guarded::sealed(own, &kept, &roots)?, systems))
}

/// Whether a file system lies behind a directory, in which something can be changed through it: one that
/// is only read, and services that look like directories, know nothing of how full they are.
fn can_change(name: &str, directory: &Handle) -> Result<bool, Trouble> {
    let info = query(directory).map_err(|error| Trouble::failed("namespace", &error))?;
    if info.object != Some(ObjectType::Scheme) || !info.inherit.intersects(CHANGES) {
        return Ok(false);
    }
    let below = Below::new(directory);
    let is_directory = |stat: Stat| stat.st_mode & MODE_TYPE == MODE_DIR;
    if !below.stat(directory).is_ok_and(is_directory) || below.statistics(directory).is_err() {
        return Ok(false);
    }
    match below.walks() {
        Walks::ByNode => Ok(true),
        Walks::ByPath => Err(Trouble::own(name, "it walks by path: serve it by `view` first")),
    }
}

/// A change, and whose it is.
struct Found {
    system: usize,
    /// Its place among the changes of that.
    place: usize,
    line: String,
    change: Change,
}

struct Difference {
    systems: Vec<System>,
    found: Vec<Found>,
}

impl Difference {
    /// What a change does to what is in something.
    fn shown(&self, index: usize) -> Result<String, Trouble> {
        match self.found.get(index).and_then(|found| Some((found, self.systems.get(found.system)?)))
        {
            Some((found, system)) => system.shown(found.place),
            None => Ok(String::new()),
        }
    }

    /// Shows it, and commits nothing.
    fn show(&self) -> Result<usize, Trouble> {
        let mut output = std::io::stdout().lock();
        for (index, found) in self.found.iter().enumerate() {
            let text = self.shown(index)?;
            // Who reads it may have had enough.
            _ = write!(output, "{}\n{text}", found.line);
        }
        _ = output.flush();
        Ok(0)
    }

    /// Asks about each change, and commits what is accepted. How many were, and whether nothing went
    /// wrong.
    fn ask(&self) -> Result<(usize, bool), Trouble> {
        let questions: Vec<Question> =
            self.found.iter().map(|found| self.question(found)).collect();
        let failed = |error| Trouble::own("the answers", &clavis_launch::reason(&error));
        let mut output = std::io::stderr();
        for (number, question) in (1..).zip(&questions) {
            writeln!(output, "{number} {}", question.line).map_err(failed)?;
        }
        let shown = |index| self.shown(index).unwrap_or_else(|trouble| trouble.why + "\n");
        let accepted = review(&questions, &mut std::io::stdin().lock(), &mut output, shown);
        let accepted = accepted.map_err(failed)?;
        let (mut committed, mut well) = (0_usize, true);
        for (index, system) in self.systems.iter().enumerate() {
            let own = self.found.iter().zip(&accepted).filter(|(found, _)| found.system == index);
            let own: Vec<bool> = own.map(|(_, accepted)| *accepted).collect();
            if !own.contains(&true) {
                continue;
            }
            let report = system.commit(own.clone())?;
            committed = committed.saturating_add(report.done.len());
            well &= self.told(index, &own, &report);
        }
        if !self.found.is_empty() {
            println!("committed {committed} of {}", self.found.len());
        }
        Ok((committed, well))
    }

    /// A change as it is asked about: needs are told by place among all.
    fn question(&self, found: &Found) -> Question {
        let first = self.found.iter().position(|other| other.system == found.system);
        let first = first.unwrap_or_default();
        let needs = found.change.needs.iter().map(|need| first.saturating_add(*need)).collect();
        Question { line: found.line.clone(), needs }
    }

    /// Says what was not done, and answers whether there was nothing to say.
    fn told(&self, system: usize, accepted: &[bool], report: &Report) -> bool {
        let line = |place: usize| {
            let own = self.found.iter().filter(|found| found.system == system);
            own.map(|found| found.line.as_str()).nth(place).unwrap_or_default()
        };
        for (place, conflict) in &report.conflicts {
            let why = match conflict {
                Conflict::Changed => "it was changed meanwhile".to_owned(),
                Conflict::Gone => "it, or its directory, is gone".to_owned(),
                Conflict::There => "something is there meanwhile".to_owned(),
                Conflict::Needs(need) => format!("not without: {}", line(*need)),
            };
            complain(&format!("not committed: {}: {why}", line(*place)));
        }
        if let Some((place, error)) = report.failed {
            let why = clavis_launch::reason_of(&clavis::Error::from_errno(error.errno));
            complain(&format!("failed: {}: {why}", line(place)));
            let refused = |index: &usize| report.conflicts.iter().any(|(place, _)| place == index);
            let begun = |index: &usize| report.done.contains(index) || *index == place;
            for (index, _) in accepted.iter().enumerate().filter(|(_, accepted)| **accepted) {
                match index {
                    index if report.done.contains(&index) => {
                        complain(&format!("done: {}", line(index)))
                    }
                    index if !refused(&index) && !begun(&index) => {
                        complain(&format!("not done: {}", line(index)));
                    }
                    _ => {}
                }
            }
        }
        for path in &report.left {
            let front = self.systems.get(system).map_or("", |system| system.front.as_str());
            complain(&format!("left over: {}", show::path(&[front, path].concat())));
        }
        report.conflicts.is_empty() && report.failed.is_none() && report.left.is_empty()
    }
}

//! The policy of a contained program: read, and explained.
use clavis_policy::{Draft, Guard, Lock, Policy, Verdict};
use clavis_render::rights::compact;
use containment::Trouble;
use std::path::Path;
use std::sync::Arc;

/// A guard under the policy in a file, which nothing changes any more.
pub(crate) fn guard(path: &str) -> Result<Guard, Trouble> {
    Ok(Guard::new(Arc::new(read(path)?), Lock::Sealed))
}

/// Reads a policy. What it includes lies beside it.
pub(crate) fn read(path: &str) -> Result<Policy, Trouble> {
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| clavis_launch::reason(&error));
    let beside = Path::new(path).parent().unwrap_or(Path::new("")).to_owned();
    let mut include = |name: &str| read(&beside.join(name));
    let text = read(Path::new(path)).map_err(|why| Trouble::own(path, &why))?;
    let policy = Draft::new().read(path, &text, &mut include).and_then(Draft::seal);
    policy.map_err(|mistake| Trouble::plain(mistake.to_string()))
}

/// Says of each path which line decides.
pub(crate) fn explain(policy: &str, paths: &[String]) -> Result<u8, Trouble> {
    let guard = guard(policy)?;
    for path in paths {
        let absolute = path.starts_with('/') && path.split('/').all(|name| name != "..");
        if !absolute {
            return Err(Trouble::own(path, "write an absolute path without `..`"));
        }
        let decision = guard.decide(path);
        let what = match decision.verdict {
            Verdict::Allow(rights) => format!("allow {}", compact(rights)),
            Verdict::Deny => "deny".into(),
            Verdict::Hide => "hide".into(),
            Verdict::Mask => "mask".into(),
        };
        let why = match decision.line.and_then(|line| guard.origin(line)) {
            Some(origin) => format!("{}:{}: {}", origin.file, origin.number, origin.pattern),
            None => "no line matches".into(),
        };
        let narrow = !matches!(decision.verdict, Verdict::Allow(_)) && decision.leads;
        let leads = if narrow { "; a directory there shows what is visible below" } else { "" };
        println!("{path}: {what} ({why}){leads}");
    }
    Ok(0)
}

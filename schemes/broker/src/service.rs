//! What can be asked for.
use clavis_abi::Rights;
use clavis_render::rights::READ_ONLY;
use std::borrow::Cow;

/// A service of a broker: the first component of what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `open/PATH`: a file, a directory, or whatever else the path names.
    Open,
    /// `random`: random bytes.
    Random,
    /// `log`: a log to write to.
    Log,
    /// `time/CLOCK`: a clock to read.
    Time,
    /// `resolve/NAME`: the addresses of a host.
    Resolve,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// By which service.
    pub service: Service,
    /// The absolute path that decides, and that is opened.
    pub path: String,
    /// The most that the service gives.
    pub most: Rights,
}

/// Name, prefix of the path, and the most that is given; what follows the name follows the prefix.
const SERVICES: &[(&str, Service, &str, Rights)] = &[
    ("open", Service::Open, "", Rights::all()),
    ("random", Service::Random, "/scheme/rand", READ_ONLY),
    ("log", Service::Log, "/scheme/log", WRITING),
    ("time", Service::Time, "/scheme/time", READ_ONLY),
    ("resolve", Service::Resolve, "/scheme/net/dns", READ_ONLY),
];

/// Enough for a log.
const WRITING: Rights = Rights::BASE.union(Rights::WRITING);

impl Wanted {
    /// What a path asks of a broker; `None`: there is no such service, or the path is none.
    #[must_use]
    pub fn read(path: &str) -> Option<Wanted> {
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let (_, service, prefix, most) = SERVICES.iter().find(|known| known.0 == name)?;
        let rest = plain(rest)?;
        let path = match *service {
            Service::Random | Service::Log if !rest.is_empty() => return None,
            Service::Random | Service::Log => (*prefix).to_owned(),
            _ => [prefix, "/", &*rest].concat(),
        };
        Some(Wanted { service: *service, path, most: *most })
    }
}

/// A path in its one form, so that what decides and what is opened are the same; `None`: it climbs.
fn plain(path: &str) -> Option<Cow<'_, str>> {
    let odd = |name: &str| matches!(name, "" | "." | "..");
    if path.is_empty() || !path.split('/').any(odd) {
        return Some(path.into());
    }
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    (!names.contains(&"..")).then(|| names.join("/").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_is_what_was_decided_about() {
        let path = |asked| Wanted::read(asked).map(|wanted| wanted.path);
        for (asked, opened) in [
            ("open/a/b", "/a/b"),
            ("open", "/"),
            ("open//scheme/log", "/scheme/log"),
            ("open/./scheme//log/", "/scheme/log"),
            ("random", "/scheme/rand"),
            ("time/1", "/scheme/time/1"),
            ("resolve/example.org", "/scheme/net/dns/example.org"),
        ] {
            assert_eq!(path(asked).as_deref(), Some(opened), "{asked}");
        }
        for asked in ["", "/", "other/x", "open/a/../b", "time/../log", "random/x", "log/../x"] {
            assert_eq!(path(asked), None, "{asked}");
        }
    }
}

//! What a program used, and the least policy for it.
use crate::judge::{Below, Decision, Judge, Verdict};
use clavis_abi::Rights;
use clavis_policy::{Use, learn, quoted};
use clavis_render::rights::{LETTERS, compact};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most paths that are recorded.
const MOST: usize = 1 << 16;

/// What was used, by path. Several views write one record.
#[derive(Debug, Default)]
pub struct Record(Mutex<Written>);

#[derive(Debug, Default)]
struct Written {
    uses: BTreeMap<String, Rights>,
    /// Whether there were more than fit.
    cut: bool,
}

/// The rights of a letter.
fn letter(wanted: char) -> Rights {
    let row = LETTERS.iter().find(|row| row.0 == wanted);
    row.map_or(Rights::empty(), |row| row.1)
}

/// What lets something be seen: what all letters have in common.
fn seen() -> Rights {
    LETTERS.iter().fold(Rights::all(), |common, row| common & row.1)
}

/// What a policy gives for that use: letters.
fn given(used: Rights) -> Rights {
    let writes = Rights::WRITE | Rights::TRUNCATE | Rights::SET_ATTR;
    let names = Rights::CREATE | Rights::REMOVE | Rights::RENAME | Rights::LINK;
    let letters = [
        (Rights::READ | Rights::LIST, 'r'),
        (writes, 'w'),
        (Rights::APPEND, 'a'),
        (Rights::EXEC, 'x'),
        (names, 'c'),
    ];
    let used = letters.into_iter().filter(|(rights, _)| used.intersects(*rights));
    used.fold(seen(), |sum, (_, wanted)| sum | letter(wanted))
}

impl Record {
    fn add(&self, path: &str, rights: Rights) {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = written.uses.len() >= MOST;
        if let Some(used) = written.uses.get_mut(path) {
            *used |= rights;
        } else if full {
            written.cut = true;
        } else {
            written.uses.insert(path.to_owned(), rights);
        }
    }

    /// The least policy for it: what was used has the letters for that, and what was listed can be
    /// seen.
    ///
    /// # Errors
    /// What it cannot say.
    pub fn policy(&self) -> Result<String, String> {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if written.cut {
            return Err(format!("more than {MOST} paths were used"));
        }
        let mut text = String::new();
        for (path, _) in written.uses.iter().filter(|(_, used)| used.contains(Rights::LIST)) {
            let path = quoted(path.trim_end_matches('/'));
            text.push_str(&format!("allow {} {path}/*\n", compact(seen())));
        }
        let uses: Vec<Use> = written
            .uses
            .iter()
            .map(|(path, used)| Use { path: path.clone(), rights: given(*used) })
            .collect();
        let learned = learn(&uses);
        if let Some(path) = learned.left_out.first() {
            return Err(format!("no policy can name {path:?}, which was used"));
        }
        Ok(text + &learned.text)
    }
}

/// Allows everything, and records it.
#[derive(Debug)]
pub struct Recorder {
    record: Arc<Record>,
    /// `/scheme/NAME`.
    front: String,
}

impl Recorder {
    /// For the paths of a scheme.
    #[must_use]
    pub fn new(record: &Arc<Record>, name: &str) -> Recorder {
        Recorder { record: Arc::clone(record), front: format!("/scheme/{name}") }
    }
}

impl Judge for Recorder {
    fn watches(&self) -> bool {
        true
    }

    fn decide(&self, _: &str) -> Decision {
        Decision { verdict: Verdict::Allow(Rights::all()), leads: true }
    }

    fn below(&self, _: &str) -> Below {
        Below::Same
    }

    fn used(&self, path: &str, rights: Rights) {
        let path = path.trim_end_matches('/');
        self.record.add(&[self.front.as_str(), path].concat(), rights);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_policy::Draft;

    #[test]
    fn what_was_used_is_allowed_and_nothing_else() {
        let record = Arc::new(Record::default());
        let recorder = Recorder::new(&record, "file");
        recorder.used("/", Rights::LIST);
        recorder.used("/etc/motd", Rights::READ);
        recorder.used("/project/new *", Rights::CREATE | Rights::WRITE);
        recorder.used("/project/new *", Rights::REMOVE);
        recorder.used("/bin/ls", Rights::EXEC | Rights::READ);
        recorder.used("/log", Rights::APPEND);
        recorder.used("/link", Rights::empty());
        Recorder::new(&record, "initfs").used("/bin", Rights::STAT);
        let text = record.policy().unwrap();
        let read = Draft::new().read("learned", &text, &mut |_| Err("none".into())).unwrap();
        let policy = read.seal().unwrap();
        let rights = |path: &str| policy.decide(path).rights();
        assert_eq!(rights("/etc/motd"), letter('r'), "{text}");
        assert_eq!(rights("/project/new *"), letter('w') | letter('c'), "{text}");
        assert_eq!(rights("/bin/ls"), letter('r') | letter('x'), "{text}");
        assert_eq!(rights("/log"), letter('a'), "{text}");
        assert_eq!(rights("/link"), seen(), "{text}");
        assert_eq!(rights("/listed"), seen(), "{text}");
        assert_eq!(rights("/"), letter('r'), "{text}");
        assert_eq!(rights("/scheme/initfs/bin"), seen(), "{text}");
        for path in ["/etc/passwd", "/project/newer", "/scheme/initfs/etc", "/etc/motd/x"] {
            assert_eq!(rights(path), Rights::empty(), "{path}: {text}");
        }
    }

    #[test]
    fn a_path_that_no_policy_can_name_is_told() {
        let record = Arc::new(Record::default());
        Recorder::new(&record, "file").used("/a\nb", Rights::READ);
        assert!(record.policy().unwrap_err().contains("a\\nb"));
    }
}

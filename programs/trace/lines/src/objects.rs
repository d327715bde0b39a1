//! The handles that stand for others: what they are called, and what lies behind them.
use crate::quoted;
use std::collections::HashMap;
use std::sync::Arc;

/// What an object is to the program that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was given that at its start.
    Given(&'static str),
    /// It opened or received it.
    Found,
}

/// An object that stands for a handle.
#[derive(Debug)]
pub struct Object<H> {
    /// Its number, which no other has or will have.
    pub number: usize,
    /// What it is.
    pub kind: Kind,
    /// The path that it was opened under, as far as that is known.
    pub path: String,
    /// Whether the kernel keeps its offset.
    pub positioned: bool,
    /// Whether others use the handle's own offset, so that it has to be moved along.
    pub shared: bool,
    /// The handle.
    pub real: H,
}

impl<H> Object<H> {
    /// As the lines name it: `cwd "/home"`, `#7 "/home/a"`.
    #[must_use]
    pub fn shown(&self) -> String {
        let name = match self.kind {
            Kind::Given(name) => name.to_owned(),
            Kind::Found => format!("#{}", self.number),
        };
        if self.path.is_empty() { name } else { format!("{name} {}", quoted::text(&self.path)) }
    }
}

/// All of them, by number.
#[derive(Debug)]
pub struct Objects<H> {
    next: usize,
    objects: HashMap<usize, Arc<Object<H>>>,
}

impl<H> Default for Objects<H> {
    fn default() -> Self {
        Self { next: 1, objects: HashMap::new() }
    }
}

impl<H> Objects<H> {
    /// Adds one, whose number is set.
    pub fn add(&mut self, mut object: Object<H>) -> Arc<Object<H>> {
        object.number = self.next;
        self.next = self.next.wrapping_add(1);
        let object = Arc::new(object);
        self.objects.insert(object.number, Arc::clone(&object));
        object
    }

    /// The one with that number.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<Arc<Object<H>>> {
        self.objects.get(&number).cloned()
    }

    /// Removes one: nobody has a handle to it any more.
    pub fn remove(&mut self, number: usize) -> Option<Arc<Object<H>>> {
        self.objects.remove(&number)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

/// The path of what was opened from a directory, as text: nothing is looked up. The root scheme is
/// left out, as people do.
#[must_use]
pub fn joined(directory: &str, path: &str) -> String {
    let whole = match path.trim_start_matches("./") {
        "" | "." => directory.to_owned(),
        absolute if absolute.starts_with('/') => absolute.to_owned(),
        relative if directory.is_empty() => relative.to_owned(),
        relative => format!("{}/{relative}", directory.trim_end_matches('/')),
    };
    match whole.strip_prefix("/scheme/file") {
        Some("") => "/".to_owned(),
        Some(below) if below.starts_with('/') => below.to_owned(),
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: Kind, path: &str) -> Object<u8> {
        let path = path.to_owned();
        Object { number: 0, kind, path, positioned: false, shared: false, real: 0 }
    }

    #[test]
    fn a_number_is_never_given_twice() {
        let mut objects = Objects::default();
        let first = objects.add(object(Kind::Found, "/a"));
        assert_eq!(objects.get(first.number).map(|found| found.path.clone()), Some("/a".into()));
        assert!(objects.remove(first.number).is_some());
        assert!(objects.remove(first.number).is_none() && objects.get(first.number).is_none());
        let second = objects.add(object(Kind::Found, "/a"));
        assert_ne!(first.number, second.number);
        assert_eq!(objects.len(), 1);
    }

    #[test]
    fn an_object_is_called_by_what_it_is_and_where_it_lies() {
        assert_eq!(object(Kind::Given("cwd"), "/home").shown(), "cwd \"/home\"");
        assert_eq!(object(Kind::Given("stdin"), "").shown(), "stdin");
        assert_eq!(object(Kind::Found, "/a\n").shown(), "#0 \"/a?\"");
    }

    #[test]
    fn paths_are_put_together_as_people_write_them() {
        assert_eq!(joined("", "/scheme/file/a/b"), "/a/b");
        assert_eq!(joined("", "/scheme/file"), "/");
        assert_eq!(joined("", "/scheme/files"), "/scheme/files");
        assert_eq!(joined("/home", "a"), "/home/a");
        assert_eq!(joined("/", "a"), "/a");
        assert_eq!(joined("/home", "."), "/home");
        assert_eq!(joined("/home", ""), "/home");
        assert_eq!(joined("/home", "./a"), "/home/a");
        assert_eq!(joined("", "a"), "a");
    }
}

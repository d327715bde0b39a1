//! The walk against a model that knows paths only as lists of names from the root.
use beneath::{Boundary, Kind, Place, Rules, Tree, walk};
use clavis_abi::error::ENOTCAPABLE;
use clavis_abi::limits::LINKS_MAX;
use proptest::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;
use syscall::error::{EINVAL, ELOOP, ENOENT, ENOTDIR, EXDEV, Error, Result};

/// Files of the model: a path from the root, and what lies there.
#[derive(Clone, Debug)]
enum Body {
    Directory,
    File,
    Link(String),
}

type Path = Vec<String>;

/// A file system as a list of paths. As a tree its nodes are numbers that say nothing of paths.
#[derive(Debug)]
struct Files {
    all: BTreeMap<Path, Body>,
    paths: Vec<Path>,
}

impl Files {
    fn new(bodies: &[(Path, Body)]) -> Files {
        let mut all = BTreeMap::from([(Path::new(), Body::Directory)]);
        for (path, body) in bodies {
            // What lies in nothing is left out.
            let above = path.split_last().map(|(_, above)| above.to_vec()).unwrap_or_default();
            if matches!(all.get(&above), Some(Body::Directory)) && !path.is_empty() {
                all.entry(path.clone()).or_insert_with(|| body.clone());
            }
        }
        let paths = all.keys().cloned().collect();
        Files { all, paths }
    }

    fn node(&self, path: &[String]) -> Option<usize> {
        self.paths.iter().position(|known| known == path)
    }

    fn body(&self, node: usize) -> Result<&Body> {
        self.paths.get(node).and_then(|path| self.all.get(path)).ok_or(Error::new(ENOENT))
    }
}

impl Tree for Files {
    type Node = usize;

    fn root(&self) -> usize {
        0
    }

    fn kind(&self, node: &usize) -> Result<Kind> {
        Ok(match self.body(*node)? {
            Body::Directory => Kind::Directory,
            Body::File => Kind::File,
            Body::Link(_) => Kind::Link,
        })
    }

    fn lookup(&self, directory: &usize, name: &str) -> Result<Option<usize>> {
        let Body::Directory = self.body(*directory)? else { return Err(Error::new(ENOTDIR)) };
        let mut path = self.paths[*directory].clone();
        path.push(name.to_owned());
        Ok(self.node(&path))
    }

    fn parent(&self, directory: &usize) -> Result<usize> {
        let Body::Directory = self.body(*directory)? else { return Err(Error::new(ENOTDIR)) };
        let mut path = self.paths[*directory].clone();
        path.pop();
        self.node(&path).ok_or(Error::new(ENOENT))
    }

    fn target(&self, link: &usize) -> Result<Cow<'_, str>> {
        match self.body(*link)? {
            Body::Link(target) => Ok(Cow::Borrowed(target)),
            _ => Err(Error::new(EINVAL)),
        }
    }
}

/// What the model says of a walk.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    At(Path),
    Free(Path),
    Refused(i32),
}

/// The model: names are joined and `..` takes one off, so it needs no stack and no parents.
/// `visited` takes every node that was stepped into or up to, and `..` for each step above the
/// start.
fn model(files: &Files, start: &Path, path: &str, rules: Rules, visited: &mut Vec<Path>) -> Answer {
    let refused = Answer::Refused;
    let mut here = start.clone();
    let mut rest: Vec<(String, bool)> =
        path.split('/').rev().map(|name| (name.to_owned(), false)).collect();
    let (mut links, mut above) = (0, false);
    let slash =
        |path: &str| path.ends_with('/') || matches!(path.rsplit('/').next(), Some("." | ".."));
    let mut directory = slash(path);
    while let Some((name, from_link)) = rest.pop() {
        let last = rest.iter().all(|(name, _)| matches!(name.as_str(), "" | "."));
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                if !matches!(files.all.get(&here), Some(Body::Directory)) {
                    return refused(ENOTDIR);
                }
                let at_boundary = here == *start || above;
                match rules.boundary {
                    Boundary::Beneath if at_boundary => return refused(ENOTCAPABLE),
                    Boundary::Root if at_boundary => continue,
                    Boundary::Direct if at_boundary && from_link => return refused(EXDEV),
                    _ => {}
                }
                if at_boundary {
                    visited.push(vec!["..".into()]);
                }
                above |= at_boundary;
                here.pop();
                visited.push(here.clone());
            }
            name => {
                if !matches!(files.all.get(&here), Some(Body::Directory)) {
                    return refused(ENOTDIR);
                }
                let mut next = here.clone();
                next.push(name.to_owned());
                match files.all.get(&next) {
                    None if last => return Answer::Free(next),
                    None => return refused(ENOENT),
                    Some(Body::Link(target)) if !last || rules.follow_last || directory => {
                        links += 1;
                        if rules.no_links || links > LINKS_MAX {
                            return refused(ELOOP);
                        }
                        if target.starts_with('/') {
                            match rules.boundary {
                                Boundary::Root => here = start.clone(),
                                Boundary::Beneath => return refused(ENOTCAPABLE),
                                _ if rules.same_device => return refused(ENOTCAPABLE),
                                _ => return refused(EXDEV),
                            }
                        }
                        directory |= last && slash(target);
                        rest.extend(target.split('/').rev().map(|name| (name.to_owned(), true)));
                    }
                    Some(_) => {
                        here = next;
                        visited.push(here.clone());
                    }
                }
            }
        }
    }
    if directory && !matches!(files.all.get(&here), Some(Body::Directory)) {
        return refused(ENOTDIR);
    }
    Answer::At(here)
}

fn answer(files: &Files, start: usize, path: &str, rules: Rules) -> Answer {
    match walk(files, &start, path, rules) {
        Ok(Place::Node { node, .. }) => Answer::At(files.paths[node].clone()),
        Ok(Place::Free { directory, name, .. }) => {
            let mut path = files.paths[directory].clone();
            path.push(name);
            Answer::Free(path)
        }
        Err(error) => Answer::Refused(error.errno),
    }
}

const NAMES: &str = "[abc]";
const PATHS: &str = "/?((\\.\\.|\\.|[abc]|)/){0,5}(\\.\\.|[abc]|)";

fn files() -> impl Strategy<Value = Files> {
    let body = prop_oneof![
        4 => Just(Body::Directory),
        1 => Just(Body::File),
        3 => PATHS.prop_filter("a link leads somewhere", |target: &String| !target.is_empty())
            .prop_map(Body::Link),
    ];
    prop::collection::vec((prop::collection::vec(NAMES, 1..5), body), 1..40).prop_map(
        |mut bodies| {
            bodies.sort_by_key(|(path, _)| path.len());
            Files::new(&bodies)
        },
    )
}

fn rules() -> impl Strategy<Value = Rules> {
    let boundary = prop_oneof![
        Just(Boundary::Open),
        Just(Boundary::Direct),
        Just(Boundary::Beneath),
        Just(Boundary::Root)
    ];
    (boundary, any::<[bool; 3]>()).prop_map(|(boundary, [no_links, same_device, follow_last])| {
        Rules { boundary, no_links, same_device, follow_last }
    })
}

/// A directory to start from.
fn start(files: &Files, choice: usize) -> usize {
    let directories: Vec<usize> = (0..files.paths.len())
        .filter(|node| matches!(files.kind(node), Ok(Kind::Directory)))
        .collect();
    directories[choice % directories.len()]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_walk_leads_where_the_model_says(
        files in files(),
        choice in any::<usize>(),
        path in PATHS,
        rules in rules(),
    ) {
        let start = start(&files, choice);
        let home = files.paths[start].clone();
        let absolute = path.starts_with('/');
        let allowed = rules.boundary == Boundary::Root
            || rules.boundary != Boundary::Beneath && start == 0;
        let expected = if absolute && !allowed {
            Answer::Refused(ENOTCAPABLE)
        } else {
            model(&files, &home, &path, rules, &mut Vec::new())
        };
        prop_assert_eq!(answer(&files, start, &path, rules), expected);
    }

    #[test]
    fn a_walk_beneath_touches_nothing_outside_and_misses_nothing_inside(
        files in files(),
        choice in any::<usize>(),
        path in PATHS,
    ) {
        let start = start(&files, choice);
        let home = files.paths[start].clone();
        let beneath = Rules::from_flags(clavis_abi::params::open_flags::BENEATH, true);
        let open = Rules::from_flags(0, true);
        let found = answer(&files, start, &path, beneath);
        if let Answer::At(path) | Answer::Free(path) = &found {
            prop_assert!(path.starts_with(&home), "{:?} left {:?}", path, home);
        }
        let mut visited = Vec::new();
        let free = model(&files, &home, &path, open, &mut visited);
        let above = |path: &Path| path.first().is_some_and(|name| name == "..");
        let inside = |path: &Path| path.starts_with(&home) && !above(path);
        let stays = visited.iter().all(inside) && !path.starts_with('/');
        if stays && free != Answer::Refused(EXDEV) {
            prop_assert_eq!(found, free);
        }
    }
}

#[test]
fn what_lies_above_the_start_is_asked_of_the_tree() {
    let path = |text: &str| text.split('/').map(str::to_owned).collect::<Path>();
    let files = Files::new(&[
        (path("a"), Body::Directory),
        (path("a/b"), Body::Directory),
        (path("a/c"), Body::Link("../a/b".into())),
    ]);
    let start = files.node(&path("a/b")).unwrap();
    let open = Rules::from_flags(0, true);
    assert_eq!(answer(&files, start, "../../a/b/..", open), Answer::At(path("a")));
    assert_eq!(answer(&files, start, "../c/../b", open), Answer::At(path("a/b")));
    assert_eq!(answer(&files, start, "../../../..", open), Answer::At(Path::new()));
}

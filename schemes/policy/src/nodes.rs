//! All patterns as one tree: what begins in the same way shares nodes.
//!
//! A path has a set of nodes: where in the patterns one can be after it. A character leads from
//! each node to its children that take it, and a star or a run to itself; nothing is tried again,
//! so a step looks at each node of the set once, and a set never has more nodes than the tree.
use crate::decision::Verdict;
use crate::glob::{Below, Class, Element, Glob};
use crate::rule::Effect;

/// An index in [`Nodes`].
pub(crate) type Node = u32;

/// After nothing: where names of schemes begin.
pub(crate) const ROOT: Node = 0;

/// What a node takes besides what leads to its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loop {
    /// Nothing.
    None,
    /// Characters of a name: a star.
    Name,
    /// Anything: a run, once a component of it began. What follows the run is the next node.
    All,
}

#[derive(Debug)]
struct One {
    itself: Loop,
    /// The node of a star that follows.
    star: Option<Node>,
    /// The node of a run that follows.
    run: Option<Node>,
    /// Children by a character, in its order, in [`Nodes::chars`].
    chars: (u32, u32),
    /// Children by `?` or a class, in [`Nodes::tests`].
    tests: (u32, u32),
    /// Lines that match here, in their order, in [`Nodes::lines`].
    lines: (u32, u32),
    /// The last line by which something strictly below can be visible: its number and one.
    below: u32,
    /// The last line that hides all that is strictly below: its number and one.
    hidden: u32,
}

impl One {
    /// Whether it leads nowhere without a character, and not to itself.
    fn is_alone(&self) -> bool {
        self.itself == Loop::None && self.star.is_none() && self.run.is_none()
    }
}

/// What `?` or a class takes.
#[derive(Debug)]
enum Test {
    Any,
    Class(Class),
}

/// The tree.
#[derive(Debug)]
pub(crate) struct Nodes {
    all: Vec<One>,
    chars: Vec<(char, Node)>,
    tests: Vec<(Test, Node)>,
    lines: Vec<u32>,
    /// The character that leads from a node to the next one and nowhere else, or [`STOP`].
    slides: Vec<u8>,
}

/// Not ASCII.
const STOP: u8 = 0xFF;

/// How many bytes two texts have in common at their beginning.
pub(crate) fn common(a: &[u8], b: &[u8]) -> usize {
    let wide = a.chunks_exact(8).zip(b.chunks_exact(8)).take_while(|(a, b)| a == b).count() * 8;
    let rest = |text| <[u8]>::get(text, wide..).unwrap_or_default().iter();
    wide + rest(a).zip(rest(b)).take_while(|(a, b)| a == b).count()
}

/// The tree while patterns are put in.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    all: Vec<Young>,
}

#[derive(Debug)]
struct Young {
    itself: Loop,
    star: Option<Node>,
    run: Option<Node>,
    chars: std::collections::BTreeMap<char, Node>,
    any: Option<Node>,
    classes: std::collections::HashMap<Class, Node>,
    lines: Vec<u32>,
}

impl Growing {
    pub(crate) fn new() -> Growing {
        let mut growing = Growing::default();
        growing.add(Loop::None);
        growing
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    fn add(&mut self, itself: Loop) -> Node {
        let node = self.all.len() as Node;
        let (star, run, any) = (None, None, None);
        let (chars, classes, lines) = Default::default();
        self.all.push(Young { itself, star, run, chars, any, classes, lines });
        node
    }

    /// Puts a line's pattern in; lines come in their order.
    pub(crate) fn put(&mut self, glob: &Glob, line: u32) {
        let mut node = ROOT;
        for element in &glob.elements {
            node = self.follow(node, element);
        }
        let at = match glob.below {
            Below::Nothing => node,
            Below::Only => self.run(node),
            Below::Too => self.run(node) + 1,
        };
        if let Some(young) = self.all.get_mut(at as usize) {
            young.lines.push(line);
        }
    }

    fn follow(&mut self, node: Node, element: &Element) -> Node {
        if *element == Element::Run {
            return self.run(node) + 1;
        }
        let next = self.all.len() as Node;
        let Some(young) = self.all.get_mut(node as usize) else { return node };
        let child = match element {
            Element::Char(one) => *young.chars.entry(*one).or_insert(next),
            Element::Any => *young.any.get_or_insert(next),
            Element::Class(class) => match young.classes.get(class) {
                Some(child) => *child,
                None => *young.classes.entry(class.clone()).or_insert(next),
            },
            Element::Star | Element::Run => *young.star.get_or_insert(next),
        };
        if child == next {
            self.add(if *element == Element::Star { Loop::Name } else { Loop::None });
        }
        child
    }

    /// The node of the run after a node; the node after it is that of what follows the run.
    fn run(&mut self, node: Node) -> Node {
        let next = self.all.len() as Node;
        let Some(young) = self.all.get_mut(node as usize) else { return node };
        let run = *young.run.get_or_insert(next);
        if run == next {
            self.add(Loop::All);
            self.add(Loop::None);
        }
        run
    }

    /// The tree, for lines that do this.
    pub(crate) fn done(self, effects: &[Effect]) -> Nodes {
        let (mut chars, mut tests, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        let mut all = Vec::with_capacity(self.all.len());
        for young in self.all {
            let from = (chars.len() as u32, tests.len() as u32, lines.len() as u32);
            chars.extend(young.chars);
            tests.extend(young.any.map(|child| (Test::Any, child)));
            // In the order in which they were put in, not in that of a hash.
            let mut classes: Vec<_> = young.classes.into_iter().collect();
            classes.sort_unstable_by_key(|class| class.1);
            tests.extend(classes.into_iter().map(|(class, child)| (Test::Class(class), child)));
            lines.extend(young.lines);
            all.push(One {
                itself: young.itself,
                star: young.star,
                run: young.run,
                chars: (from.0, chars.len() as u32),
                tests: (from.1, tests.len() as u32),
                lines: (from.2, lines.len() as u32),
                below: 0,
                hidden: 0,
            });
        }
        let mut nodes = Nodes { all, chars, tests, lines, slides: Vec::new() };
        nodes.look_below(effects);
        nodes.find_slides();
        nodes
    }
}

impl Nodes {
    fn one(&self, node: Node) -> Option<&One> {
        self.all.get(node as usize)
    }

    fn children(&self, one: &One) -> &[(char, Node)] {
        self.chars.get(one.chars.0 as usize..one.chars.1 as usize).unwrap_or_default()
    }

    fn tests(&self, one: &One) -> &[(Test, Node)] {
        self.tests.get(one.tests.0 as usize..one.tests.1 as usize).unwrap_or_default()
    }

    /// The lines that match at a node, in their order.
    pub(crate) fn lines(&self, node: Node) -> &[u32] {
        let range = self.one(node).map_or(0..0, |one| one.lines.0 as usize..one.lines.1 as usize);
        self.lines.get(range).unwrap_or_default()
    }

    /// Fills in what is below each node. Children come after their parents.
    fn look_below(&mut self, effects: &[Effect]) {
        // The last line in the whole subtree of a node by which something is visible.
        let mut within = vec![0; self.all.len()];
        let visible =
            |effect: &Effect| matches!(effect, Effect::Is(verdict) if *verdict != Verdict::Hide);
        let hides = |effect: &Effect| *effect == Effect::Is(Verdict::Hide);
        for node in (0..self.all.len() as Node).rev() {
            let last = |node: Node, what: &dyn Fn(&Effect) -> bool| {
                let lines = self.lines(node).iter().rev();
                let mut lines = lines.filter(|line| effects.get(**line as usize).is_some_and(what));
                lines.next().map_or(0, |line| line + 1)
            };
            let Some(one) = self.one(node) else { continue };
            let of = |child: Node| within.get(child as usize).copied().unwrap_or(0);
            let chars = self.children(one);
            let most = chars.iter().map(|child| of(child.1));
            let most = most.chain(self.tests(one).iter().map(|child| of(child.1)));
            let run = one.run.map_or(0, |run| of(run).max(of(run + 1)));
            let most = most.chain(one.star.map(of)).max().unwrap_or(0).max(run);
            let slash = chars.binary_search_by_key(&'/', |child| child.0).ok();
            let slash = slash.and_then(|index| chars.get(index)).map_or(0, |child| of(child.1));
            // Within a run, its own lines and what follows it are still to come.
            let (run, itself) = match one.itself {
                Loop::All => (Some(node), last(node, &visible).max(of(node + 1))),
                _ => (one.run, 0),
            };
            let below = slash.max(itself).max(one.run.map_or(0, |run| of(run).max(of(run + 1))));
            let hidden = run.map_or(0, |run| last(run, &hides).max(last(run + 1, &hides)));
            let whole = most.max(last(node, &visible)).max(itself);
            if let Some(entry) = within.get_mut(node as usize) {
                *entry = whole;
            }
            if let Some(one) = self.all.get_mut(node as usize) {
                (one.below, one.hidden) = (below, hidden);
            }
        }
    }

    /// Whether something below a directory with these nodes can be visible: some line can match
    /// there and make it so, and no later one hides everything.
    pub(crate) fn lead(&self, set: &[Node]) -> bool {
        let of = |what: fn(&One) -> u32| {
            set.iter().filter_map(|node| self.one(*node)).map(what).max().unwrap_or(0)
        };
        of(|one| one.below) > of(|one| one.hidden)
    }

    /// The lines that match everything below a directory with these nodes, in their order, and
    /// whether others can match something there.
    pub(crate) fn everywhere(&self, set: &[Node]) -> (Vec<u32>, bool) {
        let mut lines = Vec::new();
        let mut others = false;
        for (node, one) in set.iter().filter_map(|node| Some((*node, self.one(*node)?))) {
            others |= self.children(one).binary_search_by_key(&'/', |child| child.0).is_ok();
            let within = (one.itself == Loop::All).then_some(node);
            for run in one.run.into_iter().chain(within) {
                lines.extend(self.lines(run).iter().chain(self.lines(run + 1)));
                others |= self.one(run + 1).is_some_and(|behind| {
                    behind.star.is_some()
                        || behind.run.is_some()
                        || !self.children(behind).is_empty()
                        || !self.tests(behind).is_empty()
                });
            }
        }
        lines.sort_unstable();
        lines.dedup();
        (lines, others)
    }

    /// The characters that patterns name where these nodes are, a range after the other, until
    /// `each` has enough (`false`). All others but the slash lead to the same.
    pub(crate) fn named(&self, set: &[Node], each: &mut impl FnMut(char, char) -> bool) {
        for one in set.iter().filter_map(|node| self.one(*node)) {
            let chars = self.children(one).iter().all(|(one, _)| each(*one, *one));
            let mut tests = self.tests(one).iter();
            let tests = tests.all(|(test, _)| match test {
                Test::Any => true,
                Test::Class(class) => class.ranges.iter().all(|(low, high)| each(*low, *high)),
            });
            if !(chars && tests) {
                return;
            }
        }
    }

    /// Adds a node, and what it leads to without a character.
    pub(crate) fn enter(&self, node: Node, set: &mut Vec<Node>) {
        set.push(node);
        let Some(one) = self.one(node) else { return };
        if let Some(star) = one.star {
            set.push(star);
            // What follows a run: also where the run has no component.
            if let Some(run) = self.one(star).and_then(|star| star.run) {
                set.push(run + 1);
            }
        }
        if let Some(run) = one.run {
            set.push(run + 1);
        }
        if one.itself == Loop::All {
            set.push(node + 1);
        }
    }

    /// From a node that is alone in its set to one that is alone again.
    pub(crate) fn hop(&self, node: Node, byte: u8) -> Option<Node> {
        let from = self.one(node).filter(|one| one.is_alone() && one.tests.0 == one.tests.1)?;
        let children = self.children(from);
        let index = children.binary_search_by_key(&char::from(byte), |child| child.0).ok()?;
        let child = children.get(index)?.1;
        self.one(child)?.is_alone().then_some(child)
    }

    /// How far down from such a node the text leads where each node has one child only. No slash
    /// is passed.
    pub(crate) fn slide(&self, node: Node, text: &[u8]) -> usize {
        common(self.slides.get(node as usize..).unwrap_or_default(), text)
    }

    /// Fills in the ways of [`Nodes::slide`].
    fn find_slides(&mut self) {
        let slides = (0..self.all.len() as Node).map(|node| {
            let only = self.one(node).and_then(|one| match self.children(one) {
                [(only, child)] if *child == node + 1 && only.is_ascii() && *only != '/' => {
                    self.hop(node, *only as u8).and(Some(*only as u8))
                }
                _ => None,
            });
            only.unwrap_or(STOP)
        });
        self.slides = slides.collect();
    }

    /// Where a character leads from a set. Answers what that took: how many nodes and tests were
    /// looked at. `next` is emptied before, and in order after.
    pub(crate) fn step(&self, set: &[Node], one: char, next: &mut Vec<Node>) -> u64 {
        next.clear();
        let mut steps = 0;
        for node in set {
            let Some(from) = self.one(*node) else { continue };
            steps += 1;
            match from.itself {
                Loop::Name if one != '/' => self.enter(*node, next),
                Loop::All => self.enter(*node, next),
                _ => {}
            }
            if one == '/'
                && let Some(run) = from.run
            {
                self.enter(run, next);
            }
            let chars = self.children(from);
            if let Ok(index) = chars.binary_search_by_key(&one, |child| child.0)
                && let Some((_, child)) = chars.get(index)
            {
                self.enter(*child, next);
            }
            for (test, child) in self.tests(from) {
                steps += 1;
                let takes = match test {
                    Test::Any => one != '/',
                    Test::Class(class) => class.has(one),
                };
                if takes {
                    self.enter(*child, next);
                }
            }
        }
        if !next.is_sorted_by(|one, other| one < other) {
            next.sort_unstable();
            next.dedup();
        }
        steps
    }
}

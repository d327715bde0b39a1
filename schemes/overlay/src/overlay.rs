//! What is kept, and how what stands below is found.
use crate::budget::{Budget, Charge};
use crate::difference::Step;
use crate::node::{Body, Id, Node, Place, Ref, Stamp, kind_of};
use clavis_abi::Rights;
use clavis_abi::limits::PATH_MAX;
use clavis_view::store::Store;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::{Rc, Weak};
use syscall::error::{ENOENT, Result};
use syscall::flag::{O_NOFOLLOW, O_STAT};
use syscall::{Stat, TimeSpec};

/// Looks at what a name stands for, and at nothing behind it.
pub(crate) const LOOK: u64 = (O_STAT | O_NOFOLLOW) as u64;
/// Bytes charged for a node that is kept: what is known of it, a handle below, and paths when it is
/// told.
const NODE_COST: u64 = 2048;
/// Numbers of what is made here begin with this bit.
const OWN: u64 = 1 << 63;

/// Nodes that are kept, and what they are charged.
type Kept<H> = BTreeMap<Id, (Ref<H>, Charge)>;

/// The steps of a commit.
pub(crate) type Plan<H> = Rc<Vec<Step<H>>>;

/// What a program would change in a directory of a file system.
pub struct Overlay<S: Store> {
    pub(crate) store: S,
    pub(crate) budget: Rc<Budget>,
    clock: Box<dyn Fn() -> TimeSpec>,
    pub(crate) root: Ref<S::Handle>,
    /// What was found below, as long as anybody has it.
    found: RefCell<HashMap<Id, Weak<Node<S::Handle>>>>,
    /// How many there are to be before those that are gone are forgotten.
    crowd: Cell<usize>,
    /// What stands below and was changed.
    pub(crate) changed: RefCell<Kept<S::Handle>>,
    counter: Cell<u64>,
    /// What became of everything, when that was asked last.
    plan: RefCell<Option<Plan<S::Handle>>>,
}

impl<S: Store> Overlay<S> {
    /// An overlay of a directory, which keeps at most so many bytes.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn new(
        store: S,
        directory: S::Handle,
        limit: u64,
        clock: Box<dyn Fn() -> TimeSpec>,
    ) -> Result<Overlay<S>> {
        let stat = store.stat(&directory)?;
        let id = (stat.st_dev, stat.st_ino);
        let root = Ref(Rc::new(Node::new(id, kind_of(&stat), Some(directory), None)));
        let found = RefCell::new(HashMap::from([(id, Rc::downgrade(&root.0))]));
        Ok(Overlay {
            store,
            budget: Budget::new(limit),
            clock,
            root,
            found,
            crowd: Cell::new(1024),
            changed: RefCell::default(),
            counter: Cell::new(0),
            plan: RefCell::new(None),
        })
    }

    pub(crate) fn now(&self) -> TimeSpec {
        (self.clock)()
    }

    /// A number that was not there before.
    pub(crate) fn next(&self) -> u64 {
        let next = self.counter.get().saturating_add(1);
        self.counter.set(next);
        next
    }

    /// What became of everything, as it was told last.
    pub(crate) fn plan(&self) -> Result<Plan<S::Handle>> {
        if let Some(plan) = &*self.plan.borrow() {
            return Ok(Rc::clone(plan));
        }
        self.plan_anew()
    }

    pub(crate) fn plan_anew(&self) -> Result<Plan<S::Handle>> {
        let plan = Rc::new(self.steps()?);
        *self.plan.borrow_mut() = Some(Rc::clone(&plan));
        Ok(plan)
    }

    /// Something new, in no directory yet.
    pub(crate) fn make(&self, kind: beneath::Kind) -> Result<Ref<S::Handle>> {
        // The target of a link comes later.
        let target = if kind == beneath::Kind::Link { PATH_MAX as u64 } else { 0 };
        let charge = self.budget.take(NODE_COST.saturating_add(target))?;
        let id = (self.root.id.0, OWN | self.next());
        Ok(Ref(Rc::new(Node::new(id, kind, None, Some(charge)))))
    }

    /// What a name in a directory stands for below.
    pub(crate) fn look(
        &self,
        directory: &Node<S::Handle>,
        name: &str,
    ) -> Result<Option<(S::Handle, Stat)>> {
        let Some(below) = &directory.below else { return Ok(None) };
        let handle = match self.store.open(below, name, LOOK, Rights::all()) {
            Ok(handle) => handle,
            Err(error) if error.errno == ENOENT => return Ok(None),
            Err(error) => return Err(error),
        };
        let stat = self.store.stat(&handle)?;
        Ok(Some((handle, stat)))
    }

    /// The node of what stands below under a name.
    pub(crate) fn find(
        &self,
        directory: &Ref<S::Handle>,
        name: &str,
    ) -> Result<Option<Ref<S::Handle>>> {
        let Some((handle, stat)) = self.look(directory, name)? else { return Ok(None) };
        let id = (stat.st_dev, stat.st_ino);
        let known = self.found.borrow().get(&id).and_then(Weak::upgrade).map(Ref);
        if let Some(node) = known.filter(|node| node.kind == kind_of(&stat)) {
            // A directory that was moved or removed here, and there by somebody else, is where it
            // is here.
            if node.is_directory() {
                let elsewhere = node.is_removed() || node.is_moved();
                return Ok((!elsewhere).then_some(node));
            }
            node.put(Place { directory: directory.clone(), name: name.to_owned() });
            return Ok(Some(node));
        }
        let node = Ref(Rc::new(Node::new(id, kind_of(&stat), Some(handle), None)));
        node.put(Place { directory: directory.clone(), name: name.to_owned() });
        let mut found = self.found.borrow_mut();
        if found.len() >= self.crowd.get() {
            found.retain(|_, node| node.strong_count() > 0);
            self.crowd.set(found.len().saturating_mul(2).max(1024));
        }
        found.insert(id, Rc::downgrade(&node.0));
        Ok(Some(node))
    }

    /// Keeps what stands below and is about to be changed, and remembers what it is there.
    pub(crate) fn keep(&self, node: &Ref<S::Handle>) -> Result<()> {
        let Some(below) = &node.below else { return Ok(()) };
        let mut changed = self.changed.borrow_mut();
        if let std::collections::btree_map::Entry::Vacant(free) = changed.entry(node.id) {
            let charge = self.budget.take(NODE_COST)?;
            node.stamp.set(Some(Stamp::of(&self.store.stat(below)?)));
            free.insert((node.clone(), charge));
        }
        Ok(())
    }
}

impl<H> Node<H> {
    /// Whether a directory stands at another place than that where it was found.
    fn is_moved(&self) -> bool {
        *self.place.borrow() != *self.origin.borrow()
    }
}

impl<S: Store> Drop for Overlay<S> {
    /// Directories and what lies in them hold each other.
    fn drop(&mut self) {
        let mut pending: Vec<_> = std::mem::take(&mut *self.changed.borrow_mut())
            .into_values()
            .map(|(node, _)| node)
            .collect();
        while let Some(node) = pending.pop() {
            if let Body::Directory(names) = &mut *node.body.borrow_mut() {
                let names = std::mem::take(&mut names.names);
                pending.extend(names.into_values().filter_map(|entry| entry.now));
            }
            *node.place.borrow_mut() = None;
            *node.origin.borrow_mut() = None;
        }
    }
}

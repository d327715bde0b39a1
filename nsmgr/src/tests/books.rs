//! The oracle of the other tests: whether the state's counts agree with what is there.
use crate::record::Binding;
use crate::state::{State, units};
use hashbrown::HashMap;

impl State {
    /// Whether counts and references agree with what is there.
    pub(crate) fn check(&self) {
        let mut used: HashMap<u64, u32> = HashMap::new();
        let mut charge = |id: u64, units: u32| {
            let mut at = id;
            while let Some(namespace) = self.namespaces.get(&at) {
                *used.entry(at).or_insert(0) += units;
                at = namespace.parent;
            }
        };
        let mut handles: HashMap<u64, u32> = HashMap::new();
        for (&id, namespace) in &self.namespaces {
            charge(id, 1);
            if namespace.level == 0 {
                let reached = namespace.holders + namespace.children > 0;
                assert!(reached, "unreachable namespace {id}");
            } else {
                let (set, _) = self.within(id).expect("a set lies within nothing");
                assert_eq!((set, namespace.children), (namespace.parent, 0));
                assert_eq!(namespace.level, self.namespaces[&set].level + 1);
                assert!(namespace.holders > 0 || !namespace.entries.is_empty(), "empty set {id}");
                assert!(!self.home(id).unwrap().open);
            }
            assert_eq!(namespace.names.len(), namespace.entries.len());
            assert!(namespace.entries.is_sorted_by(|a, b| a.serial < b.serial));
            if namespace.level == 0 && namespace.holders + namespace.open_children == 0 {
                assert!(namespace.entries.is_empty());
            }
            for entry in &namespace.entries {
                charge(id, units(&entry.terms.prefix));
                assert_eq!(namespace.names.get(&entry.name), Some(&entry.serial));
                if entry.within == crate::namespace::EMPTY {
                    assert_eq!(entry.binding, Binding::Empty);
                } else if entry.within != 0 {
                    assert_eq!(self.namespaces[&entry.within].parent, id);
                } else if namespace.level != 0 {
                    assert!(matches!(entry.binding, Binding::Handle(_)), "a name leads nowhere");
                }
                if let Binding::Handle(handle) = entry.binding {
                    *handles.entry(handle).or_insert(0) += 1;
                }
            }
        }
        let mut holders: HashMap<u64, u32> = HashMap::new();
        for object in self.objects.values() {
            charge(object.namespace(), object.units());
            for held in object.set().into_iter().chain([object.namespace()]) {
                *holders.entry(held).or_insert(0) += 1;
            }
        }
        for (id, namespace) in &self.namespaces {
            assert_eq!(used.get(id).copied().unwrap_or(0), namespace.used);
            assert!(namespace.used <= namespace.budget);
            assert_eq!(holders.get(id).copied().unwrap_or(0), namespace.holders);
        }
        let roots = self.namespaces.values().filter(|namespace| namespace.parent == 0);
        assert_eq!(roots.map(|namespace| namespace.used).sum::<u32>(), self.units);
        assert_eq!(handles, self.handles);
        for handle in &self.released {
            assert!(!handles.contains_key(handle));
        }
    }
}

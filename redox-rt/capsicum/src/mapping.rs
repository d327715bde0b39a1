//! What Capsicum's rights mean here, by the table in `clavis_abi::peers`.
use crate::{CapRights, NAMES, Right};
use clavis_abi::{Rights, peers};

/// Rights that Capsicum has no name for because it asks none: to copy a descriptor and to pass
/// it on. Every set keeps them.
pub const UNNAMED: Rights = Rights::DUP.union(Rights::TRANSFER).union(Rights::FORWARD);

/// What a name of the table stands for.
fn right_of(name: &str) -> Option<Right> {
    NAMES.iter().find(|row| row.0 == name).map(|row| row.1)
}

/// The rights of a handle that a set keeps: those for which it has any of Capsicum's.
#[must_use]
pub fn kept(set: &CapRights) -> Rights {
    let keeps = |name: &str| right_of(name).is_some_and(|right| set.is_set(right));
    let rows = peers::TABLE.iter().filter(|row| row.capsicum.iter().any(|name| keeps(name)));
    rows.fold(UNNAMED, |rights, row| rights | row.right)
}

/// What a handle with these rights has, in Capsicum's words. What none of our rights stands for
/// (there are no ACLs here, and no labels) nobody needs, and it is told as held.
#[must_use]
pub fn held(rights: Rights) -> CapRights {
    let mut set = CapRights::NONE;
    for (_, right) in NAMES.iter().filter(|row| is_held(rights, row.1)) {
        set.set(*right);
    }
    set
}

/// Whether a handle with these rights may do what a right of Capsicum names. One that is made of
/// several (`CAP_MMAP_R` has `CAP_READ` in it) needs each.
fn is_held(rights: Rights, right: Right) -> bool {
    let parts = NAMES.iter().map(|row| row.1).filter(|part| {
        part.word() == right.word() && *part != right && right.bits() & part.bits() == part.bits()
    });
    stands(rights, right) && parts.into_iter().all(|part| stands(rights, part))
}

/// Whether a handle with these rights can be limited to a set: it asks for nothing more.
#[must_use]
pub fn permits(rights: Rights, set: &CapRights) -> bool {
    let mut most = held(rights);
    // A mapping without any protection needs nothing.
    most.set(Right::MMAP);
    most.contains(set) && rights.contains(kept(set) & MAPPING)
}

const MAPPING: Rights = Rights::MAP_READ.union(Rights::MAP_WRITE).union(Rights::MAP_EXEC);

/// Whether all of our rights are there that one of Capsicum's belongs to.
fn stands(rights: Rights, right: Right) -> bool {
    if right == Right::MMAP {
        return rights.intersects(MAPPING);
    }
    let means = |row: &&peers::Peer| row.capsicum.iter().any(|name| right_of(name) == Some(right));
    peers::TABLE.iter().filter(means).all(|row| rights.contains(row.right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn every_name_of_the_table_is_a_right() {
        for name in peers::TABLE.iter().flat_map(|row| row.capsicum) {
            assert!(right_of(name).is_some(), "CAP_{name}");
        }
    }

    #[test]
    fn sets_keep_what_their_names_say() {
        let kept = |rights: &[Right]| kept(&CapRights::of(rights)) - UNNAMED;
        let reads = Rights::READ | Rights::LIST | Rights::RECV_HANDLE;
        let writes = Rights::WRITE | Rights::APPEND | Rights::SEND_HANDLE;
        assert_eq!(kept(&[]), Rights::empty());
        assert_eq!(kept(&[Right::READ]), reads);
        assert_eq!(kept(&[Right::WRITE]), writes);
        assert_eq!(kept(&[Right::PREAD]), reads | Rights::SEEK);
        assert_eq!(kept(&[Right::MMAP_R]), reads | Rights::SEEK | Rights::MAP_READ);
        assert_eq!(kept(&[Right::MMAP]), Rights::empty());
        assert_eq!(kept(&[Right::UNLINKAT]), Rights::REMOVE | Rights::LOOKUP);
        assert_eq!(kept(&[Right::PDKILL]), Rights::SIGNAL);
        assert_eq!(kept(&[Right::PDGETPID]), Rights::INSPECT | Rights::NAME);
        assert_eq!(kept(&[Right::FCHMOD]), Rights::SET_ATTR);
    }

    #[test]
    fn a_handle_with_everything_has_everything() {
        assert_eq!(held(Rights::all()), CapRights::ALL);
        let less = held(Rights::all() - Rights::WRITE - Rights::APPEND - Rights::SEND_HANDLE);
        assert!(!less.is_set(Right::WRITE) && !less.is_set(Right::MMAP_W));
        assert!(less.is_set(Right::READ) && less.is_set(Right::MMAP_R));
        // Looking up is part of unlinking.
        let less = held(Rights::all() - Rights::LOOKUP);
        assert!(!less.is_set(Right::UNLINKAT) && !less.is_set(Right::FSTATAT));
        assert!(less.is_set(Right::FSTAT));
    }

    #[test]
    fn more_than_there_is_is_not_permitted() {
        let few = kept(&CapRights::of(&[Right::READ, Right::SEEK]));
        assert!(permits(few, &CapRights::of(&[Right::READ])));
        assert!(permits(few, &CapRights::of(&[Right::SEEK, Right::MMAP])));
        for more in [Right::WRITE, Right::MMAP_R, Right::MMAP_X, Right::PDKILL, Right::UNLINKAT] {
            assert!(!permits(few, &CapRights::of(&[more])), "{more:x?}");
        }
        assert!(!permits(few, &CapRights::ALL) && permits(Rights::all(), &CapRights::ALL));
    }

    fn names() -> impl Strategy<Value = CapRights> {
        prop::collection::vec(0..NAMES.len(), 0..12).prop_map(|indices| {
            CapRights::of(&indices.iter().map(|index| NAMES[*index].1).collect::<Vec<_>>())
        })
    }

    proptest! {
        #[test]
        fn what_was_limited_can_be_limited_to_the_same_again(set in names()) {
            let kept = kept(&set);
            prop_assert!(permits(kept, &set));
            prop_assert_eq!(super::kept(&held(kept)), kept);
        }

        #[test]
        fn less_keeps_less(a in names(), b in names()) {
            let mut both = a;
            both.merge(&b);
            prop_assert!(kept(&both).contains(kept(&a) | kept(&b)));
            prop_assert!(held(kept(&both)).contains(&held(kept(&a))));
        }
    }
}

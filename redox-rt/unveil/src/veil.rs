//! Which places were unveiled.
use crate::Permissions;
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::error::{E2BIG, EOPNOTSUPP, EPERM, Error, Result};

/// Greatest number of paths.
pub const PATHS_MAX: usize = 128;

/// The unveiled places of a process.
#[derive(Clone, Debug, Default)]
pub struct Veil {
    places: Vec<(String, Permissions)>,
    locked: bool,
}

/// Whether a place lies within another.
fn lies_in(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
}

impl Veil {
    /// A veil that hides nothing yet.
    #[must_use]
    pub const fn new() -> Veil {
        Veil { places: Vec::new(), locked: false }
    }

    /// Whether it hides all that was not unveiled.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.places.is_empty()
    }

    /// Whether nothing can be unveiled any more.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// Whether a place can be unveiled with permissions.
    ///
    /// # Errors
    /// `EPERM`: it is locked, or the place was unveiled with less. `E2BIG`: there are too many.
    /// `EOPNOTSUPP`: a directory permits more than a place within it. Its handle leads there too, so
    /// that the less would be said and not be so.
    pub fn check(&self, place: &str, permissions: Permissions) -> Result<()> {
        if self.locked {
            return Err(Error::new(EPERM));
        }
        for (other, has) in &self.places {
            let (outer, inner) = match () {
                () if other == place && has.contain(permissions) => continue,
                () if other == place => return Err(Error::new(EPERM)),
                () if lies_in(place, other) => (*has, permissions),
                () if lies_in(other, place) => (permissions, *has),
                () => continue,
            };
            if !inner.contain(outer) {
                return Err(Error::new(EOPNOTSUPP));
            }
        }
        let known = self.places.iter().any(|(other, _)| other == place);
        if !known && self.places.len() >= PATHS_MAX {
            return Err(Error::new(E2BIG));
        }
        Ok(())
    }

    /// Records what was unveiled.
    ///
    /// # Errors
    /// As [`Veil::check`].
    pub fn add(&mut self, place: String, permissions: Permissions) -> Result<()> {
        self.check(&place, permissions)?;
        self.places.retain(|(other, _)| *other != place);
        self.places.push((place, permissions));
        Ok(())
    }

    /// Has it stay as it is.
    pub fn lock(&mut self) {
        self.locked = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;

    fn add(veil: &mut Veil, place: &str, letters: &str) -> Result<()> {
        veil.add(place.into(), Permissions::read(letters).unwrap())
    }

    #[test]
    fn a_path_is_replaced_by_less_and_never_by_more() {
        let mut veil = Veil::new();
        assert!(!veil.is_active());
        assert_eq!(add(&mut veil, "file/a", "rwc"), Ok(()));
        assert!(veil.is_active());
        assert_eq!(add(&mut veil, "file/a", "r"), Ok(()));
        assert_eq!(add(&mut veil, "file/a", "rw"), Err(Error::new(EPERM)));
        assert_eq!(add(&mut veil, "file/a", ""), Ok(()));
        assert_eq!(add(&mut veil, "file/a", "r"), Err(Error::new(EPERM)));
    }

    #[test]
    fn a_place_in_a_directory_has_more_and_never_less() {
        let mut veil = Veil::new();
        assert_eq!(add(&mut veil, "file", "r"), Ok(()));
        assert_eq!(add(&mut veil, "file/tmp", "rwc"), Ok(()));
        assert_eq!(add(&mut veil, "file/secret", ""), Err(Error::new(EOPNOTSUPP)));
        assert_eq!(add(&mut veil, "file/tmp/deep", "r"), Err(Error::new(EOPNOTSUPP)));
        assert_eq!(add(&mut veil, "files", ""), Ok(()));
        assert_eq!(add(&mut veil, "filesystem/x", "x"), Ok(()));
        // The other way round too.
        assert_eq!(add(&mut veil, "initfs/bin/sh", "r"), Ok(()));
        assert_eq!(add(&mut veil, "initfs/bin", "rx"), Err(Error::new(EOPNOTSUPP)));
        assert_eq!(add(&mut veil, "initfs/bin", "r"), Ok(()));
    }

    #[test]
    fn a_locked_veil_stays() {
        let mut veil = Veil::new();
        veil.lock();
        assert!(veil.is_locked() && !veil.is_active());
        assert_eq!(add(&mut veil, "file/a", "r"), Err(Error::new(EPERM)));
    }

    #[test]
    fn there_are_so_many_paths() {
        let mut veil = Veil::new();
        for index in 0..PATHS_MAX {
            assert_eq!(add(&mut veil, &format!("file/{index}"), "rw"), Ok(()));
        }
        assert_eq!(add(&mut veil, "file/x", "r"), Err(Error::new(E2BIG)));
        assert_eq!(add(&mut veil, "file/7", "r"), Ok(()));
    }

    proptest! {
        /// What a path permits is at most what the last call on it said, and no outer directory
        /// permits more.
        #[test]
        fn no_outer_directory_permits_more(
            calls in prop::collection::vec(("file(/[ab]){0,3}", "[rwxc]{0,3}"), 0..40)
        ) {
            let mut veil = Veil::new();
            for (place, letters) in &calls {
                let before = veil.clone();
                if add(&mut veil, place, letters).is_err() {
                    prop_assert_eq!(&before.places, &veil.places);
                }
                for (outer, has) in &veil.places {
                    for (inner, more) in &veil.places {
                        prop_assert!(!lies_in(inner, outer) || more.contain(*has));
                    }
                }
            }
        }
    }
}

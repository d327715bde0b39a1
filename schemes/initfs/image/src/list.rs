//! Listing a directory.
use crate::{Entry, Image, path};

/// A name directly below a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child<'a> {
    /// The name, one component.
    pub name: &'a str,
    /// The file, or `None` for a directory.
    pub file: Option<Entry<'a>>,
}

/// Iterator over the names directly below a directory.
#[derive(Clone, Debug)]
pub struct Children<'a, 'p> {
    image: Image<'a>,
    directory: &'p str,
    next: usize,
}

impl<'a, 'p> Children<'a, 'p> {
    pub(crate) fn new(image: Image<'a>, directory: &'p str, first: usize) -> Children<'a, 'p> {
        Children { image, directory, next: first }
    }
}

impl<'a> Iterator for Children<'a, '_> {
    type Item = Child<'a>;

    fn next(&mut self) -> Option<Child<'a>> {
        let entry = self.image.nth(self.next)?;
        let rest = path::below(entry.path, self.directory)?;
        self.next = self.next.saturating_add(1);
        let Some((name, _)) = rest.split_once('/') else {
            return Some(Child { name: rest, file: Some(entry) });
        };
        // Everything below the same subdirectory is contiguous.
        while let Some(other) = self.image.nth(self.next)
            && path::below(other.path, self.directory)
                .and_then(|rest| rest.split_once('/'))
                .is_some_and(|(other, _)| other == name)
        {
            self.next = self.next.saturating_add(1);
        }
        Some(Child { name, file: None })
    }
}

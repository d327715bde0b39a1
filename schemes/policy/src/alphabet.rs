//! Characters that no pattern tells apart are one letter, so that what is remembered of a walk
//! needs few entries for each place in it.
use crate::glob::{Element, Glob};
use std::collections::BTreeSet;

/// The letters of a policy.
#[derive(Debug)]
pub(crate) struct Alphabet {
    /// Where letters begin, in order; the first is 0.
    cuts: Vec<u32>,
    /// The letter of each ASCII character.
    ascii: [u32; 128],
}

impl Alphabet {
    /// The letters that these patterns tell apart.
    pub(crate) fn new<'a>(globs: impl Iterator<Item = &'a Glob>) -> Alphabet {
        let mut cuts = BTreeSet::from([0, u32::from('/'), u32::from('/') + 1]);
        let mut cut = |low: char, high: char| {
            cuts.insert(u32::from(low));
            cuts.insert(u32::from(high) + 1);
        };
        for element in globs.flat_map(|glob| &glob.elements) {
            match element {
                Element::Char(one) => cut(*one, *one),
                Element::Class(class) => {
                    class.ranges.iter().for_each(|(low, high)| cut(*low, *high));
                }
                Element::Any | Element::Star | Element::Run => {}
            }
        }
        let cuts: Vec<u32> = cuts.into_iter().collect();
        let mut ascii = [0; 128];
        for (one, letter) in (0..).zip(&mut ascii) {
            *letter = letter_of(&cuts, one);
        }
        Alphabet { cuts, ascii }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.cuts.len()
    }

    /// The letter of an ASCII character; of another byte, none that there is.
    pub(crate) fn ascii(&self, one: u8) -> usize {
        self.ascii.get(usize::from(one)).map_or(usize::MAX >> 32, |letter| *letter as usize)
    }

    /// The letter of a character, less than [`Alphabet::len`].
    pub(crate) fn letter(&self, one: char) -> usize {
        let letter = match self.ascii.get(one as usize) {
            Some(letter) => *letter,
            None => letter_of(&self.cuts, u32::from(one)),
        };
        letter as usize
    }
}

fn letter_of(cuts: &[u32], one: u32) -> u32 {
    cuts.partition_point(|cut| *cut <= one).saturating_sub(1) as u32
}

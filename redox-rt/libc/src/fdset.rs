//! Sets of descriptors as `select` has them: bit `n` of an array of words stands for descriptor
//! `n`. Pure.

/// Bits of a word.
const BITS: usize = u64::BITS as usize;

/// Whether a descriptor is in a set; none is in a set that is not given.
pub(crate) fn contains(set: Option<&[u64]>, descriptor: usize) -> bool {
    let word = set.and_then(|set| set.get(descriptor / BITS));
    word.is_some_and(|word| word >> (descriptor % BITS) & 1 == 1)
}

/// Takes the descriptors below `bound` out of a set, but for those that stay.
pub(crate) fn keep(set: &mut [u64], bound: usize, stays: impl Fn(usize) -> bool) -> usize {
    let mut left = 0;
    for descriptor in 0..bound.min(set.len() * BITS) {
        let Some(word) = set.get_mut(descriptor / BITS) else { break };
        let bit = 1 << (descriptor % BITS);
        if *word & bit != 0 {
            if stays(descriptor) {
                left += 1;
            } else {
                *word &= !bit;
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_a_bit() {
        let set = [1 << 3, 1];
        let members: std::vec::Vec<usize> =
            (0..200).filter(|number| contains(Some(&set), *number)).collect();
        assert_eq!(members, [3, 64]);
        assert!(!contains(None, 3));
    }

    #[test]
    fn only_ready_descriptors_below_the_bound_stay_and_are_counted() {
        let mut set = [0b1110, 0b11];
        assert_eq!(keep(&mut set, 65, |number| number != 2), 3);
        assert_eq!(set, [0b1010, 0b11]);
        assert_eq!(keep(&mut set, usize::MAX, |_| false), 0);
        assert_eq!(set, [0, 0]);
    }
}

//! `qsort` and `bsearch`: over memory whose elements only the caller's comparison understands.
use core::cmp::Ordering;
use core::ffi::{c_int, c_void};
use core::ptr;

/// How C compares two elements.
pub type Comparison = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;

/// An array of elements of `size` bytes.
#[derive(Clone, Copy)]
struct Array {
    base: *mut u8,
    size: usize,
    compare: Comparison,
}

impl Array {
    fn at(self, index: usize) -> *mut u8 {
        self.base.wrapping_add(index * self.size)
    }

    /// # Safety
    /// Both are elements.
    unsafe fn order(self, a: usize, b: usize) -> Ordering {
        // SAFETY: the caller of the sort promised that its elements can be compared.
        unsafe { (self.compare)(self.at(a).cast(), self.at(b).cast()) }.cmp(&0)
    }

    /// # Safety
    /// Both are elements, and not the same.
    unsafe fn swap(self, a: usize, b: usize) {
        // SAFETY: two elements that do not overlap.
        unsafe { ptr::swap_nonoverlapping(self.at(a), self.at(b), self.size) };
    }

    /// Lets an element sink to its place in the heap of the first `count`.
    ///
    /// # Safety
    /// There are `count` elements.
    unsafe fn sink(self, mut parent: usize, count: usize) {
        loop {
            let (left, right) = (2 * parent + 1, 2 * parent + 2);
            let mut largest = parent;
            for child in [left, right] {
                // SAFETY: both are below `count`.
                if child < count && unsafe { self.order(child, largest) } == Ordering::Greater {
                    largest = child;
                }
            }
            if largest == parent {
                return;
            }
            // SAFETY: both are below `count`, and not the same.
            unsafe { self.swap(parent, largest) };
            parent = largest;
        }
    }
}

/// Sorts in place, without memory of its own and never in more than `n log n` steps, whatever the
/// comparison answers. Equal elements may change their order.
///
/// # Safety
/// C contract: `count` elements of `size` bytes, which `compare` may be called with.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn qsort(base: *mut c_void, count: usize, size: usize, compare: Comparison) {
    let array = Array { base: base.cast(), size, compare };
    if size == 0 {
        return;
    }
    for parent in (0..count / 2).rev() {
        // SAFETY: the contract.
        unsafe { array.sink(parent, count) };
    }
    for end in (1..count).rev() {
        // SAFETY: two elements, `end` is at least 1.
        unsafe { array.swap(0, end) };
        // SAFETY: the contract: `end` is below the count.
        unsafe { array.sink(0, end) };
    }
}

/// Finds an element that equals the key in a sorted array, or null.
///
/// # Safety
/// C contract: `count` elements of `size` bytes; `compare` may be called with the key and each.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn bsearch(
    key: *const c_void,
    base: *const c_void,
    count: usize,
    size: usize,
    compare: Comparison,
) -> *mut c_void {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        let place = base.cast::<u8>().wrapping_add(middle * size).cast::<c_void>();
        // SAFETY: the contract: an element.
        match unsafe { compare(key, place) }.cmp(&0) {
            Ordering::Equal => return place.cast_mut(),
            Ordering::Less => high = middle,
            Ordering::Greater => low = middle + 1,
        }
    }
    ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    unsafe extern "C" fn by_number(a: *const c_void, b: *const c_void) -> c_int {
        // SAFETY: the tests sort arrays of u32.
        let (a, b) = (unsafe { a.cast::<u32>().read() }, unsafe { b.cast::<u32>().read() });
        a.cmp(&b) as c_int
    }

    unsafe extern "C" fn nonsense(a: *const c_void, _: *const c_void) -> c_int {
        // SAFETY: the tests sort arrays of u32.
        unsafe { a.cast::<u32>().read() as c_int % 3 - 1 }
    }

    proptest! {
        #[test]
        fn arrays_are_sorted_and_searched(mut numbers in proptest::collection::vec(0..99u32, 0..80)) {
            let mut expected = numbers.clone();
            expected.sort_unstable();
            // SAFETY: the vector's elements, of four bytes each.
            unsafe { qsort(numbers.as_mut_ptr().cast(), numbers.len(), 4, by_number) };
            prop_assert_eq!(&numbers, &expected);
            for key in 0..100u32 {
                let (key_place, base) = ((&raw const key).cast(), numbers.as_ptr().cast());
                // SAFETY: as above.
                let found = unsafe { bsearch(key_place, base, numbers.len(), 4, by_number) };
                prop_assert_eq!(!found.is_null(), expected.contains(&key));
            }
        }

        #[test]
        fn a_comparison_without_order_loses_no_element(
            mut numbers in proptest::collection::vec(any::<u32>(), 0..50)
        ) {
            let mut expected = numbers.clone();
            // SAFETY: the vector's elements, of four bytes each.
            unsafe { qsort(numbers.as_mut_ptr().cast(), numbers.len(), 4, nonsense) };
            expected.sort_unstable();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, expected);
        }
    }
}

//! Pages: the first touch of one, and mapping, touching and unmapping one.
use crate::measure::{Outcome, Row, median, said, sampled};
use clavis::Number;
use clavis::abi::PAGE_SIZE;
use clavis::memory::{Access, Mapping};

/// Pages touched in one run.
const PAGES: usize = 64;
/// Runs of the touching row.
const RUNS: usize = 33;

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "demand-zero",
        what: "first write to a page of anonymous memory, from fault to resume",
        run: demand_zero,
    },
    Row {
        name: "map-touch-unmap",
        what: "map one anonymous page, write to it, unmap it",
        run: map_touch_unmap,
    },
];

/// Memory that no object has a name for.
const ANONYMOUS: Number = Number::from_raw(usize::MAX);

fn map(pages: usize) -> Result<Mapping, String> {
    Mapping::new(&ANONYMOUS, 0, pages * PAGE_SIZE, Access::Private)
        .map_err(|error| said("map", error))
}

fn touch(mapping: &Mapping, page: usize) -> Result<(), String> {
    mapping.write(page * PAGE_SIZE, &[1]).map_err(|error| said("touch", error))
}

fn demand_zero() -> Outcome {
    // All the memory is mapped before the clock runs.
    let mut mappings = Vec::new();
    for _ in 0..RUNS + 16 {
        mappings.push(map(PAGES)?);
    }
    let mut fresh = mappings.iter();
    // Unmapping is not part of it.
    sampled(RUNS, PAGES as u64, || {
        let mapping = fresh.next().ok_or("more runs than mappings")?;
        (0..PAGES).try_for_each(|page| touch(std::hint::black_box(mapping), page))
    })
}

fn map_touch_unmap() -> Outcome {
    median(|| {
        let mapping = map(1)?;
        touch(&mapping, 0)?;
        drop(std::hint::black_box(mapping));
        Ok(())
    })
}

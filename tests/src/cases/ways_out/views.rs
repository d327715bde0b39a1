//! Through a directory handle of a view that is BENEATH.
use super::super::place::Place;
use super::super::views::Viewed;
use super::{cage_at, fixture, native, races};
use crate::run::{Case, Verdict};
use clavis::Handle;
use clavis::abi::error::ENOTCAPABLE;

pub(crate) const CASES: &[Case] = &[
    Case { name: "no_known_path_leads_out_of_a_directory_of_a_view", run: by_view },
    Case { name: "links_that_are_swapped_during_walks_of_a_view_lead_nowhere", run: raced },
];

/// A fixture, and its directory in a view of everything.
fn viewed(name: &str) -> Result<(Place, Viewed, Handle), String> {
    let place = fixture(name)?;
    let view = Viewed::start(name, "/")?;
    let cage = cage_at(&view.at(&place.at("in").display().to_string()))?;
    Ok((place, view, cage))
}

fn by_view() -> Verdict {
    let (place, _view, cage) = viewed("by-view")?;
    // Files that a view gives have no LOOKUP at all.
    native::tried(&place, &cage, ENOTCAPABLE)
}

fn raced() -> Verdict {
    let (place, _view, cage) = viewed("raced-view")?;
    races::swapped_in(&place, &cage)
}

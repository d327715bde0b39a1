//! The cases, by what they are about.
mod hostile;
mod names;
mod processes;
mod rights;
mod servers;
mod std_library;
mod support;

use crate::run::Case;

/// Every case.
pub(crate) const CASES: &[&[Case]] = &[
    names::CASES,
    rights::CASES,
    servers::CASES,
    processes::CASES,
    hostile::CASES,
    std_library::CASES,
];

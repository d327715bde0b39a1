//! Calendar dates, all of them in UTC: the system has no other time zone. Pure, but for the C
//! functions in [`symbols`].
pub(crate) mod calendar;
pub(crate) mod format;
#[cfg(target_os = "redox")]
pub mod symbols;

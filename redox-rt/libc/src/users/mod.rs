//! Users and groups by name and number, from `/etc/passwd` and `/etc/group` of the namespace. A
//! file that is not there holds nobody. The kernel knows neither: every process is 0.
#[cfg(target_os = "redox")]
mod database;
#[cfg(target_os = "redox")]
pub mod group;
pub(crate) mod line;
#[cfg(target_os = "redox")]
pub mod passwd;

//! Names and numbers of network addresses. There is no network whose names could be looked up:
//! only what needs none is answered.
pub(crate) mod lookup;
#[cfg(target_os = "redox")]
pub mod symbols;

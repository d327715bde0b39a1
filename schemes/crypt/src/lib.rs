//! A directory whose names and contents are encrypted.
//!
//! A [`Vault`] stands between a [`View`](clavis_view::View), which walks, and a file system below:
//! names go down encrypted, each by itself and always the same; files have a header with a number
//! of their own and their length, and blocks of 4 KiB, each under a nonce of its own and bound to
//! its file and its place. What somebody changed below is `EIO`, never something else.
//!
//! Pure, as [`Store`] and [`Chance`] stand for the file system and the source of random bytes.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod contents;
#[cfg(target_os = "redox")]
pub mod guest;
pub mod keys;
pub mod names;
mod vault;

pub use clavis_view::Store;
pub use keys::{Cost, Keys};
pub use vault::{Sealed, Vault};

/// What the file with the keys and each encrypted file begin with.
pub const MAGIC: &[u8; 16] = b"clavis crypt  1\n";
/// The name of the file with the keys: no encrypted name has a dot.
pub const KEY_FILE: &str = "keys.crypt";

/// Where random bytes come from.
pub trait Chance {
    /// Fills a buffer with bytes that nobody can guess.
    ///
    /// # Errors
    /// What the source answers.
    fn fill(&self, bytes: &mut [u8]) -> syscall::error::Result<()>;
}

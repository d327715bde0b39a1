//! What there is on Clavis only: files below that are reached through handles, and random bytes.
use crate::Chance;
use crate::vault::{Sealed, Vault};
use clavis::Handle;
use clavis_view::guest::Below;
use clavis_view::held::{Given, Held};
use std::fs::File;
use std::io::Read;
use syscall::error::{EIO, Error, Result};

impl Held for Vault<Below, Random> {
    fn give(&self, file: Sealed<Handle>) -> Given<Sealed<Handle>> {
        Given::Kept(file)
    }

    fn read(&self, file: &Sealed<Handle>, offset: u64, into: &mut [u8]) -> Result<usize> {
        Vault::read(self, file, offset, into)
    }

    fn write(&self, file: &Sealed<Handle>, offset: Option<u64>, from: &[u8]) -> Result<usize> {
        Vault::write(self, file, offset, from).map(|_| from.len())
    }

    fn truncate(&self, file: &Sealed<Handle>, length: u64) -> Result<()> {
        Vault::truncate(self, file, length)
    }
}

/// The random bytes of this machine.
#[derive(Debug)]
pub struct Random(File);

impl Random {
    /// Those of this program's namespace.
    ///
    /// # Errors
    /// There are none.
    pub fn open() -> std::io::Result<Random> {
        File::open("/scheme/rand").map(Random)
    }
}

impl Chance for Random {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        let mut source = &self.0;
        source.read_exact(bytes).map_err(|error| Error::new(error.raw_os_error().unwrap_or(EIO)))
    }
}

//! Frames for page tables.
use alloc::vec::Vec;

use clavis_bootloader::page_tables::{Table, TableMemory};

use crate::firmware::frames::Frames;

const PAGE: usize = clavis_abi::PAGE_SIZE;
/// Tables per allocation: each allocation costs a walk of the firmware's memory map.
const CHUNK: usize = 16;

/// Page tables in frames.
#[derive(Debug, Default)]
pub(crate) struct TableFrames {
    chunks: Vec<Frames>,
    used: usize,
}

impl TableFrames {
    /// The physical ranges in use.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.chunks.iter().map(|chunk| (chunk.start(), chunk.end()))
    }
}

impl TableMemory for &mut TableFrames {
    fn allocate(&mut self) -> Option<u64> {
        if self.used == self.chunks.len().checked_mul(CHUNK)? {
            self.chunks.push(Frames::zeroed("page tables", (CHUNK * PAGE) as u64).ok()?);
        }
        let chunk = self.chunks.last()?;
        let address = chunk.start().checked_add(((self.used % CHUNK) * PAGE) as u64)?;
        self.used = self.used.checked_add(1)?;
        Some(address)
    }

    fn table(&mut self, address: u64) -> Option<&mut Table> {
        let chunk =
            self.chunks.iter_mut().find(|chunk| (chunk.start()..chunk.end()).contains(&address))?;
        let offset = usize::try_from(address.checked_sub(chunk.start())?).ok()?;
        let bytes = chunk.bytes().get_mut(offset..offset.checked_add(PAGE)?)?;
        // SAFETY: every content is a valid `u64`, and the middle part is checked below to be all.
        let (_, words, _) = unsafe { bytes.align_to_mut::<u64>() };
        words.try_into().ok()
    }
}

//! What others can read about the services: rows in memory that init alone writes. It is written
//! with calls to the kernel and to nobody else, so nobody can make init wait by reading.
use alloc::vec;
use alloc::vec::Vec;
use clavis_rt::{Handle, Number, Place, Result, object, sys};
use service_manifest::{ROW, Row};

/// The memory, and what lies there.
pub(crate) struct Board {
    memory: Handle,
    told: Vec<[u8; ROW]>,
}

impl Board {
    /// With room for so many rows.
    pub(crate) fn new(rows: usize) -> Result<Board> {
        let bytes = rows.saturating_mul(ROW) as u64;
        let memory = object::memory(bytes, Place::Upper)?;
        Ok(Board { memory, told: vec![[0; ROW]; rows] })
    }

    /// Its memory.
    pub(crate) fn number(&self) -> Number {
        self.memory.number()
    }

    /// Tells a row, if it says anything new.
    pub(crate) fn tell(&mut self, place: usize, row: &Row) -> Result<()> {
        let Some(told) = self.told.get_mut(place) else { return Ok(()) };
        let bytes = row.to_bytes();
        if *told != bytes {
            *told = bytes;
            let at = place.saturating_mul(ROW) as u64;
            sys::file::write_at(self.memory.number(), &bytes, at)?;
        }
        Ok(())
    }
}

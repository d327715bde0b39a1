//! Building the page tables that the kernel starts with (Intel SDM vol. 3A 4.5).

const ENTRIES: usize = 512;
const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;

/// One table of any level.
pub type Table = [u64; ENTRIES];

/// Where tables come from.
pub trait TableMemory {
    /// Gives a zeroed table: its physical address, or `None` if memory is out.
    fn allocate(&mut self) -> Option<u64>;
    /// The table at a physical address that [`TableMemory::allocate`] gave.
    fn table(&mut self, address: u64) -> Option<&mut Table>;
}

/// What a mapping permits. Everything is readable, by the kernel only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Read,
    /// Read and write.
    Write,
    /// Read and execute.
    Execute,
}

/// Why a range cannot be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// No memory for a table.
    NoMemory,
    /// Something is mapped there already.
    Occupied,
    /// An address or a length is not in whole pages, or wraps.
    Misaligned,
}

/// Whether the processor has pages of 1 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Largest {
    /// 2 MiB pages are the largest.
    Mega2,
    /// 1 GiB pages are.
    Giga1,
}

/// A set of page tables that is being built.
#[derive(Debug)]
pub struct PageTables<M> {
    memory: M,
    root: u64,
    largest: Largest,
}

impl<M: TableMemory> PageTables<M> {
    /// An empty set.
    ///
    /// # Errors
    /// [`MapError::NoMemory`].
    pub fn new(mut memory: M, largest: Largest) -> Result<PageTables<M>, MapError> {
        let root = memory.allocate().ok_or(MapError::NoMemory)?;
        Ok(PageTables { memory, root, largest })
    }

    /// Physical address of the root table.
    #[must_use]
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Maps `bytes` from `physical` at `address` (all multiples of 4096), with the largest pages
    /// that fit.
    ///
    /// # Errors
    /// See [`MapError`]; what was mapped until then stays.
    pub fn map(
        &mut self,
        address: u64,
        physical: u64,
        bytes: u64,
        access: Access,
    ) -> Result<(), MapError> {
        let end = address.checked_add(bytes).ok_or(MapError::Misaligned)?;
        if (address | physical | bytes) & 0xFFF != 0 || physical.checked_add(bytes).is_none() {
            return Err(MapError::Misaligned);
        }
        let (mut at, mut from) = (address, physical);
        while at < end {
            let level = self.level(at | from, end.wrapping_sub(at));
            self.map_one(at, from, level, access)?;
            let size = 1_u64 << shift(level);
            // The last page may end at the top of the address space: then `end` was u64::MAX + 1
            // and the addition above had refused it.
            at = at.saturating_add(size);
            from = from.saturating_add(size);
        }
        Ok(())
    }

    /// The level of the largest page with that alignment and at most that size.
    fn level(&self, alignment: u64, left: u64) -> u32 {
        let fits = |level| {
            let size = 1_u64 << shift(level);
            alignment & size.wrapping_sub(1) == 0 && left >= size
        };
        match self.largest {
            Largest::Giga1 if fits(2) => 2,
            _ if fits(1) => 1,
            _ => 0,
        }
    }

    fn map_one(
        &mut self,
        address: u64,
        physical: u64,
        level: u32,
        access: Access,
    ) -> Result<(), MapError> {
        let mut table = self.root;
        for above in (level.saturating_add(1)..=3).rev() {
            table = self.child(table, index(address, above))?;
        }
        let entry = self.entry(table, index(address, level))?;
        if *entry != 0 {
            return Err(MapError::Occupied);
        }
        let size = if level == 0 { 0 } else { LARGE };
        let rights = match access {
            Access::Read => NO_EXECUTE,
            Access::Write => NO_EXECUTE | WRITABLE,
            Access::Execute => 0,
        };
        // Only the kernel's half is in every space.
        let global = if address >> 63 == 1 { GLOBAL } else { 0 };
        *entry = (physical & ADDRESS) | rights | size | global | PRESENT;
        Ok(())
    }

    fn child(&mut self, table: u64, index: usize) -> Result<u64, MapError> {
        let entry = *self.entry(table, index)?;
        if entry & LARGE != 0 {
            return Err(MapError::Occupied);
        }
        if entry & PRESENT != 0 {
            return Ok(entry & ADDRESS);
        }
        let child = self.memory.allocate().ok_or(MapError::NoMemory)?;
        *self.entry(table, index)? = child | WRITABLE | PRESENT;
        Ok(child)
    }

    fn entry(&mut self, table: u64, index: usize) -> Result<&mut u64, MapError> {
        self.memory.table(table).and_then(|table| table.get_mut(index)).ok_or(MapError::NoMemory)
    }
}

const fn shift(level: u32) -> u32 {
    level.saturating_mul(9).saturating_add(12)
}

const fn index(address: u64, level: u32) -> usize {
    (address >> shift(level)) as usize & (ENTRIES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const DIRECT: u64 = clavis_abi::boot::DIRECT_MAP;
    const GIGA: u64 = 1 << 30;
    const MEGA2: u64 = 1 << 21;

    /// Tables at physical addresses 1 MiB and up, at most `limit`.
    struct Pool {
        tables: Vec<Table>,
        limit: usize,
    }

    impl TableMemory for Pool {
        fn allocate(&mut self) -> Option<u64> {
            if self.tables.len() == self.limit {
                return None;
            }
            self.tables.push([0; ENTRIES]);
            Some(0x10_0000 + (self.tables.len() as u64 - 1) * 4096)
        }

        fn table(&mut self, address: u64) -> Option<&mut Table> {
            self.tables.get_mut(usize::try_from((address - 0x10_0000) / 4096).unwrap())
        }
    }

    fn tables(limit: usize) -> PageTables<Pool> {
        PageTables::new(Pool { tables: Vec::new(), limit }, Largest::Giga1).unwrap()
    }

    /// What the processor would find: physical address and rights.
    fn walk(tables: &mut PageTables<Pool>, address: u64) -> Option<(u64, Access)> {
        let mut table = tables.root;
        for level in (0..4).rev() {
            let entry = tables.memory.table(table).unwrap()[index(address, level)];
            if entry & PRESENT == 0 {
                return None;
            }
            if level == 0 || entry & LARGE != 0 {
                let access = match (entry & WRITABLE != 0, entry & NO_EXECUTE != 0) {
                    (false, true) => Access::Read,
                    (true, true) => Access::Write,
                    (false, false) => Access::Execute,
                    (true, false) => panic!("writable and executable"),
                };
                let offset = address & ((1 << shift(level)) - 1);
                return Some(((entry & ADDRESS) + offset, access));
            }
            table = entry & ADDRESS;
        }
        None
    }

    #[test]
    fn every_page_of_a_range_is_found_and_none_beside_it() {
        let mut tables = tables(64);
        let (start, end) = (MEGA2 - 0x3000, 3 * GIGA + 5 * MEGA2 + 0x1000);
        tables.map(DIRECT + start, start, end - start, Access::Write).unwrap();
        for physical in [start, MEGA2, GIGA - 1, GIGA, 2 * GIGA + 77, 3 * GIGA + MEGA2, end - 1] {
            assert_eq!(walk(&mut tables, DIRECT + physical), Some((physical, Access::Write)));
        }
        assert_eq!(walk(&mut tables, DIRECT + start - 1), None);
        assert_eq!(walk(&mut tables, DIRECT + end), None);
    }

    #[test]
    fn large_pages_keep_the_tables_few() {
        let mut tables = tables(64);
        tables.map(DIRECT, 0, 64 * GIGA, Access::Write).unwrap();
        assert_eq!(tables.memory.tables.len(), 2);
        let mut small =
            PageTables::new(Pool { tables: Vec::new(), limit: 64 }, Largest::Mega2).unwrap();
        small.map(DIRECT, 0, 4 * GIGA, Access::Write).unwrap();
        assert_eq!(small.memory.tables.len(), 6);
    }

    #[test]
    fn nothing_is_mapped_twice() {
        let mut tables = tables(64);
        tables.map(DIRECT, 0, GIGA, Access::Write).unwrap();
        assert_eq!(tables.map(DIRECT + 0x1000, 0, 0x1000, Access::Read), Err(MapError::Occupied));
        tables.map(DIRECT + GIGA + 0x1000, 0, 0x1000, Access::Read).unwrap();
        assert_eq!(tables.map(DIRECT + GIGA, GIGA, GIGA, Access::Read), Err(MapError::Occupied));
    }

    #[test]
    fn crooked_ranges_and_lack_of_memory_are_errors() {
        let mut tables = tables(2);
        assert_eq!(tables.map(DIRECT + 1, 0, 4096, Access::Read), Err(MapError::Misaligned));
        assert_eq!(tables.map(u64::MAX - 4095, 0, 8192, Access::Read), Err(MapError::Misaligned));
        assert_eq!(tables.map(DIRECT, 0, 4096, Access::Read), Err(MapError::NoMemory));
    }
}

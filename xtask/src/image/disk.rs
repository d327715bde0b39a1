//! The partition table, and the file.
use std::fs::File;
use std::io::{Cursor, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::Context as _;
use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;
use gpt::partition::Partition;
use gpt::{GptConfig, partition_types};

const SECTOR: u64 = 512;
/// Partitions start on a MiB, as flash memory likes it.
const ALIGN: u64 = 1 << 20;
const DISK_GUID: &str = "c1a5150f-0000-4000-8000-00000000d15c";
const PARTITION_GUID: &str = "c1a5150f-0000-4000-8000-0000000000e5";

/// A disk with one partition of these bytes.
pub(crate) fn partition(volume: &[u8]) -> anyhow::Result<Vec<u8>> {
    let size = (ALIGN + volume.len() as u64 + ALIGN).next_multiple_of(ALIGN);
    let mut disk = vec![0; usize::try_from(size)?];
    let sectors = u32::try_from(size / SECTOR - 1).unwrap_or(u32::MAX);
    ProtectiveMBR::with_lb_size(sectors).overwrite_lba0(&mut Cursor::new(&mut disk))?;
    let mut table = GptConfig::new()
        .writable(true)
        .logical_block_size(LogicalBlockSize::Lb512)
        .create_from_device(Cursor::new(disk), Some(DISK_GUID.parse()?))?;
    let first_lba = ALIGN / SECTOR;
    let entry = Partition {
        part_type_guid: partition_types::EFI,
        part_guid: PARTITION_GUID.parse()?,
        first_lba,
        last_lba: first_lba + volume.len() as u64 / SECTOR - 1,
        flags: 0,
        name: "Clavis".into(),
    };
    table.update_partitions([(1, entry)].into())?;
    let mut disk = table.write()?.into_inner();
    let start = usize::try_from(ALIGN)?;
    disk.get_mut(start..start + volume.len())
        .context("the disk is smaller than its partition")?
        .copy_from_slice(volume);
    Ok(disk)
}

/// Writes a file whose zeros take no room.
pub(crate) fn write_sparse(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    const BLOCK: usize = 64 << 10;
    let mut file = File::create(path)?;
    file.set_len(bytes.len() as u64)?;
    for (index, block) in bytes.chunks(BLOCK).enumerate() {
        if block.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start((index * BLOCK) as u64))?;
            file.write_all(block)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_is_found_again_and_the_bytes_repeat() {
        let volume = vec![0xA5; 3 << 20];
        let disk = partition(&volume).unwrap();
        assert_eq!(disk, partition(&volume).unwrap());
        let table = GptConfig::new().open_from_device(Cursor::new(disk.clone())).unwrap();
        let (_, entry) = table.partitions().first_key_value().unwrap();
        assert_eq!(entry.part_type_guid, partition_types::EFI);
        let start = usize::try_from(entry.bytes_start(LogicalBlockSize::Lb512).unwrap()).unwrap();
        assert_eq!(disk[start..start + volume.len()], volume);
    }
}

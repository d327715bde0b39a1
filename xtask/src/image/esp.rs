//! The EFI system partition: FAT32, the same bytes for the same files.
use std::io::{Cursor, Write as _};

use anyhow::Context as _;
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};

const MIB: u64 = 1 << 20;
/// FAT32 begins at 65,525 clusters; clusters of 1 KiB keep both the volume and the chains that
/// firmware follows short.
const CLUSTER: u32 = 1024;
/// Smallest volume that is FAT32 with that cluster.
const SMALLEST: u64 = 66 * MIB;
/// "CLVS"
const VOLUME_ID: u32 = 0x434C_5653;

/// Formats a volume with these files (path with `/`, content).
pub(crate) fn format(files: &[(&str, Vec<u8>)]) -> anyhow::Result<Vec<u8>> {
    let content: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let size = (content + content / 64 + 2 * MIB).max(SMALLEST).next_multiple_of(MIB);
    let mut volume = vec![0; usize::try_from(size)?];
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_cluster(CLUSTER)
        .volume_id(VOLUME_ID)
        .volume_label(*b"CLAVIS     ");
    fatfs::format_volume(Cursor::new(&mut volume), options)?;
    // Without its clock feature the crate stamps everything 1980-01-01, as is wanted here.
    let system =
        FileSystem::new(Cursor::new(&mut volume), FsOptions::new().update_accessed_date(false))?;
    for (path, bytes) in files {
        let mut folder = system.root_dir();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_some() {
                folder = folder.create_dir(part)?;
            } else {
                let mut file = folder.create_file(part)?;
                file.truncate()?;
                file.write_all(bytes).with_context(|| format!("cannot write {path}"))?;
            }
        }
    }
    system.unmount()?;
    Ok(volume)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn files_are_found_again_and_the_bytes_repeat() {
        let files = [("EFI/BOOT/BOOTX64.EFI", vec![1; 5000]), ("clavis/kernel", vec![2; 100_000])];
        let volume = format(&files).unwrap();
        assert_eq!(volume, format(&files).unwrap());
        let system = FileSystem::new(Cursor::new(volume), FsOptions::new()).unwrap();
        assert_eq!(system.fat_type(), FatType::Fat32);
        let mut bytes = Vec::new();
        system.root_dir().open_file("clavis/kernel").unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, files[1].1);
    }
}

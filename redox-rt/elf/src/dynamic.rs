//! The dynamic section of a static program: relocations, but no libraries.
use goblin::elf64::dynamic::{DT_NEEDED, DT_NULL};

/// Whether a dynamic section (bytes of [`crate::Image::dynamic`]) names a library. A section that
/// is cut off inside an entry is read up to there.
#[must_use]
pub fn needs_libraries(section: &[u8]) -> bool {
    section
        .as_chunks::<16>()
        .0
        .iter()
        .filter_map(|entry| entry.first_chunk::<8>())
        .map(|tag| u64::from_le_bytes(*tag))
        .take_while(|tag| *tag != DT_NULL)
        .any(|tag| tag == DT_NEEDED)
}

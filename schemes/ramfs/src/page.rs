//! A page of file contents.
//!
//! Pages can be mapped by clients that write to them at any moment. Their words are therefore
//! atomic: what a reader sees of a racing write is up to the race, but no access is undefined.
use clavis_abi::PAGE_SIZE;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const WORD: usize = size_of::<u64>();
const WORDS: usize = PAGE_SIZE / WORD;

/// One page, aligned so that the kernel can map it elsewhere.
#[repr(C, align(4096))]
pub struct Page([AtomicU64; WORDS]);

impl Page {
    /// A page of zeros.
    #[must_use]
    pub fn zeroed() -> Self {
        Self([const { AtomicU64::new(0) }; WORDS])
    }

    /// Where the page lies in this process.
    #[must_use]
    pub fn address(&self) -> usize {
        std::ptr::from_ref(self).expose_provenance()
    }

    /// Copies bytes out, from `offset` on; what lies behind the page's end stays untouched.
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        let (first, skip) = (offset / WORD, offset % WORD);
        let head = out.len().min(WORD.saturating_sub(skip));
        let (head, rest) = if skip == 0 { (&mut [][..], out) } else { out.split_at_mut(head) };
        let mut words = self.0.iter().skip(first);
        if skip != 0
            && let Some(word) = words.next()
        {
            let bytes = word.load(Relaxed).to_ne_bytes();
            head.iter_mut().zip(bytes.iter().skip(skip)).for_each(|(to, from)| *to = *from);
        }
        let mut chunks = rest.chunks_exact_mut(WORD);
        for (chunk, word) in chunks.by_ref().zip(words.by_ref()) {
            chunk.copy_from_slice(&word.load(Relaxed).to_ne_bytes());
        }
        let tail = chunks.into_remainder();
        if !tail.is_empty()
            && let Some(word) = words.next()
        {
            let bytes = word.load(Relaxed).to_ne_bytes();
            tail.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        }
    }

    /// Copies bytes in, from `offset` on; what does not fit into the page is left out.
    pub fn write(&self, offset: usize, data: &[u8]) {
        let (first, skip) = (offset / WORD, offset % WORD);
        let head = if skip == 0 { 0 } else { data.len().min(WORD.saturating_sub(skip)) };
        let (head, rest) = data.split_at(head);
        let mut words = self.0.iter().skip(first);
        if skip != 0
            && let Some(word) = words.next()
        {
            patch(word, skip, head);
        }
        let (chunks, tail) = rest.as_chunks::<WORD>();
        for (chunk, word) in chunks.iter().zip(words.by_ref()) {
            word.store(u64::from_ne_bytes(*chunk), Relaxed);
        }
        if !tail.is_empty()
            && let Some(word) = words.next()
        {
            patch(word, 0, tail);
        }
    }

    /// Makes the bytes from `offset` to the end zero.
    pub fn clear_from(&self, offset: usize) {
        let (first, skip) = (offset / WORD, offset % WORD);
        let mut words = self.0.iter().skip(first);
        if skip != 0
            && let Some(word) = words.next()
        {
            patch(word, skip, &[0; WORD]);
        }
        words.for_each(|word| word.store(0, Relaxed));
    }

    /// Takes over the contents of another page.
    pub fn copy_from(&self, other: &Page) {
        for (to, from) in self.0.iter().zip(&other.0) {
            to.store(from.load(Relaxed), Relaxed);
        }
    }
}

fn patch(word: &AtomicU64, skip: usize, data: &[u8]) {
    let mut bytes = word.load(Relaxed).to_ne_bytes();
    bytes.iter_mut().skip(skip).zip(data).for_each(|(to, from)| *to = *from);
    word.store(u64::from_ne_bytes(bytes), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_back_what_was_written_at_every_offset_and_length() {
        for offset in [0, 1, 7, 8, 9, 4080, 4088, 4095] {
            for len in [0, 1, 2, 7, 8, 9, 15, 16, 17] {
                let page = Page::zeroed();
                let data: Vec<u8> = (1..=len as u8).collect();
                page.write(offset, &data);
                let fits = len.min(PAGE_SIZE - offset);
                let mut all = vec![0xFF; PAGE_SIZE];
                page.read(0, &mut all);
                assert_eq!(all[offset..offset + fits], data[..fits]);
                assert!(all[..offset].iter().all(|byte| *byte == 0));
                assert!(all[offset + fits..].iter().all(|byte| *byte == 0));
                let mut part = vec![0; fits];
                page.read(offset, &mut part);
                assert_eq!(part, data[..fits], "offset {offset} length {len}");
            }
        }
    }

    #[test]
    fn clearing_leaves_what_lies_before() {
        let page = Page::zeroed();
        page.write(0, &[7; PAGE_SIZE]);
        page.clear_from(13);
        let mut all = vec![0; PAGE_SIZE];
        page.read(0, &mut all);
        assert!(all[..13].iter().all(|byte| *byte == 7));
        assert!(all[13..].iter().all(|byte| *byte == 0));
    }
}

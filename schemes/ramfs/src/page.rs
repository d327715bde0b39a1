//! A page of file contents.
//!
//! Pages can be mapped by clients that write to them at any moment. Their words are therefore
//! atomic: what a reader sees of a racing write is up to the race, but no access is undefined.
use clavis_abi::PAGE_SIZE;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const WORD: usize = size_of::<u64>();
const WORDS: usize = PAGE_SIZE / WORD;

/// The words of a page.
pub type Words = [AtomicU64; WORDS];

/// A page of zeros, aligned so that the kernel can map it elsewhere.
#[repr(C, align(4096))]
pub struct Page(pub Words);

impl Default for Page {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; WORDS])
    }
}

/// The bytes of a page.
pub trait Bytes {
    /// Where the page lies in this process.
    fn address(&self) -> usize;

    /// Copies bytes out, from `offset` on; what lies behind the page's end stays untouched.
    fn read(&self, offset: usize, out: &mut [u8]);

    /// Copies bytes in, from `offset` on; what does not fit into the page is left out.
    fn write(&self, offset: usize, data: &[u8]);

    /// Makes the bytes from `offset` to the end zero.
    fn clear_from(&self, offset: usize);

    /// Takes over the contents of another page.
    fn copy_from(&self, other: &Words);
}

impl Bytes for Words {
    fn address(&self) -> usize {
        std::ptr::from_ref(self).expose_provenance()
    }

    fn read(&self, offset: usize, out: &mut [u8]) {
        let (first, skip) = (offset / WORD, offset % WORD);
        let head = out.len().min(WORD.saturating_sub(skip));
        let (head, rest) = if skip == 0 { (&mut [][..], out) } else { out.split_at_mut(head) };
        let mut words = self.iter().skip(first);
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

    fn write(&self, offset: usize, data: &[u8]) {
        let (first, skip) = (offset / WORD, offset % WORD);
        let head = if skip == 0 { 0 } else { data.len().min(WORD.saturating_sub(skip)) };
        let (head, rest) = data.split_at(head);
        let mut words = self.iter().skip(first);
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

    fn clear_from(&self, offset: usize) {
        let (first, skip) = (offset / WORD, offset % WORD);
        let mut words = self.iter().skip(first);
        if skip != 0
            && let Some(word) = words.next()
        {
            patch(word, skip, &[0; WORD]);
        }
        words.for_each(|word| word.store(0, Relaxed));
    }

    fn copy_from(&self, other: &Words) {
        for (to, from) in self.iter().zip(other) {
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
                let page = Page::default().0;
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
        let page = Page::default().0;
        page.write(0, &[7; PAGE_SIZE]);
        page.clear_from(13);
        let mut all = vec![0; PAGE_SIZE];
        page.read(0, &mut all);
        assert!(all[..13].iter().all(|byte| *byte == 7));
        assert!(all[13..].iter().all(|byte| *byte == 0));
    }
}

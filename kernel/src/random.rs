//! The random generator: ChaCha20, seeded from all that the machine offers.
use core::arch::asm;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{clock, cpu};

/// Bytes after which the generator takes a new key, so that an old state tells nothing of older
/// output.
const REKEY: usize = 64 * 1024;

/// The generator.
pub(crate) struct Random {
    generator: ChaCha20Rng,
    given: usize,
    hardware: bool,
}

impl Random {
    /// Seeds the generator from the bootloader's bytes, the processor's generator and the jitter
    /// of the counter. Says whether one of the first two was there.
    pub(crate) fn new(boot: &[u8], has_rdrand: bool) -> (Random, bool) {
        let generator = ChaCha20Rng::from_seed([0; 32]);
        let mut random = Random { generator, given: 0, hardware: has_rdrand && hardware_works() };
        for part in boot.chunks(32) {
            random.absorb(part);
        }
        random.refresh();
        random.jitter();
        let seeded = boot.len() >= 16 || random.hardware;
        (random, seeded)
    }

    /// Mixes up to 32 bytes into the key: the next key is output of this one, xor them.
    fn absorb(&mut self, bytes: &[u8]) {
        let mut key = [0; 32];
        self.generator.fill_bytes(&mut key);
        for (to, from) in key.iter_mut().zip(bytes) {
            *to ^= from;
        }
        self.generator = ChaCha20Rng::from_seed(key);
    }

    /// Mixes in the time and what the processor's generator gives.
    fn refresh(&mut self) {
        let mut fresh = [0; 32];
        let mut words = [cpu::time_stamp(), 0, 0, 0];
        if self.hardware {
            for word in words.iter_mut().skip(1) {
                *word = hardware().unwrap_or(0);
            }
        }
        for (place, word) in fresh.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        self.absorb(&fresh);
    }

    /// Mixes in how long accesses to a slow device take.
    fn jitter(&mut self) {
        for _ in 0..8 {
            let mut sample = [0; 32];
            for byte in &mut sample {
                let _ = crate::apic::timer_count();
                *byte = cpu::time_stamp() as u8;
            }
            self.absorb(&sample);
        }
    }

    /// Fills bytes.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.generator.fill_bytes(bytes);
        self.given += bytes.len();
        if self.given >= REKEY {
            self.given = 0;
            self.refresh();
            self.absorb(&clock::now().to_le_bytes());
        }
    }
}

/// One word of the processor's generator, which may be exhausted for a moment (Intel SDM vol. 1
/// 7.3.17.1 suggests ten tries).
fn hardware() -> Option<u64> {
    for _ in 0..10 {
        let (word, ok): (u64, u8);
        // SAFETY: CPUID reports RDRAND.
        unsafe {
            asm!("rdrand {}", "setc {}", out(reg) word, out(reg_byte) ok, options(nomem, nostack))
        };
        if ok != 0 {
            return Some(word);
        }
    }
    None
}

/// Whether the processor's generator gives words that are not all alike: some processors are known
/// to answer with all ones for ever after they slept.
fn hardware_works() -> bool {
    let words: [Option<u64>; 8] = core::array::from_fn(|_| hardware());
    words.iter().all(Option::is_some)
        && words.windows(2).all(|pair| pair.first() != pair.last())
        && !words.contains(&Some(u64::MAX))
        && !words.contains(&Some(0))
}

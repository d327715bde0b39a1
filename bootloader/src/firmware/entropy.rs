//! Random bytes from the firmware's generator and from RDRAND.
use uefi::boot;
use uefi::proto::rng::Rng;

use crate::firmware::processor;

/// Fills a block from every source there is, and says how many of its bytes are random.
pub(crate) fn gather() -> ([u8; 64], usize) {
    let mut block = [0; 64];
    let firmware = from_firmware(&mut block);
    let processor = processor::has_rdrand() && mix_rdrand(&mut block);
    let len = if firmware || processor { block.len() } else { 0 };
    (block, len)
}

fn from_firmware(block: &mut [u8; 64]) -> bool {
    boot::get_handle_for_protocol::<Rng>()
        .and_then(boot::open_protocol_exclusive::<Rng>)
        .and_then(|mut rng| rng.get_rng(None, block))
        .is_ok()
}

/// Xors RDRAND words into the block, if the generator looks alive: words come, and they differ.
fn mix_rdrand(block: &mut [u8; 64]) -> bool {
    let mut words = [0_u64; 8];
    for word in &mut words {
        let Some(random) = (0..10).find_map(|_| rdrand()) else { return false };
        *word = random;
    }
    if words.windows(2).any(|pair| pair[0] == pair[1]) {
        return false;
    }
    for (chunk, word) in block.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *chunk = (u64::from_le_bytes(*chunk) ^ word).to_le_bytes();
    }
    true
}

fn rdrand() -> Option<u64> {
    let mut word = 0;
    // SAFETY: the caller saw that the processor has RDRAND.
    let ready = unsafe { core::arch::x86_64::_rdrand64_step(&mut word) };
    (ready == 1).then_some(word)
}

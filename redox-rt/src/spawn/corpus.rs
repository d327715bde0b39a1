//! Files that lie, from the judge to the map: whatever a file says, it is refused, or what is
//! mapped for it keeps every promise. `CLAVIS_SEED=n` repeats a run.
use super::plan::{Content, Plan};
use clavis_elf::{HEAD, Image, PAGE, Place, SEGMENTS};
use std::vec::Vec;
use syscall::flag::MapFlags;

/// Mutated files.
const FILES: usize = 60_000;
/// What the stack and the startup block take.
const STACK: usize = 1 << 20;
const BLOCK: usize = 5000;
/// Bytes of an ELF header and of a program header.
const HEADER: usize = 64;
const ENTRY: usize = 56;

struct Random(u64);

impl Random {
    fn seeded() -> Random {
        let given = std::env::var("CLAVIS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_nanos() as u64)
        });
        std::println!("CLAVIS_SEED={seed}");
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ word >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// A program header: kind, flags, offset, address, bytes in the file and in memory, alignment.
fn entry(kind: u32, flags: u32, words: [u64; 5]) -> Vec<u8> {
    let [offset, address, file, memory, align] = words;
    let mut bytes = Vec::new();
    bytes.extend(kind.to_le_bytes());
    bytes.extend(flags.to_le_bytes());
    for word in [offset, address, address, file, memory, align] {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

/// A file of that kind (2: fixed, 3: anywhere) with those program headers.
fn file(kind: u16, first: u64, entries: &[Vec<u8>]) -> Vec<u8> {
    let mut file = std::vec![0x7F, b'E', b'L', b'F', 2, 1, 1];
    file.resize(16, 0);
    file.extend(kind.to_le_bytes());
    file.extend(62_u16.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for word in [first, HEADER as u64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [HEADER as u16, ENTRY as u16, entries.len() as u16, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    entries.iter().for_each(|entry| file.extend(entry));
    file.resize(0x9000, 0xC3);
    file
}

/// Good files: made ones, and this test's own program without its interpreter.
fn corpus() -> Vec<Vec<u8>> {
    let parts = |base: u64| {
        [
            entry(1, 4, [0, base, 0x900, 0x900, PAGE]),
            entry(1, 5, [0x900, base + 0x1900, 0x1800, 0x1800, PAGE]),
            entry(1, 6, [0x2100, base + 0x4100, 0x300, 0x5000, PAGE]),
            entry(7, 4, [0x2100, base + 0x4100, 0x20, 0x60, 16]),
            entry(2, 6, [0x2200, base + 0x4200, 0x80, 0x80, 8]),
            entry(0x6474_E551, 6, [0; 5]),
        ]
    };
    let large = [
        entry(1, 5, [0, 0, 0x8000, 0x8000, PAGE]),
        entry(1, 6, [0x8000, 0x20_0000, 0x1000, 0x4000_0000, PAGE]),
    ];
    let mut own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let table = usize::from(u16::from_le_bytes([own[56], own[57]]));
    for at in (0..table).map(|index| HEADER + index * ENTRY) {
        if own[at..at + 4] == 3_u32.to_le_bytes() {
            own[at..at + 4].fill(0);
        }
    }
    std::vec![
        file(3, 0x1A00, &parts(0)),
        file(2, 0x40_1A00, &parts(0x40_0000)),
        file(3, 0, &large),
        own
    ]
}

/// Changes a file's head: bits, bytes, words, whole program headers, its length.
fn mutate(file: &[u8], random: &mut Random) -> (Vec<u8>, u64) {
    let mut head = file.get(..HEAD).unwrap_or(file).to_vec();
    let mut size = file.len() as u64;
    let table = HEADER + usize::from(u16::from_le_bytes([file[56], file[57]])) * ENTRY;
    let edges = [0, 1, PAGE - 1, PAGE, size, Place::USER.end, 1 << 47, u64::MAX >> 1, u64::MAX];
    for _ in 0..=random.below(3) {
        let at = random.below(table);
        match random.below(7) {
            0 => head[at] ^= 1 << random.below(8),
            1 => head[at] = random.next() as u8,
            2 | 3 => {
                let at = at & !7;
                let near = random.next() % 0x2000;
                let word = edges[random.below(edges.len())].wrapping_add(near).wrapping_sub(0x1000);
                head[at..at + 8].copy_from_slice(&word.to_le_bytes());
            }
            4 => {
                let count = (table - HEADER) / ENTRY;
                let (from, to) = (random.below(count), random.below(count));
                let from = HEADER + from * ENTRY;
                head.copy_within(from..from + ENTRY, HEADER + to * ENTRY);
            }
            5 => head[56..58].copy_from_slice(&(random.below(70) as u16).to_le_bytes()),
            _ => {
                size = random.next() >> random.below(64);
                let length = head.len().min(usize::try_from(size).unwrap_or(usize::MAX));
                head.truncate(length.max(table));
            }
        }
    }
    (head, size)
}

/// Everything that a child relies on.
fn assert_sound(image: &Image, plan: &Plan, size: u64) {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let both = MapFlags::PROT_WRITE | MapFlags::PROT_EXEC;
    for step in plan.steps() {
        assert_eq!((step.address | step.length | step.offset) % PAGE, 0);
        assert!(step.length > 0 && !step.flags.contains(both));
        ranges.push((step.address, step.address.checked_add(step.length).unwrap()));
        match step.content {
            Content::File => {
                let end = step.offset.checked_add(step.length).unwrap();
                assert!(end <= size.next_multiple_of(PAGE), "beyond the file");
            }
            Content::Scratch => {
                assert!(step.offset + step.length <= plan.scratch_size as u64);
                assert!(!step.flags.contains(MapFlags::PROT_EXEC));
            }
            Content::Zero => assert!(!step.flags.contains(MapFlags::PROT_EXEC)),
        }
    }
    for tail in plan.tails() {
        assert!(tail.length < PAGE as usize && tail.file_offset + tail.length as u64 <= size);
        assert!(tail.scratch_offset + tail.length <= plan.scratch_size);
    }
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "mappings overlap");
    assert!(ranges[0].0 >= Place::USER.start && ranges[ranges.len() - 1].1 <= Place::USER.end);
    assert!(image.segments().len() <= SEGMENTS && plan.stack_top.is_multiple_of(16));
    let code = plan.steps().iter().filter(|step| step.flags.contains(MapFlags::PROT_EXEC));
    let mut code = code.map(|step| step.address..step.address + step.length);
    assert!(code.any(|range| range.contains(&plan.entry)), "it starts outside its code");
}

#[test]
fn whatever_a_file_says_it_is_refused_or_mapped_soundly() {
    let mut random = Random::seeded();
    let corpus = corpus();
    let mut sound = std::vec![0; corpus.len()];
    for (good, sound) in corpus.iter().zip(&mut sound) {
        let head = good.get(..HEAD).unwrap_or(good);
        assert!(Image::parse(head, good.len() as u64, Place::USER).is_ok(), "it is not good");
        for _ in 0..FILES / corpus.len() {
            let (head, size) = mutate(good, &mut random);
            let Ok(image) = Image::parse(&head, size, Place::USER) else { continue };
            let Some(plan) = Plan::new(&image, BLOCK, STACK, random.next()) else { continue };
            assert_sound(&image, &plan, size);
            *sound += 1;
        }
    }
    std::println!("{sound:?} of {} files each were accepted", FILES / corpus.len());
    assert!(sound.iter().all(|sound| *sound > 100), "the mutations are too wild: {sound:?}");
}

#[test]
fn programs_lie_at_random_addresses() {
    let mut random = Random::seeded();
    let head = &corpus()[0];
    let image = Image::parse(head, head.len() as u64, Place::USER).unwrap();
    let mut places: Vec<u64> =
        (0..1000).map(|_| Plan::new(&image, BLOCK, STACK, random.next()).unwrap().entry).collect();
    places.sort_unstable();
    // A thousand draws of 2^33 pages meet once in 17,000 runs; twice in the same run never.
    let meetings = places.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(meetings < 2, "{meetings} programs lie where another lies");
    let spread = places[999] - places[0];
    assert!(spread > 1 << 44, "they lie within {spread:#x} bytes");
}

//! Files that lie: every field of a good program takes bad values; the answer is an error or an
//! image that keeps every promise. `CLAVIS_SEED=n` repeats a run.
use clavis_elf::{Error, Image, Kind, PAGE, Place};

const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_TLS: u32 = 7;
const PT_STACK: u32 = 0x6474_E551;
const PT_DYNAMIC: u32 = 2;
const R: u32 = 4;
const W: u32 = 2;
const X: u32 = 1;

struct Part {
    kind: u32,
    flags: u32,
    offset: u64,
    vaddr: u64,
    file: u64,
    mem: u64,
    align: u64,
}

fn load(flags: u32, offset: u64, vaddr: u64, file: u64, mem: u64) -> Part {
    Part { kind: PT_LOAD, flags, offset, vaddr, file, mem, align: PAGE }
}

fn good_parts() -> Vec<Part> {
    vec![
        load(R, 0, 0, 0x900, 0x900),
        load(R | X, 0x900, 0x1900, 0x1800, 0x1800),
        load(R | W, 0x2100, 0x4100, 0x300, 0x5000),
        Part {
            kind: PT_TLS,
            flags: R,
            offset: 0x2100,
            vaddr: 0x4100,
            file: 0x20,
            mem: 0x60,
            align: 16,
        },
        Part {
            kind: PT_DYNAMIC,
            flags: R | W,
            offset: 0x2200,
            vaddr: 0x4200,
            file: 0x80,
            mem: 0x80,
            align: 8,
        },
        Part { kind: PT_STACK, flags: R | W, offset: 0, vaddr: 0, file: 0, mem: 0, align: 0 },
    ]
}

const FILE: u64 = 0x2400;

fn build(e_type: u16, entry: u64, parts: &[Part]) -> Vec<u8> {
    let mut file = vec![0x7F, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend(e_type.to_le_bytes());
    file.extend(62_u16.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    file.extend(entry.to_le_bytes());
    file.extend(64_u64.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, u16::try_from(parts.len()).unwrap(), 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for part in parts {
        file.extend(part.kind.to_le_bytes());
        file.extend(part.flags.to_le_bytes());
        for word in [part.offset, part.vaddr, part.vaddr, part.file, part.mem, part.align] {
            file.extend(word.to_le_bytes());
        }
    }
    file.resize(4096, 0);
    file
}

fn parse(parts: &[Part]) -> Result<Image, Error> {
    Image::parse(&build(3, 0x1A00, parts), FILE, Place::USER)
}

fn with(index: usize, change: impl Fn(&mut Part)) -> Result<Image, Error> {
    let mut parts = good_parts();
    change(&mut parts[index]);
    parse(&parts)
}

#[test]
fn a_good_program_yields_its_segments_entry_and_tls() {
    let image = parse(&good_parts()).unwrap();
    assert_eq!(image.kind, Kind::Pie);
    assert_eq!(image.entry, 0x1A00);
    assert_eq!(image.segments().len(), 3);
    assert_eq!(image.span(), (0, 0xA000));
    assert_eq!(image.program_headers.vaddr, 64);
    assert_eq!(image.tls.unwrap().mem_size, 0x60);
    let data = image.segments()[2];
    assert_eq!(
        (data.page_start(), data.page_offset(), data.backed_bytes()),
        (0x4000, 0x2000, 0x1000)
    );
    assert_eq!(data.page_bytes(), 0x6000);
}

#[test]
fn each_lie_has_its_own_error() {
    assert_eq!(with(1, |p| p.flags = R | W | X), Err(Error::Protection));
    assert_eq!(with(5, |p| p.flags = R | W | X), Err(Error::Protection));
    assert_eq!(with(1, |p| p.flags = X), Err(Error::Protection));
    assert_eq!(with(2, |p| p.file = 0x301), Err(Error::BeyondFile));
    assert_eq!(with(2, |p| p.offset = u64::MAX - 0xEFF), Err(Error::BeyondFile));
    assert_eq!(with(2, |p| p.offset = u64::MAX - 0xFF), Err(Error::Wraps));
    assert_eq!(with(2, |p| p.mem = 0x10), Err(Error::FileLarger));
    assert_eq!(with(2, |p| p.mem = u64::MAX), Err(Error::Wraps));
    assert_eq!(with(2, |p| p.mem = u64::MAX - 0x4200), Err(Error::Wraps));
    assert_eq!(with(2, |p| p.mem = 0x8000_0000_0000), Err(Error::Address));
    assert_eq!(with(2, |p| p.align = 0), Err(Error::Alignment));
    assert_eq!(with(2, |p| p.align = 0x1800), Err(Error::Alignment));
    assert_eq!(with(2, |p| p.vaddr = 0x4101), Err(Error::Alignment));
    assert_eq!(with(2, |p| p.vaddr = 0x3100), Err(Error::Overlap));
    assert_eq!(with(1, |p| p.vaddr = 0x900), Err(Error::Overlap));
    assert_eq!(with(1, |p| p.mem = 0x1801), Err(Error::ZeroFill));
    assert_eq!(with(1, |p| p.flags = R), Err(Error::Entry));
    assert_eq!(with(3, |p| p.vaddr = 0x4400), Err(Error::Tls));
    assert_eq!(with(3, |p| p.align = 24), Err(Error::Tls));
    assert_eq!(with(3, |p| p.mem = 0x10), Err(Error::Tls));
    assert_eq!(with(3, |p| p.mem = 1 << 40), Err(Error::Tls));
    assert_eq!(with(4, |p| p.offset = 0x2201), Err(Error::Header));
    assert_eq!(with(4, |p| p.kind = PT_TLS), Err(Error::Header));
    assert_eq!(with(5, |p| p.kind = PT_INTERP), Err(Error::Dynamic));
    assert_eq!(parse(&[]), Err(Error::SegmentCount));
}

#[test]
fn a_fixed_program_stays_in_its_place() {
    let at = |vaddr| {
        Image::parse(&build(2, vaddr, &[load(R | X, 0, vaddr, 0x100, 0x100)]), FILE, Place::USER)
    };
    assert!(at(0x40_0000).is_ok());
    assert_eq!(at(0).map(|_| ()), Err(Error::Address));
    assert_eq!(at(0x7FFF_FFFF_F000).map(|_| ()), Err(Error::Address));
    assert_eq!(at(0xFFFF_8000_0000_0000).map(|_| ()), Err(Error::Address));
    let kernel = build(2, 0xFFFF_FFFF_8000_0000, &[load(R | X, 0, 0xFFFF_FFFF_8000_0000, 9, 9)]);
    assert!(Image::parse(&kernel, FILE, Place::KERNEL).is_ok());
}

#[test]
fn more_segments_than_fit_are_refused() {
    let parts: Vec<Part> = (0..17).map(|i| load(R | X, 0, i * 0x1000, 0x10, 0x10)).collect();
    let file = build(3, 0, &parts);
    assert_eq!(Image::parse(&file, FILE, Place::USER), Err(Error::SegmentCount));
    assert!(Image::parse(&build(3, 0, &parts[..16]), FILE, Place::USER).is_ok());
}

#[test]
fn a_needed_library_is_seen_before_the_end_of_the_dynamic_section() {
    let section = |tags: &[u64]| -> Vec<u8> {
        tags.iter().flat_map(|tag| [tag.to_le_bytes(), [0; 8]].concat()).collect()
    };
    assert!(clavis_elf::needs_libraries(&section(&[7, 1, 0])));
    assert!(!clavis_elf::needs_libraries(&section(&[7, 8, 0, 1])));
    assert!(!clavis_elf::needs_libraries(&section(&[1])[..15]));
    assert!(!clavis_elf::needs_libraries(&[]));
}

#[test]
fn every_cut_of_the_head_is_an_error_or_the_same_image() {
    let file = build(3, 0x1A00, &good_parts());
    let whole = Image::parse(&file, FILE, Place::USER);
    let headers = 64 + 6 * 56;
    for len in 0..file.len() {
        let cut = Image::parse(&file[..len], FILE, Place::USER);
        if len < headers {
            assert!(cut.is_err(), "{len} bytes");
        } else {
            assert_eq!(cut, whole, "{len} bytes");
        }
    }
}

/// Everything a loader relies on.
fn assert_promises(image: &Image, file_size: u64, place: Place) {
    let mut below = 0;
    assert!(!image.segments().is_empty() && image.segments().len() <= clavis_elf::SEGMENTS);
    for s in image.segments() {
        assert!(s.mem_size > 0 && s.file_size <= s.mem_size);
        assert!(s.file_offset.checked_add(s.file_size).unwrap() <= file_size);
        assert!(s.page_start() >= below && s.page_end() > s.page_start());
        below = s.page_end();
        match image.kind {
            Kind::Fixed => assert!(s.page_start() >= place.start && below <= place.end),
            Kind::Pie => assert!(below <= place.end - place.start),
        }
        assert_eq!(s.vaddr % PAGE, s.file_offset % PAGE);
        assert!(s.read && !(s.write && s.exec));
        assert!(s.backed_bytes() <= s.page_bytes());
        assert!(s.write || s.file_size == s.mem_size);
    }
    assert!(image.segments().iter().any(|s| s.exec && s.file_holds(image.entry, 1)));
    if let Some(tls) = image.tls {
        assert!(tls.align.is_power_of_two() && tls.align <= PAGE && tls.file_size <= tls.mem_size);
        let mapped = image.segments().iter().any(|s| s.file_holds(tls.vaddr, tls.file_size));
        assert!(tls.file_size == 0 || mapped);
    }
}

struct Random(u64);

impl Random {
    fn seeded() -> Random {
        let seed =
            std::env::var("CLAVIS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| {
                std::time::UNIX_EPOCH.elapsed().map_or(1, |t| t.as_nanos() as u64 | 1)
            });
        println!("CLAVIS_SEED={seed}");
        Random(seed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn value(&mut self) -> u64 {
        let edges = [
            0,
            1,
            PAGE - 1,
            PAGE,
            FILE,
            FILE + 1,
            Place::USER.end,
            1 << 47,
            u64::MAX >> 1,
            u64::MAX,
        ];
        let base = edges[(self.next() % 10) as usize];
        match self.next() % 4 {
            0 => base,
            1 => base.wrapping_add(self.next() % 0x2000).wrapping_sub(0x1000),
            2 => self.next() >> (self.next() % 64),
            _ => (self.next() >> (self.next() % 64)) & !(PAGE - 1),
        }
    }
}

#[test]
fn whatever_the_headers_say_the_answer_is_an_error_or_a_sound_image() {
    let mut random = Random::seeded();
    let good = build(3, 0x1A00, &good_parts());
    let fixed = build(2, 0x1A00, &good_parts());
    let mut sound = 0;
    for round in 0..400_000_u32 {
        let mut file = if round % 2 == 0 { good.clone() } else { fixed.clone() };
        file.truncate(64 + 56 * 6);
        for _ in 0..=random.next() % 3 {
            let width = [1, 2, 4, 8][(random.next() % 4) as usize];
            let at = (random.next() as usize % (file.len() / width)) * width;
            let value = random.value().to_le_bytes();
            file[at..at + width].copy_from_slice(&value[..width]);
        }
        let size = if random.next().is_multiple_of(8) { random.value() } else { FILE };
        for place in [Place::USER, Place::KERNEL] {
            if let Ok(image) = Image::parse(&file, size, place) {
                assert_promises(&image, size, place);
                sound += 1;
            }
        }
    }
    assert!(sound > 1000, "the mutations are so wild that nothing is accepted");
}

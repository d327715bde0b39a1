//! What is written is read back; what is damaged is refused. `CLAVIS_SEED=n` repeats a run.
#![cfg(feature = "std")]
use boot_image::{BuildError, Builder, Error, Image, Node, PAGE};

fn sample() -> Vec<u8> {
    let mut builder = Builder::new();
    builder.add("etc/motd", false, b"welcome\n".to_vec()).unwrap();
    builder.add("bin/sh", true, vec![7; PAGE + 1]).unwrap();
    builder.add("bin-old/sh", true, vec![]).unwrap();
    builder.add("bin/sub/deep", false, vec![1; PAGE]).unwrap();
    builder.build().unwrap()
}

#[test]
fn what_was_written_is_read_back() {
    let bytes = sample();
    let image = Image::parse(&bytes).unwrap();
    let sh = image.file("bin/sh").unwrap();
    assert!(sh.executable && sh.offset.is_multiple_of(PAGE));
    assert_eq!(sh.data, vec![7; PAGE + 1]);
    let motd = image.file("etc/motd").unwrap();
    assert_eq!((motd.data, motd.executable), (b"welcome\n".as_slice(), false));
    assert_eq!(image.entries().count(), 4);
    assert_eq!(image.file("bin-old/sh").unwrap().len, 0);
}

#[test]
fn directories_are_implied_by_paths() {
    let bytes = sample();
    let image = Image::parse(&bytes).unwrap();
    assert_eq!(image.find(""), Some(Node::Directory));
    assert_eq!(image.find("bin"), Some(Node::Directory));
    assert_eq!(image.find("bin/sub"), Some(Node::Directory));
    for nothing in ["bi", "bin/", "/bin", "bin/sh/x", "zzz", "bin/su"] {
        assert_eq!(image.find(nothing), None, "{nothing}");
    }
    let names = |path| image.children(path).map(|child| child.name).collect::<Vec<_>>();
    assert_eq!(names(""), ["bin", "bin-old", "etc"]);
    assert_eq!(names("bin"), ["sh", "sub"]);
    assert!(image.children("bin").nth(1).unwrap().file.is_none());
    assert_eq!(names("bin/sub"), ["deep"]);
    assert_eq!(names("bin/sh"), [""; 0]);
    assert_eq!(names("nope"), [""; 0]);
}

#[test]
fn a_step_finds_what_the_whole_path_finds() {
    let bytes = sample();
    let image = Image::parse(&bytes).unwrap();
    for directory in ["", "bin", "bin-old", "bin/sub", "etc", "bin/sh"] {
        let place = image.place(directory);
        for name in ["", "bi", "bin", "bin-old", "deep", "etc", "motd", "s", "sh", "sub", "zzz"] {
            let path =
                if directory.is_empty() { name.into() } else { format!("{directory}/{name}") };
            let found = image.find(&path).filter(|_| !name.is_empty());
            let expected = found.map(|_| (image.place(&path), path.len()));
            assert_eq!(image.child(place, directory.len(), name), expected, "{path}");
        }
    }
    assert_eq!(image.child(4, 0, "bin"), None);
    assert_eq!(image.child(0, 100, "bin"), None);
}

#[test]
fn the_order_of_additions_does_not_matter() {
    let mut builder = Builder::new();
    builder.add("bin/sub/deep", false, vec![1; PAGE]).unwrap();
    builder.add("bin-old/sh", true, vec![]).unwrap();
    builder.add("bin/sh", true, vec![7; PAGE + 1]).unwrap();
    builder.add("etc/motd", false, b"welcome\n".to_vec()).unwrap();
    assert_eq!(builder.build().unwrap(), sample());
}

#[test]
fn files_of_the_same_content_share_their_pages() {
    let mut builder = Builder::new();
    for path in ["bin/cat", "bin/ls", "bin/x", "a"] {
        let content = if path == "a" { 1 } else { 2 };
        builder.add(path, true, vec![content; 5 * PAGE]).unwrap();
    }
    let bytes = builder.build().unwrap();
    let image = Image::parse(&bytes).unwrap();
    assert_eq!(bytes.len(), 11 * PAGE);
    assert_eq!(image.file("bin/cat").unwrap().offset, image.file("bin/x").unwrap().offset);
    assert_eq!(image.file("a").unwrap().data[0], 1);
    assert_eq!(image.file("bin/ls").unwrap().data, vec![2; 5 * PAGE]);
}

#[test]
fn an_empty_image_is_an_image() {
    let bytes = Builder::new().build().unwrap();
    let image = Image::parse(&bytes).unwrap();
    assert_eq!(image.find(""), Some(Node::Directory));
    assert_eq!(image.children("").count(), 0);
}

#[test]
fn a_name_is_a_file_or_a_directory_and_only_once() {
    let build = |paths: &[&str]| {
        let mut builder = Builder::new();
        for path in paths {
            builder.add(path, false, vec![])?;
        }
        builder.build()
    };
    assert_eq!(build(&["a", "a"]), Err(BuildError::Twice("a".into())));
    assert_eq!(build(&["a/b", "a"]), Err(BuildError::Twice("a/b".into())));
    assert!(build(&["a.b", "a-b", "a/c"]).is_ok());
    for bad in ["", "/a", "a/", "a//b", "./a", "a/..", "a\0b"] {
        assert_eq!(build(&[bad]), Err(BuildError::Path(bad.into())));
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = sample();
    for len in 0..bytes.len() {
        assert!(Image::parse(&bytes[..len]).is_err(), "{len} bytes");
    }
    let mut longer = bytes.clone();
    longer.resize(bytes.len() + PAGE, 0xAA);
    assert_eq!(Image::parse(&longer).unwrap().size(), bytes.len());
}

#[test]
fn damage_to_the_index_is_told() {
    let mut bytes = sample();
    bytes[0] = b'X';
    assert_eq!(Image::parse(&bytes).unwrap_err(), Error::Magic);
    let mut bytes = sample();
    bytes[40] ^= 1;
    assert_eq!(Image::parse(&bytes).unwrap_err(), Error::Checksum);
    let mut bytes = sample();
    bytes[12] = 0xFF;
    bytes[15] = 0xFF;
    assert_eq!(Image::parse(&bytes).unwrap_err(), Error::Head);
}

fn seal(bytes: &mut [u8]) {
    let index = bytes[32..].iter().take(index_len(bytes));
    let sum = index.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    bytes[24..32].copy_from_slice(&sum.to_le_bytes());
}

fn index_len(bytes: &[u8]) -> usize {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    word(8).saturating_mul(24).saturating_add(word(12))
}

#[test]
fn a_lying_index_with_a_good_checksum_never_misleads() {
    let seed = std::env::var("CLAVIS_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().map_or(1, |t| t.as_nanos() as u64 | 1));
    println!("CLAVIS_SEED={seed}");
    let mut state = seed.max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    };
    let good = sample();
    let mut refused = 0;
    for _ in 0..50_000 {
        let mut bytes = good.clone();
        for _ in 0..=next() % 3 {
            let at = (next() % 200) as usize;
            bytes[at] = match next() % 4 {
                0 => 0,
                1 => 0xFF,
                2 => bytes[at].wrapping_add(1),
                _ => (next() >> 20) as u8,
            };
        }
        seal(&mut bytes);
        match Image::parse(&bytes) {
            Err(_) => refused += 1,
            Ok(image) => {
                for entry in image.entries() {
                    assert!(entry.offset.is_multiple_of(PAGE));
                    assert_eq!(entry.data.len(), entry.len);
                    assert_eq!(image.file(entry.path), Some(entry));
                }
                assert!(image.children("").count() <= image.entries().count());
            }
        }
    }
    assert!(refused > 10_000);
}

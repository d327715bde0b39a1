use crate::disk::{CHEAP, dice};
use clavis_crypt::keys::LENGTH;
use clavis_crypt::names::encrypted;
use clavis_crypt::{Cost, Keys};
use syscall::error::{EACCES, EINVAL};

#[test]
fn the_same_secret_opens_the_same_keys_and_another_none() {
    let (made, file) = Keys::make(b"secret", CHEAP, &dice(1)).unwrap();
    assert_eq!(file.len(), LENGTH);
    let opened = Keys::open(&file, b"secret").unwrap();
    assert_eq!(encrypted(&made, "name"), encrypted(&opened, "name"));
    assert_eq!(Keys::open(&file, b"Secret").err().unwrap().errno, EACCES);
    let (other, _) = Keys::make(b"secret", CHEAP, &dice(2)).unwrap();
    assert_ne!(encrypted(&made, "name"), encrypted(&other, "name"));
}

#[test]
fn a_file_of_keys_with_any_other_bit_opens_nothing() {
    let (_, file) = Keys::make(b"secret", CHEAP, &dice(1)).unwrap();
    for bit in 0..file.len() * 8 {
        let mut other = file.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        // Costs that are high and still permitted take their time.
        if matches!(bit / 8, 17 | 18 | 20) {
            continue;
        }
        let errno = Keys::open(&other, b"secret").err().unwrap().errno;
        assert!(matches!(errno, EACCES | EINVAL), "bit {bit}: {errno}");
    }
    for length in 0..file.len() {
        assert_eq!(Keys::open(&file[..length], b"secret").err().unwrap().errno, EINVAL);
    }
}

#[test]
fn a_file_of_keys_cannot_ask_for_all_memory() {
    let wide = Cost { memory: u32::MAX, passes: 1 };
    assert_eq!(Keys::make(b"secret", wide, &dice(1)).err().unwrap().errno, EINVAL);
    let long = Cost { memory: 8, passes: u32::MAX };
    assert_eq!(Keys::make(b"secret", long, &dice(1)).err().unwrap().errno, EINVAL);
}

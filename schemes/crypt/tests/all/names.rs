use crate::disk::keys;
use crate::world::random;
use clavis_crypt::KEY_FILE;
use clavis_crypt::names::{LONGEST, decrypted, encrypted};
use syscall::error::{EINVAL, ENAMETOOLONG};

#[test]
fn a_name_comes_back_and_is_the_same_below_each_time() {
    let (keys, mut random) = (keys(1), random());
    for _ in 0..500 {
        let length = random.usize(1..=LONGEST / 4);
        let name: String = (0..length).map(|_| random.char('0'..)).collect();
        let below = encrypted(&keys, &name).unwrap();
        assert_eq!(below, encrypted(&keys, &name).unwrap());
        assert!(!below.contains(['/', '.', '\0']), "{below}");
        assert_eq!(decrypted(&keys, &below).as_deref(), Some(name.as_str()));
    }
}

#[test]
fn the_longest_name_fits_and_a_longer_one_is_too_long() {
    let keys = keys(1);
    assert_eq!(encrypted(&keys, &"n".repeat(LONGEST)).unwrap().len(), 252);
    assert_eq!(encrypted(&keys, &"n".repeat(LONGEST + 1)).unwrap_err().errno, ENAMETOOLONG);
    for none in ["", ".", "..", "a/b"] {
        assert_eq!(encrypted(&keys, none).unwrap_err().errno, EINVAL, "{none}");
    }
}

#[test]
fn a_name_that_somebody_changed_or_made_is_none() {
    let (one, other) = (keys(1), keys(2));
    let below = encrypted(&one, "some name").unwrap();
    assert_eq!(decrypted(&other, &below), None);
    assert_eq!(decrypted(&one, KEY_FILE), None);
    assert_eq!(decrypted(&one, ""), None);
    for at in 0..below.len() {
        for letter in "AQgw_-09".chars() {
            let changed: String =
                below.chars().enumerate().map(|(n, c)| if n == at { letter } else { c }).collect();
            assert_eq!(decrypted(&one, &changed).is_some(), changed == below, "{changed}");
        }
        assert_eq!(decrypted(&one, &below[..at]), None);
    }
}

//! What is written is read again; nothing else is.
use super::*;

#[test]
fn what_is_encoded_is_decoded() {
    let mut buffer = [0; 512];
    let bytes = Encoder::fork(&mut buffer).unwrap().name("file").unwrap().name("r*").unwrap();
    let Some(Message::Fork { names }) = Message::decode(bytes.finish()) else { panic!() };
    assert!(names.map(Option::unwrap).eq(["file", "r*"]));

    let item = ForkItem { name: "log", flags: entry_flags::BENEATH, rights: 3, inherit: 1 };
    let bytes = Encoder::fork_with(&mut buffer, fork_flags::SEALED, permissions::LIST).unwrap();
    let bytes = bytes.item(&item).unwrap().finish();
    let Some(Message::ForkWith { flags, permissions, items }) = Message::decode(bytes) else {
        panic!()
    };
    assert_eq!((flags, permissions), (fork_flags::SEALED, permissions::LIST));
    assert!(items.map(Option::unwrap).eq([item]));

    let bytes = Encoder::bind(&mut buffer, 1, 7, 3, "home", "users/me").unwrap().finish();
    assert!(matches!(
        Message::decode(bytes),
        Some(Message::Bind { flags: 1, rights: 7, inherit: 3, place: "home", prefix: "users/me" })
    ));
    let bytes = Encoder::bind(&mut buffer, 0, 7, 3, "file/home/me", "").unwrap().finish();
    assert!(matches!(Message::decode(bytes), Some(Message::Bind { place: "file/home/me", .. })));
    let bytes = Encoder::within(&mut buffer, "file/home").unwrap().finish();
    assert!(matches!(Message::decode(bytes), Some(Message::Within { place: "file/home" })));
    let bytes = Encoder::shrink(&mut buffer, 5).unwrap().finish();
    assert!(matches!(Message::decode(bytes), Some(Message::Shrink { permissions: 5 })));
    let bytes = Encoder::register(&mut buffer, "ram").unwrap().finish();
    assert!(matches!(Message::decode(bytes), Some(Message::Register { name: "ram" })));
}

#[test]
fn every_cut_and_every_changed_byte_of_a_message_is_decoded_or_refused() {
    let mut buffer = [0; 256];
    let item = ForkItem { name: "log", flags: 0, rights: 3, inherit: 1 };
    let message = Encoder::fork_with(&mut buffer, 0, 15).unwrap().item(&item).unwrap();
    let message = message.finish();
    for cut in 0..message.len() {
        let whole = cut == 24 || Message::decode(&message[..cut]).is_none();
        assert!(whole, "cut at {cut}");
    }
    let mut changed = [0; 256];
    for at in 0..message.len() {
        for value in 0..=255 {
            changed[..message.len()].copy_from_slice(message);
            changed[at] = value;
            let _ = Message::decode(&changed[..message.len()]);
        }
    }
}

#[test]
fn a_path_names_the_root_a_name_or_nothing() {
    for path in ["", "/", "//", "/scheme", "/scheme/", "/scheme//", "/scheme/."] {
        assert_eq!(split_path(path), Some(Target::Root), "{path:?}");
    }
    for (path, name, rest) in [
        ("/scheme/file", "file", ""),
        ("/scheme/file/", "file", ""),
        ("/scheme//file//a/b", "file", "a/b"),
        ("/scheme/file/../x", "file", "../x"),
        ("/scheme/../file", "..", "file"),
    ] {
        assert_eq!(split_path(path), Some(Target::Name { name, rest }), "{path:?}");
    }
    for path in ["scheme/file", "/file", "/schemes/file"] {
        assert_eq!(split_path(path), None, "{path:?}");
    }
    assert_eq!(split_relative("null"), Target::Name { name: "null", rest: "" });
    assert_eq!(split_relative(".//./a/b"), Target::Name { name: "a", rest: "b" });
}

#[test]
fn a_place_is_a_name_and_names_within_it() {
    for place in ["file", "file/a", "file/a/b"] {
        assert!(valid_place(place), "{place:?}");
    }
    for place in ["", "/file", "file/", "file//a", "file/..", "file/./a", "file/a*"] {
        assert!(!valid_place(place), "{place:?}");
    }
    assert!(valid_place(&["a"; PLACE_DEPTH].join("/")));
    assert!(!valid_place(&["a"; PLACE_DEPTH + 1].join("/")));
}

#[test]
fn a_prefix_stays_where_it_is() {
    assert!(valid_prefix("a/b"));
    for prefix in ["", "/a", "a/", "a//b", "../a", "a/..", ".", "a/./b"] {
        assert!(!valid_prefix(prefix), "{prefix:?}");
    }
}

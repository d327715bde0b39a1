//! Words of bits as names.
use clavis_abi::params::open_flags;
use syscall::flag::{
    EventFlags, MapFlags, O_ACCMODE, O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW,
    O_NONBLOCK, O_RDONLY, O_RDWR, O_STAT, O_SYMLINK, O_TRUNC, O_WRONLY,
};

/// `O_CLOEXEC` as libc passes it.
const CLOEXEC: u64 = 0x0100_0000;

/// What is left of a word when its names are taken out, as they are written.
fn named(mut word: u64, names: &[(u64, &str)]) -> String {
    let mut found = Vec::new();
    for (bits, name) in names {
        if word & bits == *bits {
            found.push((*name).to_owned());
            word &= !bits;
        }
    }
    if word != 0 {
        found.push(format!("{word:#x}"));
    }
    if found.is_empty() { "0".to_owned() } else { found.join("|") }
}

/// The flags of an open, without the mode that a new file gets.
pub(crate) fn open(flags: u64) -> String {
    const MODE: u64 = 0xFFFF;
    let access = match flags as usize & O_ACCMODE {
        O_RDWR => "READ|WRITE",
        O_RDONLY => "READ",
        O_WRONLY => "WRITE",
        _ => "",
    };
    let names = [
        (O_CREAT as u64, "CREATE"),
        (O_EXCL as u64, "EXCL"),
        (O_TRUNC as u64, "TRUNCATE"),
        (O_APPEND as u64, "APPEND"),
        (O_DIRECTORY as u64, "DIRECTORY"),
        (O_SYMLINK as u64, "SYMLINK"),
        (O_NOFOLLOW as u64, "NOFOLLOW"),
        (O_NONBLOCK as u64, "NONBLOCK"),
        (CLOEXEC, "CLOEXEC"),
        (O_STAT as u64, "LOOK"),
        (open_flags::BENEATH, "BENEATH"),
        (open_flags::IN_ROOT, "IN_ROOT"),
        (open_flags::NO_SYMLINKS, "NO_SYMLINKS"),
        (open_flags::NO_XDEV, "NO_XDEV"),
        (open_flags::EXEC, "EXEC"),
    ];
    let rest = named(flags & !(O_ACCMODE as u64) & !MODE, &names);
    match (access, rest.as_str()) {
        ("", rest) => rest.to_owned(),
        (access, "0") => access.to_owned(),
        (access, rest) => format!("{access}|{rest}"),
    }
}

/// The flags of a mapping.
pub(crate) fn map(flags: u64) -> String {
    let bits = |flag: MapFlags| flag.bits() as u64;
    let names = [
        (bits(MapFlags::PROT_READ), "READ"),
        (bits(MapFlags::PROT_WRITE), "WRITE"),
        (bits(MapFlags::PROT_EXEC), "EXEC"),
        (bits(MapFlags::MAP_SHARED), "SHARED"),
        (bits(MapFlags::MAP_PRIVATE), "PRIVATE"),
    ];
    named(flags, &names)
}

/// What events are of interest.
pub(crate) fn events(flags: u64) -> String {
    let bits = |flag: EventFlags| flag.bits() as u64;
    named(
        flags,
        &[(bits(EventFlags::EVENT_READ), "READ"), (bits(EventFlags::EVENT_WRITE), "WRITE")],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_names_and_what_has_none_is_a_number() {
        assert_eq!(open(O_RDONLY as u64), "READ");
        assert_eq!(open((O_RDWR | O_CREAT | O_TRUNC | 0o644) as u64), "READ|WRITE|CREATE|TRUNCATE");
        assert_eq!(open((O_STAT | O_DIRECTORY) as u64), "DIRECTORY|LOOK");
        assert_eq!(open(open_flags::BENEATH | open_flags::EXEC), "BENEATH|EXEC");
        assert_eq!(open(0), "0");
        assert_eq!(open(1 << 60), "0x1000000000000000");
        assert_eq!(map(MapFlags::PROT_READ.bits() as u64), "READ");
        assert_eq!(events(0), "0");
    }
}

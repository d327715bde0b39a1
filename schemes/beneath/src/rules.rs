//! How a path is followed.
use clavis_abi::params::open_flags;

/// What a path may do at the boundary of the directory that it starts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// `..` goes up to the root of the file system, as POSIX has it.
    Open,
    /// The path's own `..` goes up; a symbolic link that leads out is `EXDEV`: the caller opens
    /// the directory first, under the rules of its own handle.
    Direct,
    /// Nothing leaves: `ENOTCAPABLE`.
    Beneath,
    /// The directory is the root: `..` and absolute links stay inside.
    Root,
}

/// How a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What holds at the boundary.
    pub boundary: Boundary,
    /// Refuse every symbolic link that would have to be followed.
    pub no_links: bool,
    /// Refuse a symbolic link that may lead to another file system.
    pub same_device: bool,
    /// Follow a symbolic link in the last component.
    pub follow_last: bool,
}

impl Rules {
    /// For operations on a name in a directory: create, remove, rename, link.
    pub const NAME: Rules = Rules {
        boundary: Boundary::Direct,
        no_links: false,
        same_device: false,
        follow_last: false,
    };

    /// The rules that open flags ask for.
    #[must_use]
    pub fn from_flags(flags: u64, follow_last: bool) -> Rules {
        // Both together, as on a handle that always keeps beneath: nothing leaves either way.
        let boundary = match (flags & open_flags::BENEATH != 0, flags & open_flags::IN_ROOT != 0) {
            (_, true) => Boundary::Root,
            (true, false) => Boundary::Beneath,
            (false, false) => Boundary::Open,
        };
        Rules {
            boundary,
            no_links: flags & open_flags::NO_SYMLINKS != 0,
            same_device: flags & open_flags::NO_XDEV != 0,
            follow_last,
        }
    }
}

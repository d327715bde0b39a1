//! The paths.
use clavis::abi::error::{EEXIST, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTCAPABLE, ENOTDIR};
use syscall::flag::{O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY};

/// What comes of a path.
#[derive(Clone, Copy)]
pub(super) enum Comes {
    /// This error.
    To(i32),
    /// Something inside.
    In,
}
use Comes::{In, To};

/// The path, how it is opened, what comes of it, and why.
pub(super) type Way = (&'static str, usize, Comes, &'static str);

pub(super) const WAYS: &[Way] = &[
    ("..", O_RDONLY, To(ENOTCAPABLE), "nothing is above a directory that is BENEATH"),
    ("../beside", O_RDONLY, To(ENOTCAPABLE), "nor beside it"),
    ("deep/../..", O_RDONLY, To(ENOTCAPABLE), "a detour is no other way"),
    ("deep/../../in/file", O_RDONLY, To(ENOTCAPABLE), "to come back is to have been outside"),
    ("./../beside", O_RDONLY, To(ENOTCAPABLE), "`.` changes nothing"),
    ("deep/../../../../../../..", O_RDONLY, To(ENOTCAPABLE), "nor do many steps"),
    ("/", O_RDONLY, To(ENOTCAPABLE), "an absolute path asks another handle"),
    ("/etc/passwd", O_RDONLY, To(ENOTCAPABLE), "whatever it names"),
    ("//beside", O_RDONLY, To(ENOTCAPABLE), "however many slashes it has"),
    ("/scheme/file/beside", O_RDONLY, To(ENOTCAPABLE), "a scheme's path is an absolute one"),
    ("absolute", O_RDONLY, To(ENOTCAPABLE), "so does an absolute link"),
    ("service", O_RDONLY, To(ENOTCAPABLE), "to another service just the same"),
    ("service/x", O_RDONLY, To(ENOTCAPABLE), "and through it"),
    ("parent", O_RDONLY, To(ENOTCAPABLE), "a link's `..` counts as the path's"),
    ("parent/beside", O_RDONLY, To(ENOTCAPABLE), "in the middle of the path too"),
    ("parent/in/file", O_RDONLY, To(ENOTCAPABLE), "though it came back"),
    ("far", O_RDONLY, To(ENOTCAPABLE), "and however far it leads"),
    ("chain", O_RDONLY, To(ENOTCAPABLE), "and through other links"),
    ("self", O_RDONLY, To(ELOOP), "a link to itself uses up the links"),
    ("hop41", O_RDONLY, To(ELOOP), "41 links are one too many"),
    ("hop40", O_RDONLY, In, "40 are not, and end inside"),
    ("todeep/../file", O_RDONLY, In, "`..` behind a link is that of its target: inside"),
    ("todeep/../../beside", O_RDONLY, To(ENOTCAPABLE), "one step more is outside"),
    ("dangling", O_WRONLY | O_CREAT, To(ENOTCAPABLE), "a link makes nothing outside"),
    ("dangling", O_WRONLY | O_CREAT | O_EXCL, To(EEXIST), "and is a name that is taken"),
    ("absolute", O_RDONLY | O_NOFOLLOW, To(ELOOP), "a link that is not followed is no file"),
    ("absolute", O_WRONLY | O_CREAT | O_EXCL, To(EEXIST), "a link is a name that is taken"),
    ("file/", O_RDONLY, To(ENOTDIR), "a slash asks for a directory"),
    ("file/.", O_RDONLY, To(ENOTDIR), "and so does a dot"),
    ("file/..", O_RDONLY, To(ENOTDIR), "a file has no parent"),
    ("file/x", O_RDONLY, To(ENOTDIR), "and nothing in it"),
    ("parent/", O_RDONLY, To(ENOTCAPABLE), "a slash follows the link, which leads out"),
    ("todeep/", O_RDONLY, In, "or inside"),
    ("deep/..", O_RDONLY, In, "the directory itself is inside"),
    ("deep/.", O_RDONLY, In, "and so is one in it"),
    ("...", O_RDONLY, To(ENOENT), "three dots are a name"),
    (".. ", O_RDONLY, To(ENOENT), "and so are two and a blank"),
    ("..\\beside", O_RDONLY, To(ENOENT), "a backslash is a character"),
    ("C:\\", O_RDONLY, To(ENOENT), "a letter with a colon is no device"),
    ("file:/beside", O_RDONLY, To(ENOENT), "and a word with a colon no scheme"),
    ("scheme/file/beside", O_RDONLY, To(ENOENT), "schemes are names of a namespace"),
    ("FILE", O_RDONLY, To(ENOENT), "names are bytes: case matters"),
    ("fi\u{301}le", O_RDONLY, To(ENOENT), "and so does how a letter is written"),
    ("\u{2024}\u{2024}/beside", O_RDONLY, To(ENOENT), "what looks like dots is none"),
    ("new\nline", O_RDONLY, To(ENOENT), "a line break is a character"),
    ("\u{7f}\u{1b}", O_RDONLY, To(ENOENT), "and so are others"),
    ("dev/fd/3", O_RDONLY, To(ENOENT), "handles have no names in a file system"),
    ("dev/stdin", O_RDONLY, To(ENOENT), "nor have the standard streams"),
    ("proc/self/fd/3", O_RDONLY, To(ENOENT), "nor what a process has open"),
    ("proc/self/root", O_RDONLY, To(ENOENT), "and processes none"),
    ("proc/1/cwd", O_RDONLY, To(ENOENT), "and their directories none"),
    ("parent", O_WRONLY | O_CREAT, To(ENOTCAPABLE), "creating follows the same rules"),
    ("../new", O_WRONLY | O_CREAT, To(ENOTCAPABLE), "wherever the new name would be"),
    ("../new", O_CREAT | O_DIRECTORY | O_EXCL, To(ENOTCAPABLE), "and for directories"),
    ("deep", O_WRONLY, To(EISDIR), "a directory is not written"),
];

/// Paths of the table that lead who has no other names to what is seen there: the names on the way
/// to what is allowed, and what is allowed itself.
pub(super) const SEEN: &[&str] = &["..", "/", "deep"];

/// Paths of the table that lead there, or back inside, where every name on the way is judged by
/// itself: under a policy, an ancestor of what is allowed shows the one name that leads to it.
pub(super) const WALKED: &[&str] = &[
    "deep/../..",
    "deep/../../in/file",
    "deep/../../../../../../..",
    "parent",
    "parent/",
    "parent/in/file",
    "far",
];

/// Paths that are too long to be written down.
pub(super) fn long() -> Vec<(String, Comes, &'static str)> {
    vec![
        ("../".repeat(1300), To(ENOTCAPABLE), "3900 bytes of `..` are as good as one"),
        (format!("{}..", "deep/../".repeat(400)), To(ENOTCAPABLE), "and after many detours"),
        ("a/".repeat(2049), To(ENAMETOOLONG), "a path has at most 4096 bytes"),
        ("a".repeat(65_536), To(ENAMETOOLONG), "and never 65,536"),
        ("a".repeat(255), To(ENOENT), "a name has 255"),
        ("a".repeat(256), To(ENAMETOOLONG), "and not 256"),
    ]
}

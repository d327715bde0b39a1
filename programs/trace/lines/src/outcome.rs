//! What became of a call.
use crate::quoted;
use clavis_abi::error;
use clavis_abi::params::{Denial, ObjectType, open_flags};
use clavis_render::{handle, reason};

/// What a call yielded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yield {
    /// A number.
    Number(u64),
    /// A number of bytes, and these.
    Bytes(Vec<u8>),
    /// A number in base 16.
    Word(u64),
    /// Objects that stand for what was opened.
    Objects(Vec<String>),
    /// The real handle, and why.
    Passed(String),
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It yielded something.
    Yielded(Yield),
    /// It failed.
    Failed(i32, Option<Denial>),
    /// Nobody waits for it any more.
    GivenUp,
}

impl Outcome {
    /// Whether it failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        !matches!(self, Outcome::Yielded(_))
    }

    /// As it stands behind `=`.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Outcome::Yielded(Yield::Number(number)) => number.to_string(),
            Outcome::Yielded(Yield::Word(word)) => format!("{word:#x}"),
            Outcome::Yielded(Yield::Bytes(bytes)) => {
                format!("{} {}", bytes.len(), quoted::bytes(bytes))
            }
            Outcome::Yielded(Yield::Objects(names)) => names.join(", "),
            Outcome::Yielded(Yield::Passed(why)) => format!("a real handle ({why})"),
            Outcome::Failed(errno, None) => name(*errno),
            Outcome::Failed(errno, Some(denial)) => {
                format!("{} ({})", name(*errno), reason::of_denial(denial))
            }
            Outcome::GivenUp => "given up".to_owned(),
        }
    }
}

macro_rules! errors {
    ($($name:ident)*) => {
        /// The numbers that have a name.
        const NAMES: &[(i32, &str)] = &[$((error::$name, stringify!($name)),)*];
    };
}
errors! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF EAGAIN ENOMEM EACCES EFAULT EBUSY EEXIST
    EXDEV ENODEV ENOTDIR EISDIR EINVAL EMFILE ENFILE ENOTTY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE
    ERANGE EDEADLK ENAMETOOLONG ENOSYS ENOTEMPTY ELOOP EOVERFLOW EMSGSIZE EOPNOTSUPP ETIMEDOUT EDQUOT
    ECANCELED EOWNERDEAD ENOTCAPABLE EREVOKED EEXPIRED ECAPMODE
}

fn name(errno: i32) -> String {
    match NAMES.iter().find(|row| row.0 == errno) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("error {errno}"),
    }
}

/// Why a handle goes to the program as it is; `None`: an object stands for it.
#[must_use]
pub fn passed_on(object: Option<ObjectType>, flags: u64) -> Option<String> {
    match object {
        Some(ObjectType::Scheme) if flags & open_flags::EXEC != 0 => Some("a program".into()),
        Some(ObjectType::Scheme) => None,
        kind => Some(format!("of the kernel: {}", handle::object(kind))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_abi::Rights;
    use clavis_abi::params::DenialRule;

    #[test]
    fn an_outcome_is_short_and_a_refusal_says_what_was_missing() {
        assert_eq!(Outcome::Yielded(Yield::Number(6)).shown(), "6");
        assert_eq!(Outcome::Yielded(Yield::Bytes(b"a\n".to_vec())).shown(), "2 \"a\\n\"");
        assert_eq!(Outcome::Yielded(Yield::Objects(vec!["#7".into()])).shown(), "#7");
        assert_eq!(Outcome::Failed(error::ENOENT, None).shown(), "ENOENT");
        assert_eq!(Outcome::Failed(4000, None).shown(), "error 4000");
        let denial = Denial::new(0, 5, Rights::REMOVE, DenialRule::Rights);
        let refused = Outcome::Failed(error::ENOTCAPABLE, Some(denial));
        assert_eq!(refused.shown(), "ENOTCAPABLE (the handle lacks REMOVE)");
        assert!(refused.failed() && !Outcome::Yielded(Yield::Number(0)).failed());
    }

    #[test]
    fn what_no_server_could_stand_for_is_passed_on() {
        assert_eq!(passed_on(Some(ObjectType::Scheme), 0), None);
        assert_eq!(passed_on(Some(ObjectType::Scheme), open_flags::EXEC), Some("a program".into()));
        let pipe = passed_on(Some(ObjectType::PipeReader), 0);
        assert_eq!(pipe.as_deref(), Some("of the kernel: pipe-read"));
        assert_eq!(passed_on(None, 0).as_deref(), Some("of the kernel: unknown"));
    }
}

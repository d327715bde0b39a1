//! `ns run`: a command in a closed fork of the namespace.
use crate::edit::Edit;
use crate::{Trouble, failure, own};
use clavis::abi::error::{EINVAL, ENOENT};
use clavis::account::{Account, UNLIMITED};
use clavis::handle::AsNumber;
use clavis::namespace::{Name, entry_flags, fork_flags, permissions};
use clavis::{ExitStatus, Give, Handle, Rights};
use clavis_launch::{Directory, Launch, Powers};
use clavis_render::rights;
use lexopt::{Arg, ValueExt};

/// The name behind the current directory of a console session.
const FILE: &str = "file";

/// What a command may see.
#[derive(Default)]
struct View {
    only: Vec<(String, Rights)>,
    hidden: Vec<String>,
    edits: Vec<Edit>,
}

impl View {
    /// What it permits of a name; nothing if it is not seen.
    fn rights_of(&self, name: &str) -> Rights {
        // What leads elsewhere now is not handed over by another way.
        if self.edits.iter().any(|edit| edit.concerns(name)) {
            return Rights::empty();
        }
        if !self.only.is_empty() {
            let item = self.only.iter().find(|item| item.0 == name);
            return item.map_or(Rights::empty(), |item| item.1);
        }
        if self.hidden.iter().any(|hidden| hidden == name) {
            Rights::empty()
        } else {
            Rights::all()
        }
    }
}

pub(crate) fn run(words: &[String]) -> Result<u8, Trouble> {
    let (view, command) = read(words)?;
    let namespace = own()?;
    let (flags, names) = if view.only.is_empty() {
        let hide = |name: &String| Name { flags: entry_flags::HIDE, ..Name::whole(name) };
        (fork_flags::ALL_NAMES, view.hidden.iter().map(hide).collect::<Vec<_>>())
    } else {
        (0, view.only.iter().map(|(name, rights)| Name::narrowed(name, *rights)).collect())
    };
    // The namespace manager refuses a fork with an unknown name without saying which it was.
    if let Some(name) = names.iter().find(|name| {
        namespace.entry(&name.name).is_err_and(|error| matches!(error.errno(), EINVAL | ENOENT))
    }) {
        return Err(Trouble::Failed(format!("{}: there is no such name here", name.name), 1));
    }
    let failed = |error| failure("namespace", error);
    let narrower = if view.edits.is_empty() {
        namespace.fork(flags, permissions::LIST, &names).map_err(failed)?
    } else {
        let narrower = namespace.fork(flags, permissions::ALL, &names).map_err(failed)?;
        view.edits.iter().try_for_each(|edit| edit.apply(&narrower))?;
        narrower.shrink(permissions::LIST).map_err(failed)?
    };
    // An account of its own: whatever the command starts can be ended together.
    let account = Account::new(&UNLIMITED).map_err(|error| failure("account", error))?;
    let (directory, path) = directory(&view)?;
    let environment: Vec<(String, String)> = std::env::vars().collect();
    let launch = Launch {
        arguments: &command,
        environment: &environment,
        descriptors: &clavis_launch::standard_descriptors(),
        namespace: Give::This(narrower.number()),
        directory: Directory {
            handle: directory.as_ref().map_or(Give::None, |handle| Give::This(handle.number())),
            path: &path,
        },
        account: Some(account.number()),
        powers: Powers::Kept,
    };
    let search = std::env::var("PATH").unwrap_or_else(|_| clavis_launch::DEFAULT_PATH.into());
    let program = command.first().map_or("", String::as_str);
    let process =
        clavis_launch::start(&launch, &search, &clavis_launch::open).map_err(|error| {
            Trouble::Failed(format!("{program}: {}", error.reason()), error.status())
        })?;
    let status = process.wait().map_err(|error| failure(program, error))?;
    if !matches!(status, ExitStatus::Exit(_)) {
        crate::complain(&format!("{program}: {status}"));
    }
    Ok((status.shell_code() & 0xff) as u8)
}

/// The current directory as the command gets it. It is a handle, so it goes along only as far as
/// the name behind it is seen.
fn directory(view: &View) -> Result<(Option<Handle>, String), Trouble> {
    let Ok(path) = std::env::current_dir() else { return Ok((None, String::new())) };
    let path = path.to_string_lossy().into_owned();
    let name = path.strip_prefix("/scheme/").and_then(|rest| rest.split('/').next());
    let rights = view.rights_of(name.unwrap_or(FILE));
    if rights.is_empty() || path == "/scheme" {
        return Ok((None, String::new()));
    }
    let flags =
        (clavis::abi::syscall::flag::O_RDONLY | clavis::abi::syscall::flag::O_DIRECTORY) as u64;
    let narrowed = Handle::open(".", flags).and_then(|own| Handle::derive(&own, rights, rights));
    narrowed.map(|handle| (Some(handle), path)).map_err(|error| failure("current directory", error))
}

fn read(words: &[String]) -> Result<(View, Vec<String>), Trouble> {
    let mut view = View::default();
    let mut command = Vec::new();
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("only") => {
                for item in parser.value()?.string()?.split(',') {
                    let (name, permitted) = item.split_once(':').unwrap_or((item, "all"));
                    let permitted = rights::parse(permitted)
                        .map_err(|word| Trouble::Misuse(format!("{word}: no such right")))?;
                    view.only.push((name.to_owned(), permitted));
                }
            }
            Arg::Long("hide") => {
                view.hidden.extend(parser.value()?.string()?.split(',').map(str::to_owned));
            }
            Arg::Long("bind") => view.edits.push(Edit::bind(&parser.value()?.string()?)?),
            Arg::Long("unbind") => view.edits.push(Edit::Unbind(parser.value()?.string()?)),
            Arg::Long("mask") => view.edits.push(Edit::Mask(parser.value()?.string()?)),
            Arg::Long("rename") => view.edits.push(Edit::rename(&parser.value()?.string()?)?),
            Arg::Value(word) => {
                command.push(word.string()?);
                for word in parser.raw_args()? {
                    command.push(word.string()?);
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if command.is_empty() {
        return Err(Trouble::Misuse("a command is missing".into()));
    }
    if !view.only.is_empty() && !view.hidden.is_empty() {
        return Err(Trouble::Misuse("--only and --hide exclude each other".into()));
    }
    Ok((view, command))
}

//! The program is started with stand-ins.
use crate::boundary::Boundary;
use crate::told::Told;
use crate::{FAILED, complain, workers};
use clavis::handle::query;
use clavis::namespace::Namespace;
use clavis::process::{ignore, signal};
use clavis::relay::{offset, seek};
use clavis::{AsNumber, EntryKind, ExitStatus, Give, Handle, Number, Place, startup};
use clavis_launch::{Directory, Launch, Powers};
use std::sync::Arc;
use trace_lines::{Kind, Options};

/// Why nothing came of it, and the status for that.
type Trouble = (String, u8);

fn trouble(subject: &str, error: &clavis::Error) -> Trouble {
    (format!("{subject}: {}", clavis_launch::reason_of(error)), FAILED)
}

/// Runs a program, and answers its status.
pub(crate) fn run(options: &Options) -> Result<u8, Trouble> {
    let program = options.command.first().map_or("", String::as_str);
    // What the keyboard says is meant for the program.
    for which in [signal::INTERRUPT, signal::QUIT] {
        ignore(which).map_err(|error| trouble("signals", &error))?;
    }
    let told = Told::new(options).map_err(|error| {
        let subject = options.output.as_deref().unwrap_or("the lines");
        (format!("{subject}: {}", clavis_launch::reason(&error)), FAILED)
    })?;
    let boundary = Boundary::new(told).map_err(|error| trouble("an endpoint", &error))?;
    let boundary = Arc::new(boundary);
    workers::begin(&boundary)
        .map_err(|error| (format!("a thread: {}", clavis_launch::reason(&error)), FAILED))?;
    let child = {
        let given = Given::new(&boundary)?;
        given
            .start(options)
            .map_err(|error| (format!("{program}: {}", error.reason()), error.status()))?
        // This process keeps no handle of its own to the stand-ins.
    };
    let status = child.wait().map_err(|error| trouble(program, &error))?;
    if let Some(error) = boundary.told.end() {
        complain(&format!("some lines are missing: {}", clavis_launch::reason(&error)));
    }
    if !matches!(status, ExitStatus::Exit(_)) {
        complain(&format!("{program}: {status}"));
    }
    Ok((status.shell_code() & 0xFF) as u8)
}

/// The stand-ins that a program starts with.
struct Given {
    namespace: Option<Handle>,
    directory: Option<(Handle, String)>,
    streams: Vec<(u16, Handle)>,
}

impl Given {
    fn new(boundary: &Boundary) -> Result<Given, Trouble> {
        let stand_in = |name, path: &str, real: Handle| {
            boundary
                .stand_in(Kind::Given(name), path.to_owned(), real, false)
                .map(|(_, handle)| handle)
                .map_err(|error| trouble(name, &error))
        };
        let namespace = match Namespace::current() {
            Ok(own) => Some(stand_in("namespace", "", own.into_handle())?),
            Err(_) => None,
        };
        let directory = match startup::number(EntryKind::Cwd) {
            Some(own) => {
                let path = std::env::current_dir().unwrap_or_default();
                let path = path.to_string_lossy().into_owned();
                let own = Handle::duplicate(&own, Place::Upper);
                let own = own.map_err(|error| trouble("the current directory", &error))?;
                Some((stand_in("cwd", &path, own)?, path))
            }
            None => None,
        };
        Ok(Given { namespace, directory, streams: streams(boundary)? })
    }

    fn start(&self, options: &Options) -> Result<clavis::Child, clavis_launch::LaunchError> {
        let environment: Vec<(String, String)> = std::env::vars().collect();
        let descriptors: Vec<(u16, Number)> =
            self.streams.iter().map(|(number, handle)| (*number, handle.number())).collect();
        let give = |handle: &Handle| Give::This(handle.number());
        let directory = match &self.directory {
            Some((handle, path)) => Directory { handle: give(handle), path },
            None => Directory { handle: Give::None, path: "" },
        };
        let launch = Launch {
            arguments: &options.command,
            environment: &environment,
            descriptors: &descriptors,
            namespace: self.namespace.as_ref().map_or(Give::None, give),
            directory,
            account: None,
            powers: Powers::Handed,
        };
        let search = std::env::var("PATH").unwrap_or_else(|_| clavis_launch::DEFAULT_PATH.into());
        clavis_launch::start(&launch, &search, &clavis_launch::open)
    }
}

const STREAMS: [(u16, &str); 3] = [(0, "stdin"), (1, "stdout"), (2, "stderr")];

/// The standard streams, as far as they are open. This process keeps only where its lines go: a
/// reader of the others sees their end when the program closes them.
fn streams(boundary: &Boundary) -> Result<Vec<(u16, Handle)>, Trouble> {
    let mut given: Vec<(u16, Handle)> = Vec::new();
    let one_offset = share_offset();
    for (number, name) in STREAMS {
        let failed = |error| trouble(name, &error);
        let own = Number::from_raw(usize::from(number));
        let Ok(info) = query(&own) else { continue };
        if let (2, true, Some((1, other))) = (number, one_offset, given.last()) {
            let (rights, inherit) = (info.rights, info.inherit);
            let handle = Handle::derive(other, rights, inherit).map_err(failed)?;
            given.push((number, handle));
            continue;
        }
        let real = match number {
            2 => Handle::duplicate(&own, Place::Upper).map_err(failed)?,
            _ => Handle::from_number(own),
        };
        let stood = boundary.stand_in(Kind::Given(name), String::new(), real, true);
        given.push((number, stood.map_err(failed)?.1));
    }
    Ok(given)
}

/// Whether standard output and standard error go on at one offset: as after `> FILE 2>&1`.
fn share_offset() -> bool {
    let [out, error] = [1, 2].map(Number::from_raw);
    let (Some(at), Some(there)) = (offset(&out), offset(&error)) else { return false };
    let moved = at == there && seek(&out, at.saturating_add(1)).is_ok();
    let shared = moved && offset(&error) == Some(at.saturating_add(1));
    if moved {
        // It was there before.
        _ = seek(&out, at);
    }
    shared
}

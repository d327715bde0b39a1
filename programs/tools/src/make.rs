//! `mkdir`, `touch`, `ln`.
use crate::tool::{Options, Stop, Tool};
use clavis::handle::AsNumber;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::SystemTime;

pub(crate) fn mkdir(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let options = Options::read(parser, "p")?;
    let parents = options.has('p');
    for word in options.some_words()? {
        let made = if parents { fs::create_dir_all(&word) } else { fs::create_dir(&word) };
        if let Err(error) = made {
            tool.complain(word.to_string_lossy(), &error);
        }
    }
    Ok(())
}

pub(crate) fn touch(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    for word in Options::read(parser, "")?.some_words()? {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&word);
        let touched = file.and_then(|file| set_times(&file, SystemTime::now()));
        if let Err(error) = touched {
            tool.complain(word.to_string_lossy(), &error);
        }
    }
    Ok(())
}

pub(crate) fn ln(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let options = Options::read(parser, "s")?;
    let symbolic = options.has('s');
    let words: Vec<PathBuf> = options.words.iter().map(PathBuf::from).collect();
    let [target, name] = words.as_slice() else {
        return Err(Stop::Misuse("a target and a name are needed".into()));
    };
    let name = match target.file_name() {
        Some(last) if name.is_dir() => name.join(last),
        _ => name.clone(),
    };
    let made = if symbolic { symlink(target, &name) } else { fs::hard_link(target, &name) };
    if let Err(error) = made {
        tool.complain(name.display(), &error);
    }
    Ok(())
}

/// Sets both times of a file. (std's own call answers "not supported" on this target.)
fn set_times(file: &File, time: SystemTime) -> io::Result<()> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    let time = libredox::data::TimeSpec {
        tv_sec: i64::try_from(since.as_secs()).map_err(io::Error::other)?,
        tv_nsec: since.subsec_nanos().into(),
    };
    let number = file.number().raw();
    libredox::call::futimens(number, &[time, time])
        .map_err(|error| io::Error::from_raw_os_error(error.errno()))
}

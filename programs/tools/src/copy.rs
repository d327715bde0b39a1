//! `cp` and `mv`.
use crate::tool::{Options, Stop, Tool};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// Deepest directory that is followed.
const MAX_DEPTH: usize = 128;

/// Sources and where each goes: into the target if that is a directory.
fn pairs(options: Options) -> Result<Vec<(PathBuf, PathBuf)>, Stop> {
    let mut words = options.words;
    let target = match words.pop() {
        Some(target) if !words.is_empty() => PathBuf::from(target),
        _ => return Err(Stop::Misuse("a source and a target are needed".into())),
    };
    let into = fs::metadata(&target).is_ok_and(|metadata| metadata.is_dir());
    if words.len() > 1 && !into {
        let target = target.display();
        return Err(Stop::Misuse(format!("{target}: with several sources it must be a directory")));
    }
    let pair = |word| {
        let source = PathBuf::from(word);
        let goal = match source.file_name() {
            Some(name) if into => target.join(name),
            _ => target.clone(),
        };
        (source, goal)
    };
    Ok(words.into_iter().map(pair).collect())
}

pub(crate) fn cp(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let options = Options::read(parser, "rR")?;
    let depth = if options.has('r') || options.has('R') { MAX_DEPTH } else { 0 };
    for (source, goal) in pairs(options)? {
        copy(tool, &source, &goal, depth);
    }
    Ok(())
}

/// Copies one thing; complaints name what they are about.
fn copy(tool: &mut Tool, source: &Path, goal: &Path, depth: usize) {
    let metadata = match fs::symlink_metadata(source) {
        // Without -r, a link is copied as what it leads to.
        Ok(metadata) if metadata.is_symlink() && depth == 0 => fs::metadata(source),
        metadata => metadata,
    };
    let metadata = match metadata {
        Ok(metadata) => metadata,
        Err(error) => return tool.complain(source.display(), &error),
    };
    if same(&metadata, goal) {
        return tool.say(source.display(), "it is the same file as the target");
    }
    if metadata.is_dir() {
        if depth == 0 {
            return tool.say(source.display(), "is a directory (-r copies directories)");
        }
        return copy_directory(tool, source, goal, depth);
    }
    let result = if metadata.is_symlink() {
        fs::read_link(source).and_then(|target| symlink(target, goal))
    } else {
        return copy_file(tool, source, goal);
    };
    if let Err(error) = result {
        tool.complain(goal.display(), &error);
    }
}

fn same(metadata: &fs::Metadata, goal: &Path) -> bool {
    fs::metadata(goal).is_ok_and(|other| {
        (other.dev(), other.ino()) == (metadata.dev(), metadata.ino()) && other.ino() != 0
    })
}

fn copy_file(tool: &mut Tool, source: &Path, goal: &Path) {
    let mut from = match File::open(source) {
        Ok(from) => from,
        Err(error) => return tool.complain(source.display(), &error),
    };
    let mut to = match File::create(goal) {
        Ok(to) => to,
        Err(error) => return tool.complain(goal.display(), &error),
    };
    if let Err(error) = io::copy(&mut from, &mut to) {
        tool.complain(format_args!("{} to {}", source.display(), goal.display()), &error);
    }
}

fn copy_directory(tool: &mut Tool, source: &Path, goal: &Path, depth: usize) {
    if depth == 1 {
        return tool.say(source.display(), "too deeply nested");
    }
    // Names are read before the target is made, so that a copy into itself ends.
    let names: io::Result<Vec<_>> =
        fs::read_dir(source).and_then(|entries| entries.map(|e| Ok(e?.file_name())).collect());
    let names = match names {
        Ok(names) => names,
        Err(error) => return tool.complain(source.display(), &error),
    };
    match fs::create_dir(goal) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return tool.complain(goal.display(), &error),
    }
    for name in names {
        copy(tool, &source.join(&name), &goal.join(&name), depth - 1);
    }
}

pub(crate) fn mv(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let options = Options::read(parser, "f")?;
    for (source, goal) in pairs(options)? {
        match fs::rename(&source, &goal) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                move_across(tool, &source, &goal);
            }
            Err(error) => tool.complain(source.display(), &error),
        }
    }
    Ok(())
}

/// Copies to the other file system, and removes the source only if the whole copy succeeded.
fn move_across(tool: &mut Tool, source: &Path, goal: &Path) {
    let mut attempt = Tool::new("mv");
    copy(&mut attempt, source, goal, MAX_DEPTH);
    if attempt.failed() {
        return tool.say(source.display(), "not removed, because it was not copied completely");
    }
    let directory = fs::symlink_metadata(source).is_ok_and(|metadata| metadata.is_dir());
    let removed = if directory { fs::remove_dir_all(source) } else { fs::remove_file(source) };
    if let Err(error) = removed {
        tool.complain(source.display(), &error);
    }
}

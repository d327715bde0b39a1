//! `rm` and `rmdir`.
use crate::tool::{Options, Stop, Tool};
use std::fs;
use std::io;
use std::path::Path;

/// Deepest directory that is followed.
const MAX_DEPTH: usize = 128;

pub(crate) fn rm(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let mut options = Options::read(parser, "Rfr")?;
    let words = std::mem::take(&mut options.words);
    if words.is_empty() && !options.has('f') {
        return Err(Stop::Misuse("an argument is missing".into()));
    }
    let depth = if options.has('r') || options.has('R') { MAX_DEPTH } else { 0 };
    for word in words {
        remove(tool, Path::new(&word), &options, depth);
    }
    Ok(())
}

/// Removes one thing; complaints name what they are about.
fn remove(tool: &mut Tool, path: &Path, options: &Options, depth: usize) {
    let directory = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.is_dir(),
        Err(error) if error.kind() == io::ErrorKind::NotFound && options.has('f') => return,
        Err(error) => return tool.complain(path.display(), &error),
    };
    let result = if !directory {
        fs::remove_file(path)
    } else if depth == 0 {
        return tool.say(path.display(), "is a directory (-r removes directories)");
    } else if depth == 1 {
        return tool.say(path.display(), "too deeply nested");
    } else {
        match fs::read_dir(path) {
            Ok(entries) => {
                for entry in entries {
                    match entry {
                        Ok(entry) => remove(tool, &entry.path(), options, depth - 1),
                        Err(error) => return tool.complain(path.display(), &error),
                    }
                }
            }
            Err(error) => return tool.complain(path.display(), &error),
        }
        fs::remove_dir(path)
    };
    if let Err(error) = result {
        tool.complain(path.display(), &error);
    }
}

pub(crate) fn rmdir(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    for word in Options::read(parser, "")?.some_words()? {
        if let Err(error) = fs::remove_dir(&word) {
            tool.complain(word.to_string_lossy(), &error);
        }
    }
    Ok(())
}

//! `ls` and `stat`.
use crate::tool::{Options, Stop, Tool};
use clavis_render::table::{Align, Table};
use clavis_render::{date, mode};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Characters of a terminal's line.
const LINE: usize = 80;

/// A name with what is known of it.
struct Row {
    name: String,
    path: PathBuf,
    metadata: Option<Metadata>,
}

pub(crate) fn ls(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let mut options = Options::read(parser, "1adl")?;
    let words = std::mem::take(&mut options.words);
    let words = if words.is_empty() { vec![OsString::from(".")] } else { words };
    let mut files = Vec::new();
    let mut directories = Vec::new();
    for word in words {
        let path = PathBuf::from(&word);
        let name = word.to_string_lossy().into_owned();
        // A link named on the command line is followed where it leads to a directory.
        match fs::metadata(&path).or_else(|_| fs::symlink_metadata(&path)) {
            Ok(metadata) if metadata.is_dir() && !options.has('d') => directories.push(path),
            Ok(metadata) => files.push(Row { name, path, metadata: Some(metadata) }),
            Err(error) => tool.complain(name, &error),
        }
    }
    let mut out = io::stdout().lock();
    let headed = directories.len() + files.len() > 1;
    if !files.is_empty() {
        show(&mut out, &options, files)?;
    }
    for (index, directory) in directories.iter().enumerate() {
        if headed {
            let gap = if index > 0 { "\n" } else { "" };
            writeln!(out, "{gap}{}:", directory.display())?;
        }
        match rows(tool, directory, &options) {
            Ok(rows) => show(&mut out, &options, rows)?,
            Err(error) => tool.complain(directory.display(), &error),
        }
    }
    Ok(())
}

/// The rows of a directory, sorted. Metadata is asked for only where it is shown.
fn rows(tool: &mut Tool, directory: &Path, options: &Options) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if options.has('a') {
        for name in [".", ".."] {
            let path = directory.join(name);
            rows.push(Row { name: name.into(), path, metadata: None });
        }
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if options.has('a') || !name.starts_with('.') {
            rows.push(Row { name, path: entry.path(), metadata: None });
        }
    }
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    if options.has('l') {
        for row in &mut rows {
            match fs::symlink_metadata(&row.path) {
                Ok(metadata) => row.metadata = Some(metadata),
                Err(error) => tool.complain(row.path.display(), &error),
            }
        }
    }
    Ok(rows)
}

fn show(out: &mut impl Write, options: &Options, rows: Vec<Row>) -> io::Result<()> {
    if options.has('l') {
        return show_long(out, rows);
    }
    let names: Vec<String> = rows.into_iter().map(|row| row.name).collect();
    let text = if options.has('1') || !io::stdout().is_terminal() {
        names.iter().map(|name| format!("{name}\n")).collect()
    } else {
        clavis_render::table::columns(&names, LINE)
    };
    out.write_all(text.as_bytes())
}

fn show_long(out: &mut impl Write, rows: Vec<Row>) -> io::Result<()> {
    use Align::{Left, Right};
    let mut table = Table::new([Left, Right, Right, Left, Left]);
    for row in rows {
        let Some(metadata) = row.metadata else {
            table.row(["?".into(), "?".into(), "?".into(), "?".into(), row.name]);
            continue;
        };
        let mut name = row.name;
        if metadata.is_symlink()
            && let Ok(target) = fs::read_link(&row.path)
        {
            name = format!("{name} -> {}", target.display());
        }
        table.row([
            mode::text(metadata.mode()),
            metadata.nlink().to_string(),
            metadata.len().to_string(),
            date::text(metadata.mtime()),
            name,
        ]);
    }
    out.write_all(table.text().as_bytes())
}

pub(crate) fn stat(tool: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let words = Options::read(parser, "")?.some_words()?;
    let mut out = io::stdout().lock();
    for word in words {
        let metadata = match fs::symlink_metadata(&word) {
            Ok(metadata) => metadata,
            Err(error) => {
                tool.complain(word.to_string_lossy(), &error);
                continue;
            }
        };
        let mut table = Table::new([Align::Left; 2]);
        let mut row = |what: &str, value: String| table.row([what.to_owned(), value]);
        row("path", word.to_string_lossy().into_owned());
        row("mode", format!("{} ({:o})", mode::text(metadata.mode()), metadata.mode()));
        row("size", metadata.len().to_string());
        row("links", metadata.nlink().to_string());
        row("node", format!("{} on {}", metadata.ino(), metadata.dev()));
        row("owner", format!("{}:{}", metadata.uid(), metadata.gid()));
        row("read", date::text(metadata.atime()));
        row("written", date::text(metadata.mtime()));
        row("changed", date::text(metadata.ctime()));
        out.write_all(table.text().as_bytes())?;
    }
    Ok(())
}

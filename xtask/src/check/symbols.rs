//! The C library's symbols: everything that the prebuilt standard library and `libredox` link
//! against is there, and `docs/libc.md` names exactly what is there, and what is not of all that
//! the `libc` crate declares.
use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, bail};
use object::read::archive::ArchiveFile;
use object::{Object as _, ObjectSymbol as _};

use crate::build::{self, Triple};
use crate::check::declared;
use crate::setup;
use crate::workspace::Workspace;

type Names = BTreeSet<String>;

/// What the linker itself defines, or resolves without a definition.
const LINKER: &[&str] = &["_GLOBAL_OFFSET_TABLE_", "__dso_handle", "__tls_get_addr"];
/// Members of libc.a that were compiled from the C library's own package.
const OWN_MEMBERS: &str = "c-";

/// Where the list of what is there ends and that of what is not begins, in `docs/libc.md`.
const ABSENT: &str = "\n## What is not there\n";

/// Compares all of them.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = build::libraries(workspace)?;
    let mut library = Symbols::default();
    library.read(&folder.join("libc.a"), |member| member.starts_with(OWN_MEMBERS))?;
    let mut unwinder = Symbols::default();
    unwinder.read(&folder.join("libgcc_eh.a"), |_| true)?;
    let mut wrong = Vec::new();
    let standard = standard_library()?;
    // What is mangled, the compiler makes for each program.
    let needed = standard.undefined.difference(&standard.defined).filter(|name| is_public(name));
    let needed: Names = needed.cloned().chain(libredox(workspace)?).collect();
    let there = |name: &&String| {
        library.defined.contains(*name)
            || unwinder.defined.contains(*name)
            || LINKER.contains(&name.as_str())
    };
    wrong
        .extend(needed.iter().filter(|name| !there(name)).map(|name| format!("{name} is missing")));
    let [documented, excused] = documented(workspace)?;
    let public: Names = library.defined.into_iter().filter(|name| is_public(name)).collect();
    let unknown = public.difference(&documented);
    wrong.extend(unknown.map(|name| format!("docs/libc.md does not name {name}")));
    let absent = documented.difference(&public);
    wrong.extend(absent.map(|name| format!("docs/libc.md names {name}, which is not there")));
    let declared = declared::functions(&workspace.source_of("libc")?)?;
    let missing: Names = declared.difference(&public).cloned().collect();
    let untold = missing.difference(&excused);
    wrong.extend(untold.map(|name| format!("{name} is declared by the libc crate, and not there")));
    let idle = excused.difference(&missing);
    wrong.extend(idle.map(|name| format!("docs/libc.md wrongly says that {name} is not there")));
    println!(
        "      {} symbols, {} of them needed; of {} that the libc crate declares {} are missing",
        public.len(),
        needed.len(),
        declared.len(),
        missing.len()
    );
    if wrong.is_empty() { Ok(()) } else { bail!("\n      {}", wrong.join("\n      ")) }
}

/// Whether a symbol is C's: neither mangled, nor the runtime's own, nor the entry.
fn is_public(name: &str) -> bool {
    let own = ["_ZN", "_R", "clavis_", "_start", "rust_", "__rust", "DW.ref."];
    !own.iter().any(|start| name.starts_with(start))
}

/// Global names of some objects.
#[derive(Debug, Default)]
struct Symbols {
    defined: Names,
    undefined: Names,
}

impl Symbols {
    /// Adds those of an archive's objects whose name is wanted.
    fn read(&mut self, path: &Path, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let broken = || format!("{} is malformed", path.display());
        let archive = ArchiveFile::parse(&*bytes).with_context(broken)?;
        for member in archive.members() {
            let member = member.with_context(broken)?;
            let name = String::from_utf8_lossy(member.name());
            if !name.ends_with(".o") || !wanted(&name) {
                continue;
            }
            let data = member.data(&*bytes).with_context(broken)?;
            let object = object::File::parse(data).with_context(broken)?;
            for symbol in object.symbols().filter(object::ObjectSymbol::is_global) {
                let Ok(name) = symbol.name() else { continue };
                let names = match symbol.is_undefined() {
                    true => &mut self.undefined,
                    false => &mut self.defined,
                };
                names.insert(name.to_owned());
            }
        }
        Ok(())
    }
}

/// The names of the standard library that rustup brought for the userland's target.
fn standard_library() -> anyhow::Result<Symbols> {
    let sysroot = setup::output("rustc", &["--print", "sysroot"]).context("there is no rustc")?;
    let folder =
        Path::new(sysroot.trim()).join("lib/rustlib").join(Triple::Redox.name()).join("lib");
    let entries = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut symbols = Symbols::default();
    for entry in entries {
        let path = entry.context("cannot read a folder")?.path();
        if path.extension().is_some_and(|extension| extension == "rlib") {
            symbols.read(&path, |_| true)?;
        }
    }
    Ok(symbols)
}

/// The functions that the published `libredox` declares.
fn libredox(workspace: &Workspace) -> anyhow::Result<Names> {
    let folder = workspace.source_of("libredox")?;
    let path = folder.join("src/lib.rs");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(declared(&text))
}

/// Names of functions `redox_*` that a source declares.
fn declared(text: &str) -> Names {
    // What is in a comment is not declared.
    let code = text.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code));
    let functions = code.flat_map(|code| code.split("fn redox_").skip(1));
    let name = |rest: &str| {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        format!("redox_{}", rest.get(..end.unwrap_or(rest.len())).unwrap_or_default())
    };
    functions.map(name).collect()
}

/// The names in the tables of `docs/libc.md`: those that are there, and those that are not.
fn documented(workspace: &Workspace) -> anyhow::Result<[Names; 2]> {
    let text = std::fs::read_to_string(workspace.root.join("docs/libc.md"))
        .context("cannot read docs/libc.md")?;
    let (there, absent) = text.split_once(ABSENT).context("docs/libc.md lacks a section")?;
    Ok([in_tables(there), in_tables(absent)])
}

/// What stands in backquotes in the last column of tables.
fn in_tables(text: &str) -> Names {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.filter_map(|row| row.rsplit_once(" | ").map(|(_, last)| last));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_the_last_column_of_tables() {
        let text = "`outside`\n\n| what `not` | names |\n|---|---|\n| a | `b` `c` |\nd `e` |\n";
        assert_eq!(Vec::from_iter(in_tables(text)), ["b", "c"]);
    }

    #[test]
    fn declarations_are_found_in_sources() {
        let text = "extern {\n pub fn redox_a_v1(x: u8) -> usize;\n /* fn redox_c_v0(); */ fn redox_b_v0();\n}";
        assert_eq!(Vec::from_iter(declared(text)), ["redox_a_v1", "redox_b_v0"]);
    }
}

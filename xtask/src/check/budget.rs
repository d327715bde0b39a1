//! How large the kernel may be.
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::workspace::Workspace;

/// Lines of code in kernel and core together, without what is compiled for tests alone.
const KERNEL_LINES: usize = 15_000;
/// The invariant checks: an oracle of the simulation, in no kernel (feature `check`).
const ORACLE: &str = "kernel/core/src/check";
/// Per cent of them that lie in core, which forbids unsafe code.
const CORE_SHARE: usize = 80;

/// Counts.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let core = lines_below(&workspace.root.join("kernel/core/src"))?;
    let machine = lines_below(&workspace.root.join("kernel/src"))?;
    let all = core + machine;
    println!("      kernel/core {core} lines, kernel {machine} lines of code");
    if all >= KERNEL_LINES {
        bail!("the kernel has {all} lines of code, which must stay below {KERNEL_LINES}");
    }
    if core * 100 < all * CORE_SHARE {
        bail!(
            "only {} % of the kernel's {all} lines lie in kernel/core, where {CORE_SHARE} % must",
            core * 100 / all.max(1)
        );
    }
    Ok(())
}

fn lines_below(folder: &Path) -> anyhow::Result<usize> {
    let mut sum = 0;
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry.context("cannot read a folder")?.path();
        if path.ends_with(ORACLE) {
            continue;
        }
        if path.is_dir() {
            sum += lines_below(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            sum += code_lines(&text);
        }
    }
    Ok(sum)
}

/// Lines that hold more than blanks and comments, without the tests at the end of the file.
fn code_lines(text: &str) -> usize {
    let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    use super::code_lines;

    #[test]
    fn comments_blanks_and_tests_do_not_count() {
        let text = "//! What.\n\nfn a() {\n    // why\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    x\n}\n";
        assert_eq!(code_lines(text), 3);
    }
}

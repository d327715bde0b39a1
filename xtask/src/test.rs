//! `cargo xtask test`: host tests of every crate, then the suite in QEMU, then tests of published
//! crates there.
mod boot;
mod crates;
mod guest;
mod host;
mod tally;

use std::process::ExitCode;

use crate::image;
use crate::options::TestOptions;
use crate::progress;
use crate::requirement::Requirements;
use crate::setup;
use crate::workspace::Workspace;
use tally::Tally;

/// Runs them. The last line is the sum, alone.
pub(crate) fn test(workspace: &Workspace, options: &TestOptions) -> anyhow::Result<ExitCode> {
    let filter = options.name.as_deref().unwrap_or_default();
    let all = !options.host && !options.guest && !options.crates;
    let (host, guest) = (all || options.host, all || options.guest);
    // They are built on their own: a filter has to name them.
    let crates =
        options.crates || (all && (filter.is_empty() || filter.starts_with(crates::PREFIX)));
    if guest || crates {
        setup::for_booting(&options.machine)?;
    } else if options.machine.setup {
        setup::for_building()?;
    }
    if options.list {
        if host {
            host::list(workspace, filter)?;
        }
        if guest {
            boot::list(filter);
            guest::list(workspace, options)?;
        }
        if crates {
            crates::list(workspace, filter)?;
        }
        Requirements::read(workspace)?.print(filter);
        return Ok(ExitCode::SUCCESS);
    }
    let mut tally = Tally::default();
    if host {
        progress::step("host tests");
        host::run(workspace, filter, &mut tally)?;
    }
    if guest {
        let image = image::to_boot(workspace, &options.machine, || Ok(Vec::new()))?;
        progress::step("guest tests");
        boot::run(workspace, options, filter, &image, &mut tally)?;
        // The suite has no cases of these names.
        if !filter.starts_with(boot::PREFIX) && !filter.starts_with(crates::PREFIX) {
            guest::run(workspace, options, filter, &image, &mut tally)?;
        }
    }
    if crates {
        progress::step("tests of published crates");
        crates::run(workspace, options, filter, &mut tally)?;
    }
    if tally.is_empty() {
        tally.fail("xtask", &format!("no test has a name that contains \"{filter}\""));
    }
    Ok(tally.finish())
}

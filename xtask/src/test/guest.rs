//! The suite in the guest: one boot, one line per case.
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::image::{self, Image};
use crate::options::TestOptions;
use crate::qemu::frames::Frame;
use crate::qemu::{self, Config, Console, End, Outcome};
use crate::test::tally::Tally;
use crate::workspace::Workspace;

/// Seconds that the whole suite may take if nothing else was said.
const LIMIT: u64 = 1200;
/// The filter that makes the suite name its cases.
const LIST: &str = "--list";

/// Names the cases.
pub(crate) fn list(workspace: &Workspace, options: &TestOptions) -> anyhow::Result<()> {
    let image = image::to_boot(workspace, &options.machine, || Ok(Vec::new()))?;
    let mut names = Vec::new();
    let outcome = boot(workspace, options, &image, LIST, &mut |frame| {
        if let Frame::Out(bytes) = frame {
            names.extend_from_slice(bytes);
        }
        Ok(())
    })?;
    if outcome.end != End::PowerOff || outcome.status != Some(0) {
        qemu::explain(&outcome, &image.kernel, limit(options));
        bail!("the guest suite did not name its cases");
    }
    let filter = options.name.as_deref().unwrap_or_default();
    for name in String::from_utf8_lossy(&names).lines().filter(|name| name.contains(filter)) {
        println!("guest {name}");
    }
    Ok(())
}

/// Runs the cases whose name contains the filter.
pub(crate) fn run(
    workspace: &Workspace,
    options: &TestOptions,
    filter: &str,
    image: &Image,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let mut suite = Suite { running: None, tally, failed: 0 };
    let outcome = boot(workspace, options, image, filter, &mut |frame| suite.take(frame))?;
    let Suite { running, failed, .. } = suite;
    let how = match outcome.end {
        End::PowerOff => None,
        End::Panic => Some("the kernel panicked"),
        End::Restarted => Some("the guest restarted"),
        End::InitEnded => Some("init ended"),
        End::BootFailed => Some("the system did not boot"),
        End::TimedOut => Some("the time was over"),
        End::Interrupted => Some("interrupted"),
        End::Died(_) => Some("QEMU ended"),
    };
    if let Some(how) = how {
        tally.fail(&format!("guest {}", running.as_deref().unwrap_or("(no case)")), how);
        qemu::explain(&outcome, &image.kernel, limit(options));
    } else if let Some(running) = running {
        tally.fail(&format!("guest {running}"), "the suite ended before the case did");
    } else if outcome.status != Some(0) && failed == 0 {
        let status = outcome.status.map_or("no status".into(), |status| format!("status {status}"));
        tally.fail("guest suite", &format!("it ended with {status}"));
        qemu::explain(&outcome, &image.kernel, limit(options));
    }
    Ok(())
}

fn limit(options: &TestOptions) -> Option<u64> {
    Some(options.machine.timeout.map_or(LIMIT, u64::from))
}

fn boot(
    workspace: &Workspace,
    options: &TestOptions,
    image: &Image,
    filter: &str,
    on_frame: &mut dyn FnMut(&Frame) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    if filter.contains(['\n', '\0']) {
        bail!("a test's name is one line");
    }
    let config = Config {
        machine: &options.machine,
        disk: &image.disk,
        command_line: format!("qemu-exit\nstart results test {filter}\n"),
        console: Console::Log,
        log: workspace.output()?.join("test.log"),
        display: false,
        gdb: false,
        counted: false,
        stick: false,
        limit: limit(options).map(Duration::from_secs),
    };
    qemu::run(&config, on_frame)
}

/// What the suite has told so far.
struct Suite<'a> {
    running: Option<String>,
    tally: &'a mut Tally,
    failed: u32,
}

impl Suite<'_> {
    fn take(&mut self, frame: &Frame) -> anyhow::Result<()> {
        match frame {
            Frame::Test(line) => self.event(line),
            Frame::Out(bytes) | Frame::Err(bytes) => {
                std::io::stdout().write_all(bytes).context("cannot print")?;
            }
            Frame::Garbage(what) => {
                self.failed += 1;
                self.tally.fail("guest suite", &format!("the results channel carried {what}"));
            }
            Frame::Status(_) => {}
        }
        Ok(())
    }

    fn event(&mut self, line: &str) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, why) = rest.split_once(": ").unwrap_or((rest, ""));
        let shown = format!("guest {name}");
        match verb {
            "begin" => {
                self.running = Some(name.to_owned());
                return;
            }
            "pass" => self.tally.pass(&shown),
            "skip" => self.tally.skip(&shown, why),
            "fail" => {
                self.failed += 1;
                self.tally.fail(&shown, why);
            }
            _ => {
                self.failed += 1;
                self.tally.fail("guest suite", &format!("it said \"{line}\""));
            }
        }
        self.running = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_began_is_known_until_it_ends() {
        let mut tally = Tally::default();
        let mut suite = Suite { running: None, tally: &mut tally, failed: 0 };
        suite.event("begin a::b");
        assert_eq!(suite.running.as_deref(), Some("a::b"));
        suite.event("fail a::b: 1 is not 2: really");
        assert_eq!((suite.running.clone(), suite.failed), (None, 1));
        suite.event("nonsense");
        assert_eq!(suite.failed, 2);
    }
}

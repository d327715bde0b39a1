//! Boots of another kind: from a USB stick, and those that go wrong, each of which ends with one clear
//! line and a failing exit: bad files on the system partition, the end of init.
use std::time::Duration;

use anyhow::Context as _;

use boot_image::{Builder, Image as BootImage};

use crate::image::{self, Image, PartitionFile};
use crate::options::TestOptions;
use crate::qemu::{self, Config, Console, End};
use crate::test::tally::Tally;
use crate::workspace::Workspace;

/// Seconds that the firmware may take.
const LIMIT: u64 = 120;

/// A boot, how it ends, and what is said of that.
struct Case {
    name: &'static str,
    damage: fn(&mut Vec<PartitionFile>),
    command_line: &'static str,
    stick: bool,
    end: End,
    says: &'static str,
}

/// Of a partition whose files are bad.
const BAD: Case = Case {
    name: "",
    damage: |_| {},
    command_line: "qemu-exit\n",
    stick: false,
    end: End::BootFailed,
    says: "",
};

/// What the names of all cases begin with.
pub(crate) const PREFIX: &str = "boot::";

const CASES: &[Case] = &[
    Case {
        name: "a_usb_stick_boots",
        command_line: "qemu-exit\nstart results exec true\n",
        stick: true,
        end: End::PowerOff,
        says: "kernel: ready",
        ..BAD
    },
    Case {
        name: "a_missing_kernel_is_told",
        damage: |files| files.retain(|(path, _)| *path != "clavis/kernel"),
        says: "\\clavis\\kernel cannot be read: there is no such file",
        ..BAD
    },
    Case {
        name: "a_truncated_kernel_is_told",
        damage: |files| change(files, "clavis/kernel", |bytes| bytes.truncate(bytes.len() / 2)),
        says: "\\clavis\\kernel is shorter than its segments say",
        ..BAD
    },
    Case {
        name: "an_empty_init_is_told",
        damage: |files| change(files, "clavis/init", Vec::clear),
        says: "\\clavis\\init is empty",
        ..BAD
    },
    Case {
        name: "an_init_for_another_processor_is_told",
        damage: |files| change(files, "clavis/init", |bytes| fill(bytes, 18, &[0xB7, 0])),
        says: "\\clavis\\init is for another processor",
        ..BAD
    },
    Case {
        name: "a_damaged_boot_image_is_told",
        damage: |files| change(files, "clavis/image", |bytes| fill(bytes, 40, &[0xFF; 4])),
        says: "the boot image \\clavis\\image has a damaged index",
        ..BAD
    },
    Case {
        name: "the_end_of_init_is_told_and_restarts_the_machine",
        command_line: "qemu-exit\nstart results exec kill -9 1\n",
        end: End::InitEnded,
        says: "clavis: init was killed; restarting the machine",
        ..BAD
    },
    Case {
        name: "a_namespace_manager_that_cannot_run_ends_init_which_says_so",
        damage: |files| change(files, "clavis/image", |bytes| spoil_manager(bytes)),
        end: End::InitEnded,
        says: "init: nsmgr ended 8 times in a row: its state cannot be relied on",
        ..BAD
    },
    Case {
        name: "a_daemon_that_forks_away_lives_as_long_as_its_account_has_processes",
        damage: |files| change(files, "clavis/image", change_manifest),
        command_line: "qemu-exit\nstart results exec sleep 1\n",
        stick: false,
        end: End::PowerOff,
        says: "init: forks has no process left; again in 20 ms",
    },
];

/// Services of which one forks away from its starter and ends a while later. None takes the log off
/// the serial line.
const FORKS: &str = "
service initfs
  program /bin/initfs
  register initfs
  keep endpoints
  use namespace memory
  give image
service ramfs
  program /bin/ramfs
  register file
  use namespace memory
service forks
  program /bin/suite
  arg --act
  arg fork-away
  supervise account
  use memory
  give account
service results
  program /bin/results
  start optional
  restart never
  end power-off
  env PATH=/scheme/initfs/bin
  wait file initfs
  use *
  give port 0x2f8 8
  give irq 3
  give account
  give self
  give power
  give factory-process
";

/// Puts another manifest into the boot image.
fn change_manifest(bytes: &mut Vec<u8>) {
    let Ok(image) = BootImage::parse(bytes) else { return };
    let mut builder = Builder::new();
    for file in image.entries() {
        let is_manifest = file.path == "etc/services.conf";
        let data = if is_manifest { FORKS.as_bytes() } else { file.data };
        if builder.add(file.path, file.executable, data.to_vec()).is_err() {
            return;
        }
    }
    if let Ok(changed) = builder.build() {
        *bytes = changed;
    }
}

fn change(files: &mut [(&str, Vec<u8>)], path: &str, how: impl Fn(&mut Vec<u8>)) {
    files.iter_mut().filter(|file| file.0 == path).for_each(|file| how(&mut file.1));
}

fn fill(bytes: &mut [u8], at: usize, with: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + with.len()) {
        place.copy_from_slice(with);
    }
}

/// Makes the namespace manager's file no program.
fn spoil_manager(bytes: &mut [u8]) {
    let place = BootImage::parse(bytes).ok().and_then(|image| image.file("bin/nsmgr"));
    if let Some(offset) = place.map(|entry| entry.offset) {
        fill(bytes, offset, &[0; 4]);
    }
}

fn full_name(case: &Case) -> String {
    format!("{PREFIX}{}", case.name)
}

/// Names the cases.
pub(crate) fn list(filter: &str) {
    for name in CASES.iter().map(full_name).filter(|name| name.contains(filter)) {
        println!("guest {name}");
    }
}

/// Runs the cases whose name contains the filter.
pub(crate) fn run(
    workspace: &Workspace,
    options: &TestOptions,
    filter: &str,
    image: &Image,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let chosen: Vec<&Case> = CASES.iter().filter(|case| full_name(case).contains(filter)).collect();
    // These cases damage the files of a build, not a finished image.
    if image.files.is_empty() {
        return Ok(());
    }
    for case in chosen {
        let name = format!("guest {}", full_name(case));
        match refusal(workspace, options, case, image.files.clone()) {
            Ok(()) => tally.pass(&name),
            Err(why) => tally.fail(&name, &format!("{why:#}")),
        }
    }
    Ok(())
}

fn refusal(
    workspace: &Workspace,
    options: &TestOptions,
    case: &Case,
    mut files: Vec<PartitionFile>,
) -> anyhow::Result<()> {
    (case.damage)(&mut files);
    let disk = workspace.output()?.join("damaged.img");
    image::write(&files, &disk)?;
    let config = Config {
        machine: &options.machine,
        disk: &disk,
        command_line: case.command_line.into(),
        console: Console::Log,
        log: workspace.output()?.join("boot.log"),
        display: false,
        gdb: false,
        counted: false,
        stick: case.stick,
        limit: Some(Duration::from_secs(LIMIT)),
    };
    let outcome = qemu::run(&config, &mut |_| Ok(()))?;
    let lines = outcome.log.last_lines(20);
    let told = lines.iter().filter(|line| line.contains(case.says)).count();
    (outcome.end == case.end && told == 1)
        .then_some(())
        .with_context(|| format!("it ended with {:?} and said: {}", outcome.end, lines.join(" / ")))
}

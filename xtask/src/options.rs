//! The command line of xtask.
use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Builds, boots, tests and measures Clavis.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build everything and boot it in QEMU.
    Run(RunOptions),
    /// Run the host tests of every crate, then the guest suite in QEMU.
    Test(TestOptions),
    /// Build the programs of a published crate for Clavis and keep them in the image.
    Add(AddOptions),
    /// Build the programs of a Cargo project for Clavis and keep them in the image.
    Build(BuildOptions),
    /// Take programs that were added out of the image.
    Remove(RemoveOptions),
    /// Print the configuration with which `cargo run` and `cargo test` of a project use Clavis.
    Config(ConfigOptions),
    /// Boot the system and run one program in it: what Cargo calls, see `config`.
    Runner(RunnerOptions),
    /// Lay out a new scheme: a daemon that works, with its tests, as a service of the image.
    NewScheme {
        /// Its name: lower-case letters and digits.
        name: String,
    },
    /// Build the disk image, for QEMU or a USB stick.
    Image(ImageOptions),
    /// Count the instructions of each operation and compare them with the targets.
    Bench(BenchOptions),
    /// Check format, lints, documentation, generated files and budgets.
    Check,
    /// Write the generated documentation (docs/abi.md, docs/rights.md).
    Docs,
    /// Play docs/demonstration.md in the guest and write what came of it: page, pictures, recording.
    Demonstrate(MachineOptions),
    /// Say what this machine lacks, and the command that installs it.
    Doctor,
}

/// Options of everything that boots.
#[derive(Debug, Args, Clone)]
pub(crate) struct MachineOptions {
    /// Install what is missing first (Rust targets and components; on Debian and Ubuntu QEMU and
    /// OVMF).
    #[arg(long)]
    pub(crate) setup: bool,
    /// Guest memory in MiB.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(64..=65536))]
    pub(crate) mem: u32,
    /// How the guest's instructions are executed.
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    pub(crate) accel: Accel,
    /// OVMF's code image (OVMF_CODE*.fd); searched in the usual places otherwise.
    #[arg(long, value_name = "FILE")]
    pub(crate) ovmf: Option<PathBuf>,
    /// Processors of the guest.
    #[arg(long, default_value_t = 1)]
    pub(crate) smp: u32,
    /// Boot the image of the last build as it is.
    #[arg(long, conflicts_with = "setup")]
    pub(crate) no_build: bool,
    /// End the machine after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<NonZeroU64>,
}

/// How the guest's instructions are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accel {
    /// KVM where the processor itself says that it has virtualisation, else TCG.
    Auto,
    /// QEMU's translator: works everywhere.
    Tcg,
    /// The kernel's virtual machine.
    Kvm,
}

/// Options of `run`.
#[derive(Debug, Args, Clone)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) machine: MachineOptions,
    /// Run a command in the guest's shell, print its output, power off, exit with its status.
    #[arg(long, value_name = "CMD")]
    pub(crate) exec: Option<String>,
    /// Show the guest's screen in a window.
    #[arg(long)]
    pub(crate) display: bool,
    /// Wait for a debugger on port 1234.
    #[arg(long)]
    pub(crate) gdb: bool,
}

/// Options of `test`.
#[derive(Debug, Args, Clone)]
pub(crate) struct TestOptions {
    #[command(flatten)]
    pub(crate) machine: MachineOptions,
    /// Only tests whose name contains this.
    pub(crate) name: Option<String>,
    /// Only the host tests.
    #[arg(long, conflicts_with = "guest")]
    pub(crate) host: bool,
    /// Only the guest suite.
    #[arg(long)]
    pub(crate) guest: bool,
    /// Only the tests of published crates in the guest.
    #[arg(long, conflicts_with_all = ["host", "guest"])]
    pub(crate) crates: bool,
    /// Name the tests instead of running them, then the requirements of docs/scheme-protocol.md
    /// with the tests that check them.
    #[arg(long)]
    pub(crate) list: bool,
}

/// What of a package is built.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct Chosen {
    /// Only this program (may be given several times).
    #[arg(long = "bin", value_name = "NAME")]
    pub(crate) bins: Vec<String>,
    /// Features of the package.
    #[arg(long, short = 'F', value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// Leave the package's default features away.
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// Further names of its program, if that does what the name says that it was started under.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub(crate) names: Vec<String>,
}

/// Options of `add`.
#[derive(Debug, Args, Clone)]
pub(crate) struct AddOptions {
    /// The crate, as on crates.io.
    #[arg(value_name = "CRATE[@VERSION]", required_unless_present_any = ["list", "userland"])]
    pub(crate) spec: Option<String>,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// Take the newest dependencies, not those of the crate's own Cargo.lock.
    #[arg(long)]
    pub(crate) newest: bool,
    /// Name what was added.
    #[arg(long, exclusive = true)]
    pub(crate) list: bool,
    /// Add everything that `xtask/userland.toml` names: published tools in the place of our own.
    #[arg(long, exclusive = true)]
    pub(crate) userland: bool,
}

/// Options of `build`.
#[derive(Debug, Args, Clone)]
pub(crate) struct BuildOptions {
    /// The project: a folder with a Cargo.toml.
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Options of `remove`.
#[derive(Debug, Args, Clone)]
pub(crate) struct RemoveOptions {
    /// The package, as `cargo xtask add --list` shows it.
    pub(crate) name: String,
}

/// Options of `config`.
#[derive(Debug, Args, Clone)]
pub(crate) struct ConfigOptions {
    /// Write it to the project in this folder (`.cargo/config.toml`) instead.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) write: Option<PathBuf>,
}

/// Options of `runner`.
#[derive(Debug, Args, Clone)]
pub(crate) struct RunnerOptions {
    #[command(flatten)]
    pub(crate) machine: MachineOptions,
    /// A variable for the program's environment; without a value the one that it has here (may be
    /// given several times).
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// A file or folder that the program finds at the same path, beside its package; from the
    /// package's folder (may be given several times).
    #[arg(long, value_name = "PATH")]
    pub(crate) with: Vec<PathBuf>,
    /// A file or folder of the package that is left out (may be given several times).
    #[arg(long, value_name = "PATH")]
    pub(crate) without: Vec<PathBuf>,
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

/// Options of `image`.
#[derive(Debug, Args, Clone)]
pub(crate) struct ImageOptions {
    /// Install what is missing first.
    #[arg(long)]
    pub(crate) setup: bool,
    /// Where to put the image; in the target folder otherwise.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Options of `bench`.
#[derive(Debug, Args, Clone)]
pub(crate) struct BenchOptions {
    /// Measure these rows alone; all of them if none is named.
    #[arg(value_name = "ROW", value_parser = row)]
    pub(crate) rows: Vec<String>,
    #[command(flatten)]
    pub(crate) machine: MachineOptions,
    /// Fail if a row misses its `must`.
    #[arg(long)]
    pub(crate) enforce: bool,
    /// Where to write the figures as JSON; in the target folder otherwise.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// A row's name is one word of a command line.
fn row(word: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if word.bytes().all(is_name) { Ok(word.to_owned()) } else { Err("no name of a row".into()) }
}

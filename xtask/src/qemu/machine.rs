//! Starting QEMU, carrying its lines, and knowing how it ended.
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clavis_abi::boot::{EXIT_BOOT_FAILED, EXIT_DONE, EXIT_INIT_ENDED, EXIT_PANIC, EXIT_RESTART};

use crate::options::{Accel, MachineOptions};
use crate::qemu::frames::{Decoder, Frame};
use crate::qemu::log::Log;
use crate::qemu::terminal::{self, Raw};
use crate::qemu::{accel, command, firmware};

/// What to run.
#[derive(Debug)]
pub(crate) struct Config<'a> {
    /// Options of the machine.
    pub(crate) machine: &'a MachineOptions,
    /// The disk.
    pub(crate) disk: &'a Path,
    /// Lines of the guest's command line.
    pub(crate) command_line: String,
    /// Who sees COM1.
    pub(crate) console: Console,
    /// Where the log goes.
    pub(crate) log: PathBuf,
    /// Show a window.
    pub(crate) display: bool,
    /// Wait for a debugger.
    pub(crate) gdb: bool,
    /// Count instructions: every run of the same binary takes the same number.
    pub(crate) counted: bool,
    /// The disk is a USB stick.
    pub(crate) stick: bool,
    /// Seconds after which the machine is ended.
    pub(crate) limit: Option<Duration>,
}

/// Who sees COM1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Console {
    /// The person: keys go to the guest, its output to stdout.
    Person,
    /// The log alone.
    Log,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The guest powered off.
    PowerOff,
    /// The kernel panicked.
    Panic,
    /// The guest restarted because it was asked to.
    Restarted,
    /// The guest restarted because init had ended.
    InitEnded,
    /// The bootloader found something wrong.
    BootFailed,
    /// The time was over.
    TimedOut,
    /// Ctrl-C, or the person left.
    Interrupted,
    /// QEMU itself ended.
    Died(ExitStatus),
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How it ended.
    pub(crate) end: End,
    /// The status that the guest sent.
    pub(crate) status: Option<i32>,
    /// The log.
    pub(crate) log: Log,
}

/// Something that happens during a run.
#[derive(Debug)]
pub(crate) enum Event {
    /// Bytes on COM1.
    Log(Vec<u8>),
    /// A frame on COM2.
    Frame(Frame),
    /// A line has ended.
    Closed,
    /// The person wants to leave.
    Leave,
}

static INTERRUPTED: OnceLock<AtomicBool> = OnceLock::new();

/// Whether Ctrl-C was pressed (or the process told to end). The first call starts watching.
fn interrupted() -> &'static AtomicBool {
    INTERRUPTED.get_or_init(|| {
        // Should it fail, Ctrl-C ends xtask, and QEMU gets the same signal from the terminal.
        let _ = ctrlc::set_handler(|| interrupted().store(true, Ordering::Relaxed));
        AtomicBool::new(false)
    })
}

/// QEMU, which ends when this value does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the machine; each frame of the results channel is given to `on_frame` as it comes.
pub(crate) fn run(
    config: &Config<'_>,
    on_frame: &mut dyn FnMut(&Frame) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    if config.machine.smp != 1 {
        bail!("--smp {}: more than one processor is not supported yet", config.machine.smp);
    }
    let firmware = firmware::find(config.machine.ovmf.as_deref())?;
    let engine = accel::choose(if config.counted { Accel::Tcg } else { config.machine.accel });
    let folder = tempfile::Builder::new()
        .prefix("clavis-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    let at = |name: &str| folder.path().join(name);
    let (variables, command_line) = (at("vars"), at("cmdline"));
    std::fs::copy(&firmware.variables, &variables)
        .with_context(|| format!("cannot copy {}", firmware.variables.display()))?;
    make_writable(&variables)?;
    std::fs::write(&command_line, &config.command_line)
        .context("cannot write the guest's command line")?;
    let (com1, com2) = (at("com1"), at("com2"));
    let com1_listener = UnixListener::bind(&com1).context("cannot make the console's socket")?;
    let com2_listener = UnixListener::bind(&com2).context("cannot make the results' socket")?;
    let files = command::Files {
        code: &firmware.code,
        variables: &variables,
        disk: config.disk,
        command_line: &command_line,
        com1: &com1,
        com2: &com2,
    };
    interrupted();
    let child = command::build(config, engine, &files)
        .spawn()
        .context("cannot start qemu-system-x86_64 (`cargo xtask doctor` says how to install it)")?;
    let mut running = Running(child);
    let (events, inbox) = channel();
    let console = accept(&com1_listener, &mut running)?;
    let results = accept(&com2_listener, &mut running)?;
    let raw = (config.console == Console::Person).then(Raw::enter);
    if config.console == Console::Person {
        let writer = console.try_clone().context("cannot write to the console")?;
        terminal::forward(writer, events.clone());
    }
    if raw.as_ref().is_some_and(Raw::is_raw) {
        eprint!("Ctrl-] ends the machine.\r\n");
    }
    carry_log(console, events.clone());
    carry_results(results, events);
    let mut log = Log::create(&config.log)?;
    let mut status = None;
    let deadline = config.limit.map(|limit| Instant::now() + limit);
    let end = watch(config, &mut running, &inbox, deadline, &mut log, &mut |frame| {
        if let Frame::Status(code) = frame {
            status = Some(*code);
        }
        on_frame(frame)
    })?;
    drop(raw);
    Ok(Outcome { end, status, log })
}

/// Waits for the end of QEMU, of the time or of patience.
fn watch(
    config: &Config<'_>,
    running: &mut Running,
    inbox: &Receiver<Event>,
    deadline: Option<Instant>,
    log: &mut Log,
    on_frame: &mut dyn FnMut(&Frame) -> anyhow::Result<()>,
) -> anyhow::Result<End> {
    let mut open_lines = 2;
    let mut gone: Option<(ExitStatus, Instant)> = None;
    loop {
        match inbox.recv_timeout(Duration::from_millis(20)) {
            Ok(Event::Log(bytes)) => {
                log.add(&bytes)?;
                if config.console == Console::Person {
                    let mut out = std::io::stdout();
                    out.write_all(&bytes).and_then(|()| out.flush()).context("cannot print")?;
                }
                continue;
            }
            Ok(Event::Frame(frame)) => {
                on_frame(&frame)?;
                continue;
            }
            Ok(Event::Closed) => open_lines -= 1,
            Ok(Event::Leave) => return Ok(End::Interrupted),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        if interrupted().load(Ordering::Relaxed) {
            return Ok(End::Interrupted);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(End::TimedOut);
        }
        if gone.is_none()
            && let Some(status) = running.0.try_wait().context("cannot wait for QEMU")?
        {
            gone = Some((status, Instant::now()));
        }
        // What QEMU sent last still lies in the sockets.
        if let Some((status, since)) = gone
            && (open_lines <= 0 || since.elapsed() > Duration::from_secs(2))
        {
            return Ok(meaning(status));
        }
    }
}

/// What QEMU's exit status means: the exit device gives `value << 1 | 1`.
fn meaning(status: ExitStatus) -> End {
    let device = |value: u32| i32::try_from(value << 1 | 1).ok();
    match status.code() {
        Some(0) => End::PowerOff,
        code if code == device(EXIT_DONE) => End::PowerOff,
        code if code == device(EXIT_PANIC) => End::Panic,
        code if code == device(EXIT_RESTART) => End::Restarted,
        code if code == device(EXIT_INIT_ENDED) => End::InitEnded,
        code if code == device(EXIT_BOOT_FAILED) => End::BootFailed,
        _ => End::Died(status),
    }
}

/// Waits until QEMU has connected to a socket, or has ended.
fn accept(listener: &UnixListener, running: &mut Running) -> anyhow::Result<UnixStream> {
    listener.set_nonblocking(true).context("cannot wait for QEMU")?;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).context("cannot read from QEMU")?;
                return Ok(stream);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("cannot talk to QEMU"),
        }
        if let Some(status) = running.0.try_wait().context("cannot wait for QEMU")? {
            bail!("QEMU did not start ({status}); what it said stands above");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn carry_log(mut from: UnixStream, events: Sender<Event>) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let bytes = buffer.get(..read).unwrap_or_default().to_vec();
            if events.send(Event::Log(bytes)).is_err() {
                return;
            }
        }
        // Nobody may be listening any more.
        let _ = events.send(Event::Closed);
    });
}

fn carry_results(mut from: UnixStream, events: Sender<Event>) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        let mut decoder = Decoder::default();
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            for frame in decoder.feed(buffer.get(..read).unwrap_or_default()) {
                if events.send(Event::Frame(frame)).is_err() {
                    return;
                }
            }
        }
        // Nobody may be listening any more.
        let _ = events.send(Event::Closed);
    });
}

/// The delivered variables are read-only on some systems.
fn make_writable(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, permissions)
        .with_context(|| format!("cannot make {} writable", path.display()))
}

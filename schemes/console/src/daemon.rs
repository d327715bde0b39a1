//! Two threads around one terminal: one answers clients, one waits for the interrupt.
use crate::driver::Driver;
use crate::terminal::Terminal;
use clavis::object::{Echo, log_echo};
use clavis::{Number, startup};
use redox_scheme::Socket;
use scheme_daemon::{Attended, Resolution, endpoint, lock, reply, serve_patient};
use scheme_uart::PortHandle;
use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use syscall::error::{ENODEV, Error, Result};

const NAME: &str = "console";
/// Places of the handles among those that the manifest gives.
const PORTS: u64 = 0;
const INTERRUPT: u64 = 1;

fn given(number: Option<Number>, what: &str) -> Result<Number> {
    number.ok_or_else(|| {
        eprintln!("{NAME}: its manifest gives it no {what}");
        Error::new(ENODEV)
    })
}

/// Waits for interrupts. Acknowledging comes first: what arrives while the controller is looked after
/// then interrupts again.
fn serve_interrupts(
    socket: &Socket,
    shared: &Mutex<Attended<Terminal>>,
    interrupt: usize,
) -> Result<()> {
    let (mut when, mut replies) = ([0; 16], VecDeque::new());
    loop {
        let mut state = lock(shared);
        state.scheme.service()?;
        state.settle(&mut replies);
        drop(state);
        reply(socket, &mut replies)?;
        let count = libredox::call::read(interrupt, &mut when)?;
        libredox::call::write(interrupt, when.get(..count).unwrap_or_default())?;
    }
}

fn run() -> Result<()> {
    let ports = given(startup::custom(PORTS), "ports")?;
    let interrupt = given(startup::custom(INTERRUPT), "interrupt")?.raw();
    let log = given(clavis::object::log(), "kernel log")?;
    // From here on the line belongs to this driver; the kernel writes to it again at a panic.
    log_echo(&log, Echo::Off).map_err(|error| Error::new(error.errno()))?;
    let driver = Driver::start(PortHandle::new(ports))?;
    let socket = endpoint(Resolution::Structural)?;
    let shared = Mutex::new(Attended::new(Terminal::new(driver)));
    thread::scope(|scope| {
        scope.spawn(|| {
            // Without interrupts the console is deaf: end, so that the service is started anew.
            if let Err(error) = serve_interrupts(&socket, &shared, interrupt) {
                eprintln!("{NAME}: the interrupt is lost: {error}");
                std::process::exit(1);
            }
        });
        let result = serve_patient(&socket, NAME, &shared);
        // The other thread has nobody left to work for.
        std::process::exit(i32::from(result.is_err()));
    })
}

pub(crate) fn main() -> ExitCode {
    scheme_daemon::exit(NAME, run())
}

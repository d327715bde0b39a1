//! Two threads around one terminal: one answers clients, one waits for the interrupt.
use crate::driver::Driver;
use crate::terminal::Terminal;
use clavis::object::{Echo, log_echo};
use clavis::{Number, startup};
use redox_scheme::scheme::register_sync_scheme;
use redox_scheme::{RequestKind, Response, SignalBehavior, Socket};
use scheme_daemon::{Resolution, Waiting};
use scheme_uart::PortHandle;
use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use syscall::error::{ENODEV, Error, Result};

const NAME: &str = "console";
/// Places of the handles among those that the manifest gives.
const PORTS: u64 = 0;
const INTERRUPT: u64 = 1;

struct State {
    terminal: Terminal,
    waiting: Waiting,
}

struct Console {
    socket: Socket,
    state: Mutex<State>,
}

fn given(number: Option<Number>, what: &str) -> Result<Number> {
    number.ok_or_else(|| {
        eprintln!("{NAME}: its manifest gives it no {what}");
        Error::new(ENODEV)
    })
}

impl Console {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries what waits again after something changed.
    fn changed(&self, mut state: MutexGuard<'_, State>) -> Result<()> {
        let mut replies = VecDeque::new();
        let State { terminal, waiting } = &mut *state;
        waiting.retry(terminal, &mut replies);
        terminal.announce(&mut replies);
        drop(state);
        while !replies.is_empty() {
            self.socket.write_responses(&mut replies, SignalBehavior::Restart)?;
        }
        Ok(())
    }

    fn answer_clients(&self) -> Result<()> {
        let mut next = self.socket.next_request(SignalBehavior::Restart)?;
        while let Some(request) = next {
            let mut state = self.lock();
            let State { terminal, waiting } = &mut *state;
            let reply = match request.kind() {
                RequestKind::Call(call) => waiting.submit(terminal, call),
                RequestKind::Cancellation(request) => waiting.cancel(&request),
                RequestKind::SendFd(request) => {
                    let result = terminal.receive(&self.socket, &request);
                    Some(Response::new(result, request))
                }
                RequestKind::RecvFd(request) => Some(Response::err(syscall::EOPNOTSUPP, request)),
                RequestKind::OnClose { id } => {
                    redox_scheme::scheme::SchemeSync::on_close(terminal, id);
                    None
                }
                _ => None,
            };
            self.changed(state)?;
            next = match reply {
                Some(reply) => {
                    let behavior = SignalBehavior::Restart;
                    self.socket.write_response_and_await_next_request(behavior, reply)?.1
                }
                None => self.socket.next_request(SignalBehavior::Restart)?,
            };
        }
        Ok(())
    }

    /// Waits for interrupts. Acknowledging comes first: what arrives while the controller is
    /// looked after then interrupts again.
    fn serve_interrupts(&self, interrupt: usize) -> Result<()> {
        let mut when = [0; 16];
        loop {
            let mut state = self.lock();
            state.terminal.service()?;
            self.changed(state)?;
            let count = libredox::call::read(interrupt, &mut when)?;
            libredox::call::write(interrupt, when.get(..count).unwrap_or_default())?;
        }
    }
}

fn run() -> Result<()> {
    let ports = given(startup::custom(PORTS), "ports")?;
    let interrupt = given(startup::custom(INTERRUPT), "interrupt")?.raw();
    let log = given(clavis::object::log(), "kernel log")?;
    // From here on the line belongs to this driver; the kernel writes to it again at a panic.
    log_echo(&log, Echo::Off).map_err(|error| Error::new(error.errno()))?;
    let driver = Driver::start(PortHandle::new(ports))?;
    let socket = scheme_daemon::endpoint(Resolution::Structural)?;
    let mut terminal = Terminal::new(driver);
    register_sync_scheme(&socket, NAME, &mut terminal)?;
    let state = Mutex::new(State { terminal, waiting: Waiting::default() });
    let console = Console { socket, state };
    thread::scope(|scope| {
        scope.spawn(|| {
            // Without interrupts the console is deaf: end, so that the service is started anew.
            if let Err(error) = console.serve_interrupts(interrupt) {
                eprintln!("{NAME}: the interrupt is lost: {error}");
                std::process::exit(1);
            }
        });
        let result = console.answer_clients();
        // The other thread has nobody left to work for.
        std::process::exit(i32::from(result.is_err()));
    })
}

pub(crate) fn main() -> ExitCode {
    scheme_daemon::exit(NAME, run())
}

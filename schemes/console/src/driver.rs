//! The controller: its ports and interrupt as handles, and what waits to be sent.
use clavis_console::Signal;
use scheme_uart::{Interrupts, Ports, StartError, Uart};
use std::collections::VecDeque;
use syscall::error::{EIO, ENODEV, Error, Result};

/// Bytes that wait to be sent at most; writers wait beyond.
const OUTPUT_MAX: usize = 16 * 1024;
/// Bytes taken from the controller in one go.
const INPUT_BURST: usize = 256;
/// How often the controller is looked after for one interrupt before others get their turn.
const ROUNDS: usize = 64;

/// The handle of a range of ports: the offset of a read or write is the index of the port.
pub(crate) struct PortHandle(pub(crate) usize);

impl Ports for PortHandle {
    type Error = Error;

    fn read(&mut self, port: u8) -> Result<u8> {
        let mut byte = [0];
        match clavis::file::read_at(self.0, &mut byte, u64::from(port))? {
            1 => {
                let [byte] = byte;
                Ok(byte)
            }
            _ => Err(Error::new(EIO)),
        }
    }

    fn write(&mut self, port: u8, bytes: &[u8]) -> Result<()> {
        match clavis::file::write_at(self.0, bytes, u64::from(port))? {
            count if count == bytes.len() => Ok(()),
            _ => Err(Error::new(EIO)),
        }
    }
}

/// The foreground job.
pub(crate) struct Job(libredox::Fd);

impl Job {
    pub(crate) fn new(number: usize) -> Self {
        Self(libredox::Fd::new(number))
    }

    /// Sends a signal to everything in the job. It may be gone; that is as good.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = clavis::signal(self.0.raw(), signal as usize);
    }
}

/// The controller and what waits to be sent.
pub(crate) struct Driver {
    uart: Uart<PortHandle>,
    output: VecDeque<u8>,
}

impl Driver {
    pub(crate) fn start(ports: PortHandle) -> Result<Self> {
        let mut uart = Uart::start(ports).map_err(|error| match error {
            StartError::Absent => Error::new(ENODEV),
            StartError::Ports(error) => error,
        })?;
        uart.interrupt_on(Interrupts::Receive)?;
        Ok(Self { uart, output: VecDeque::new() })
    }

    /// Bytes that can be sent now without waiting.
    pub(crate) fn room(&self) -> usize {
        OUTPUT_MAX.saturating_sub(self.output.len())
    }

    /// Whether everything was handed to the controller.
    pub(crate) fn drained(&self) -> bool {
        self.output.is_empty()
    }

    /// Queues bytes and starts sending.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.extend(bytes);
        self.pump()
    }

    /// Feeds the controller as long as it takes; it interrupts when it takes more.
    fn pump(&mut self) -> Result<()> {
        loop {
            let (front, _) = self.output.as_slices();
            if front.is_empty() {
                return self.uart.interrupt_on(Interrupts::Receive);
            }
            let count = self.uart.send(front)?;
            if count == 0 {
                return self.uart.interrupt_on(Interrupts::ReceiveAndSend);
            }
            self.output.drain(..count.min(self.output.len()));
        }
    }

    /// Takes what came in, each byte through `input` (which adds its echo), and sends what waits,
    /// until the controller has nothing more to say: only then it raises a new interrupt.
    pub(crate) fn service(&mut self, mut input: impl FnMut(u8, &mut Vec<u8>)) -> Result<()> {
        let mut bytes = Vec::new();
        let mut echo = Vec::new();
        for _ in 0..ROUNDS {
            self.uart.receive(&mut bytes, INPUT_BURST)?;
            for byte in bytes.drain(..) {
                input(byte, &mut echo);
            }
            // Echo is a courtesy: under a flood it is dropped rather than kept.
            let room = self.room().min(echo.len());
            self.output.extend(echo.drain(..room));
            echo.clear();
            self.pump()?;
            if !self.uart.pending()? {
                break;
            }
        }
        Ok(())
    }
}

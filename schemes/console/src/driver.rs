//! The controller: its ports and interrupt as handles, and what waits to be sent.
use scheme_uart::{Interrupts, PortHandle, StartError, Uart};
use std::collections::VecDeque;
use syscall::error::{ENODEV, Error, Result};

/// Bytes that wait to be sent at most; writers wait beyond.
const OUTPUT_MAX: usize = 16 * 1024;
/// Bytes taken from the controller in one go.
const INPUT_BURST: usize = 256;
/// How often the controller is looked after for one interrupt before others get their turn.
const ROUNDS: usize = 64;

fn failed(error: clavis::Error) -> Error {
    Error::new(error.errno())
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
            StartError::Ports(error) => failed(error),
        })?;
        uart.interrupt_on(Interrupts::Receive).map_err(failed)?;
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
                return self.uart.interrupt_on(Interrupts::Receive).map_err(failed);
            }
            let count = self.uart.send(front).map_err(failed)?;
            if count == 0 {
                return self.uart.interrupt_on(Interrupts::ReceiveAndSend).map_err(failed);
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
            self.uart.receive(&mut bytes, INPUT_BURST).map_err(failed)?;
            for byte in bytes.drain(..) {
                input(byte, &mut echo);
            }
            // Echo is a courtesy: under a flood it is dropped rather than kept.
            let room = self.room().min(echo.len());
            self.output.extend(echo.drain(..room));
            echo.clear();
            self.pump()?;
            if !self.uart.pending().map_err(failed)? {
                break;
            }
        }
        Ok(())
    }
}

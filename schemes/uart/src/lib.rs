//! The 16550 serial controller, as a driver in user space reaches it: every register access is a
//! system call, so a burst for the transmitter goes out in one, and nothing spins.
//!
//! Registers and their bits are those of `uart_16550`; its own driver type is not used because a
//! backend for it has to be unsafe code.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(target_os = "redox")]
mod port_handle;

#[cfg(target_os = "redox")]
pub use port_handle::PortHandle;

use uart_16550::spec::registers::{FCR, IER, ISR, LCR, LSR, MCR, offsets};
use uart_16550::spec::{CLK_FREQUENCY_HZ, FIFO_SIZE, NUM_REGISTERS, calc_divisor};

/// Bits per second that the line is set to.
pub const BAUD: u32 = 115_200;
/// Ports that a controller has.
pub const PORTS: usize = NUM_REGISTERS;

/// A way to reach the controller's ports, by their index.
pub trait Ports {
    /// What can go wrong.
    type Error;

    /// Reads a port.
    ///
    /// # Errors
    /// When the ports cannot be reached any more.
    fn read(&mut self, port: u8) -> Result<u8, Self::Error>;

    /// Writes bytes to a port, one after the other.
    ///
    /// # Errors
    /// When the ports cannot be reached any more.
    fn write(&mut self, port: u8, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// Why a controller cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError<E> {
    /// There is none behind the ports.
    Absent,
    /// The ports cannot be reached.
    Ports(E),
}

impl<E> From<E> for StartError<E> {
    fn from(error: E) -> Self {
        Self::Ports(error)
    }
}

/// What an interrupt is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupts {
    /// None.
    Off,
    /// Bytes that came in.
    Receive,
    /// Bytes that came in, and room to send.
    ReceiveAndSend,
}

/// A controller.
pub struct Uart<P> {
    ports: P,
    interrupts: Interrupts,
}

impl<P: Ports> Uart<P> {
    /// Sets the controller up: 115,200 baud, 8 bits, no parity, one stop bit, buffers on and
    /// empty, no interrupts.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(mut ports: P) -> Result<Self, StartError<P::Error>> {
        for pattern in [0x5A, 0xA5] {
            ports.write(offsets::SPR as u8, &[pattern])?;
            if ports.read(offsets::SPR as u8)? != pattern {
                return Err(StartError::Absent);
            }
        }
        let divisor = calc_divisor(CLK_FREQUENCY_HZ, BAUD, None).unwrap_or(1);
        let [low, high] = divisor.to_le_bytes();
        ports.write(offsets::IER as u8, &[0])?;
        ports.write(offsets::LCR as u8, &[LCR::DLAB.bits()])?;
        ports.write(offsets::DLL as u8, &[low])?;
        ports.write(offsets::DLM as u8, &[high])?;
        let eight_bits = LCR::from_bits_retain(0b11);
        ports.write(offsets::LCR as u8, &[eight_bits.bits()])?;
        let buffers = FCR::FIFO_ENABLE | FCR::RX_FIFO_RESET | FCR::TX_FIFO_RESET;
        ports.write(offsets::FCR as u8, &[buffers.bits()])?;
        let modem = MCR::DTR | MCR::RTS | MCR::OUT_2_INT_ENABLE;
        ports.write(offsets::MCR as u8, &[modem.bits()])?;
        Ok(Self { ports, interrupts: Interrupts::Off })
    }

    /// Chooses the interrupts.
    ///
    /// # Errors
    /// When the ports cannot be reached.
    pub fn interrupt_on(&mut self, interrupts: Interrupts) -> Result<(), P::Error> {
        if self.interrupts == interrupts {
            return Ok(());
        }
        let bits = match interrupts {
            Interrupts::Off => IER::empty(),
            Interrupts::Receive => IER::DATA_READY | IER::RECEIVER_LINE_STATUS,
            Interrupts::ReceiveAndSend => {
                IER::DATA_READY | IER::RECEIVER_LINE_STATUS | IER::THR_EMPTY
            }
        };
        self.ports.write(offsets::IER as u8, &[bits.bits()])?;
        self.interrupts = interrupts;
        Ok(())
    }

    /// Whether the controller still asks for attention: while it does, it raises no new interrupt.
    ///
    /// # Errors
    /// When the ports cannot be reached.
    pub fn pending(&mut self) -> Result<bool, P::Error> {
        let isr = ISR::from_bits_retain(self.ports.read(offsets::ISR as u8)?);
        Ok(isr.has_pending_interrupt())
    }

    /// Adds what came in to `input`, at most `limit` bytes.
    ///
    /// # Errors
    /// When the ports cannot be reached.
    pub fn receive(&mut self, input: &mut Vec<u8>, limit: usize) -> Result<(), P::Error> {
        for _ in 0..limit {
            let status = LSR::from_bits_retain(self.ports.read(offsets::LSR as u8)?);
            if !status.contains(LSR::DATA_READY) {
                break;
            }
            input.push(self.ports.read(offsets::DATA as u8)?);
        }
        Ok(())
    }

    /// Sends from the front of `output`; the answer is how many bytes the controller took: none
    /// while it is busy.
    ///
    /// # Errors
    /// When the ports cannot be reached.
    pub fn send(&mut self, output: &[u8]) -> Result<usize, P::Error> {
        let status = LSR::from_bits_retain(self.ports.read(offsets::LSR as u8)?);
        if output.is_empty() || !status.contains(LSR::THR_EMPTY) {
            return Ok(0);
        }
        let burst = output.get(..FIFO_SIZE).unwrap_or(output);
        self.ports.write(offsets::DATA as u8, burst)?;
        Ok(burst.len())
    }

    /// Whether everything has left the controller.
    ///
    /// # Errors
    /// When the ports cannot be reached.
    pub fn idle(&mut self) -> Result<bool, P::Error> {
        let status = LSR::from_bits_retain(self.ports.read(offsets::LSR as u8)?);
        Ok(status.contains(LSR::TRANSMITTER_EMPTY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::convert::Infallible;

    /// A controller whose transmitter takes one burst and is busy until the test empties it.
    #[derive(Default)]
    struct Model {
        registers: [u8; 8],
        divisor: [u8; 2],
        incoming: VecDeque<u8>,
        sent: Vec<u8>,
        busy: bool,
        absent: bool,
    }

    impl Ports for &mut Model {
        type Error = Infallible;

        fn read(&mut self, port: u8) -> Result<u8, Infallible> {
            Ok(match port {
                0 => self.incoming.pop_front().unwrap_or(0),
                2 => u8::from(self.incoming.is_empty()),
                5 => u8::from(!self.incoming.is_empty()) | if self.busy { 0 } else { 0x60 },
                7 if self.absent => 0xFF,
                port => self.registers[usize::from(port)],
            })
        }

        fn write(&mut self, port: u8, bytes: &[u8]) -> Result<(), Infallible> {
            for byte in bytes {
                match port {
                    0 | 1 if self.registers[3] & 0x80 != 0 => {
                        self.divisor[usize::from(port)] = *byte;
                    }
                    0 => self.sent.push(*byte),
                    port => self.registers[usize::from(port)] = *byte,
                }
            }
            if port == 0 && self.registers[3] & 0x80 == 0 {
                assert!(!self.busy && bytes.len() <= 16);
                self.busy = true;
            }
            Ok(())
        }
    }

    #[test]
    fn a_controller_is_set_to_115200_8n1_with_buffers() {
        let mut model = Model::default();
        Uart::start(&mut model).map_err(|_| ()).unwrap();
        assert_eq!(model.divisor, [1, 0]);
        assert_eq!(model.registers[3], 3);
        assert_eq!(model.registers[2] & 1, 1);
        assert_eq!(model.registers[4], 0b1011);
    }

    #[test]
    fn ports_without_a_controller_are_absent() {
        let mut model = Model { absent: true, ..Model::default() };
        assert_eq!(Uart::start(&mut model).err(), Some(StartError::Absent));
    }

    #[test]
    fn a_busy_controller_takes_nothing_and_a_free_one_a_burst() {
        let mut model = Model::default();
        let mut uart = Uart::start(&mut model).map_err(|_| ()).unwrap();
        let data: Vec<u8> = (0..40).collect();
        assert_eq!(uart.send(&data), Ok(16));
        assert_eq!(uart.send(&data[16..]), Ok(0));
        uart.ports.busy = false;
        assert_eq!(uart.send(&data[16..]), Ok(16));
        assert_eq!(model.sent, data[..32]);
    }

    #[test]
    fn what_comes_in_is_taken_up_to_the_limit() {
        let mut model = Model { incoming: (0..10).collect(), ..Model::default() };
        let mut uart = Uart::start(&mut model).map_err(|_| ()).unwrap();
        let mut input = Vec::new();
        uart.receive(&mut input, 4).unwrap();
        assert!(uart.pending().unwrap());
        uart.receive(&mut input, 100).unwrap();
        assert!(!uart.pending().unwrap());
        assert_eq!(input, (0..10).collect::<Vec<u8>>());
    }
}

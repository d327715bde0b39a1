//! What acts as the user code of a thread.
use crate::machine::SimMachine;
use clavis_abi::params::ObjectType;
use clavis_core::{Fault, Kernel, Machine};

/// What a program does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A system call.
    Call(usize, [usize; 5]),
    /// It touched memory that is not present, or raised an exception.
    Fault(Fault),
}

/// User code as the simulation runs it: asked whenever its thread is in user mode.
pub trait Program {
    /// Acts once. The result of its last call is in `user`.
    fn act(&mut self, user: &mut User<'_>) -> Act;
}

/// What a program sees: its registers and its memory.
pub struct User<'a> {
    /// What the last call returned.
    pub result: Option<usize>,
    /// Since it last acted it was told of a signal: where its frame lies.
    pub told: Option<u64>,
    pub(crate) kernel: &'a mut Kernel<SimMachine>,
}

impl User<'_> {
    /// Reads memory.
    ///
    /// # Errors
    /// The fault that the program has to raise.
    pub fn read(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), Act> {
        let fault = |address| Fault::Page { address, write: false, execute: false };
        self.kernel.machine().user_read(address, bytes).map_err(|at| Act::Fault(fault(at)))
    }

    /// Writes memory.
    ///
    /// # Errors
    /// The fault that the program has to raise.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Act> {
        let fault = |address| Fault::Page { address, write: true, execute: false };
        self.kernel.machine().user_write(address, bytes).map_err(|at| Act::Fault(fault(at)))
    }

    /// The monotonic time.
    #[must_use]
    pub fn now(&mut self) -> u64 {
        self.kernel.machine().now()
    }

    /// What lies behind a handle of the program's process.
    #[must_use]
    pub fn kind(&self, number: usize) -> Option<ObjectType> {
        self.kernel.current_kind(number)
    }

    /// Lets time pass.
    pub fn pass(&mut self, nanoseconds: u64) {
        self.kernel.machine().advance(nanoseconds);
    }
}

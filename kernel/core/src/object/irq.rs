//! Interrupt lines as handles: masked until acknowledged, reclaimed when the driver is gone.
use crate::prelude::*;

/// Names an interrupt line in use.
pub type IrqId = Id<Irq>;

/// An interrupt line that a driver holds.
#[derive(Debug, Default)]
pub struct Irq {
    line: u32,
    /// Interrupts since the last read.
    count: u64,
    /// When the last one came.
    when: u64,
    /// Threads that wait for the next.
    pub waiters: List<ThreadK, 0>,
    /// Who is told of the next.
    pub watchers: Watchers,
    pub(crate) account: AccountId,
}

impl Irq {
    /// Whether an interrupt came that nobody read.
    pub(crate) fn pending(&self) -> bool {
        self.count > 0
    }
}

/// What reading an interrupt gives: how many came, and when the last one did.
const RECORD: usize = 16;

impl<M: Machine> Kernel<M> {
    /// Takes a line for a driver and unmasks it.
    ///
    /// # Errors
    /// `EINVAL` for lines that do not exist or belong to the kernel, `EBUSY` when it is taken.
    pub(crate) fn irq_create(&mut self, account: AccountId, line: u32) -> Result<IrqId> {
        refuse_if(!self.machine.irq_permit(line), EINVAL)?;
        refuse_if(self.irqs.iter().any(|(_, irq)| irq.line == line), EBUSY)?;
        self.irqs.reserve(&mut self.machine)?;
        self.charge_object::<Irq>(account)?;
        let irq = Irq { line, account, ..Irq::default() };
        self.machine.irq_mask(line, false);
        Ok(self.irqs.insert(&mut self.machine, irq)?)
    }

    /// The last handle to a line is gone.
    pub(crate) fn irq_release(&mut self, id: IrqId) {
        self.wake_all(Blocked::Irq(id));
        if let Some(irq) = self.irqs.remove(id) {
            self.machine.irq_mask(irq.line, true);
            self.watchers_drop(irq.watchers);
            self.uncharge_object::<Irq>(irq.account);
        }
    }

    /// A device interrupt came: the line stays masked until its driver acknowledges it.
    pub fn irq(&mut self, _cpu: Cpu, line: u32) {
        self.machine.irq_mask(line, true);
        let Some(id) = self.irqs.iter().find(|(_, irq)| irq.line == line).map(|(id, _)| id) else {
            return;
        };
        let now = self.machine.now();
        let irq = &mut self.irqs[id];
        irq.count = irq.count.wrapping_add(1);
        irq.when = now;
        self.wake_all(Blocked::Irq(id));
        self.notify(Object::Irq(id), READABLE);
    }

    /// Reads how many interrupts came since the last read, and when the last one did.
    pub(crate) fn irq_read(
        &mut self,
        caller: &Caller,
        id: IrqId,
        to: UserSlice,
        nonblock: bool,
    ) -> Reply {
        refuse_if(to.len < RECORD, EINVAL)?;
        let Irq { count, when, .. } = self.irqs[id];
        if count == 0 {
            refuse_if(nonblock, EAGAIN)?;
            return self.wait_and_retry(caller, Blocked::Irq(id));
        }
        self.write_user(caller.space, to.address, &count.to_le_bytes())?;
        self.write_user(caller.space, to.part(8, 8).address, &when.to_le_bytes())?;
        self.irqs[id].count = 0;
        Ok(Outcome::Done(RECORD))
    }

    /// Acknowledges: the line may interrupt again.
    pub(crate) fn irq_write(&mut self, id: IrqId, from: UserSlice) -> Reply {
        self.machine.irq_mask(self.irqs[id].line, false);
        Ok(Outcome::Done(from.len))
    }
}

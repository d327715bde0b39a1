//! The audit ring: the newest refusals, whoever met them, read by handle. Writing to it needs no
//! memory, takes a bounded time and waits for nobody; a reader that is slow finds numbers missing.
use crate::prelude::*;
use clavis_abi::limits::AUDIT_RECORDS;
use clavis_abi::params::AuditRecord;

/// The newest refusals.
#[derive(Debug)]
pub struct AuditRing {
    records: Vec<AuditRecord>,
    /// Refusals ever recorded.
    written: u64,
    /// Who is told of more.
    pub(crate) watchers: Watchers,
}

/// Bytes of a record.
const RECORD: usize = size_of::<AuditRecord>();

impl AuditRing {
    pub(crate) fn new() -> core::result::Result<Self, NoMemory> {
        let mut records = Vec::new();
        records.try_reserve_exact(AUDIT_RECORDS).map_err(|_| NoMemory)?;
        records.resize(AUDIT_RECORDS, AuditRecord::default());
        Ok(Self { records, written: 0, watchers: Watchers::new() })
    }
}

impl<M: Machine> Kernel<M> {
    /// Records what a thread was refused, where it asks for that and in the ring, and makes its error.
    #[cold]
    pub(crate) fn refused(&mut self, id: ThreadId, denial: Denial) -> Error {
        self.threads[id].refusal = Some(denial);
        let process = self.threads[id].process;
        let handle = self.tables[self.processes[process].table].get(denial.handle as usize);
        let name = handle.map_or([0; 64], |handle| self.handle_info(handle).label);
        let process = process_number(process).into();
        self.audit(AuditRecord { process, denial, name, ..AuditRecord::default() });
        Error::new(ENOTCAPABLE)
    }

    fn audit(&mut self, record: AuditRecord) {
        let (number, time) = (self.audit.written, self.machine.now());
        if let Some(place) = self.audit.records.get_mut(number as usize % AUDIT_RECORDS) {
            *place = AuditRecord { number, time, ..record };
        }
        self.audit.written = number.wrapping_add(1);
        self.notify(Object::Plain(ObjectType::Audit), READABLE);
    }

    /// Reads records from a number on; the caller's cursor is moved behind what was read. Records
    /// that were overwritten are skipped.
    pub(crate) fn audit_read(
        &mut self,
        caller: &Caller,
        cursor: u64,
        to: UserSlice,
    ) -> Result<(usize, u64)> {
        let oldest = self.audit.written.saturating_sub(AUDIT_RECORDS as u64);
        let numbers = cursor.max(oldest)..self.audit.written;
        if numbers.is_empty() {
            return Err(Error::new(EAGAIN));
        }
        let (mut bytes, mut next) = (0, numbers.start);
        for number in numbers.take((to.len / RECORD).min(QUANTUM_HANDLES)) {
            let record = self.audit.records.get(number as usize % AUDIT_RECORDS).copied();
            let address = to.part(bytes, RECORD).address;
            self.write_user(caller.space, address, record.unwrap_or_default().as_bytes())?;
            (bytes, next) = (bytes + RECORD, number.wrapping_add(1));
        }
        Ok((bytes, next))
    }

    /// Appends what another server refused somebody. The kernel says who wrote it.
    pub(crate) fn audit_write(&mut self, caller: &Caller, from: UserSlice) -> Reply {
        let said: AuditRecord = self.read_struct(caller.space, from.address as usize, from.len)?;
        self.audit(AuditRecord { reporter: process_number(caller.process).into(), ..said });
        Ok(Outcome::Done(RECORD))
    }
}

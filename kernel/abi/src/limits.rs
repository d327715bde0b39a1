//! Every bound of the system, in one table. At a bound the payer waits or gets an error.

macro_rules! limits {
    ($($name:ident: $ty:ty = $value:expr, $doc:literal;)*) => {
        $(#[doc = $doc] pub const $name: $ty = $value;)*
        /// Name, value and meaning of each limit, for `docs/abi.md`.
        pub const TABLE: &[(&str, u64, &str)] = &[$((stringify!($name), $value as u64, $doc),)*];
    };
}

limits! {
    NAME_MAX: usize = 64, "Bytes in the name of a scheme or slot.";
    COMPONENT_MAX: usize = 255, "Bytes in one component of a path.";
    PATH_MAX: usize = 4096, "Bytes in a path.";
    LINKS_MAX: usize = 40, "Symbolic links followed in one open.";
    FORWARD_MAX: u8 = 8, "Times that one request can be forwarded.";
    TABLE_HANDLES: usize = 65_536, "Handles in each half (lower, upper) of a handle table.";
    BATCH_MAX: usize = 16, "Handles sent or received at once.";
    PIPE_BYTES: usize = 65_536, "Bytes buffered in a pipe.";
    PIPE_ATOMIC: usize = 4096, "Bytes that a pipe takes whole or not at all.";
    PAYLOAD_MAX: usize = 1 << 20, "Bytes in the payload of one request; longer reads and writes are cut.";
    METADATA_WORDS: usize = 3, "Words of metadata in a CALL.";
    ENDPOINT_DEPTH: usize = 128, "Requests that an endpoint holds at once; more wait to be admitted.";
    INBOX_BULK_PAGES: usize = 512, "Pages of an inbox that payloads above one page share.";
    SOCKET_BATCH: usize = 64, "Requests or answers moved by one read or write of a socket.";
    MEMORY_PAGES: usize = 1 << 18, "Pages in one memory object.";
    ACCOUNT_DEPTH: u8 = 8, "Accounts above an account.";
    PRIORITIES: usize = 32, "Thread priorities; 0 is the lowest.";
    QUANTUM_BYTES: usize = 65_536, "Bytes copied by the kernel between two chances to interrupt it.";
    QUANTUM_PAGES: usize = 512, "Pages handled by the kernel between two chances to interrupt it.";
    QUANTUM_HANDLES: usize = 64, "Handles closed by the kernel between two chances to interrupt it.";
    QUANTUM_LEASES: usize = 64, "Leases ended, and waits, mappings and registrations under them, between two chances to interrupt the kernel.";
    LEASES_ABOVE: usize = 128, "Leases that one may depend on, itself included.";
    QUANTUM_EVENTS: usize = 16, "Event registrations told between two chances to interrupt the kernel.";
    EVENTS_PER_QUEUE: usize = 4096, "Registrations on one event queue.";
    SLOT_WAITERS: usize = 256, "Opens that wait for an empty slot.";
    SLOT_WAIT_NS: u64 = 10_000_000_000, "Nanoseconds that an open waits for an empty slot.";
    LOG_BYTES: usize = 65_536, "Bytes kept in the kernel log.";
    SPAWN_GRANTS: usize = 64, "Handles given to a new process at its creation.";
    AUDIT_RECORDS: usize = 512, "Refusals kept in the audit ring; the oldest are overwritten.";
    FUTEX_SPACE: usize = 4, "Bytes of a futex word, and its alignment.";
}

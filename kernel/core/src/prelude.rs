//! What most files of the kernel speak of: its objects and their names, how calls answer, errors.
pub(crate) use crate::account::{Account, AccountId, Resource};
pub(crate) use crate::container::{Arena, Blocks, Id, Link, List, links, mostly, none};
pub(crate) use crate::event::{HANGUP, READABLE, Registration, RegistrationId, WRITABLE, Watchers};
pub(crate) use crate::handle::Handle;
pub(crate) use crate::handle::description::{
    Description, DescriptionId, Object, SchemeObject, View,
};
pub(crate) use crate::handle::table::{HandleTable, Reserved, TableId};
pub(crate) use crate::kernel::{CpuState, Kernel, Owners, Waiter};
pub(crate) use crate::machine::{Cpu, Machine, NoMemory, Start};
pub(crate) use crate::memory::fault::{Access, Unresolved};
pub(crate) use crate::memory::object::{Backing, Memory, MemoryId, MemoryK};
pub(crate) use crate::memory::region::Region;
pub(crate) use crate::memory::space::{Mapping, Place, Space, SpaceId, SpaceK};
pub(crate) use crate::memory::user::{Direction, UserSlice};
pub(crate) use crate::memory::{PAGE, Protection, USER_END, USER_START, page_of, pages_for};
pub(crate) use crate::object::irq::{Irq, IrqId};
pub(crate) use crate::object::lease::{Lease, LeaseId, Under};
pub(crate) use crate::object::pipe::{Pipe, PipeId};
pub(crate) use crate::object::queue::{Queue, QueueId};
pub(crate) use crate::object::slot::{Slot, SlotId};
pub(crate) use crate::object::timer::{Timer, TimerId};
pub(crate) use crate::run::{Caller, Outcome, Reply, refuse_if};
pub(crate) use crate::scheme::endpoint::{Endpoint, EndpointId, Notice, WATCH_BUCKETS};
pub(crate) use crate::scheme::grant::{Grant, GrantId};
pub(crate) use crate::scheme::inbox::Seat;
pub(crate) use crate::scheme::message::check_path;
pub(crate) use crate::scheme::receive::Receive;
pub(crate) use crate::scheme::request::{
    Gives, Opening, Output, Request, RequestId, Stage, Wanted,
};
pub(crate) use crate::scheme::send::{Makes, PayloadFrom};
pub(crate) use crate::scheme::transfer::{Batch, BatchId};
pub(crate) use crate::syscall::AGAIN;
pub(crate) use crate::task::process::{Process, ProcessId, ProcessState, process_number};
pub(crate) use crate::task::sched::SLICE;
pub(crate) use crate::task::thread::{Blocked, Resume, Thread, ThreadId, ThreadK, Threads};
pub(crate) use alloc::boxed::Box;
pub(crate) use alloc::vec::Vec;
pub(crate) use clavis_abi::call::Call;
pub(crate) use clavis_abi::class::{CQE_FORWARD, Class, Form};
pub(crate) use clavis_abi::error::{
    EACCES, EAGAIN, EBADF, EBUSY, EDQUOT, EEXIST, EEXPIRED, EFAULT, EINTR, EINVAL, EIO, EISDIR,
    ELOOP, EMFILE, EMSGSIZE, ENAMETOOLONG, ENODEV, ENOENT, ENOMEM, ENOSPC, ENOSYS, ENOTCAPABLE,
    ENOTDIR, EOVERFLOW, EOWNERDEAD, EPERM, EPIPE, EREVOKED, ESPIPE, ESRCH, ETIMEDOUT, EXDEV, Error,
    MAX_ERRNO, Result, mux,
};
pub(crate) use clavis_abi::limits::{
    BATCH_MAX, ENDPOINT_DEPTH, FORWARD_MAX, INBOX_BULK_PAGES, METADATA_WORDS, NAME_MAX, PATH_MAX,
    PAYLOAD_MAX, PRIORITIES, QUANTUM_BYTES, QUANTUM_HANDLES, SOCKET_BATCH,
};
pub(crate) use clavis_abi::params::{
    AccountLimits, AccountUsage, CALL_CHOSEN, Denial, DenialRule, ExitKind, ExitStatus,
    FIRST_GRANT_INDEX, FactoryKind, MapParams, OUT_LOWEST, OUT_UPPER, ObjectType, SIGNAL_SELF,
    SignalInfo, Step, UPPER_INDEX_BITS, UPPER_TAG, endpoint_flags, handle_flags, open_flags,
    process_flags, signal, upper_number, wait_flags,
};
pub(crate) use clavis_abi::syscall::flag::{
    CLOCK_MONOTONIC, CallFlags, MapFlags, O_APPEND, O_FCNTL_MASK, O_NONBLOCK, O_WRONLY,
};
pub(crate) use clavis_abi::syscall::schemev2::{Cqe, CqeOpcode, Sqe, SqeFlags};
pub(crate) use clavis_abi::{Rights, limits};
pub(crate) use zerocopy::IntoBytes;

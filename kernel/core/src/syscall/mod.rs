//! System calls: from numbers to the objects.
use crate::prelude::*;
mod call;
mod dup;
mod file;
mod handle;
mod memory;
mod object;
pub(crate) mod process;
mod scheme;
mod signal;

pub(crate) use call::Asked;
pub(crate) use file::{CLOEXEC, OWN};

/// No error: a quantum of a call is done and nothing of the rest; it is to be made again.
pub(crate) const AGAIN: i32 = 0x1000;

impl<M: Machine> Kernel<M> {
    /// Does a call, or as much of it as can be done now. For what cannot be had, what ended processes
    /// left is taken apart first.
    #[inline(never)]
    pub(crate) fn dispatch(&mut self, caller: &Caller, call: Call, args: &[usize; 5]) -> Reply {
        let left = self.work.has_dead_memory();
        match self.decode(caller, call, args) {
            Err(error) if error.errno == AGAIN || error.errno == ENOMEM && left => {
                self.try_again(caller, error)
            }
            reply => reply,
        }
    }

    /// Has a call made again. For memory that does not happen for ever: the call itself may leave
    /// something each time.
    #[cold]
    fn try_again(&mut self, caller: &Caller, error: Error) -> Reply {
        let [cpu] = &self.cpus;
        let thread = &mut self.threads[caller.thread];
        if !cpu.again {
            thread.tries = 0;
        }
        if error.errno == ENOMEM {
            thread.tries = thread.tries.checked_add(1).ok_or(error)?;
            self.reap();
        }
        self.threads[caller.thread].resume = Resume::Retry;
        Ok(Outcome::More)
    }

    #[inline]
    fn decode(&mut self, caller: &Caller, call: Call, args: &[usize; 5]) -> Reply {
        match call {
            Call::OpenAt => self.sys_openat(caller, *args),
            Call::UnlinkAt => self.sys_unlinkat(caller, *args),
            Call::Close => self.handle_close(caller.table, args[0]).map(|()| Outcome::Done(0)),
            Call::DupInto => self.sys_dup(caller, args[0], args[1], args[2], args[3]),
            Call::Dup2 => self.sys_dup2(caller, *args),
            Call::Read => self.sys_read(caller, [args[0], args[1], args[2], OWN, usize::MAX]),
            Call::Read2 => self.sys_read(caller, *args),
            Call::Write => self.sys_write(caller, [args[0], args[1], args[2], OWN, usize::MAX]),
            Call::Write2 => self.sys_write(caller, *args),
            Call::Lseek => self.sys_lseek(caller, *args),
            Call::Fchown => self.sys_fchown(caller, *args),
            Call::Fcntl => self.sys_fcntl(caller, *args),
            Call::Fevent => self.sys_fevent(caller, *args),
            Call::Call => self.sys_call(caller, args),
            Call::Fmap => self.sys_fmap(caller, *args),
            Call::Funmap => self.sys_funmap(caller, *args),
            Call::Mremap => self.sys_mremap(caller, *args),
            Call::Mprotect => self.sys_mprotect(caller, *args),
            Call::Flink => self.sys_path_of(caller, clavis_abi::class::Class::Flink, *args),
            Call::Frename => self.sys_path_of(caller, clavis_abi::class::Class::Frename, *args),
            Call::Fpath => self.sys_fpath(caller, *args),
            Call::Fstat => self.sys_fstat(caller, *args),
            Call::Fsync => self.sys_fsync(caller, *args),
            Call::ClockGettime => self.sys_clock_gettime(caller, *args),
            Call::Futex => self.sys_futex(caller, *args),
            Call::Nanosleep => self.sys_nanosleep(caller, *args),
            Call::Yield => self.sys_yield(caller),
            Call::Exit => self.sys_exit(caller, *args),
            Call::ThreadExit => self.sys_thread_exit(caller, *args),
            Call::ThreadCreate => self.sys_thread_create(caller, *args),
            Call::SetTls => self.sys_set_tls(caller, *args),
            Call::SetDeadline => self.sys_set_deadline(caller, *args),
            Call::Limit => self.sys_limit(caller, *args),
            Call::Derive => self.sys_derive(caller, *args),
            Call::Query => self.sys_query(caller, *args),
            Call::LastDenial => self.sys_last_denial(caller, *args),
            Call::Create => self.sys_create(caller, *args),
            Call::ProcessCreate => self.sys_process_create(caller, *args),
            Call::ProcessStart => self.sys_process_start(caller, *args),
            Call::Map => self.sys_map(caller, *args),
            Call::MemoryOf => self.sys_memory_of(caller, *args),
            Call::Seal => self.sys_seal(caller, *args),
            Call::Signal => self.sys_signal(caller, *args),
            Call::Inspect => self.sys_inspect(caller, *args),
            Call::Borrow => self.sys_borrow(caller, *args),
            Call::Declare => self.sys_declare(caller, *args),
            Call::Mint => self.sys_mint(caller, *args),
            Call::RequestInfo => self.sys_request_info(caller, *args),
            Call::Identity => self.sys_identity(caller, *args),
            Call::TablePut => self.sys_table_put(caller, *args),
            Call::Fork => self.sys_fork(caller, *args),
            Call::Exec => self.sys_exec(caller, *args),
            Call::SignalActions => self.sys_signal_actions(caller, *args),
            Call::SignalMask => self.sys_signal_mask(caller, *args),
            Call::SignalWait => self.sys_signal_wait(caller, *args),
            Call::Usage => self.sys_usage(caller, *args),
            Call::Wait => self.sys_wait(caller, *args),
            Call::CpuTime => self.sys_cpu_time(caller, *args),
            Call::Group => self.sys_group(caller, *args),
            Call::LeaseCreate => self.sys_lease_create(caller, *args),
            Call::Lend => self.sys_lend(caller, *args),
            Call::Revoke => self.sys_revoke(caller, *args),
        }
    }
}

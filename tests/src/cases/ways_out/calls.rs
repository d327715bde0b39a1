//! Calls that open ways out elsewhere and do not exist here: no call mounts anything, looks into
//! another process, or opens an object by its number.
use super::super::apart::fails;
use super::super::support::check;
use crate::run::{Case, Verdict};
use clavis::abi::call::TABLE;
use clavis::abi::error::ENOSYS;
use std::ffi::{c_char, c_int};

pub(crate) const CASES: &[Case] =
    &[Case { name: "calls_that_lead_out_elsewhere_do_not_exist", run: absent }];

/// What other systems have, by Linux' number for it, and what it would do.
const ELSEWHERE: &[(usize, &str)] = &[
    (101, "ptrace: look into a process"),
    (153, "vhangup"),
    (161, "chroot"),
    (163, "acct"),
    (165, "mount"),
    (166, "umount"),
    (167, "swapon"),
    (169, "reboot"),
    (175, "init_module"),
    (246, "kexec_load"),
    (248, "add_key: keys by name"),
    (250, "keyctl"),
    (253, "inotify_init: be told of names"),
    (272, "unshare"),
    (279, "move_pages"),
    (298, "perf_event_open"),
    (300, "fanotify_init"),
    (303, "name_to_handle_at"),
    (304, "open_by_handle_at: an object by its number"),
    (308, "setns"),
    (310, "process_vm_readv"),
    (311, "process_vm_writev"),
    (312, "kcmp"),
    (317, "seccomp"),
    (321, "bpf"),
    (323, "userfaultfd"),
    (425, "io_uring_setup: calls that nobody sees"),
    (428, "open_tree"),
    (429, "move_mount"),
    (430, "fsopen"),
    (434, "pidfd_open: a process by its number"),
    (438, "pidfd_getfd: what it has open"),
];

fn absent() -> Verdict {
    for (number, what) in ELSEWHERE {
        let known = TABLE.iter().any(|row| row.call as usize == *number);
        check(!known, &format!("{what} has the number of a call of our own"))?;
        // SAFETY: a call that does not exist does nothing.
        let answer = unsafe { syscall::syscall5(*number, 3, 0, 0, 0, 0) };
        let errno = answer.err().map(|error| error.errno);
        check(errno == Some(ENOSYS), &format!("{what}: {errno:?}"))?;
    }
    unsafe extern "C" {
        fn chroot(path: *const c_char) -> c_int;
    }
    // SAFETY: a C string.
    fails("chroot", unsafe { chroot(c"/".as_ptr()) }, ENOSYS)
}

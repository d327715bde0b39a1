//! What other capability systems call our rights: the base of the interfaces that speak their
//! names.
use crate::rights::Rights;

/// The names of a right elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The right.
    pub right: Rights,
    /// Capsicum's rights, without `CAP_`. Empty: it has none.
    pub capsicum: &'static [&'static str],
    /// WASI preview 1's rights. Empty: it has none.
    pub wasi: &'static [&'static str],
}

const fn peer(
    right: Rights,
    capsicum: &'static [&'static str],
    wasi: &'static [&'static str],
) -> Peer {
    Peer { right, capsicum, wasi }
}

/// Every right, in bit order.
pub const TABLE: &[Peer] = &[
    peer(Rights::READ, &["READ"], &["fd_read", "fd_advise"]),
    peer(Rights::WRITE, &["WRITE"], &["fd_write", "fd_allocate"]),
    peer(Rights::APPEND, &["WRITE"], &["fd_write"]),
    peer(Rights::SEEK, &["SEEK", "SEEK_TELL"], &["fd_seek", "fd_tell"]),
    peer(Rights::MAP_READ, &["MMAP_R"], &[]),
    peer(Rights::MAP_WRITE, &["MMAP_W"], &[]),
    peer(Rights::MAP_EXEC, &["MMAP_X"], &[]),
    peer(
        Rights::STAT,
        &["FSTAT", "FSTATAT", "FSTATFS", "FPATHCONF"],
        &["fd_filestat_get", "path_filestat_get"],
    ),
    peer(
        Rights::SET_ATTR,
        &["FCHMOD", "FCHOWN", "FCHFLAGS", "FUTIMES"],
        &["fd_filestat_set_times", "path_filestat_set_times"],
    ),
    peer(Rights::TRUNCATE, &["FTRUNCATE"], &["fd_filestat_set_size", "path_filestat_set_size"]),
    peer(Rights::SYNC, &["FSYNC"], &["fd_sync", "fd_datasync"]),
    peer(Rights::LOCK, &["FLOCK"], &[]),
    peer(Rights::LOOKUP, &["LOOKUP", "FCHDIR"], &["path_open", "path_readlink"]),
    peer(Rights::LIST, &["READ"], &["fd_readdir"]),
    peer(
        Rights::CREATE,
        &["CREATE", "MKDIRAT", "MKFIFOAT", "MKNODAT", "SYMLINKAT"],
        &["path_create_file", "path_create_directory", "path_symlink"],
    ),
    peer(Rights::REMOVE, &["UNLINKAT"], &["path_unlink_file", "path_remove_directory"]),
    peer(
        Rights::RENAME,
        &["RENAMEAT_SOURCE", "RENAMEAT_TARGET"],
        &["path_rename_source", "path_rename_target"],
    ),
    peer(
        Rights::LINK,
        &["LINKAT_SOURCE", "LINKAT_TARGET"],
        &["path_link_source", "path_link_target"],
    ),
    peer(Rights::EXEC, &["FEXECVE"], &[]),
    peer(Rights::EVENT, &["EVENT", "KQUEUE_EVENT"], &["poll_fd_readwrite"]),
    peer(
        Rights::CONTROL,
        &["FCNTL", "IOCTL", "SETSOCKOPT"],
        &["fd_fdstat_set_flags", "sock_shutdown"],
    ),
    peer(Rights::CALL, &["IOCTL"], &[]),
    peer(Rights::DERIVE, &["ACCEPT", "BIND", "CONNECT", "LISTEN", "IOCTL"], &["sock_accept"]),
    peer(Rights::NAME, &["GETPEERNAME", "GETSOCKNAME", "PDGETPID"], &[]),
    peer(Rights::SEND_HANDLE, &["SEND"], &[]),
    peer(Rights::RECV_HANDLE, &["RECV"], &[]),
    peer(Rights::DUP, &[], &[]),
    peer(Rights::TRANSFER, &[], &[]),
    peer(Rights::FORWARD, &[], &[]),
    peer(Rights::SIGNAL, &["PDKILL"], &[]),
    peer(Rights::WAIT, &["PDWAIT"], &[]),
    peer(Rights::INSPECT, &["PDGETPID"], &[]),
    peer(Rights::MANAGE, &[], &[]),
    peer(Rights::DEBUG, &[], &[]),
    peer(Rights::JIT, &[], &[]),
    peer(Rights::FILL, &[], &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_has_one_row_in_bit_order() {
        let all = crate::rights::TABLE.iter().map(|row| row.1);
        assert!(TABLE.iter().map(|row| row.right).eq(all));
    }

    #[test]
    fn names_are_spelt_as_their_systems_spell_them() {
        for row in TABLE {
            let is_capsicum = |name: &&str| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
            };
            let is_wasi = |name: &&str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(row.capsicum.iter().all(is_capsicum), "{:?}", row.right);
            assert!(row.wasi.iter().all(is_wasi), "{:?}", row.right);
        }
    }
}

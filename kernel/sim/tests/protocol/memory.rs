//! Memory that a server lends.
use crate::common::{errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EACCES, EIO, ENODEV, ENOTCAPABLE};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::MapFlags;
use clavis_abi::syscall::schemev2::{Opcode, Sqe};
use clavis_sim::{Give, Thread};

const READ: MapFlags = MapFlags::PROT_READ;
const WRITE: MapFlags = MapFlags::PROT_WRITE;
const SHARED: MapFlags = MapFlags::MAP_SHARED;
const PRIVATE: MapFlags = MapFlags::MAP_PRIVATE;

/// Memory of a server's own, with something written on each of its pages.
fn own(t: &mut Thread, pages: usize) -> u64 {
    let at = t.mmap(usize::MAX, 0, pages * 4096, READ | WRITE | SHARED).unwrap() as u64;
    for page in 0..pages as u64 {
        t.poke(at + page * 4096, format!("page {page}").as_bytes());
    }
    at
}

fn lend(t: &mut Thread, address: u64) -> Sqe {
    t.expect_and_reply(3, Opcode::MmapPrep, address)
}

/// Requirement: R68
#[test]
fn a_server_answers_with_pages_of_a_region_of_its_own() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let at = own(t, 4);
            let sqe = lend(t, at + 4096);
            let flags = (READ | SHARED).bits() as u64;
            assert_eq!(sqe.args[..4], [1, 8192, flags, 0x3000]);
            for bad in [at + 1, at + 3 * 4096, 0x1000, u64::MAX - 5000] {
                lend(t, bad);
            }
            // Told of the end of what was lent, and of nothing that was not.
            assert_eq!(t.expect(3, Opcode::Munmap).args[..4], [1, 5000, 0, 0x3000]);
        });
        let at = t.mmap(file, 0x3000, 5000, READ | SHARED).unwrap();
        assert_eq!(t.peek(at as u64, 6), b"page 1");
        assert_eq!(t.peek(at as u64 + 4096, 6), b"page 2");
        for _ in 0..4 {
            assert_eq!(errno(t.mmap(file, 0, 8192, READ | SHARED)), EIO);
        }
        t.munmap(at, 8192).unwrap();
        t.finished(server);
    });
}

/// Requirement: R69
#[test]
fn shared_pages_are_the_servers_and_private_ones_the_clients() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let at = own(t, 1);
            lend(t, at);
            lend(t, at);
            let sqe = t.expect(3, Opcode::Fsync);
            assert_eq!(t.peek(at, 6), b"SHARED");
            t.poke(at, b"server");
            t.reply(3, sqe.tag, 0).unwrap();
            let [one, other] = [(); 2].map(|()| t.expect(3, Opcode::Munmap).caller);
            assert_ne!(one, other);
        });
        let shared = t.mmap(file, 0, 4096, READ | WRITE | SHARED).unwrap() as u64;
        let private = t.mmap(file, 0, 4096, READ | WRITE | PRIVATE).unwrap() as u64;
        t.poke(private, b"mine");
        t.poke(shared, b"SHARED");
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        assert_eq!(t.peek(shared, 6), b"server");
        assert_eq!(t.peek(private, 6), b"mine 0");
        t.munmap(shared as usize, 4096).unwrap();
        t.munmap(private as usize, 4096).unwrap();
        t.finished(server);
    });
}

/// Requirement: R70
#[test]
fn a_mapping_permits_no_more_than_the_handle_and_what_was_lent() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryMemory);
        let memory = t.create(factory, 4096, 0).unwrap();
        let (scheme, account) = (t.entry(EntryKind::FactoryScheme), t.entry(EntryKind::Account));
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let shown = Give(memory, 4, Rights::MAP_READ, Rights::empty());
        let server = t
            .process(account, &[Give::all(socket, 3), shown], |t| {
                let at = t.mmap(usize::MAX, 0, 4096, READ | WRITE | SHARED).unwrap();
                lend(t, at as u64);
                // What the server itself may only read it cannot lend for writing.
                let shown = t.mmap(4, 0, 4096, READ | SHARED).unwrap();
                lend(t, shown as u64);
                t.expect(3, Opcode::Munmap);
                t.exit(0)
            })
            .unwrap();
        let rights = Rights::all() - Rights::MAP_WRITE - Rights::MAP_EXEC;
        let narrow = t.derive(file, rights, Rights::all()).unwrap();
        assert_eq!(errno(t.mmap(narrow, 0, 4096, READ | WRITE | SHARED)), ENOTCAPABLE);
        let exec = MapFlags::PROT_EXEC | READ | SHARED;
        assert_eq!(errno(t.mmap(narrow, 0, 4096, exec)), ENOTCAPABLE);
        let at = t.mmap(narrow, 0, 4096, READ | SHARED).unwrap();
        let more = t.call(Call::Mprotect, [at, 4096, (READ | WRITE).bits(), 0, 0]);
        assert!([EACCES, ENOTCAPABLE].contains(&errno(more)));
        assert_eq!(errno(t.mmap(file, 0, 4096, READ | WRITE | SHARED)), EACCES);
        t.munmap(at, 4096).unwrap();
        t.finished(server);
    });
}

/// Requirement: R70
#[test]
fn lent_memory_is_read_at_an_offset_where_its_file_can_be() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let at = own(t, 2);
            lend(t, at);
            lend(t, at);
        });
        let to = own(t, 1);
        let inherit = Rights::all() - Rights::SEEK;
        let narrow = t.derive(file, Rights::all(), inherit).unwrap();
        for (file, is_read) in [(file, true), (narrow, false)] {
            let memory = [file, 0, 8192, READ.bits(), usize::MAX];
            let memory = t.call(Call::MemoryOf, memory).unwrap();
            let read = t.call(Call::Read2, [memory, to as usize, 6, 4096, usize::MAX]);
            if is_read {
                assert_eq!(read, Ok(6));
                assert_eq!(t.peek(to, 6), b"page 1");
            } else {
                assert_eq!(errno(read), ENOTCAPABLE);
            }
        }
        t.finished(server);
    });
}

/// Requirement: R71
#[test]
fn mapped_pages_outlive_the_servers_mapping_and_the_server() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let at = own(t, 2);
            lend(t, at);
            t.munmap(at as usize, 4096).unwrap();
            t.expect_and_reply(3, Opcode::Fsync, 0);
        });
        let at = t.mmap(file, 0, 8192, READ | WRITE | SHARED).unwrap() as u64;
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        assert_eq!(t.peek(at, 6), b"page 0");
        t.finished(server);
        assert_eq!(t.peek(at + 4096, 6), b"page 1");
        t.poke(at, b"written");
        assert_eq!(t.peek(at, 7), b"written");
        t.munmap(at as usize, 8192).unwrap();
    });
}

/// Requirement: R72
#[test]
fn a_server_is_told_once_when_the_last_piece_is_gone_and_then_of_the_close() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let at = own(t, 3);
            lend(t, at);
            let sqe = t.expect(3, Opcode::Munmap);
            assert_eq!(sqe.args[0], 1);
            // Its answer, if it makes one, is nobody's.
            t.reply(3, sqe.tag, 0).unwrap();
            t.expect(3, Opcode::CloseMsg);
        });
        let at = t.mmap(file, 0, 3 * 4096, READ | SHARED).unwrap();
        t.close(file).unwrap();
        t.munmap(at + 4096, 4096).unwrap();
        t.settle();
        t.munmap(at, 4096).unwrap();
        t.settle();
        t.munmap(at + 8192, 4096).unwrap();
        t.finished(server);
    });
}

/// Requirement: R73
#[test]
fn what_is_nobodys_to_lend_is_not_lent() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let copy = t.mmap(usize::MAX, 0, 4096, READ | WRITE | SHARED).unwrap();
            t.poke(copy as u64, b"x");
            let sqe = t.expect(3, Opcode::Write);
            let inbox = sqe.args[1];
            t.reply(3, sqe.tag, 1).unwrap();
            lend(t, inbox);
        });
        t.write(file, b"x").unwrap();
        assert_eq!(errno(t.mmap(file, 0, 4096, READ | SHARED)), ENODEV);
        t.finished(server);
        // A copy made for a private mapping of somebody's memory.
        let factory = t.entry(EntryKind::FactoryMemory);
        let memory = t.create(factory, 4096, 0).unwrap();
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        t.spawn(1, move |t| {
            assert_eq!(errno(t.mmap(file, 0, 4096, READ | SHARED)), ENODEV);
        })
        .unwrap();
        let copy = t.mmap(memory, 0, 4096, READ | WRITE | PRIVATE).unwrap();
        let sqe = t.expect(socket, Opcode::MmapPrep);
        t.reply(socket, sqe.tag, copy as u64).unwrap();
        t.settle();
    });
}

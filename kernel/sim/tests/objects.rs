//! The kernel's own objects, one scenario each.
mod common;
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{
    EAGAIN, EBADF, EEXIST, EINVAL, EMFILE, ENODEV, ENOMEM, ENOTCAPABLE, EPIPE, ETIMEDOUT,
};
use clavis_abi::params::{
    AccountLimits, DenialRule, ExitKind, ProcessParams, handle_flags, open_flags, upper_number,
};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{CallFlags, EventFlags, F_SETFL, MapFlags, O_NONBLOCK, O_RDWR};
use clavis_abi::syscall::schemev2::Opcode;
use clavis_sim::{Give, Thread};
use common::{errno, scene};

const RW: u64 = O_RDWR as u64;

fn pipe(t: &mut Thread) -> (usize, usize) {
    let factory = t.entry(EntryKind::FactoryPipe);
    let reader = t.open(factory, "", RW).unwrap();
    let writer = t.dup_message(reader, b"write").unwrap();
    (reader, writer)
}

fn nonblocking(t: &mut Thread, fd: usize) {
    t.call(Call::Fcntl, [fd, F_SETFL, O_NONBLOCK, 0, 0]).unwrap();
}

#[test]
fn bytes_go_through_a_pipe_in_order_and_end_with_its_writers() {
    scene(|t| {
        let (reader, writer) = pipe(t);
        t.write(writer, b"one").unwrap();
        t.write(writer, b"two").unwrap();
        assert_eq!(t.read(reader, 4).unwrap(), b"onet");
        assert_eq!(t.read(reader, 4).unwrap(), b"wo");
        t.close(writer).unwrap();
        assert_eq!(t.read(reader, 4).unwrap(), b"");
    });
}

#[test]
fn a_write_to_a_pipe_without_readers_is_refused() {
    scene(|t| {
        let (reader, writer) = pipe(t);
        t.close(reader).unwrap();
        assert_eq!(errno(t.write(writer, b"x")), EPIPE);
    });
}

#[test]
fn a_full_pipe_holds_its_writer_until_there_is_room() {
    scene(|t| {
        let (reader, writer) = pipe(t);
        t.spawn(1, move |t| {
            for byte in 0..20u8 {
                assert_eq!(t.write(writer, &[byte; 8192]).unwrap(), 8192);
            }
            t.close(writer).unwrap();
        })
        .unwrap();
        let (mut total, mut last) = (0, 0);
        loop {
            let bytes = t.read(reader, 3000).unwrap();
            if bytes.is_empty() {
                break;
            }
            assert!(bytes.iter().all(|byte| *byte >= last), "bytes come in order");
            last = *bytes.last().unwrap();
            total += bytes.len();
        }
        assert_eq!(total, 20 * 8192);
    });
}

#[test]
fn an_empty_pipe_says_so_to_those_who_do_not_wait_and_a_deadline_ends_the_others() {
    scene(|t| {
        let (reader, _writer) = pipe(t);
        t.deadline(1_000_000).unwrap();
        assert_eq!(errno(t.read(reader, 1)), ETIMEDOUT);
        t.deadline(0).unwrap();
        nonblocking(t, reader);
        assert_eq!(errno(t.read(reader, 1)), EAGAIN);
    });
}

#[test]
fn handles_go_through_a_pipe_and_lose_what_its_reader_may_not_pass_on() {
    scene(|t| {
        let (reader, writer) = pipe(t);
        let narrow = t.derive(reader, Rights::all(), Rights::all() - Rights::WRITE).unwrap();
        let sent = t.dup(t.null()).unwrap();
        t.send_handles(writer, &[sent], CallFlags::empty()).unwrap();
        assert_eq!(errno(t.query(sent)), EBADF);
        let got = t.receive_handles(narrow, 4).unwrap();
        assert_eq!(got.len(), 1);
        let (rights, _) = t.rights(got[0]).unwrap();
        assert!(!rights.contains(Rights::WRITE) && rights.contains(Rights::READ));
        assert_eq!(errno(t.send_handles(writer, &[reader], CallFlags::FD_CLONE)), 1);
    });
}

#[test]
fn closing_a_pipe_ends_the_wait_of_another_thread() {
    scene(|t| {
        let (reader, writer) = pipe(t);
        t.spawn(1, move |t| assert_eq!(errno(t.read(reader, 1)), EBADF)).unwrap();
        t.settle();
        t.close(reader).unwrap();
        t.settle();
        t.close(writer).unwrap();
    });
}

#[test]
fn closing_an_interrupt_line_ends_the_wait_of_its_reader() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryIrq);
        let line = t.create(factory, 4, 0).unwrap();
        assert_eq!(errno(t.create(factory, 4, 0)), clavis_abi::error::EBUSY);
        t.spawn(1, move |t| assert_eq!(errno(t.read(line, 16)), EBADF)).unwrap();
        t.settle();
        t.close(line).unwrap();
        t.settle();
        let again = t.create(factory, 4, 0).unwrap();
        t.close(again).unwrap();
    });
}

#[test]
fn opens_wait_in_an_empty_slot_until_it_is_filled() {
    scene(|t| {
        let (slots, scheme) = (t.entry(EntryKind::FactorySlot), t.entry(EntryKind::FactoryScheme));
        let slot = t.slot(slots, "file").unwrap();
        t.spawn(1, move |t| {
            let file = t.open(slot, "name", 0).unwrap();
            let label = t.query(file).unwrap().label;
            assert!(label.starts_with(b"file\0"), "what is opened through a slot has its label");
            t.close(file).unwrap();
        })
        .unwrap();
        t.settle();
        let socket = t.socket(scheme).unwrap();
        let root = t.mint(socket, 1, 0).unwrap();
        t.send_handles(slot, &[root], CallFlags::empty()).unwrap();
        assert_eq!(errno(t.send_handles(slot, &[t.null()], CallFlags::FD_CLONE)), EINVAL);
        let sqe = t.receive(socket).unwrap();
        assert_eq!((sqe.opcode, t.path(&sqe)), (Opcode::OpenAt as u8, "name".to_string()));
        t.reply(socket, sqe.tag, 2).unwrap();
        let close = t.receive(socket).unwrap();
        assert_eq!((close.opcode, close.args[0]), (Opcode::CloseMsg as u8, 2));
        // When the server goes the slot is empty again, and waiting ends with its bound.
        t.close(socket).unwrap();
        t.deadline(1_000_000).unwrap();
        assert_eq!(errno(t.open(slot, "name", 0)), ETIMEDOUT);
        t.deadline(0).unwrap();
        assert_eq!(errno(t.open(slot, "name", 0)), ENODEV);
        assert_eq!(errno(t.open(slot, "name", O_NONBLOCK as u64)), EAGAIN);
    });
}

/// Requirement: R68, R72
#[test]
fn a_mapping_of_a_scheme_shows_the_servers_memory_and_its_end_is_told_once() {
    scene(|t| {
        let (scheme, account) = (t.entry(EntryKind::FactoryScheme), t.entry(EntryKind::Account));
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 5, 0).unwrap();
        t.process(account, &[Give::all(socket, 3)], |t| {
            let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_SHARED;
            let at = t.mmap(usize::MAX, 0, 3 * 4096, flags).unwrap();
            t.poke(at as u64 + 4096, b"lent page");
            let sqe = t.receive(3).unwrap();
            assert_eq!(sqe.opcode, Opcode::MmapPrep as u8);
            t.reply(3, sqe.tag, at as u64 + 4096).unwrap();
            let gone = t.receive(3).unwrap();
            assert_eq!((gone.opcode, gone.args[0]), (Opcode::Munmap as u8, 5));
            assert_eq!(t.receive(3).unwrap().opcode, Opcode::CloseMsg as u8);
            t.exit(0);
        })
        .unwrap();
        t.close(socket).unwrap();
        let flags = MapFlags::PROT_READ | MapFlags::MAP_SHARED;
        let at = t.mmap(file, 0, 8192, flags).unwrap();
        assert_eq!(t.peek(at as u64, 9), b"lent page");
        // What was not given cannot be reached by growing the mapping.
        assert_eq!(errno(t.call(Call::Mremap, [at, 8192, 0, 3 * 4096, 0])), EINVAL);
        t.close(file).unwrap();
        t.munmap(at, 4096).unwrap();
        t.munmap(at + 4096, 4096).unwrap();
        t.settle();
    });
}

#[test]
fn a_mapping_cannot_be_moved_onto_itself() {
    scene(|t| {
        let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_SHARED;
        let at = t.mmap(usize::MAX, 0, 8192, flags).unwrap();
        t.poke(at as u64, b"kept");
        for to in [at, at + 4096, at - 4096] {
            assert_eq!(errno(t.call(Call::Mremap, [at, 8192, to, 8192, 3])), EINVAL);
        }
        assert_eq!(t.peek(at as u64, 4), b"kept");
    });
}

#[test]
fn a_process_inherits_nothing_unlisted() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let null = t.null();
        let child = t
            .process(account, &[Give(null, 7, Rights::READ, Rights::empty())], |t| {
                assert_eq!(t.rights(7).unwrap(), (Rights::READ, Rights::empty()));
                for fd in (3..7).chain(8..40).chain((3..40).map(|index| upper_number(index, 0))) {
                    assert_eq!(errno(t.query(fd)), EBADF);
                }
                assert_eq!(errno(t.write(7, b"x")), ENOTCAPABLE);
                let denial = t.denial().unwrap();
                assert_eq!((denial.handle, denial.missing), (7, Rights::WRITE.bits()));
                t.exit(3);
            })
            .unwrap();
        let status = t.wait(child).unwrap();
        assert_eq!((status.kind, status.code), (ExitKind::Exit as u64, 3));
    });
}

#[test]
fn the_handle_for_credentials_has_power_over_nothing() {
    scene(|t| {
        let processes = t.entry(EntryKind::FactoryProcess);
        let credentials = t.open(processes, "proc-creds-capability", 0).unwrap();
        let null = t.null();
        assert_eq!(t.query(credentials).unwrap().object, t.query(null).unwrap().object);
        assert!(t.open(credentials, "1", 0).is_err());
    });
}

#[test]
fn a_process_that_is_never_started_goes_with_its_builders_handle() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let before = t.counter("processes");
        let own = clavis_abi::params::GRANT_SELF as usize;
        let process = t.process_build(account, &[Give::all(own, 9)], &Default::default()).unwrap();
        t.close(process).unwrap();
        t.settle();
        let (made, gone) = t.counter("processes");
        assert_eq!((made - before.0, gone - before.1), (1, 1));
    });
}

#[test]
fn a_fault_ends_its_process_alone() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let child = t.process(account, &[], |t| t.poke(0x10, b"x")).unwrap();
        let status = t.wait(child).unwrap();
        assert_eq!((status.kind, status.code), (ExitKind::Fault as u64, 0x10));
    });
}

#[test]
fn events_tell_of_readiness_once_and_of_the_end() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryEvent);
        let queue = t.open(factory, "", RW).unwrap();
        nonblocking(t, queue);
        let (reader, writer) = pipe(t);
        t.watch(queue, reader, EventFlags::EVENT_READ, 77).unwrap();
        assert_eq!(errno(t.events(queue, 4)), EAGAIN);
        t.write(writer, b"x").unwrap();
        t.write(writer, b"y").unwrap();
        assert_eq!(t.events(queue, 4).unwrap(), [(reader, 1, 77)]);
        assert_eq!(errno(t.events(queue, 4)), EAGAIN);
        t.close(writer).unwrap();
        let events = t.events(queue, 4).unwrap();
        assert_eq!((events[0].0, events[0].1 & 1), (reader, 1));
        t.close(reader).unwrap();
        assert_eq!(errno(t.events(queue, 4)), EAGAIN);
    });
}

#[test]
fn an_account_pays_for_its_processes_and_no_more_than_its_limits() {
    scene(|t| {
        let root = t.entry(EntryKind::Account);
        let limits = AccountLimits {
            frames: 700,
            handles: 12,
            threads: 2,
            requests: 1,
            kernel_bytes: 1 << 20,
        };
        let account = t.account(root, &limits).unwrap();
        let child = t
            .process(account, &[], |t| {
                t.spawn(1, |t| t.settle()).unwrap();
                assert_eq!(errno(t.spawn(2, |_| ())), EAGAIN);
                let null = t.null();
                while t.dup(null).is_ok() {}
                assert_eq!(errno(t.dup(null)), EMFILE);
                t.settle();
                t.exit(0);
            })
            .unwrap();
        t.wait(child).unwrap();
        t.close(child).unwrap();
        t.settle();
        t.settle();
        let usage = t.usage(account).unwrap();
        assert_eq!((usage.used.threads, usage.used.handles, usage.processes), (0, 0, 0));
        let small = AccountLimits { frames: 1, ..limits };
        let poor = t.account(root, &small).unwrap();
        assert_eq!(errno(t.process(poor, &[], |_| ())), ENOMEM);
    });
}

#[test]
fn killing_an_account_ends_everything_in_it_and_beneath_it() {
    scene(|t| {
        let root = t.entry(EntryKind::Account);
        let max = u64::MAX;
        let limits = AccountLimits {
            frames: max,
            handles: max,
            threads: max,
            requests: max,
            kernel_bytes: max,
        };
        let outer = t.account(root, &limits).unwrap();
        let inner = t.account(outer, &limits).unwrap();
        let sleeps = |t: &mut Thread| {
            let _ = t.sleep(1 << 60);
        };
        let a = t.process(outer, &[], sleeps).unwrap();
        let b = t.process(inner, &[], sleeps).unwrap();
        t.signal(outer, 9).unwrap();
        for process in [a, b] {
            let status = t.wait(process).unwrap();
            assert_eq!((status.kind, status.code), (ExitKind::Signal as u64, 9));
        }
    });
}

#[test]
fn rights_and_inherit_only_shrink() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let full = t.mint(socket, 1, 0).unwrap();
        for (name, right, _) in clavis_abi::rights::TABLE {
            let fd = t.derive(full, Rights::all(), Rights::all()).unwrap();
            t.limit(fd, !*right, !*right, 0).unwrap();
            t.limit(fd, Rights::all(), Rights::all(), 0).unwrap();
            let (rights, inherit) = t.rights(fd).unwrap();
            assert!(!rights.intersects(*right) && !inherit.intersects(*right), "{name}");
            if *right != Rights::DUP {
                let again = t.derive(fd, Rights::all(), Rights::all()).unwrap();
                let copy = t.dup(fd).unwrap();
                for other in [again, copy] {
                    assert_eq!(t.rights(other).unwrap(), (rights, inherit), "{name}");
                    t.close(other).unwrap();
                }
            }
            t.close(fd).unwrap();
        }
    });
}

#[test]
fn a_stale_upper_number_means_nothing() {
    scene(|t| {
        let null = t.null();
        let fd = t.call(Call::DupInto, [null, 0, 0, clavis_abi::params::OUT_UPPER, 0]).unwrap();
        t.close(fd).unwrap();
        let next = t.call(Call::DupInto, [null, 0, 0, clavis_abi::params::OUT_UPPER, 0]).unwrap();
        assert_ne!(fd, next);
        assert_eq!(errno(t.query(fd)), EBADF);
        assert_eq!(errno(t.close(fd)), EBADF);
        t.close(next).unwrap();
        assert_eq!(
            errno(
                t.call(Call::DupInto, [null, 0, 0, 3, 0])
                    .and_then(|_| t.call(Call::DupInto, [null, 0, 0, 3, 0]))
            ),
            EEXIST
        );
    });
}

/// Requirement: R18, R35
#[test]
fn a_confined_directory_lets_no_path_out() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let dir = t.mint(socket, 1, 0).unwrap();
        let confined = t.dup(dir).unwrap();
        t.limit(confined, Rights::all(), Rights::all(), handle_flags::BENEATH).unwrap();
        for path in ["../a", "/a", "a/../../b", "a/b"] {
            assert_eq!(errno(t.open(confined, path, 0)), ENOTCAPABLE, "{path}");
            assert_eq!(errno(t.unlink(confined, path)), ENOTCAPABLE, "{path}");
            assert_eq!(errno(t.open(dir, path, open_flags::BENEATH)), ENOTCAPABLE, "{path}");
        }
        assert_eq!(t.denial().unwrap().rule, DenialRule::NotStructural as u64);
        t.declare(socket, clavis_abi::params::endpoint_flags::STRUCTURAL).unwrap();
        for path in ["../a", "/a", "a/../../b"] {
            assert_eq!(errno(t.open(confined, path, 0)), ENOTCAPABLE, "{path}");
        }
        assert_eq!(t.denial().unwrap().rule, DenialRule::Beneath as u64);
        let kinds = [clavis_abi::syscall::StdFsCallKind::Unlinkat as u64];
        let mut path = *b"../a";
        let flags = CallFlags::STD_FS;
        assert_eq!(errno(t.call_with(confined, &mut path, flags, &kinds)), ENOTCAPABLE);
        let at = t.put(b"/elsewhere") as usize;
        assert_eq!(errno(t.call(Call::Frename, [confined, at, 10, 0, 0])), ENOTCAPABLE);
        assert_eq!(errno(t.call(Call::Flink, [confined, at, 10, 0, 0])), ENOTCAPABLE);
    });
}

/// Requirement: R15
#[test]
fn an_open_that_creates_needs_to_be_let_create_all_the_way() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let dir = t.mint(socket, 1, 0).unwrap();
        let narrow = t.derive(dir, Rights::all(), Rights::all() - Rights::CREATE).unwrap();
        let flags = clavis_abi::syscall::flag::O_CREAT as u64;
        assert_eq!(errno(t.open(narrow, "new", flags)), ENOTCAPABLE);
        assert_eq!(t.denial().unwrap().missing, Rights::CREATE.bits());
    });
}

#[test]
fn sealed_memory_is_executable_and_never_writable_again() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryMemory);
        let memory = t.create(factory, 8192, 0).unwrap();
        let exec = MapFlags::PROT_READ | MapFlags::PROT_EXEC | MapFlags::MAP_SHARED;
        let write = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_SHARED;
        let acces = clavis_abi::error::EACCES;
        assert_eq!(errno(t.mmap(memory, 0, 4096, exec)), acces);
        let at = t.mmap(memory, 0, 4096, write).unwrap();
        assert_eq!(errno(t.call(Call::Seal, [memory, 0, 0, 0, 0])), clavis_abi::error::EBUSY);
        t.munmap(at, 4096).unwrap();
        t.call(Call::Seal, [memory, 0, 0, 0, 0]).unwrap();
        t.mmap(memory, 0, 4096, exec).unwrap();
        assert_eq!(errno(t.mmap(memory, 0, 4096, write)), acces);
        assert_eq!(errno(t.write(memory, b"x")), EINVAL);
    });
}

#[test]
fn a_part_of_a_mapping_cannot_grow_over_the_pages_of_the_rest() {
    scene(|t| {
        let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE;
        let at = t.mmap(usize::MAX, 0, 6 * 4096, flags).unwrap();
        t.poke(at as u64 + 3 * 4096, b"behind");
        for (part, pages, wanted) in [(0, 2, 4), (0, 2, 9), (4, 1, 2), (4, 2, 9)] {
            let from = at + part * 4096;
            let args = [from, pages * 4096, 0, wanted * 4096, 0];
            assert_eq!(errno(t.call(Call::Mremap, args)), EINVAL, "{part} {pages} {wanted}");
        }
        assert_eq!(t.peek(at as u64 + 3 * 4096, 6), b"behind");
        let grown = t.call(Call::Mremap, [at, 6 * 4096, 0, 9 * 4096, 0]).unwrap();
        assert_eq!(t.peek(grown as u64 + 3 * 4096, 6), b"behind");
    });
}

#[test]
fn a_ready_thread_of_lower_priority_does_not_keep_the_timer_firing() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let params = ProcessParams { priority: 1, ..ProcessParams::default() };
        let low = t.process_build(account, &[], &params).unwrap();
        let entry = t.program(|t| t.exit(3));
        t.call(Call::ProcessStart, [low, entry as usize, 0, 0, 0]).unwrap();
        // Longer than a slice: the timer that was armed for its end fires, and nobody else runs.
        for _ in 0..3 {
            t.pass(30_000_000);
            t.now().unwrap();
        }
        assert_eq!(t.wait(low).unwrap().code, 3);
    });
}

/// The wall clock, in seconds since 1970.
fn wall_clock(t: &mut Thread) -> u64 {
    let at = t.room(16);
    t.call(Call::ClockGettime, [1, at as usize, 0, 0, 0]).unwrap();
    u64::from_le_bytes(t.peek(at, 8).try_into().unwrap())
}

#[test]
fn whoever_holds_the_clock_sets_the_time_of_day_and_no_other_time() {
    scene(|t| {
        let clock = t.entry(EntryKind::Clock);
        let set = |seconds: u64| [seconds.to_le_bytes(), [0; 8]].concat();
        let before = t.now().unwrap();
        for seconds in [4_000_000_000, 1] {
            assert_eq!(t.write(clock, &set(seconds)).unwrap(), 16);
            assert!((seconds..seconds + 60).contains(&wall_clock(t)));
        }
        let passed = t.now().unwrap() - before;
        assert!(passed < 60_000_000_000, "{passed}");
        assert_eq!(errno(t.write(clock, &set(u64::MAX))), EINVAL);
        assert_eq!(errno(t.write(clock, &set(1)[..8])), EINVAL);
        let looks = t.dup(clock).unwrap();
        t.limit(looks, Rights::STAT, Rights::empty(), 0).unwrap();
        assert_eq!(errno(t.write(looks, &set(9))), ENOTCAPABLE);
    });
}

#[test]
fn a_process_tells_who_made_it_and_who_pays() {
    scene(|t| {
        let own = t.entry(EntryKind::SelfProcess);
        let root = t.entry(EntryKind::Account);
        let init = t.usage(own).unwrap();
        assert_eq!((init.maker, init.number), (0, t.usage(root).unwrap().number));
        let account = t.account(root, &init.limits).unwrap();
        let child = t.process(account, &[], |t| t.pass(1_000_000)).unwrap();
        let looked = t.usage(child).unwrap();
        assert_eq!(looked.maker, t.call(Call::Identity, [0; 5]).unwrap() as u64);
        assert_ne!(looked.number, init.number);
        t.wait(child).unwrap();
        let dead = t.usage(child).unwrap();
        assert_eq!((dead.number, dead.maker), (looked.number, looked.maker));
        assert_eq!((dead.processes, dead.used.threads), (0, 0));
        let blind = t.derive(child, !Rights::INSPECT, Rights::all()).unwrap();
        assert_eq!(errno(t.usage(blind)), ENOTCAPABLE);
    });
}

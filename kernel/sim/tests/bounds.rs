//! Long work is done in quanta: the world looks after each entry at how much that did, here what is
//! long is asked for, and comes out right.
mod common;
use clavis_abi::call::Call;
use clavis_abi::error::{EACCES, EINVAL, ENODEV, ENOMEM, EOWNERDEAD};
use clavis_abi::limits::TABLE_HANDLES;
use clavis_abi::params::{AccountLimits, ExitKind, ProcessParams, signal};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::data::Map;
use clavis_abi::syscall::flag::{EventFlags, MapFlags, MremapFlags, O_RDWR};
use clavis_sim::{Give, Thread};
use common::{errno, scene};

const PAGES: usize = 1500;
const BYTES: usize = PAGES * 4096;
const UNLIMITED: AccountLimits = AccountLimits {
    frames: u64::MAX,
    handles: u64::MAX,
    threads: u64::MAX,
    requests: u64::MAX,
    kernel_bytes: u64::MAX,
};

fn writable() -> MapFlags {
    MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE
}

/// Memory of which every page was written.
fn written(t: &mut Thread) -> usize {
    let at = t.mmap(usize::MAX, 0, BYTES, writable()).unwrap();
    for page in 0..PAGES {
        t.poke((at + page * 4096) as u64, &page.to_le_bytes());
    }
    at
}

fn is_as_written(t: &mut Thread, at: usize, pages: usize) {
    for page in 0..pages {
        assert_eq!(t.peek((at + page * 4096) as u64, 8), page.to_le_bytes());
    }
}

fn protect(t: &mut Thread, at: usize, size: usize, flags: MapFlags) -> i32 {
    t.call(Call::Mprotect, [at, size, flags.bits(), 0, 0]).err().map_or(0, |error| error.errno)
}

#[test]
fn a_large_range_changes_what_it_permits_and_becomes_one_again() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let at = written(t);
        let before = t.usage(account).unwrap().used.kernel_bytes;
        assert_eq!(protect(t, at, BYTES, MapFlags::PROT_READ), 0);
        assert_eq!(t.usage(account).unwrap().used.kernel_bytes, before, "regions were joined");
        is_as_written(t, at, PAGES);
        let child = t.fork(account, move |t| t.poke((at + BYTES - 4096) as u64, b"x")).unwrap();
        assert_eq!(t.wait(child).unwrap().kind, ExitKind::Fault as u64);
        t.close(child).unwrap();
        // Other pages of it stay as they are.
        let inner = MapFlags::PROT_READ | MapFlags::PROT_WRITE;
        assert_eq!(protect(t, at + 4096, BYTES - 2 * 4096, inner), 0);
        t.poke((at + 4096) as u64, b"changed");
        assert_eq!(protect(t, at, BYTES, inner), 0);
        t.poke(at as u64, b"changed");
        assert_eq!(protect(t, at, BYTES + 4096, MapFlags::PROT_READ), ENOMEM);
        assert_eq!(protect(t, at, BYTES, MapFlags::PROT_EXEC), EACCES);
    });
}

#[test]
fn a_fixed_mapping_takes_the_place_of_a_large_one() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let at = written(t);
        let before = t.usage(account).unwrap().used;
        let flags = writable() | MapFlags::MAP_FIXED;
        let map = Map { offset: 0, size: BYTES, flags, address: at };
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&map);
        let place = t.put(&bytes) as usize;
        let args = [usize::MAX, place, size_of::<Map>(), 0, 0];
        assert_eq!(t.call(Call::Fmap, args).unwrap(), at);
        assert_eq!(t.peek((at + BYTES - 4096) as u64, 8), [0; 8]);
        t.settle();
        let after = t.usage(account).unwrap().used;
        assert!(after.frames + PAGES as u64 - 8 < before.frames);
    });
}

#[test]
fn a_large_mapping_moves_grows_and_shrinks() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let remap = |t: &mut Thread, old: usize, size: usize, new: usize, to: usize| {
            let flags = if to == 0 { 0 } else { MremapFlags::FIXED_REPLACE.bits() };
            t.call(Call::Mremap, [old, size, to, new, flags])
        };
        let at = written(t);
        let before = t.usage(account).unwrap().used;
        let moved = remap(t, at, BYTES, BYTES + 40 * 4096, 0).unwrap();
        is_as_written(t, moved, PAGES);
        t.poke((moved + BYTES + 39 * 4096) as u64, b"more");
        assert_eq!(errno(remap(t, at, BYTES, 4096, 0)), ENOMEM, "nothing is left there");
        // Onto something large, and a part of it only.
        let other = written(t);
        let size = BYTES - 700 * 4096;
        assert_eq!(remap(t, moved, BYTES + 40 * 4096, size, other).unwrap(), other);
        is_as_written(t, other, PAGES - 700);
        assert_eq!(remap(t, other, size, 4096, 0).unwrap(), other);
        is_as_written(t, other, 1);
        t.settle();
        let after = t.usage(account).unwrap().used;
        assert!(after.frames < before.frames - PAGES as u64 + 700 + 16, "{after:?} {before:?}");
        assert_eq!(errno(remap(t, other, 8192, 4096, 0)), EINVAL);
    });
}

#[test]
fn a_table_grows_to_its_last_number_and_is_copied_and_kept() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let null = t.null();
        let child = t
            .process(account, &[Give::all(account, 100), Give::all(null, 5)], |t| {
                let last = TABLE_HANDLES - 1;
                assert_eq!(t.call(Call::Dup2, [5, last, 0, 0, 0]).unwrap(), last);
                let child = t.fork(100, move |t| {
                    let built = t.process_build(100, &[], &ProcessParams::default()).unwrap();
                    t.exec(built, move |t| {
                        t.query(last).unwrap();
                        t.exit(3);
                    })
                    .unwrap();
                });
                let end = t.wait(child.unwrap()).unwrap();
                t.exit(end.code as usize);
            })
            .unwrap();
        assert_eq!(t.wait(child).unwrap().code, 3);
    });
}

#[test]
fn a_signal_reaches_all_of_an_account_before_any_of_it_goes_on() {
    scene(|t| {
        let root = t.entry(EntryKind::Account);
        let above = t.account(root, &UNLIMITED).unwrap();
        let mut accounts = vec![above];
        for _ in 0..5 {
            accounts.push(t.account(above, &UNLIMITED).unwrap());
        }
        for index in 0..60 {
            let account = accounts[index % accounts.len()];
            let gives = [Give::all(account, 100)];
            // Whoever lived would make another one.
            let child = t.process(account, &gives, |t| {
                let _ = t.sleep(1_000_000_000);
                t.process(100, &[], |_| ()).unwrap();
            });
            t.close(child.unwrap()).unwrap();
        }
        t.settle();
        assert_eq!(t.usage(above).unwrap().processes, 60);
        t.signal(above, signal::KILL as usize).unwrap();
        assert_eq!(t.usage(above).unwrap().processes, 0);
    });
}

#[test]
fn everybody_who_watches_an_object_is_told() {
    scene(|t| {
        let (pipes, events) = (t.entry(EntryKind::FactoryPipe), t.entry(EntryKind::FactoryEvent));
        let reader = t.open(pipes, "", O_RDWR as u64).unwrap();
        let writer = t.dup_message(reader, b"write").unwrap();
        let mut queues = Vec::new();
        for data in 0..256 {
            let queue = t.open(events, "", O_RDWR as u64).unwrap();
            t.watch(queue, reader, EventFlags::EVENT_READ, data).unwrap();
            queues.push(queue);
        }
        t.write(writer, b"x").unwrap();
        for (data, queue) in queues.into_iter().enumerate() {
            assert_eq!(t.events(queue, 4).unwrap(), [(reader, 1, data)]);
            t.close(queue).unwrap();
        }
    });
}

#[test]
fn a_server_with_much_on_its_hands_dies() {
    scene(|t| {
        let (scheme, events) =
            (t.entry(EntryKind::FactoryScheme), t.entry(EntryKind::FactoryEvent));
        let account = t.entry(EntryKind::Account);
        let socket = t.socket(scheme).unwrap();
        let root = t.mint(socket, 1, 0).unwrap();
        let queue = t.open(events, "", O_RDWR as u64).unwrap();
        let handles: Vec<usize> = (2..400).map(|n| t.mint(socket, n, 0).unwrap()).collect();
        for (data, handle) in handles.iter().enumerate() {
            // Its server is asked whether it will tell, and never answers.
            t.deadline(1000).unwrap();
            let _ = t.watch(queue, *handle, EventFlags::EVENT_READ, data);
            t.deadline(0).unwrap();
        }
        let gives = [Give::all(socket, 3)];
        let server = t.process(account, &gives, |t| {
            t.sleep(500_000_000).unwrap();
            t.exit(0);
        });
        let mut callers = Vec::new();
        for _ in 0..100 {
            let gives = [Give::all(root, 3)];
            let caller = t.process(account, &gives, |t| {
                let refused = errno(t.read(3, 10));
                t.exit(usize::from(refused == ENODEV || refused == EOWNERDEAD));
            });
            callers.push(caller.unwrap());
        }
        t.close(socket).unwrap();
        for handle in handles {
            // Notices that nobody takes.
            t.close(handle).unwrap();
        }
        t.wait(server.unwrap()).unwrap();
        for caller in callers {
            assert_eq!(t.wait(caller).unwrap().code, 1);
            t.close(caller).unwrap();
        }
        assert_eq!(errno(t.read(root, 1)), ENODEV);
    });
}

/// What an account uses beside that of a process with 40 pages of its own, and with a child of it.
fn measured(t: &mut Thread) -> [AccountLimits; 2] {
    let at = t.mmap(usize::MAX, 0, 40 * 4096, writable()).unwrap() as u64;
    (0..40).for_each(|page| t.poke(at + page * 4096, b"own"));
    let before = t.usage(100).unwrap().used;
    let child = t.fork(100, |t| _ = t.sleep(1_000_000_000)).unwrap();
    let during = t.usage(100).unwrap().used;
    t.signal(child, signal::KILL as usize).unwrap();
    t.wait(child).unwrap();
    t.close(child).unwrap();
    t.settle();
    [before, during]
}

#[test]
fn what_ended_processes_left_never_keeps_others_from_being_made() {
    const COUNT: usize = 10_000;
    let mut world = common::world(|t| {
        let root = t.entry(EntryKind::Account);
        let pipes = t.entry(EntryKind::FactoryPipe);
        let reader = t.open(pipes, "", O_RDWR as u64).unwrap();
        let writer = t.dup_message(reader, b"write").unwrap();
        let account = t.account(root, &UNLIMITED).unwrap();
        let gives = [Give::all(account, 100), Give::all(writer, 3)];
        let child = t.process(account, &gives, |t| {
            let sizes = measured(t).map(|used| [used.frames, used.kernel_bytes]);
            let bytes: Vec<u8> = sizes.iter().flatten().flat_map(|n| n.to_le_bytes()).collect();
            t.write(3, &bytes).unwrap();
        });
        t.wait(child.unwrap()).unwrap();
        let bytes = t.read(reader, 32).unwrap();
        let word = |at: usize| u64::from_le_bytes(bytes[8 * at..8 * at + 8].try_into().unwrap());
        // Room for one child and a half.
        let room = |before: u64, during: u64| during + (during - before) / 2;
        let frames = room(word(0), word(2));
        let kernel_bytes = room(word(1), word(3));
        for limits in
            [AccountLimits { frames, ..UNLIMITED }, AccountLimits { kernel_bytes, ..UNLIMITED }]
        {
            let account = t.account(root, &limits).unwrap();
            let gives = [Give::all(account, 100)];
            let child = t.process(account, &gives, |t| {
                measured(t);
                let status = t.room(16) as usize;
                for _ in 0..COUNT {
                    let child = t.fork(100, |t| t.exit(0)).unwrap();
                    let read = [child, status, 16, usize::MAX, 0];
                    t.call(Call::Read2, read).unwrap();
                    t.close(child).unwrap();
                }
                t.exit(5);
            });
            assert_eq!(t.wait(child.unwrap()).unwrap().code, 5);
        }
    });
    world.check_every = 1000;
    world.run();
    world.end();
}

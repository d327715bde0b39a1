//! Bounds, and what one client can do to another.
use crate::common::{calm, errno, scene, world};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EAGAIN, ENOSPC, ETIMEDOUT};
use clavis_abi::limits::{ENDPOINT_DEPTH, INBOX_BULK_PAGES};
use clavis_abi::params::{AccountLimits, MintParams, ProcessParams};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{CallFlags, EventFlags, MapFlags, O_NONBLOCK, O_RDWR};
use clavis_abi::syscall::schemev2::{Opcode, Sqe};
use clavis_core::machine::Machine;
use clavis_sim::{Give, Thread};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const UNLIMITED: AccountLimits = AccountLimits {
    frames: u64::MAX,
    handles: u64::MAX,
    threads: u64::MAX,
    requests: u64::MAX,
    kernel_bytes: u64::MAX,
};

/// A process of a priority that runs that code.
fn at_priority(
    t: &mut Thread,
    account: usize,
    priority: u64,
    gives: &[Give],
    code: impl FnOnce(&mut Thread) + Send + 'static,
) -> usize {
    let params = ProcessParams { priority, ..ProcessParams::default() };
    let process = t.process_build(account, gives, &params).unwrap();
    let entry = t.program(code);
    t.call(Call::ProcessStart, [process, entry as usize, 0, 0, 0]).unwrap();
    process
}

/// A process in an account of its own with so many threads, each of which calls again and again
/// with a word and so many bytes; handle 5 is what it calls. It is less urgent than init.
fn flood(t: &mut Thread, file: usize, threads: u64, word: u64, bytes: usize) -> usize {
    let root = t.entry(EntryKind::Account);
    let account = t.account(root, &UNLIMITED).unwrap();
    let floods = move |t: &mut Thread| {
        let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE;
        let at = t.mmap(usize::MAX, 0, bytes.max(1), flags).unwrap();
        loop {
            let words = t.put(&word.to_le_bytes()) as usize;
            if t.call(Call::Call, [5, at, bytes, 1, words]).is_err() {
                return;
            }
        }
    };
    at_priority(t, account, 4, &[Give::all(file, 5)], move |t| {
        for thread in 1..threads {
            t.spawn(thread, floods).unwrap();
        }
        floods(t);
    })
}

/// Requirement: R95
#[test]
fn an_endpoint_holds_so_many_requests_and_who_waits_gets_the_next_place() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let all = Rights::all().bits();
        let nonblock = O_NONBLOCK as u64;
        let file = t.mint(socket, 1, 0).unwrap();
        let params = MintParams {
            number: 2,
            rights: all,
            inherit: all,
            flags: nonblock,
            ..Default::default()
        };
        let hasty = t.mint_with(socket, &params).unwrap();
        // Three accounts fill it: each alone would leave places for others.
        let floods = [(); 3].map(|()| flood(t, file, 100, 0, 0));
        t.sleep(3_000_000).unwrap();
        t.deadline(1_000_000).unwrap();
        let opened = t.open(hasty, "a", 0);
        assert_eq!(errno(opened), ETIMEDOUT, "a newcomer finds a place and waits for an answer");
        t.deadline(0).unwrap();
        let mut taken = 0;
        while taken < 100 {
            taken += t.receive_many(socket, 64).unwrap().len();
        }
        let used = taken;
        assert!(used <= ENDPOINT_DEPTH, "{used} requests at once");
        for flood in floods {
            t.signal(flood, 9).unwrap();
        }
    });
}

/// Requirement: R95
#[test]
fn a_caller_that_does_not_wait_is_told_that_there_is_no_place() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        for _ in 0..100 {
            t.spawn(1, move |t| {
                let _ = t.read(file, 1);
            })
            .unwrap();
        }
        t.sleep(5_000_000).unwrap();
        // The account has its share: it waits for its own.
        let at = t.room(16) as usize;
        assert_eq!(errno(t.call(Call::Read2, [file, at, 1, usize::MAX, 1])), EAGAIN);
        let sqe = t.expect_and_reply(socket, Opcode::Read, 0);
        assert_eq!(sqe.args[0], 1);
        t.close(socket).unwrap();
        t.settle();
    });
}

/// Requirement: R96, R97
#[test]
fn a_flooding_client_delays_another_by_one_request_for_each_of_its_own() {
    for threads in [1, 10, 100, 300] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&seen);
        let mut world = world(move |t| {
            let scheme = t.entry(EntryKind::FactoryScheme);
            let account = t.entry(EntryKind::Account);
            let socket = t.socket(scheme).unwrap();
            let file = t.mint(socket, 1, 0).unwrap();
            let served = Arc::new(AtomicU64::new(0));
            let counts = Arc::clone(&served);
            at_priority(t, account, 4, &[Give::all(socket, 3)], move |t| {
                while let Ok(sqe) = t.receive(3) {
                    let flooding = sqe.opcode == Opcode::Call as u8;
                    counts.fetch_add(u64::from(flooding), Ordering::Relaxed);
                    if t.reply(3, sqe.tag, 0).is_err() {
                        return;
                    }
                }
            });
            t.close(socket).unwrap();
            let flood = flood(t, file, threads, 0, 0);
            for _ in 0..10 {
                t.sleep(1_000_000).unwrap();
                let before = served.load(Ordering::Relaxed);
                t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
                let between = served.load(Ordering::Relaxed) - before;
                to.lock().unwrap().push(between);
            }
            assert!(served.load(Ordering::Relaxed) > 100, "the flood flows");
            t.signal(flood, 9).unwrap();
            t.exit(0);
        });
        world.check_every = 500;
        world.run();
        world.end();
        let seen = seen.lock().unwrap();
        println!("{threads} threads: requests before each of another client's: {seen:?}");
        // One that the server has, and one whose turn it is.
        assert!(seen.iter().all(|between| *between <= 2), "{threads} threads: {seen:?}");
    }
}

/// Requirement: R97
#[test]
fn requests_of_one_account_stay_in_order_and_accounts_take_turns() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            t.sleep(30_000_000).unwrap();
            let all: Vec<Sqe> = t.receive_many(3, 16).unwrap();
            let words: Vec<u64> = all.iter().map(|sqe| sqe.args[3]).collect();
            assert_eq!(words, [10, 20, 11, 21, 12, 13]);
            for sqe in all {
                t.reply(3, sqe.tag, 0).unwrap();
            }
        });
        let root = t.entry(EntryKind::Account);
        let mut clients = Vec::new();
        for (first, calls) in [(10, 4), (20, 2)] {
            let account = t.account(root, &UNLIMITED).unwrap();
            let client = t.process(account, &[Give::all(file, 5)], move |t| {
                for call in 0..calls {
                    t.spawn(call + 1, move |t| {
                        t.call_with(5, &mut [], CallFlags::empty(), &[first + call]).unwrap();
                    })
                    .unwrap();
                    t.settle();
                }
            });
            clients.push(client.unwrap());
            t.sleep(8_000_000).unwrap();
        }
        t.finished(server);
    });
}

/// Requirement: R98, R99
#[test]
fn large_payloads_of_one_client_hold_up_nobody_else_and_waiting_costs_nothing() {
    const MS: u64 = 1_000_000;
    let mut world = world(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let floods = [flood(t, file, 6, 0, 1 << 20), flood(t, file, 6, 1, 1 << 20)];
        t.sleep(100 * MS).unwrap();
        // Half of the pages for each; the others wait, and the machine with them.
        let taken = t.receive_many(socket, 64).unwrap();
        assert_eq!(taken.len() * (1 << 20), INBOX_BULK_PAGES * 4096, "{taken:?}");
        t.sleep(200 * MS).unwrap();
        // A small payload passes.
        t.spawn(1, move |t| assert_eq!(t.write(file, b"small").unwrap(), 5)).unwrap();
        t.settle();
        t.expect_and_reply(socket, Opcode::Write, 5);
        for flood in floods {
            t.signal(flood, 9).unwrap();
        }
        t.settle();
        t.exit(0);
    });
    world.check_every = 200;
    let switches_at = |world: &mut clavis_sim::World, until: u64| {
        while world.machine().now() < until {
            world.step();
        }
        world.kernel.statistics().switches
    };
    let before = switches_at(&mut world, 150 * MS);
    let after = switches_at(&mut world, 250 * MS);
    assert!(after - before < 5, "{} switches while everybody waits", after - before);
    world.run();
    world.end();
}

/// Requirement: R100
#[test]
fn a_server_that_never_reads_holds_no_more_than_its_inbox() {
    let frames = Arc::new(Mutex::new((0, 0)));
    let to = Arc::clone(&frames);
    let mut world = world(move |t| {
        let root = t.entry(EntryKind::Account);
        let own = t.account(root, &UNLIMITED).unwrap();
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let deaf = |t: &mut Thread| {
            let _ = t.sleep(u64::MAX >> 3);
        };
        t.process(own, &[Give::all(socket, 3)], deaf).unwrap();
        t.close(socket).unwrap();
        t.settle();
        let before = t.usage(own).unwrap().used;
        let floods: Vec<usize> = (0..3).map(|word| flood(t, file, 200, word, 4096)).collect();
        t.sleep(50_000_000).unwrap();
        let after = t.usage(own).unwrap().used;
        assert_eq!(before.kernel_bytes, after.kernel_bytes, "nothing grows that is the server's");
        *to.lock().unwrap() = (before.frames, after.frames);
        for flood in floods {
            t.signal(flood, 9).unwrap();
        }
    });
    world.check_every = 256;
    world.run();
    world.end();
    let (before, after) = *frames.lock().unwrap();
    let most = (ENDPOINT_DEPTH + INBOX_BULK_PAGES) as u64 + 4;
    assert!(after - before <= most, "{before} frames became {after}");
}

/// Requirement: R101
#[test]
fn closing_and_ending_need_no_memory() {
    let mut world = world(|t| {
        let (file, server) = t.served(|t| {
            let mut closed = 0;
            while closed < 51 {
                let sqe = t.receive(3).unwrap();
                if sqe.opcode == Opcode::OpenAt as u8 {
                    t.reply(3, sqe.tag, 100).unwrap();
                } else {
                    assert_eq!(sqe.opcode, Opcode::CloseMsg as u8);
                    closed += 1;
                }
            }
        });
        let account = t.entry(EntryKind::Account);
        let child = t
            .process(account, &[Give::all(file, 5)], |t| {
                let opened: Vec<usize> = (0..50).map(|_| t.open(5, "a", 0).unwrap()).collect();
                t.write(clavis_abi::params::BIRTH_NULL, b"now").unwrap();
                t.settle();
                for fd in &opened[..25] {
                    t.close(*fd).unwrap();
                }
                t.exit(0)
            })
            .unwrap();
        t.close(file).unwrap();
        t.finished(child);
        t.finished(server);
        t.exit(0);
    });
    // From when the child has opened everything, every request for memory fails.
    let opened = |world: &mut clavis_sim::World| {
        let census = world.kernel.census();
        census.iter().any(|(name, count)| *name == "descriptions" && *count >= 70)
    };
    for _ in 0..100_000 {
        world.step();
        if opened(&mut world) {
            break;
        }
    }
    for _ in 0..400 {
        world.step();
    }
    world.machine().failures.one_in = 1;
    world.run();
    world.machine().failures.one_in = 0;
    world.end();
}

/// Requirement: R102
#[test]
fn an_urgent_caller_waits_for_no_less_urgent_thread_than_its_server() {
    calm(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let (front, back) = (t.socket(scheme).unwrap(), t.socket(scheme).unwrap());
        let (file, inner) = (t.mint(front, 1, 0).unwrap(), t.mint(back, 1, 0).unwrap());
        let yields = |t: &mut Thread, times: usize| {
            for _ in 0..times {
                t.call(Call::Yield, [0; 5]).unwrap();
            }
        };
        let account = t.entry(EntryKind::Account);
        let done = Arc::new(Mutex::new(Vec::new()));
        // A server of low priority that asks another one, which has much to do for each request.
        let gives = [Give::all(front, 3), Give::all(inner, 4)];
        let order = Arc::clone(&done);
        let server = at_priority(t, account, 2, &gives, move |t| {
            for _ in 0..2 {
                let sqe = t.expect(3, Opcode::Call);
                t.call(Call::Fsync, [4, 0, 0, 0, 0]).unwrap();
                t.reply(3, sqe.tag, 0).unwrap();
            }
            // It runs at its own priority again: whoever is more urgent comes first.
            yields(t, 1);
            order.lock().unwrap().push("server");
            t.exit(0)
        });
        let worker = at_priority(t, account, 1, &[Give::all(back, 3)], move |t| {
            for _ in 0..2 {
                let sqe = t.expect(3, Opcode::Fsync);
                yields(t, 50);
                t.reply(3, sqe.tag, 0).unwrap();
            }
            t.exit(0)
        });
        for fd in [front, back, inner] {
            t.close(fd).unwrap();
        }
        let calls = |t: &mut Thread| {
            t.call_with(5, &mut [], CallFlags::empty(), &[]).unwrap();
        };
        let order = Arc::clone(&done);
        let low = at_priority(t, account, 3, &[Give::all(file, 5)], move |t| {
            calls(t);
            order.lock().unwrap().push("low");
            t.exit(0)
        });
        // The low client's request is with the worker; now somebody in between keeps the CPU.
        t.sleep(20_000).unwrap();
        let order = Arc::clone(&done);
        let middle = at_priority(t, account, 5, &[], move |t| {
            yields(t, 2000);
            order.lock().unwrap().push("middle");
            t.exit(0)
        });
        let order = Arc::clone(&done);
        let high = at_priority(t, account, 8, &[Give::all(file, 5)], move |t| {
            calls(t);
            order.lock().unwrap().push("high");
            t.exit(0)
        });
        for process in [high, middle, low, server, worker] {
            t.finished(process);
        }
        let done = done.lock().unwrap();
        let place = |who: &str| done.iter().position(|done| *done == who).unwrap();
        assert!(place("high") < place("middle"), "{done:?}");
        assert!(place("middle") < place("server"), "{done:?}");
    });
}

/// Requirement: R103
#[test]
fn registrations_are_bounded_by_source_and_by_queue() {
    calm(|t| {
        let factory = t.entry(EntryKind::FactoryEvent);
        let pipes = t.entry(EntryKind::FactoryPipe);
        let reader = t.open(pipes, "", O_RDWR as u64).unwrap();
        let read = EventFlags::EVENT_READ;
        let first = t.open(factory, "", O_RDWR as u64).unwrap();
        for _ in 0..256 {
            let copy = t.dup(reader).unwrap();
            t.watch(first, copy, read, 0).unwrap();
        }
        let more = t.dup(reader).unwrap();
        assert_eq!(errno(t.watch(first, more, read, 0)), ENOSPC, "of one source");
        let queue = t.open(factory, "", O_RDWR as u64).unwrap();
        let mut watched = Vec::new();
        for _ in 0..16 {
            let reader = t.open(pipes, "", O_RDWR as u64).unwrap();
            for _ in 0..256 {
                let copy = t.dup(reader).unwrap();
                t.watch(queue, copy, read, 0).unwrap();
                watched.push(copy);
            }
        }
        let other = t.open(pipes, "", O_RDWR as u64).unwrap();
        assert_eq!(errno(t.watch(queue, other, read, 0)), ENOSPC, "at one queue");
        t.watch(first, other, read, 0).unwrap();
        // One by one: a queue that ends with all of them ends them in one entry.
        for copy in watched {
            t.close(copy).unwrap();
        }
    });
}

/// Requirement: R104
#[test]
fn a_thousand_endpoints_and_ten_thousand_handles_work_and_leave_nothing() {
    let programs = clavis_sim::world::Programs::default();
    let entry = programs.add_thread(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let before = ["endpoints", "descriptions", "requests"].map(|name| t.counter(name));
        let creation = t.open(scheme, "scheme-creation-cap", 0).unwrap();
        let mut roots = Vec::new();
        let mut sockets = Vec::new();
        for index in 0..1000 {
            let socket = t.dup_message(creation, b"create-scheme").unwrap();
            roots.push(t.mint(socket, index, 0).unwrap());
            sockets.push(socket);
        }
        // One of a hundred servers of each: it answers ten opens and takes ten close notices.
        let servers: Vec<usize> = sockets.clone();
        t.spawn(1, move |t| {
            for socket in servers.iter() {
                for _ in 0..10 {
                    let sqe = t.expect(*socket, Opcode::OpenAt);
                    t.reply(*socket, sqe.tag, 100 + sqe.args[0]).unwrap();
                }
            }
        })
        .unwrap();
        let mut handles = Vec::new();
        for root in &roots {
            for _ in 0..10 {
                handles.push(t.open(*root, "name", 0).unwrap());
            }
        }
        assert_eq!(handles.len(), 10_000);
        for handle in handles.into_iter().chain(roots) {
            t.close(handle).unwrap();
        }
        for socket in &sockets {
            for _ in 0..11 {
                t.expect(*socket, Opcode::CloseMsg);
            }
        }
        for socket in sockets {
            t.close(socket).unwrap();
        }
        t.close(creation).unwrap();
        for (name, before) in ["endpoints", "descriptions", "requests"].into_iter().zip(before) {
            let now = t.counter(name);
            assert_eq!(now.0 - before.0, now.1 - before.1, "{name}: {before:?} {now:?}");
        }
        let _ = t.sleep(u64::MAX >> 2);
    });
    let machine = clavis_sim::SimMachine::new(30_000, 1);
    let mut world = clavis_sim::World::boot(machine, programs, entry);
    world.check_every = 20_000;
    world.run();
    world.end();
}

/// Requirement: R96
#[test]
fn an_account_with_half_of_the_places_waiting_still_gets_through() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            // As daemons do: 64 requests are kept until another one lets them go on.
            let kept: Vec<Sqe> = (0..64).map(|_| t.expect(3, Opcode::Call)).collect();
            t.expect_and_reply(3, Opcode::Fsync, 0);
            for sqe in kept {
                t.reply(3, sqe.tag, 0).unwrap();
            }
        });
        for _ in 0..64 {
            t.spawn(1, move |t| {
                t.call_with(file, &mut [], CallFlags::empty(), &[]).unwrap();
            })
            .unwrap();
        }
        t.sleep(10_000_000).unwrap();
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R96
#[test]
fn a_server_that_keeps_all_it_gets_at_once_still_hears_a_newcomer() {
    calm(|t| {
        let (file, server) = t.served(|t| {
            // It waits whenever somebody asks, so that nothing is ever queued.
            loop {
                let sqe = t.receive(3).unwrap();
                if sqe.opcode == Opcode::Fsync as u8 {
                    t.reply(3, sqe.tag, 0).unwrap();
                    return;
                }
            }
        });
        let flood = flood(t, file, 200, 0, 0);
        t.sleep(20_000_000).unwrap();
        t.deadline(20_000_000).unwrap();
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).expect("a place was left");
        t.finished(server);
        t.signal(flood, 9).unwrap();
        t.settle();
    });
}

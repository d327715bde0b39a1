//! Copies of processes.
use crate::common::{errno, scene};
use crate::{TERM, UNLIMITED, anonymous, apart, ended, exited, pipe};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EINVAL, EMFILE, ENOMEM, ENOTCAPABLE};
use clavis_abi::params::{AccountLimits, ExitKind, signal, upper_number};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::MapFlags;
use clavis_sim::{Give, Thread};

#[test]
fn a_fork_has_what_its_parent_had_and_each_sees_only_its_own_writes() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let at = anonymous(t, 3, MapFlags::MAP_PRIVATE);
        t.poke(at, b"before");
        let child = t
            .fork(account, move |t| {
                assert_eq!(t.peek(at, 6), b"before");
                t.poke(at, b"child!");
                t.poke(at + 4096, b"fresh");
                t.sleep(1_000_000).unwrap();
                assert_eq!(t.peek(at, 6), b"child!");
                t.exit(7);
            })
            .unwrap();
        t.poke(at, b"parent");
        t.settle();
        assert_eq!(t.wait(child).unwrap(), exited(7));
        assert_eq!(t.peek(at, 6), b"parent");
        assert_eq!(t.peek(at + 4096, 5), [0; 5]);
    });
}

#[test]
fn the_last_owner_of_a_page_writes_it_without_a_copy() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let at = anonymous(t, 1, MapFlags::MAP_PRIVATE);
        t.poke(at, b"mine");
        let child = t.fork(account, |t| t.exit(0)).unwrap();
        t.wait(child).unwrap();
        t.close(child).unwrap();
        t.sleep(1_000_000).unwrap();
        let before = t.usage(account).unwrap().used.frames;
        t.poke(at, b"more");
        assert_eq!(t.usage(account).unwrap().used.frames, before);
        assert_eq!(t.peek(at, 4), b"more");
    });
}

#[test]
fn shared_memory_stays_shared_after_a_fork() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let at = anonymous(t, 2, MapFlags::MAP_SHARED);
        t.poke(at, b"one");
        let child = t
            .fork(account, move |t| {
                assert_eq!(t.peek(at, 3), b"one");
                t.poke(at + 4096, b"two");
                t.exit(0);
            })
            .unwrap();
        t.wait(child).unwrap();
        assert_eq!(t.peek(at + 4096, 3), b"two");
    });
}

#[test]
fn a_private_mapping_of_memory_is_copied_with_what_was_written_to_it() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let factory = t.entry(EntryKind::FactoryMemory);
        let memory = t.create(factory, 3 * 4096, 0).unwrap();
        t.write(memory, b"original").unwrap();
        let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE;
        let at = t.mmap(memory, 0, 3 * 4096, flags).unwrap() as u64;
        t.poke(at + 4096, b"written");
        let child = t
            .fork(account, move |t| {
                assert_eq!(t.peek(at, 8), b"original");
                assert_eq!(t.peek(at + 4096, 7), b"written");
                t.poke(at, b"the fork");
                t.exit(0);
            })
            .unwrap();
        t.wait(child).unwrap();
        assert_eq!(t.peek(at, 8), b"original");
        assert_eq!(t.peek(at + 4096, 7), b"written");
    });
}

#[test]
fn a_large_space_is_copied_in_quanta_while_other_threads_of_the_process_stand_still() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let pages = 1300;
        let at = anonymous(t, pages, MapFlags::MAP_PRIVATE);
        for page in 0..pages as u64 {
            t.poke(at + page * 4096, &page.to_le_bytes());
        }
        let last = at + (pages as u64 - 1) * 4096;
        t.spawn(1, move |t| {
            // Writes the first page, then the last: a copy never has the second without the first.
            for round in 0..40u64 {
                t.poke(at + 8, &round.to_le_bytes());
                t.poke(last + 8, &round.to_le_bytes());
                t.pass(20_000_000);
                t.call(Call::Yield, [0; 5]).unwrap();
            }
        })
        .unwrap();
        for _ in 0..5 {
            let child = t
                .fork(account, move |t| {
                    for page in 0..pages as u64 {
                        assert_eq!(t.peek(at + page * 4096, 8), page.to_le_bytes());
                    }
                    let first: u64 = t.peek_struct(at + 8);
                    let last: u64 = t.peek_struct(last + 8);
                    assert!(first == last || first == last + 1, "{first} then {last}");
                    t.exit(0);
                })
                .unwrap();
            assert_eq!(t.wait(child).unwrap(), exited(0));
            t.close(child).unwrap();
            t.call(Call::Yield, [0; 5]).unwrap();
        }
    });
}

#[test]
fn a_fork_has_the_handles_at_their_numbers_and_a_handle_to_itself_where_its_parent_had_one() {
    scene(|t| {
        let own = upper_number(20, 0);
        let (reader, writer) = pipe(t);
        let gives = [Give::all(writer, 5), Give(usize::MAX, own, Rights::all(), Rights::all())];
        let (child, _) = apart(t, UNLIMITED, &gives, move |t| {
            let parent = t.call(Call::Identity, [0; 5]).unwrap();
            // Some numbers have had other owners.
            let gone = t.call(Call::DupInto, [5, 0, 0, usize::MAX - 3, 0]).unwrap();
            t.close(gone).unwrap();
            let upper = t.call(Call::DupInto, [5, 0, 0, usize::MAX - 3, 0]).unwrap();
            assert_ne!(gone, upper);
            let child = t
                .fork(100, move |t| {
                    t.write(5, b"lower ").unwrap();
                    t.write(upper, b"upper").unwrap();
                    assert!(t.write(gone, b"stale").is_err());
                    let me = t.call(Call::Identity, [0; 5]).unwrap();
                    assert_ne!(me, parent);
                    let at = t.room(64);
                    let n = t.call(Call::Fpath, [own, at as usize, 64, 0, 0]).unwrap();
                    let name = String::from_utf8(t.peek(at, n)).unwrap();
                    assert_eq!(name, me.to_string(), "the handle to itself is its own");
                    t.signal(own, TERM as usize).unwrap();
                })
                .unwrap();
            assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, TERM));
            t.exit(3);
        });
        assert_eq!(t.wait(child).unwrap(), exited(3));
        assert_eq!(t.read(reader, 64).unwrap(), b"lower upper");
    });
}

#[test]
fn an_account_without_room_refuses_a_fork_and_loses_nothing() {
    scene(|t| {
        let limits = AccountLimits { frames: 340, ..UNLIMITED };
        let (child, account) = apart(t, limits, &[], |t| {
            let at = anonymous(t, 200, MapFlags::MAP_PRIVATE);
            for page in 0..200u64 {
                t.poke(at + page * 4096, &page.to_le_bytes());
            }
            let before = t.usage(100).unwrap().used;
            assert_eq!(errno(t.fork(100, |_| ())), ENOMEM);
            t.sleep(10_000_000).unwrap();
            assert_eq!(t.usage(100).unwrap().used, before);
            for page in 0..200u64 {
                t.poke(at + page * 4096 + 8, b"still mine");
                assert_eq!(t.peek(at + page * 4096, 8), page.to_le_bytes());
            }
            t.exit(1);
        });
        assert_eq!(t.wait(child).unwrap(), exited(1));
        t.close(account).unwrap();
    });
}

#[test]
fn forks_that_fork_end_at_their_accounts_limits() {
    scene(|t| {
        let limits = AccountLimits { threads: 6, ..UNLIMITED };
        let (child, account) = apart(t, limits, &[], |t| {
            fn bomb(t: &mut Thread) {
                while t.fork(100, bomb).is_ok() {}
                t.sleep(1_000_000_000).unwrap();
            }
            bomb(t);
        });
        t.sleep(100_000_000).unwrap();
        assert_eq!(t.usage(account).unwrap().used.threads, 6);
        t.signal(account, signal::KILL as usize).unwrap();
        assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, signal::KILL));
        assert_eq!(t.usage(account).unwrap().processes, 0);
    });
}

#[test]
fn forking_takes_an_account_that_may_be_managed() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let weak = t.derive(account, Rights::all() - Rights::MANAGE, Rights::all()).unwrap();
        assert_eq!(errno(t.fork(weak, |_| ())), ENOTCAPABLE);
        assert_eq!(errno(t.fork(t.null(), |_| ())), EINVAL);
    });
}

#[test]
fn a_full_table_refuses_the_handle_and_with_it_the_fork() {
    scene(|t| {
        let limits = AccountLimits { handles: 14, ..UNLIMITED };
        let (child, _) = apart(t, limits, &[], |t| {
            assert_eq!(errno(t.fork(100, |_| ())), EMFILE);
            t.exit(0);
        });
        assert_eq!(t.wait(child).unwrap(), exited(0));
    });
}

#[test]
fn memory_that_a_fork_shares_can_be_lent_and_moved() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let at = anonymous(t, 4, MapFlags::MAP_PRIVATE);
        for page in 0..4u64 {
            t.poke(at + page * 4096, &page.to_le_bytes());
        }
        let child = t
            .fork(account, move |t| {
                t.sleep(50_000_000).unwrap();
                for page in 0..4u64 {
                    assert_eq!(t.peek(at + page * 4096, 8), page.to_le_bytes());
                }
                t.exit(0);
            })
            .unwrap();
        // Shown twice, and the same at both places (4: keep the old one).
        let keep = clavis_abi::syscall::flag::MremapFlags::KEEP_OLD.bits();
        let other =
            t.call(Call::Mremap, [at as usize, 4 * 4096, 0, 4 * 4096, keep]).unwrap() as u64;
        t.poke(at, b"seen from");
        assert_eq!(t.peek(other, 9), b"seen from");
        t.poke(other + 4096, b"both sides");
        assert_eq!(t.peek(at + 4096, 10), b"both sides");
        assert_eq!(t.wait(child).unwrap(), exited(0));
    });
}

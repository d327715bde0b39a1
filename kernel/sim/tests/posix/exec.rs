//! Processes that become other programs.
use crate::common::{errno, scene};
use crate::{PIPE, TERM, UNLIMITED, USR1, apart, ended, exited, pipe};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EBUSY, EINVAL, ENOTCAPABLE, EOWNERDEAD};
use clavis_abi::params::{
    BIRTH_NAME, ExitKind, ProcessParams, SIGNAL_SELF, handle_flags, signal, upper_number,
};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::F_SETFD;
use clavis_sim::Give;

#[test]
fn exec_takes_over_what_was_built_and_keeps_number_lower_handles_and_waiters() {
    scene(|t| {
        let (reader, writer) = pipe(t);
        let own = upper_number(20, 0);
        let old = upper_number(30, 0);
        let gives = [Give::all(writer, 5), Give::all(writer, 6), Give::all(writer, old)];
        let (child, _) = apart(t, UNLIMITED, &gives, move |t| {
            let me = t.call(Call::Identity, [0; 5]).unwrap();
            t.spawn(2, |t| {
                let _ = t.sleep(1_000_000_000);
                unreachable!("threads end with exec");
            })
            .unwrap();
            t.settle();
            t.call(Call::Fcntl, [6, F_SETFD, 0x0100_0000, 0, 0]).unwrap();
            for _ in 0..100 {
                t.dup(5).unwrap();
            }
            let itself = Give(usize::MAX, own, Rights::all(), Rights::all());
            let gives = [Give::all(5, upper_number(31, 0)), itself];
            let built = t.process_build(100, &gives, &ProcessParams::default()).unwrap();
            t.call(Call::Limit, [built, usize::MAX, usize::MAX, 1, 0]).unwrap();
            assert_eq!(t.query(built).unwrap().flags & handle_flags::CLOEXEC, 1);
            let data = t.put(b"old program");
            let result = t.exec(built, move |t| {
                assert_eq!(t.call(Call::Identity, [0; 5]).unwrap(), me);
                assert_eq!(t.peek(data, 11), [0; 11], "the space is a new one");
                assert_eq!(errno(t.write(6, b"x")), clavis_abi::error::EBADF);
                assert!(t.query(built).is_err(), "what it was built in is closed too");
                assert!(t.query(old).is_err(), "the old runtime's numbers are gone");
                assert_eq!(t.read(BIRTH_NAME, 20).unwrap(), b"child");
                t.write(5, b"new ").unwrap();
                t.write(upper_number(31, 0), b"program").unwrap();
                let at = t.room(64);
                let n = t.call(Call::Fpath, [own, at as usize, 64, 0, 0]).unwrap();
                assert_eq!(String::from_utf8(t.peek(at, n)).unwrap(), me.to_string());
                t.signal(own, TERM as usize).unwrap();
            });
            unreachable!("EXEC returned {result:?}");
        });
        assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, TERM));
        assert_eq!(t.read(reader, 20).unwrap(), b"new program");
    });
}

#[test]
fn exec_of_what_is_not_there_to_be_taken_leaves_the_caller_as_it_was() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let running = t.process(account, &[], |t| t.exit(0)).unwrap();
        assert_eq!(errno(t.exec(running, |_| ())), ENOTCAPABLE);
        assert_eq!(errno(t.exec(t.null(), |_| ())), EINVAL);
        let other = t.account(account, &UNLIMITED).unwrap();
        let foreign = t.process_build(other, &[], &ProcessParams::default()).unwrap();
        assert_eq!(errno(t.exec(foreign, |_| ())), EINVAL);
        let debug = ProcessParams { flags: 1, ..ProcessParams::default() };
        let built = t.process_build(account, &[], &debug).unwrap();
        assert_eq!(errno(t.call(Call::Exec, [built, 1 << 47, 0, 0, 0])), EINVAL);
        let entry = t.program(|t| t.exit(0)) as usize;
        t.call(Call::ProcessStart, [built, entry, 0, 0, 0]).unwrap();
        assert_eq!(errno(t.exec(built, |_| ())), EBUSY);
    });
}

#[test]
fn exec_ends_the_calls_of_other_threads_and_the_requests_that_the_old_program_had_taken() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let (client, server) = (t.dup(file).unwrap(), t.dup(socket).unwrap());
        t.close(socket).unwrap();
        let gives = [Give::all(server, 5)];
        let (child, _) = apart(t, UNLIMITED, &gives, |t| {
            let taken = t.receive(5).unwrap();
            let built = t.process_build(100, &[], &ProcessParams::default()).unwrap();
            let result = t.exec(built, move |t| {
                // Its tag is not this program's; the next request is.
                t.reply(5, taken.tag, 0).unwrap();
                let next = t.receive(5).unwrap();
                t.reply(5, next.tag, 0).unwrap();
                t.exit(0);
            });
            unreachable!("EXEC returned {result:?}");
        });
        t.close(server).unwrap();
        assert_eq!(errno(t.call(Call::Fsync, [client, 0, 0, 0, 0])), EOWNERDEAD);
        t.call(Call::Fsync, [client, 0, 0, 0, 0]).unwrap();
        assert_eq!(t.wait(child).unwrap(), exited(0));
    });
}

#[test]
fn exec_forgets_handlers_and_keeps_what_is_ignored_and_blocked() {
    scene(|t| {
        let (child, account) = apart(t, UNLIMITED, &[], |t| {
            t.catch(&[USR1], &[TERM]).unwrap();
            t.mask(signal::bit(PIPE)).unwrap();
            t.signal(SIGNAL_SELF, PIPE as usize).unwrap();
            let built = t.process_build(100, &[], &ProcessParams::default()).unwrap();
            let result = t.exec(built, |t| {
                t.signal(SIGNAL_SELF, TERM as usize).unwrap();
                let waiting = t.wait_signal(0, 0).unwrap();
                assert_eq!(waiting.pending, signal::bit(PIPE));
                t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
                unreachable!("nobody catches it any more");
            });
            unreachable!("EXEC returned {result:?}");
        });
        assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, USR1));
        t.close(account).unwrap();
    });
}

#[test]
fn everybody_who_opens_the_image_name_reads_it_from_its_beginning() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let child = t.process(account, &[], |t| {
            let name = t.read(BIRTH_NAME, 20).unwrap();
            assert!(!name.is_empty());
            let copy = t.dup(BIRTH_NAME).unwrap();
            assert_eq!(t.read(copy, 20).unwrap(), b"", "a copy goes on where the other is");
            for _ in 0..2 {
                let opened = t.dup_message(BIRTH_NAME, b"open").unwrap();
                assert_eq!(t.read(opened, 20).unwrap(), name);
                assert_eq!(t.read(opened, 20).unwrap(), b"");
                t.close(opened).unwrap();
            }
            assert_eq!(errno(t.dup_message(BIRTH_NAME, b"close")), EINVAL);
        });
        let child = child.unwrap();
        assert_eq!(t.wait(child).unwrap(), exited(0));
    });
}

//! What a server and a client are told without asking for it each time.
use crate::common::{errno, scene};
use clavis_abi::call::Call;
use clavis_abi::error::{EAGAIN, EBADF, EPERM};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{
    CallFlags, EVENT_TIMEOUT_ID, EventFlags, F_SETFL, O_NONBLOCK, O_RDWR,
};
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use clavis_sim::{Give, Thread};

const ON_DETACH: u8 = CqeOpcode::RespondAndNotifyOnDetach as u8;
const READ: EventFlags = EventFlags::EVENT_READ;
const WRITE: EventFlags = EventFlags::EVENT_WRITE;

fn queue(t: &mut Thread) -> usize {
    let factory = t.entry(EntryKind::FactoryEvent);
    let queue = t.open(factory, "", O_RDWR as u64).unwrap();
    t.call(Call::Fcntl, [queue, F_SETFL, O_NONBLOCK, 0, 0]).unwrap();
    queue
}

/// Posts an event on an object.
fn post(t: &mut Thread, number: u64, events: EventFlags) {
    t.answer(3, CqeOpcode::SendFevent as u8, events.bits() as u32, number).unwrap();
}

/// Requirement: R74, R75
#[test]
fn a_close_is_told_once_when_nothing_goes_through_any_more_and_before_what_is_asked_later() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let (one, two) = (t.mint(socket, 1, 0).unwrap(), t.mint(socket, 2, 0).unwrap());
        let server = t.server(socket, |t| {
            let held = t.expect(3, Opcode::Call);
            t.sleep(10_000_000).unwrap();
            // All handles are closed by now, but the call is under way.
            let other = t.expect_and_reply(3, Opcode::Fsync, 0);
            assert_eq!(other.args[0], 2);
            t.reply(3, held.tag, 0).unwrap();
            assert_eq!(t.expect(3, Opcode::CloseMsg).args[0], 1);
            t.sleep(20_000_000).unwrap();
            assert_eq!(t.expect(3, Opcode::CloseMsg).args[0], 3, "before what was asked after it");
            assert_eq!(t.expect_and_reply(3, Opcode::Fsync, 0).args[0], 2);
        });
        let copy = t.dup(one).unwrap();
        t.spawn(1, move |t| {
            assert_eq!(t.call_with(copy, &mut [], CallFlags::empty(), &[]).unwrap(), 0);
        })
        .unwrap();
        t.settle();
        t.close(one).unwrap();
        t.close(copy).unwrap();
        t.call(Call::Fsync, [two, 0, 0, 0, 0]).unwrap();
        let three = t.mint(socket, 3, 0).unwrap();
        t.close(socket).unwrap();
        t.sleep(10_000_000).unwrap();
        t.close(three).unwrap();
        t.call(Call::Fsync, [two, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R76, R77
#[test]
fn interest_is_sent_to_the_server_and_its_events_arrive_once() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let sqe = t.expect_and_reply(3, Opcode::Fevent, 3);
            assert_eq!(sqe.args[..2], [1, 1], "the interest");
            let sqe = t.expect(3, Opcode::Fsync);
            post(t, 1, READ);
            post(t, 1, READ);
            post(t, 1, WRITE);
            post(t, 2, READ);
            t.reply(3, sqe.tag, 0).unwrap();
            let sqe = t.expect(3, Opcode::Fsync);
            post(t, 1, READ);
            t.reply(3, sqe.tag, 0).unwrap();
        });
        let queue = queue(t);
        t.watch(queue, file, READ, 42).unwrap();
        assert_eq!(t.events(queue, 4).unwrap(), [(file, 1, 42)], "what is ready now");
        assert_eq!(errno(t.events(queue, 4)), EAGAIN);
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        assert_eq!(t.events(queue, 4).unwrap(), [(file, 1, 42)], "three of one are one");
        assert_eq!(errno(t.events(queue, 4)), EAGAIN);
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        assert_eq!(t.events(queue, 4).unwrap().len(), 1);
        t.finished(server);
    });
}

/// Requirement: R78
#[test]
fn interest_that_its_server_refuses_does_not_exist() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let sqe = t.expect(3, Opcode::Fevent);
            t.refuse(3, sqe.tag, EPERM).unwrap();
            let sqe = t.expect(3, Opcode::Fevent);
            t.expect(3, Opcode::Cancel);
            t.reply(3, sqe.tag, 3).unwrap();
            let sqe = t.expect(3, Opcode::Fsync);
            post(t, 1, READ | WRITE);
            t.reply(3, sqe.tag, 0).unwrap();
        });
        let queue = queue(t);
        assert_eq!(errno(t.watch(queue, file, READ, 1)), EPERM);
        t.deadline(2_000_000).unwrap();
        assert_eq!(errno(t.watch(queue, file, READ, 2)), clavis_abi::error::ETIMEDOUT);
        t.deadline(0).unwrap();
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        assert_eq!(errno(t.events(queue, 4)), EAGAIN);
        let (made, gone) = t.counter("registrations");
        assert_eq!(made, gone);
        t.finished(server);
    });
}

/// Requirement: R79
#[test]
fn who_watches_objects_is_told_when_their_server_goes() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            t.expect_and_reply(3, Opcode::Fevent, 0);
            t.sleep(5_000_000).unwrap();
        });
        let queue = queue(t);
        t.watch(queue, file, READ, 9).unwrap();
        assert_eq!(errno(t.events(queue, 1)), EAGAIN);
        t.finished(server);
        t.settle();
        let events = t.events(queue, 1).unwrap();
        assert_eq!((events[0].0, events[0].2), (file, 9));
        assert_eq!(events[0].1 & 5, 5, "readable, and hung up");
    });
}

/// Requirement: R80
#[test]
fn a_socket_is_readable_while_messages_wait() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let (file, other) = (t.mint(socket, 1, 0).unwrap(), t.mint(socket, 2, 0).unwrap());
        let queue = queue(t);
        t.watch(queue, socket, READ, 3).unwrap();
        assert_eq!(errno(t.events(queue, 1)), EAGAIN);
        t.close(other).unwrap();
        assert_eq!(t.events(queue, 1).unwrap(), [(socket, 1, 3)]);
        t.expect(socket, Opcode::CloseMsg);
        t.spawn(1, move |t| {
            t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        })
        .unwrap();
        t.settle();
        assert_eq!(t.events(queue, 1).unwrap(), [(socket, 1, 3)]);
        let again = self::queue(t);
        t.watch(again, socket, READ, 4).unwrap();
        assert_eq!(t.events(again, 1).unwrap(), [(socket, 1, 4)], "it is at once");
        t.expect_and_reply(socket, Opcode::Fsync, 0);
        t.settle();
    });
}

/// Requirement: R81
#[test]
fn an_event_queue_tells_of_its_time_out_once() {
    scene(|t| {
        let queue = queue(t);
        let timers = t.counter("timers");
        let wait = |t: &mut Thread, milliseconds: u64| t.sleep(milliseconds * 1_000_000).unwrap();
        t.watch(queue, EVENT_TIMEOUT_ID, READ, 20).unwrap();
        assert_eq!(errno(t.events(queue, 2)), EAGAIN);
        wait(t, 10);
        assert_eq!(errno(t.events(queue, 2)), EAGAIN);
        wait(t, 15);
        assert_eq!(t.events(queue, 2).unwrap(), [(EVENT_TIMEOUT_ID, 1, 20)]);
        wait(t, 50);
        assert_eq!(errno(t.events(queue, 2)), EAGAIN, "once");
        // A later one takes the place of an earlier one, and none takes it back.
        t.watch(queue, EVENT_TIMEOUT_ID, READ, 20).unwrap();
        t.watch(queue, EVENT_TIMEOUT_ID, WRITE, 5).unwrap();
        wait(t, 10);
        assert_eq!(t.events(queue, 2).unwrap(), [(EVENT_TIMEOUT_ID, 1, 5)]);
        t.watch(queue, EVENT_TIMEOUT_ID, READ, 5).unwrap();
        t.watch(queue, EVENT_TIMEOUT_ID, EventFlags::empty(), 5).unwrap();
        wait(t, 50);
        assert_eq!(errno(t.events(queue, 2)), EAGAIN);
        // Who waits is woken by it.
        t.call(Call::Fcntl, [queue, F_SETFL, 0, 0, 0]).unwrap();
        t.watch(queue, EVENT_TIMEOUT_ID, READ, 30).unwrap();
        assert_eq!(t.events(queue, 2).unwrap(), [(EVENT_TIMEOUT_ID, 1, 30)]);
        t.watch(queue, EVENT_TIMEOUT_ID, READ, 30).unwrap();
        t.close(queue).unwrap();
        let now = t.counter("timers");
        assert_eq!((now.0 - timers.0, now.1 - timers.1), (1, 1), "one timer, and it went");
        assert_eq!(errno(t.watch(queue, EVENT_TIMEOUT_ID, READ, 1)), EBADF);
    });
}

/// Requirement: R82, R83
#[test]
fn a_server_that_asks_for_it_is_told_who_closes_a_handle() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let asks = |t: &mut Thread| {
                let sqe = t.expect(3, Opcode::Call);
                t.answer(3, ON_DETACH, sqe.tag, 12).unwrap();
                sqe
            };
            let plain = |t: &mut Thread| t.expect_and_reply(3, Opcode::Call, 0);
            // By a close; once, though more handles are closed.
            let first = asks(t);
            let told = t.expect(3, Opcode::Detach);
            assert_eq!((told.args[0], told.caller), (1, first.caller));
            plain(t);
            // By the end of a process; what another process closes before is what is told.
            asks(t);
            asks(t);
            let told = t.expect(3, Opcode::Detach);
            assert_ne!(told.caller, first.caller);
            // Not after an error.
            let sqe = t.expect(3, Opcode::Call);
            t.answer(3, ON_DETACH, sqe.tag, (-1i64) as u64).unwrap();
            plain(t);
            // Before the close, by the last handle.
            asks(t);
            t.sleep(10_000_000).unwrap();
            t.expect(3, Opcode::Detach);
            t.expect(3, Opcode::CloseMsg);
        });
        let call = |t: &mut Thread, fd: usize| t.call_with(fd, &mut [], CallFlags::empty(), &[]);
        let copies = [t.dup(file).unwrap(), t.dup(file).unwrap(), t.dup(file).unwrap()];
        assert_eq!(call(t, file).unwrap(), 12);
        t.close(copies[0]).unwrap();
        t.close(copies[1]).unwrap();
        assert_eq!(call(t, file).unwrap(), 0);
        assert_eq!(call(t, file).unwrap(), 12);
        let account = t.entry(EntryKind::Account);
        let child = t
            .process(account, &[Give::all(file, 5)], move |t| {
                assert_eq!(call(t, 5).unwrap(), 12);
                t.exit(0)
            })
            .unwrap();
        t.finished(child);
        t.settle();
        assert_eq!(errno(call(t, file)), EPERM);
        t.close(copies[2]).unwrap();
        assert_eq!(call(t, file).unwrap(), 0);
        assert_eq!(call(t, file).unwrap(), 12);
        t.close(file).unwrap();
        t.finished(server);
    });
}

/// Requirement: R83
#[test]
fn at_most_one_detachment_of_a_description_waits() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let held = [t.expect(3, Opcode::Call), t.expect(3, Opcode::Call)];
            for sqe in held {
                t.answer(3, ON_DETACH, sqe.tag, 0).unwrap();
                t.sleep(10_000_000).unwrap();
            }
            t.expect(3, Opcode::Detach);
            t.sleep(10_000_000).unwrap();
            t.expect(3, Opcode::Detach);
            t.expect_and_reply(3, Opcode::Fsync, 0);
        });
        let copies = [t.dup(file).unwrap(), t.dup(file).unwrap(), t.dup(file).unwrap()];
        for thread in [1, 2] {
            t.spawn(thread, move |t| {
                t.call_with(file, &mut [], CallFlags::empty(), &[]).unwrap();
            })
            .unwrap();
        }
        t.sleep(5_000_000).unwrap();
        for copy in copies {
            t.close(copy).unwrap();
            t.sleep(10_000_000).unwrap();
        }
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

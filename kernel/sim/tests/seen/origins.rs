//! Where handles come from, as INSPECT tells it.

use crate::common::scene;
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::params::{InspectRow, ObjectType, Step, long_number};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{CallFlags, O_RDWR};
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use clavis_sim::{Give, Thread};

/// What INSPECT tells of one number of a process.
fn row(t: &mut Thread, process: usize, number: usize) -> InspectRow {
    let rows = t.inspect(process).unwrap();
    *rows.iter().find(|row| row.number == number as u64).expect("it has that handle")
}

fn identity(t: &mut Thread) -> u64 {
    t.call(Call::Identity, [0; 5]).unwrap() as u64
}

/// How a handle came: the step, from whom, and from or through which number.
fn came(row: &InspectRow) -> (usize, u64, Option<usize>) {
    (row.step as usize, row.from, long_number(row.via))
}

/// The number of a process that we have a handle to.
fn number_of(t: &mut Thread, process: usize) -> u64 {
    let own = t.entry(EntryKind::SelfProcess);
    row(t, own, process).object
}

#[test]
fn what_is_opened_names_its_endpoint_its_maker_and_what_it_was_opened_through() {
    scene(|t| {
        let (root, server) = t.served(|t| {
            t.expect_and_reply(3, Opcode::OpenAt, 7);
            t.settle();
        });
        let own = t.entry(EntryKind::SelfProcess);
        let me = identity(t);
        let file = t.open(root, "x", O_RDWR as u64).unwrap();
        let opened = row(t, own, file);
        assert_eq!(came(&opened), (Step::Opened as usize, 0, Some(root)));
        assert_eq!(opened.maker, me);
        let copy = t.derive(file, Rights::READ, Rights::READ).unwrap();
        assert_eq!(came(&row(t, own, copy)), came(&opened), "copies keep where they come from");
        let socket = row(t, server, 3);
        assert_eq!(socket.info.object, ObjectType::Socket as u64);
        assert_eq!(socket.object, opened.object, "both are of one endpoint");
        assert_ne!(opened.object, 0);
        let slots = t.entry(EntryKind::FactorySlot);
        let slot = t.slot(slots, "x").unwrap();
        assert_eq!(row(t, own, slot).object, 0, "it is empty");
        t.send_handles(slot, &[root], CallFlags::FD_CLONE).unwrap();
        assert_eq!(row(t, own, slot).object, opened.object);
        t.finished(server);
    });
}

fn sleeps(t: &mut Thread) {
    let _ = t.sleep(1 << 40);
}

#[test]
fn what_was_given_forked_or_put_names_who_had_it_and_where() {
    scene(|t| {
        let (account, me) = (t.entry(EntryKind::Account), identity(t));
        let slots = t.entry(EntryKind::FactorySlot);
        let lower = t.slot(slots, "x").unwrap();
        let child = t.process(account, &[Give::all(lower, 5)], sleeps);
        let child = child.unwrap();
        let given = row(t, child, 5);
        assert_eq!(came(&given), (Step::Given as usize, me, Some(lower)));
        assert_eq!(given.maker, me);
        let copy = t.fork(account, sleeps).unwrap();
        assert_eq!(came(&row(t, copy, lower)), (Step::Forked as usize, me, Some(lower)));
        let tables = t.entry(EntryKind::FactoryTable);
        let table = t.create(tables, 0, 0).unwrap();
        t.call(Call::TablePut, [table, lower, 4, usize::MAX, usize::MAX]).unwrap();
        let params =
            clavis_abi::params::ProcessParams { table: table as u64, ..Default::default() };
        let built = t.process_build(account, &[], &params).unwrap();
        assert_eq!(came(&row(t, built, 4)), (Step::Put as usize, me, Some(lower)));
        let own = t.entry(EntryKind::SelfProcess);
        let borrowed = t.call(Call::Borrow, [child, 5, usize::MAX, 0, 0]).unwrap();
        let number = number_of(t, child);
        assert_eq!(came(&row(t, own, borrowed)), (Step::Borrowed as usize, number, Some(5)));
        for process in [child, copy] {
            t.signal(process, 9).unwrap();
        }
    });
}

#[test]
fn what_was_sent_or_handed_over_names_who_had_it() {
    scene(|t| {
        let (channel, server) = t.served(|t| {
            let sqe = t.expect(3, Opcode::Sendfd);
            assert_eq!(t.obtain(3, sqe.tag, 1).unwrap(), [4]);
            t.reply(3, sqe.tag, 0).unwrap();
            let sqe = t.expect(3, Opcode::OpenAt);
            let null = t.null();
            let five = t.dup(null).unwrap();
            let with_fd = CqeOpcode::RespondWithFd as u8;
            t.answer(3, with_fd, sqe.tag, five as u64).unwrap();
            t.sleep(1 << 40).unwrap();
        });
        let (own, me) = (t.entry(EntryKind::SelfProcess), identity(t));
        let null = t.null();
        let sent = t.dup(null).unwrap();
        t.send_handles(channel, &[sent], CallFlags::empty()).unwrap();
        assert_eq!(came(&row(t, server, 4)), (Step::Sent as usize, me, Some(sent)));
        let got = t.open(channel, "x", O_RDWR as u64).unwrap();
        let from = number_of(t, server);
        assert_eq!(came(&row(t, own, got)), (Step::Answered as usize, from, Some(5)));
        t.signal(server, 9).unwrap();
    });
}

#[test]
fn what_the_kernel_gave_at_boot_was_made_by_nobody() {
    scene(|t| {
        let own = t.entry(EntryKind::SelfProcess);
        let log = t.entry(EntryKind::Log);
        let row = row(t, own, log);
        assert_eq!((row.maker, came(&row)), (0, (Step::Made as usize, 0, None)));
    });
}

//! Calls whose meaning is the server's.
use crate::common::{errno, scene};
use clavis_abi::Rights;
use clavis_abi::error::{EAGAIN, EBADF, EINVAL, ENOTCAPABLE, EXDEV};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::StdFsCallKind;
use clavis_abi::syscall::flag::CallFlags;
use clavis_abi::syscall::schemev2::{Opcode, SqeFlags};

/// Requirement: R38
#[test]
fn a_call_carries_three_words_and_its_payload_returns_with_read_alone() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            for words in [[0, 0, 0], [7, 0, 0], [7, 8, 9]] {
                for _ in 0..2 {
                    let sqe = t.expect(3, Opcode::Call);
                    assert_eq!((sqe.args[0], &sqe.args[3..]), (1, &words[..]));
                    assert_eq!(t.payload(&sqe), b"there");
                    t.poke(sqe.args[1], b"her");
                    t.reply(3, sqe.tag, 1234).unwrap();
                }
            }
        });
        for words in [&[][..], &[7], &[7, 8, 9]] {
            for (flags, back) in
                [(CallFlags::WRITE, b"there"), (CallFlags::WRITE | CallFlags::READ, b"herre")]
            {
                let mut payload = *b"there";
                assert_eq!(t.call_with(file, &mut payload, flags, words).unwrap(), 1234);
                assert_eq!(&payload, back);
            }
        }
        t.finished(server);
    });
}

/// Requirement: R39
#[test]
fn a_call_with_more_words_or_unknown_flags_is_refused() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            t.expect(3, Opcode::CloseMsg);
        });
        assert_eq!(errno(t.call_with(file, &mut [], CallFlags::empty(), &[0; 4])), EINVAL);
        for bit in [17, 20, 31, 33, 63] {
            let flags = CallFlags::from_bits_retain(1 << bit);
            assert_eq!(errno(t.call_with(file, &mut [], flags, &[])), EINVAL, "bit {bit}");
        }
        t.close(file).unwrap();
        t.finished(server);
    });
}

/// Requirement: R40
#[test]
fn a_call_across_two_handles_is_about_objects_of_one_server() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let (one, two) = (t.mint(socket, 11, 0).unwrap(), t.mint(socket, 22, 0).unwrap());
        let elsewhere = t.socket(scheme).unwrap();
        let other = t.mint(elsewhere, 22, 0).unwrap();
        let server = t.server(socket, |t| {
            for opcode in [Opcode::Call, Opcode::StdFsCall] {
                let sqe = t.expect_and_reply(3, opcode, 3);
                assert_eq!((sqe.args[0], sqe.args[5]), (11, 22));
                assert!(sqe.sqe_flags.contains(SqeFlags::MULTIPLE_IDS));
            }
        });
        let rename = [StdFsCallKind::Frenameat as u64, 0, 0];
        let (none, standard) = (CallFlags::empty(), CallFlags::STD_FS);
        assert_eq!(t.call_across(one, two, &mut [], none, &[1, 2, 3]).unwrap(), 3);
        assert_eq!(
            t.call_across(one, two, &mut b"a\0b".to_vec(), standard, &rename[..]).unwrap(),
            3
        );
        let null = t.null();
        for stranger in [other, null] {
            assert_eq!(errno(t.call_across(one, stranger, &mut [], none, &[])), EXDEV);
            let renamed =
                t.call_across(one, stranger, &mut b"a\0b".to_vec(), standard, &rename[..]);
            assert_eq!(errno(renamed), EXDEV);
        }
        let narrow = t.derive(two, Rights::all() - Rights::CALL, Rights::all()).unwrap();
        for (a, b) in [(one, narrow), (narrow, one)] {
            assert_eq!(errno(t.call_across(a, b, &mut [], none, &[])), ENOTCAPABLE);
        }
        assert_eq!(errno(t.call_across(one, 999, &mut [], none, &[])), EBADF);
        t.finished(server);
    });
}

/// Requirement: R41
#[test]
fn a_call_can_close_the_handle_that_it_goes_through() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 5, 0).unwrap();
        let copy = t.dup(file).unwrap();
        let server = t.server(socket, |t| {
            t.expect_and_reply(3, Opcode::Call, 44);
            // The number is free while the call is under way, its object is not closed before.
            let sqe = t.expect(3, Opcode::Call);
            t.settle();
            t.refuse(3, sqe.tag, EAGAIN).unwrap();
            assert_eq!(t.expect(3, Opcode::CloseMsg).args[0], 5);
        });
        let consume = CallFlags::CONSUME;
        let narrow = t.derive(file, Rights::all() - Rights::CALL, Rights::all()).unwrap();
        assert_eq!(errno(t.call_with(narrow, &mut [], consume, &[])), ENOTCAPABLE);
        t.query(narrow).expect("what is refused closes nothing");
        t.close(narrow).unwrap();
        for other in [CallFlags::FD | CallFlags::READ, CallFlags::STD_FS] {
            assert_eq!(errno(t.call_with(file, &mut [0; 8], consume | other, &[])), EINVAL);
        }
        assert_eq!(errno(t.call_across(file, copy, &mut [], consume, &[])), EINVAL);
        assert_eq!(errno(t.call_with(socket, &mut [], consume, &[0, 0, 0])), EINVAL);
        assert_eq!(t.call_with(file, &mut b"last words".to_vec(), consume, &[]).unwrap(), 44);
        assert_eq!(errno(t.query(file)), EBADF);
        t.spawn(1, move |t| {
            assert_eq!(errno(t.call_with(copy, &mut [], CallFlags::CONSUME, &[])), EAGAIN);
            assert_eq!(errno(t.query(copy)), EBADF);
        })
        .unwrap();
        t.close(socket).unwrap();
        t.finished(server);
    });
}

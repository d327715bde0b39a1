//! The direct way between a client and a server that waits has the outcome of the long way by the
//! queue, whatever is asked and however it is answered.
#[expect(dead_code, reason = "its scenes are run in one weather only")]
mod common;
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::class::CQE_FORWARD;
use clavis_abi::error::{EBADF, ELOOP, ENOENT, Error};
use clavis_abi::params::{
    ForwardParams, HandleInfo, LeaseParams, ProcessParams, handle_flags, open_flags,
};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{CallFlags, O_APPEND, O_RDONLY, O_RDWR, O_WRONLY};
use clavis_abi::syscall::schemev2::{NewFdFlags, Opcode, Sqe};
use clavis_sim::calls::{cqe_bytes, sqe_of};
use clavis_sim::{Give, Thread};
use common::{calm, errno};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use zerocopy::IntoBytes;

const SQE: usize = 64;
/// Where nothing is mapped.
const NOWHERE: usize = 0x7000_0000_0000;

/// What a server answers: a value and flags of the new handle.
fn answer(t: &mut Thread, sqe: &Sqe) -> (u64, u8) {
    let refused = |errno: i32| (i64::from(errno).wrapping_neg() as u64, 0);
    match sqe.opcode {
        x if x == Opcode::OpenAt as u8 => match t.path(sqe).as_str() {
            "plain" => (1, 0),
            "positioned" => (2, NewFdFlags::POSITIONED.bits()),
            "link" => refused(ELOOP),
            _ => refused(ENOENT),
        },
        x if x == Opcode::Read as u8 => {
            let (at, len) = (sqe.args[1], sqe.args[2]);
            let text = format!("{}@{:x}+{len}", sqe.args[0], sqe.args[3]);
            let n = text.len().min(len as usize);
            t.poke(at, &text.as_bytes()[..n]);
            // Sixty-six bytes or more are answered with more than there is room for.
            if len > 65 { (len + 1, 0) } else { (n as u64, 0) }
        }
        x if x == Opcode::Write as u8 => {
            let sum: u64 = t.payload(sqe).iter().map(|byte| u64::from(*byte)).sum();
            (sum % (sqe.args[2] + 2), 0)
        }
        x if x == Opcode::Call as u8 => {
            let mut bytes = t.payload(sqe);
            bytes.reverse();
            t.poke(sqe.args[1], &bytes);
            (sqe.args[3] ^ sqe.args[4] << 8 ^ sqe.args[5] << 16, 0)
        }
        x if x == Opcode::Fstat as u8 => {
            t.poke(sqe.args[1], &[7; 144]);
            (0, 0)
        }
        x if x == Opcode::Fsize as u8 => (1000, 0),
        _ => refused(EBADF),
    }
}

/// Serves; `late`: is busy whenever somebody asks, so that every request is queued and every
/// answer is written by a call of its own. Notes what it hears.
fn serve(t: &mut Thread, socket: usize, late: bool, heard: &Mutex<Vec<(u8, u64)>>) {
    let buffer = t.room(SQE);
    let flags = (CallFlags::READ | CallFlags::WRITE).bits() | 3;
    let word = |n: u64| n.to_le_bytes();
    let both = t.put(&[word(0), word(1), word(1)].concat()) as usize;
    loop {
        if late && t.sleep(50_000).is_err() {
            return;
        }
        let Ok(mut sqe) = t.receive(socket) else { return };
        loop {
            heard.lock().unwrap().push((sqe.opcode, sqe.args[0]));
            if sqe.opcode == Opcode::OpenAt as u8 {
                heard.lock().unwrap().push((u8::MAX, sqe.args[3]));
            }
            if sqe.opcode == Opcode::CloseMsg as u8 {
                break;
            }
            let (value, extra) = answer(t, &sqe);
            let cqe = cqe_bytes(0, sqe.tag, value, extra);
            if late {
                t.write(socket, &cqe).unwrap();
                break;
            }
            t.poke(buffer, &cqe);
            match t.call(Call::Call, [socket, buffer as usize, SQE, flags, both]) {
                Ok(_) => sqe = sqe_of(&t.peek(buffer, SQE)),
                Err(_) => return,
            }
        }
    }
}

type Seen = Vec<(usize, Vec<u8>)>;

/// Asks for everything; what came of it.
fn exercise(t: &mut Thread, root: usize) -> Seen {
    assert_eq!(errno(t.open(root, "missing", O_RDONLY as u64)), ENOENT);
    let mut seen = Vec::new();
    let note = |t: &mut Thread, seen: &mut Seen, result: Result<usize, Error>, at: u64, n| {
        let value = clavis_abi::error::mux(result);
        seen.push((value, t.peek(at, n)));
    };
    for (path, flags) in [
        ("plain", O_RDWR),
        ("positioned", O_RDWR),
        ("positioned", O_RDONLY),
        ("plain", O_WRONLY | O_APPEND),
    ] {
        let fd = t.open(root, path, flags as u64).unwrap();
        let (at, metadata) =
            (t.room(4096), t.put(&[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]));
        let info = t.query(fd).unwrap();
        seen.push((0, format!("{:x} {:x}", info.rights, info.inherit).into_bytes()));
        for len in [0, 1, 9, 64, 66, 4096] {
            for offset in [usize::MAX, usize::MAX, 0, 77] {
                let read = t.call(Call::Read2, [fd, at as usize, len, offset, usize::MAX]);
                note(t, &mut seen, read, at, 66);
                let written = t.call(Call::Write2, [fd, at as usize, len, offset, usize::MAX]);
                note(t, &mut seen, written, at, 0);
            }
            let both = (CallFlags::READ | CallFlags::WRITE).bits() | 2;
            let called = t.call(Call::Call, [fd, at as usize, len, both, metadata as usize]);
            note(t, &mut seen, called, at, 66);
            let one_way = CallFlags::WRITE.bits() | 1;
            let called = t.call(Call::Call, [fd, at as usize, len, one_way, metadata as usize]);
            note(t, &mut seen, called, at, 66);
            for call in [Call::Read, Call::Write] {
                let nowhere = t.call(call, [fd, NOWHERE, len, 0, 0]);
                note(t, &mut seen, nowhere, at, 0);
            }
        }
        for size in [143, 144, 200] {
            let stat = t.call(Call::Fstat, [fd, at as usize, size, 0, 0]);
            note(t, &mut seen, stat, at, 200);
        }
        let nowhere = t.call(Call::Fstat, [fd, NOWHERE, 144, 0, 0]);
        note(t, &mut seen, nowhere, at, 0);
        for (distance, whence) in [(5usize, 1), (9, 0), (3, 2)] {
            let sought = t.call(Call::Lseek, [fd, distance, whence, 0, 0]);
            note(t, &mut seen, sought, at, 0);
        }
        let closed = t.close(fd);
        note(t, &mut seen, closed, at, 0);
    }
    // What was closed is heard of before what is asked then, however much it is.
    for count in 1..4 {
        let opened: Vec<_> =
            (0..count).map(|_| t.open(root, "plain", O_RDWR as u64).unwrap()).collect();
        for fd in opened {
            t.close(fd).unwrap();
        }
        assert_eq!(errno(t.open(root, "missing", O_RDONLY as u64)), ENOENT);
    }
    seen
}

/// Where a forwarder sends what it is asked: the target's number, path, masks and handle flags.
fn ways() -> Vec<(usize, &'static str, Rights, Rights, u64)> {
    let (all, few) = (Rights::all(), Rights::READING | Rights::LOOKUP);
    let mut ways = Vec::new();
    let straight = open_flags::NOT_DIRECTORY | open_flags::OR_WALK;
    // Nothing but what a forward may ask is passed on.
    let ask = [0, handle_flags::BENEATH, straight, open_flags::EXEC | open_flags::IN_ROOT];
    for target in 4..=10 {
        for path in ["plain", "missing", "link", "", "..", "a/../..", "\u{0}"] {
            for (rights, inherit) in [(all, all), (few, all), (all, few), (Rights::empty(), all)] {
                for flags in ask {
                    ways.push((target, path, rights, inherit, flags));
                }
            }
        }
    }
    ways
}

/// Forwards opens from a socket, as their paths say; `late`: is busy whenever somebody asks.
fn lead(t: &mut Thread, late: bool) {
    let ways = ways();
    let word = |n: u64| n.to_le_bytes();
    let call_flags = (CallFlags::READ | CallFlags::WRITE).bits() | 3;
    loop {
        if late && t.sleep(50_000).is_err() {
            return;
        }
        let Ok(mut sqe) = t.receive(3) else { return };
        while sqe.opcode == Opcode::OpenAt as u8 {
            let way: usize = t.path(&sqe).parse().unwrap();
            let (target, path, rights, inherit, flags) = ways[way];
            // Room is used again in a circle.
            let both = t.put(&[word(0), word(1), word(1)].concat()) as usize;
            let (buffer, path_at) = (t.room(SQE), t.put(path.as_bytes()));
            let params = ForwardParams {
                fd: target as u64,
                path: path_at,
                path_len: path.len() as u64,
                rights: rights.bits(),
                inherit: inherit.bits(),
                flags,
            };
            let at = t.put(params.as_bytes());
            let cqe = cqe_bytes(CQE_FORWARD, sqe.tag, at, 0);
            let went = if late {
                t.write(3, &cqe)
            } else {
                t.poke(buffer, &cqe);
                t.call(Call::Call, [3, buffer as usize, SQE, call_flags, both])
            };
            match went {
                Err(error) => _ = t.refuse(3, sqe.tag, error.errno),
                Ok(_) if !late => {
                    sqe = sqe_of(&t.peek(buffer, SQE));
                    continue;
                }
                Ok(_) => {}
            }
            break;
        }
    }
}

#[test]
fn a_forward_leads_to_the_same_whether_servers_waited_or_were_busy() {
    let outcomes = [(false, false), (false, true), (true, false), (true, true)];
    let outcomes = outcomes.map(|(forwards_late, late)| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (to, notes) = (Arc::clone(&seen), Arc::clone(&heard));
        calm(move |t| {
            let (scheme, account) =
                (t.entry(EntryKind::FactoryScheme), t.entry(EntryKind::Account));
            let slots = t.entry(EntryKind::FactorySlot);
            let socket = t.socket(scheme).unwrap();
            let root = t.mint(socket, 1, 0).unwrap();
            let slot = t.slot(slots, "label").unwrap();
            t.send_handles(slot, &[root], CallFlags::FD_CLONE).unwrap();
            t.process(account, &[Give::all(socket, 3)], move |t| serve(t, 3, late, &notes))
                .unwrap();
            t.close(socket).unwrap();
            let names = t.socket(scheme).unwrap();
            let dir = t.mint(names, 1, 0).unwrap();
            let narrow = t.derive(root, Rights::all(), Rights::READING).unwrap();
            // It can be passed on and looked through, but not forwarded to.
            let blind = Rights::LOOKUP | Rights::DUP | Rights::TRANSFER;
            let blind = t.derive(root, blind, Rights::all()).unwrap();
            // Lent: for ever, until it is taken back, and for so many uses.
            let lent = [u64::MAX, u64::MAX, 100].map(|uses| {
                let lease = t.lease(&LeaseParams { uses, ..LeaseParams::unbounded() }).unwrap();
                (t.lend(root, lease).unwrap(), lease)
            });
            let give = [(names, 3), (root, 4), (slot, 5), (narrow, 6), (blind, 7)];
            let more = [(lent[0].0, 8), (lent[1].0, 9), (lent[2].0, 10)];
            let give: Vec<_> = give.into_iter().chain(more).collect();
            let give: Vec<_> = give.into_iter().map(|(number, at)| Give::all(number, at)).collect();
            t.process(account, &give, move |t| lead(t, forwards_late)).unwrap();
            t.revoke(lent[1].1).unwrap();
            t.close(names).unwrap();
            t.settle();
            let mut seen = Vec::new();
            for way in 0..ways().len() {
                for flags in [O_RDONLY, O_RDWR, O_WRONLY | O_APPEND] {
                    let opened = t.open(dir, &way.to_string(), flags as u64);
                    let told = match opened {
                        Ok(fd) => {
                            let info = t.query(fd).map(|info| {
                                let HandleInfo { rights, inherit, flags, label, .. } = info;
                                format!("{rights:x} {inherit:x} {flags:x} {label:?}")
                            });
                            let at = t.room(16);
                            let read = t.call(Call::Read2, [fd, at as usize, 9, 3, usize::MAX]);
                            t.close(fd).unwrap();
                            format!("{info:?} {read:?}")
                        }
                        Err(error) => format!("{error:?} {:?}", t.denial()),
                    };
                    seen.push(told);
                }
            }
            *to.lock().unwrap() = seen;
        });
        let heard = heard.lock().unwrap().clone();
        (Arc::into_inner(seen).unwrap().into_inner().unwrap(), heard)
    });
    let [(first, heard), others @ ..] = outcomes;
    assert_eq!(first.len(), ways().len() * 3);
    assert!(first.iter().filter(|told| told.contains("Ok(")).count() > 20, "hardly any was opened");
    for (seen, heard_then) in others {
        for (index, (a, b)) in first.iter().zip(&seen).enumerate() {
            assert_eq!(a, b, "open {index}: {:?}", ways()[index / 3]);
        }
        assert_eq!(heard, heard_then, "the server heard otherwise");
    }
}

#[test]
fn an_answer_is_the_same_whether_its_server_waited_or_was_busy() {
    let outcomes = [false, true].map(|late| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (to, notes) = (Arc::clone(&seen), Arc::clone(&heard));
        // Once, undisturbed: what is compared is what one run saw.
        calm(move |t| {
            let (scheme, account) =
                (t.entry(EntryKind::FactoryScheme), t.entry(EntryKind::Account));
            let socket = t.socket(scheme).unwrap();
            let root = t.mint(socket, 1, 0).unwrap();
            let give = [Give::all(socket, 3)];
            t.process(account, &give, move |t| serve(t, 3, late, &notes)).unwrap();
            t.close(socket).unwrap();
            t.settle();
            *to.lock().unwrap() = exercise(t, root);
        });
        let heard = heard.lock().unwrap().clone();
        (Arc::into_inner(seen).unwrap().into_inner().unwrap(), heard)
    });
    let [(direct, heard), (queued, heard_late)] = outcomes;
    assert_eq!(heard, heard_late, "the server heard otherwise");
    let closes = heard.iter().filter(|(opcode, _)| *opcode == Opcode::CloseMsg as u8);
    // All that was opened, and the root in the end.
    assert_eq!(closes.count(), 4 + 1 + 2 + 3 + 1);
    assert!(direct.len() > 100, "only {} answers were compared", direct.len());
    for (index, (a, b)) in direct.iter().zip(&queued).enumerate() {
        assert_eq!(a, b, "answer {index}");
    }
    assert_eq!(direct.len(), queued.len());
    assert!(direct.iter().any(|(value, _)| *value as isize > 0), "everything failed");
    let refused = direct.iter().filter_map(|(value, _)| clavis_abi::error::demux(*value).err());
    assert!(refused.count() > 10, "hardly anything failed");
}

/// A process of a priority that runs that code.
fn at_priority(
    t: &mut Thread,
    priority: u64,
    gives: &[Give],
    code: impl FnOnce(&mut Thread) + Send + 'static,
) -> usize {
    let account = t.entry(EntryKind::Account);
    let params = ProcessParams { priority, ..ProcessParams::default() };
    let process = t.process_build(account, gives, &params).unwrap();
    let entry = t.program(code);
    t.call(Call::ProcessStart, [process, entry as usize, 0, 0, 0]).unwrap();
    process
}

#[test]
fn who_calls_a_more_urgent_server_again_and_again_leaves_others_their_turns() {
    calm(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let server = at_priority(t, 20, &[Give::all(socket, 3)], |t| {
            serve(t, 3, false, &Mutex::new(Vec::new()));
            t.exit(0)
        });
        let awake = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&awake);
        let caller = at_priority(t, 4, &[Give::all(file, 5)], move |t| {
            let mut asked = 0;
            while !over.load(Ordering::SeqCst) {
                t.call_with(5, &mut [], CallFlags::empty(), &[1]).unwrap();
                asked += 1;
                assert!(asked < 40_000, "the sleeper does not wake");
            }
            t.exit(0)
        });
        // When it is to wake the CPU is at the caller or at the server, whichever it is.
        let sleeper = at_priority(t, 4, &[], move |t| {
            for nap in 1..6 {
                t.sleep(nap * 77_777).unwrap();
            }
            awake.store(true, Ordering::SeqCst);
            t.exit(0)
        });
        for process in [sleeper, caller] {
            t.finished(process);
        }
        t.close(file).unwrap();
        t.close(socket).unwrap();
        t.call(Call::Signal, [server, 9, 0, 0, 0]).unwrap();
    });
}

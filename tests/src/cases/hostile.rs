//! Bad pointers and malformed messages of every kind, generated from the tables.
use super::support::{Peer, check};
use crate::peer::ask;
use crate::run::{Case, Verdict};
use clavis::AsNumber;
use clavis::abi::call::{Call, TABLE};
use clavis::abi::class::{Form, STD_FS};
use clavis::abi::error::demux;

pub(crate) const CASES: &[Case] = &[
    Case { name: "bad_pointers_in_every_call_are_defined_errors", run: bad_pointers },
    Case { name: "random_arguments_to_every_call_are_survived", run: random_arguments },
    Case { name: "malformed_standard_file_system_calls_never_reach_the_server", run: malformed },
    Case { name: "malformed_paths_never_reach_the_server", run: paths },
    Case { name: "unknown_call_numbers_do_not_exist", run: unknown },
];

/// Addresses that no process can have mapped.
const BAD: [usize; 6] =
    [0, 1, 0x0000_7FFF_FFFF_F000, 0x0000_8000_0000_0000, 0xFFFF_8000_0000_0000, usize::MAX - 7];

/// A system call with any arguments.
fn raw(number: usize, args: [usize; 5]) -> usize {
    let result;
    // SAFETY: the callers pass addresses that are not mapped, or memory that they own and do not
    // look at while the call runs.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Calls that end, block or change the caller itself whatever their arguments say.
const OWN: [Call; 17] = [
    Call::Exit,
    Call::ThreadExit,
    Call::ThreadCreate,
    Call::SetTls,
    Call::SetDeadline,
    Call::Nanosleep,
    Call::Futex,
    Call::Yield,
    Call::Funmap,
    Call::Mprotect,
    Call::Mremap,
    Call::Fork,
    Call::Exec,
    Call::SignalActions,
    Call::SignalMask,
    Call::SignalWait,
    Call::Wait,
];

fn bad_pointers() -> Verdict {
    let peer = Peer::start("normal")?;
    let root = peer.root.number().raw();
    let error = |number: usize, args: [usize; 5], what: &str| {
        let failed = demux(raw(number, args)).is_err();
        check(failed, &format!("{what} succeeded with {args:x?}"))
    };
    for bad in BAD {
        error(Call::OpenAt as usize, [root, bad, 8, 0, usize::MAX], "OpenAt")?;
        error(Call::UnlinkAt as usize, [root, bad, 8, 0, 0], "UnlinkAt")?;
        error(Call::DupInto as usize, [root, bad, 8, usize::MAX, 0], "DupInto")?;
        error(Call::Write as usize, [root, bad, 64, 0, 0], "Write")?;
        error(Call::Flink as usize, [root, bad, 8, 0, 0], "Flink")?;
        error(Call::Frename as usize, [root, bad, 8, 0, 0], "Frename")?;
        error(Call::Fmap as usize, [usize::MAX, bad, 32, 0, 0], "Fmap")?;
        error(Call::Call as usize, [root, bad, 64, 0x600, 0], "Call")?;
        error(Call::Call as usize, [root, 0, 0, 0x601, bad], "Call")?;
        error(Call::ClockGettime as usize, [4, bad, 0, 0, 0], "ClockGettime")?;
        error(Call::Query as usize, [root, bad, 104, 0, 0], "Query")?;
        error(Call::LastDenial as usize, [bad, 32, 0, 0, 0], "LastDenial")?;
        error(Call::Map as usize, [usize::MAX, bad, 40, 0, 0], "Map")?;
        error(Call::Fstat as usize, [root, bad, 104, 0, 0], "Fstat")?;
    }
    check(peer.ask(0)? == 0, "the server no longer answers")
}

fn random_arguments() -> Verdict {
    let peer = Peer::start("normal")?;
    let root = peer.root.number().raw();
    let mut page = vec![0u8; 4096];
    let seed = u64::from(std::process::id()) << 32 | crate::run::now() & 0xFFFF_FFFF;
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..20_000 {
        let row = &TABLE[next() % TABLE.len()];
        // A write or a close at a random number could hit what this program needs.
        let skip = [Call::Close, Call::Dup2, Call::ProcessStart, Call::Signal, Call::Limit];
        if OWN.contains(&row.call) || skip.contains(&row.call) {
            continue;
        }
        let mut args = [0; 5];
        for (index, arg) in args.iter_mut().enumerate() {
            *arg = match next() % 6 {
                0 => root,
                1 => BAD[next() % BAD.len()],
                2 => page.as_mut_ptr() as usize + next() % 8,
                3 => next() % 256,
                4 => next(),
                _ => 1000 + index,
            };
        }
        // The first argument names the peer or nothing; memory is only ever lent within the page.
        args[0] = if next() % 2 == 0 { root } else { 5000 + next() % 100 };
        args[2] = next() % 2048;
        if matches!(row.call, Call::Read | Call::Read2 | Call::Fmap | Call::Map) {
            args[0] = 5000;
        }
        _ = raw(row.call as usize, args);
    }
    check(peer.ask(0)? == 0, &format!("the server no longer answers (seed {seed})"))
}

fn malformed() -> Verdict {
    let peer = Peer::start("normal")?;
    let root = peer.root.number().raw();
    let pair = [root, root];
    let mut payload = vec![b'x'; 8192];
    let mut attempt = |kind: u64, two: bool, len: usize, words: [u64; 2]| {
        let metadata = [kind, words[0], words[1]];
        let (target, flag) = if two { (pair.as_ptr() as usize | 2, 1 << 19) } else { (root, 0) };
        let flags = 3 | 1 << 9 | 1 << 10 | 1 << 16 | flag;
        let args = [target, payload.as_mut_ptr() as usize, len, flags, metadata.as_ptr() as usize];
        demux(raw(Call::Call as usize, args))
    };
    for rule in STD_FS {
        let (kind, two) = (rule.kind as u64, rule.second.is_some());
        let what = format!("{:?}", rule.kind);
        let mut refuse = |two: bool, kind: u64, len: usize, words: [u64; 2]| {
            let failed = attempt(kind, two, len, words).is_err();
            check(failed, &format!("{what} with {len} bytes and {words:x?} got through"))
        };
        refuse(!two, kind, 0, [0; 2])?;
        refuse(two, kind | 1 << 8, 0, [0; 2])?;
        match rule.form {
            Form::Exact(size) => {
                refuse(two, kind, size + 1, [0; 2])?;
                if size > 0 {
                    refuse(two, kind, size - 1, [0; 2])?;
                }
            }
            Form::LockRange(size) => {
                refuse(two, kind, size + 1, [0; 2])?;
                refuse(two, kind, size, [1 << 62, 1 << 62])?;
            }
            // Without the NUL between the two; longer than any path.
            Form::TwoPaths => refuse(two, kind, 10, [0; 2])?,
            Form::Path => refuse(two, kind, 5000, [0; 2])?,
            Form::Free => {}
        }
    }
    for kind in [0u64, 9, 17, 200, 255] {
        check(attempt(kind, false, 0, [0; 2]).is_err(), "an unknown kind got through")?;
    }
    check(peer.ask(ask::HEARD)? == 0, "the server heard of a malformed call")
}

fn paths() -> Verdict {
    let peer = Peer::start("normal")?;
    let root = peer.root.number().raw();
    let long = vec![b'a'; 5000];
    let component = vec![b'a'; 256];
    for path in [b"a\0b".as_slice(), b"\xFF\xFE", b"\xC0\x80", &long, &component] {
        let (at, len) = (path.as_ptr() as usize, path.len());
        let opened = demux(raw(Call::OpenAt as usize, [root, at, len, 0, usize::MAX]));
        check(opened.is_err(), &format!("a path of {len} bytes was opened"))?;
        let removed = demux(raw(Call::UnlinkAt as usize, [root, at, len, 0, 0]));
        check(removed.is_err(), &format!("a path of {len} bytes was removed"))?;
    }
    check(peer.ask(ask::HEARD)? == 0, "the server heard of a malformed path")
}

fn unknown() -> Verdict {
    let known: Vec<usize> = TABLE.iter().map(|row| row.call as usize).collect();
    for number in (0..0x400).chain(0x4000_0000..0x4000_0100).chain([usize::MAX, 1 << 40]) {
        if !known.contains(&number) {
            let failed = demux(raw(number, [0; 5])).is_err_and(|error| error.errno == 38);
            check(failed, &format!("call {number:#x} exists"))?;
        }
    }
    Ok(())
}

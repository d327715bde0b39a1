//! Death within every change: nobody can tell a file system whose process is killed all the time
//! from one that lives.
use super::*;
use crate::attributes::Times;
use crate::handles::Number;
use crate::locks::{Kind as LockKind, Owner, Range};
use crate::page::{Page, Words};
use crate::tree::{Kind, NodeId, Tree};
use fastrand::Rng;
use std::fmt::Write;
use std::sync::atomic::AtomicU64;
use syscall::Stat;
use syscall::flag::{AT_REMOVEDIR, O_APPEND, O_CREAT, O_DIRECTORY, O_RDWR, O_SYMLINK, O_TRUNC};

const LOG: usize = 2 << 20;
const LIMIT: u64 = 96 << 12;
const NOW: Time = Time { seconds: 3, nanoseconds: 4 };

/// Pages that outlive whoever uses them, with more than the limit for what is torn apart.
struct Memory {
    pages: &'static [Words],
    ever: &'static AtomicU64,
}

impl Memory {
    fn new() -> Memory {
        let pages: Vec<Words> = (0..192).map(|_| Page::default().0).collect();
        Memory { pages: pages.leak(), ever: Box::leak(Box::default()) }
    }

    fn open<'l>(&self, log: &'l mut [u8]) -> Files<'l> {
        Files::open(log, Store::lasting(self.pages, self.ever), LIMIT, Some("tmp"), NOW).unwrap()
    }
}

/// What can be seen of a file system.
fn picture(tree: &Tree) -> String {
    let mut out = format!("{} bytes\n", tree.budget().used());
    paint(tree, tree.root(), "", &mut out);
    out
}

fn paint(tree: &Tree, node: NodeId, path: &str, out: &mut String) {
    let mut stat = Stat::default();
    tree.stat(node, &mut stat).unwrap();
    stat.st_ino = 0;
    let hash = match tree.kind(node).unwrap() {
        Kind::Directory => 0,
        _ => {
            let mut bytes = vec![0; tree.size(node).unwrap() as usize];
            tree.read(node, 0, &mut bytes).unwrap();
            bytes.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte as u64))
        }
    };
    writeln!(out, "{path} {stat:?} {hash}").unwrap();
    if tree.kind(node).unwrap() == Kind::Directory {
        for (_, name, child) in tree.entries(node, 0).unwrap() {
            paint(tree, child, &format!("{path}/{name}"), out);
        }
    }
}

/// A random change, with handles by their place in the client's list.
struct Wish {
    what: usize,
    at: usize,
    other: usize,
    paths: [String; 2],
    flags: u64,
    offset: u64,
    data: Vec<u8>,
    kind: LockKind,
    mapping: u64,
}

impl Wish {
    fn random(random: &mut Rng, handles: usize) -> Wish {
        let mut path = || {
            let parts: Vec<&str> = (0..random.usize(1..3))
                .map(|_| ["a", "b", "c", "..", "tmp"][random.usize(0..5)])
                .collect();
            parts.join("/")
        };
        let paths = [path(), path()];
        let flags = [0, O_CREAT, O_CREAT, O_CREAT | O_DIRECTORY, O_TRUNC, O_CREAT | O_SYMLINK];
        let more = [0, O_APPEND][random.usize(0..2)];
        let length = [1, 30, 5000, 9000][random.usize(0..4)];
        Wish {
            what: random.usize(0..22),
            at: random.usize(0..handles),
            other: random.usize(0..handles),
            paths,
            flags: (flags[random.usize(0..flags.len())] | more | O_RDWR) as u64 | 0o644,
            offset: [0, 4096, 10_000][random.usize(0..3)],
            data: vec![random.u8(..); length],
            kind: if random.bool() { LockKind::Shared } else { LockKind::Exclusive },
            mapping: random.u64(1..),
        }
    }

    fn change(&self, numbers: &[Number], files: &Handles) -> Change<'_> {
        let (number, other) = (numbers[self.at], numbers[self.other]);
        let [path, second] = self.paths.each_ref().map(String::as_str);
        let owner = Owner::Process(self.other % 3);
        let range = Range::new(self.offset, self.data.len() as u64).unwrap();
        let flags = self.flags;
        match self.what {
            0..7 => Change::Open { number, path, flags },
            7 if self.at != 0 => Change::Close { number },
            8..12 if files.is_link(number).unwrap() => Change::Target { number, target: b"../x" },
            8..12 => Change::Write {
                number,
                length: self.data.len(),
                offset: self.offset,
                flags: (flags & O_APPEND as u64) as u32,
            },
            12 => Change::Truncate { number, length: self.offset },
            13 => Change::SetMode { number, mode: flags as u16 },
            14 => {
                let times = Times { accessed: Some(NOW), modified: None };
                Change::SetTimes { number, times }
            }
            15 => Change::Lock { number, owner, kind: self.kind, range },
            16 => Change::Unlock { number, owner, range },
            17 => Change::Unlink { number, path, flags: [0, AT_REMOVEDIR][self.other % 2] as u64 },
            18 => Change::RenameAt { old: (number, path), new: (other, second), flags: 0 },
            19 => Change::LinkAt { target: number, directory: other, path },
            20 => Change::Map { number, offset: 0, size: 4096 },
            _ => Change::Unmap { number, offset: 0, mapping: self.mapping },
        }
    }

    /// Nobody answers a notice, so it has no place and no tag.
    fn is_notice(&self) -> bool {
        self.what == 7 || self.what > 20
    }

    fn perform(&self, files: &mut Files<'_>, numbers: &[Number], tag: u32) -> Result<Outcome> {
        let change = self.change(numbers, files.handles());
        if let Change::Close { .. } | Change::Unmap { .. } = change {
            return files.note(change, NOW).map(|()| Outcome::Result(0));
        }
        files.begin(tag);
        let result = files.change(change, Some(&self.data), NOW)?;
        Ok(outcome(&change, result))
    }
}

/// Places and numbers are each file system's own.
fn heard(result: &Result<Outcome>) -> Result<Option<usize>> {
    match result {
        Ok(Outcome::Result(value)) => Ok(Some(*value)),
        Ok(_) => Ok(None),
        Err(error) => Err(*error),
    }
}

fn learn(numbers: &mut Vec<Number>, wish: &Wish, result: &Result<Outcome>) {
    match (wish.what, result) {
        (7, Ok(_)) if wish.at != 0 => _ = numbers.swap_remove(wish.at),
        (_, Ok(Outcome::Opened(number))) => numbers.push(*number),
        _ => {}
    }
}

/// Puts a part of what a process wrote where it would have written it.
fn store(log: &mut [u8], trace: &[(usize, Vec<u8>)], most: usize) {
    let bytes = trace.iter().flat_map(|(at, bytes)| (*at..).zip(bytes));
    bytes.take(most).for_each(|(at, byte)| log[at] = *byte);
}

#[test]
fn clients_of_a_file_system_that_is_killed_all_the_time_notice_nothing() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let (here, there) = (Memory::new(), Memory::new());
    let (mut log, mut mortal) = (vec![0; LOG], vec![0; LOG]);
    let mut immortal = here.open(&mut log);
    drop(there.open(&mut mortal));
    let (mut ours, mut theirs) = (vec![0], vec![0]);
    let mut tenants = [0_u32; 3];
    let (mut repeated, mut snapshots) = (0, 0);
    for step in 0..1500 {
        let wish = Wish::random(&mut random, ours.len());
        let place = random.usize(0..3);
        tenants[place] = (tenants[place] + u32::from(!wish.is_notice())) % 4;
        let tag = place as u32 | tenants[place] << 16;
        let expected = wish.perform(&mut immortal, &ours, tag);

        let mut copy = mortal.clone();
        let mut dying = there.open(&mut copy);
        let opened: usize = dying.log.trace.iter().map(|(_, bytes)| bytes.len()).sum();
        let _ = wish.perform(&mut dying, &theirs, tag);
        let trace = std::mem::take(&mut dying.log.trace);
        let total: usize = trace.iter().map(|(_, bytes)| bytes.len()).sum();
        let cut = if random.bool() { total } else { random.usize(0..=total) };
        snapshots += usize::from(cut >= opened);
        store(&mut mortal, &trace, cut);

        let mut successor = there.open(&mut mortal);
        let found = match successor.done(tag).filter(|_| !wish.is_notice()) {
            Some(outcome) => {
                repeated += 1;
                Ok(outcome)
            }
            // The kernel tells notices again too: one that was done does nothing then.
            None => wish.perform(&mut successor, &theirs, tag),
        };
        assert_eq!(heard(&found), heard(&expected), "step {step}");
        learn(&mut ours, &wish, &expected);
        learn(&mut theirs, &wish, &found);
        let (one, two) = (immortal.handles().tree(), successor.handles().tree());
        assert_eq!(picture(one), picture(two), "step {step}");
    }
    assert!(repeated > 100 && snapshots > 100, "{repeated} repeated, {snapshots} snapshots");
}

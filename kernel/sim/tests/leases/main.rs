//! Leases: what was lent is taken back, wherever it went and whatever came of it.
mod between;
#[path = "../common/mod.rs"]
mod common;
mod counted;
mod several;
mod taken;
mod waits;

use clavis_abi::call::Call;
use clavis_abi::params::{LeaseInfo, LeaseParams};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::data::Map;
use clavis_abi::syscall::flag::{MapFlags, O_RDWR};
use clavis_sim::Thread;

const RW: u64 = O_RDWR as u64;
const SHARED: MapFlags =
    MapFlags::PROT_READ.union(MapFlags::PROT_WRITE).union(MapFlags::MAP_SHARED);

fn lease(t: &mut Thread) -> usize {
    t.lease(&LeaseParams::unbounded()).unwrap()
}

fn beneath(t: &mut Thread, first: usize, second: usize) -> usize {
    let parents = [first as u64, second as u64];
    t.lease(&LeaseParams { parents, ..LeaseParams::unbounded() }).unwrap()
}

fn state(t: &mut Thread, lease: usize) -> LeaseInfo {
    let at = t.room(size_of::<LeaseInfo>());
    t.call(Call::Read, [lease, at as usize, size_of::<LeaseInfo>(), 0, 0]).unwrap();
    t.peek_struct(at)
}

/// A pipe's ends.
fn pipe(t: &mut Thread, flags: u64) -> (usize, usize) {
    let factory = t.entry(EntryKind::FactoryPipe);
    let reader = t.open(factory, "", RW | flags).unwrap();
    let writer = t.dup_message(reader, b"write").unwrap();
    (reader, writer)
}

/// Answers every message with its number until nobody is there any more.
fn serve(t: &mut Thread) {
    while let Ok(sqe) = t.receive(3) {
        let _ = t.reply(3, sqe.tag, 7);
    }
}

/// What maps anonymous memory.
fn anonymous(t: &mut Thread, size: usize) -> usize {
    let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE;
    let map = Map { offset: 0, size, flags, address: 0 };
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&map);
    t.put(&bytes) as usize
}

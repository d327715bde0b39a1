//! What others do while a path is walked: a few hundred times, or as often as `CLAVIS_ROUNDS` says
//! (`CLAVIS_ROUNDS=1000000 suite --case NAME`), which then tells what came of it.
use super::super::place::{Place, io};
use super::super::support::{at, check};
use super::{cage, fixture};
use crate::run::{Case, Verdict};
use clavis::Handle;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use syscall::flag::O_RDONLY;

pub(crate) const CASES: &[Case] = &[
    Case { name: "links_and_directories_that_are_swapped_lead_nowhere", run: swapped },
    Case { name: "directories_that_move_during_walks_lead_nowhere", run: moving },
    Case { name: "numbers_that_are_closed_and_taken_again_lead_nowhere_else", run: reused },
];

/// How often each path is walked, if nothing else was said.
const ROUNDS: usize = 300;

/// How often something is done: so often, or as was said.
fn rounds(usual: usize) -> usize {
    asked().unwrap_or(usual)
}

fn asked() -> Option<usize> {
    std::env::var("CLAVIS_ROUNDS").ok()?.parse().ok()
}

/// Walks while another thread changes what is walked.
fn raced(cage: &Handle, paths: &[&str], change: impl Fn() + Sync) -> Verdict {
    let (going, changes) = (AtomicBool::new(true), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while going.load(Ordering::SeqCst) {
                change();
                changes.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut inside = 0;
        let walks = rounds(ROUNDS * paths.len());
        let mut walk = || {
            for path in paths.iter().cycle().take(walks) {
                let Ok(found) = Handle::open_at(cage, path, O_RDONLY as u64) else { continue };
                let mut text = [0; 16];
                let Ok(length) = found.read_at(&mut text, 0) else { continue };
                check(text.get(..length) == Some(b"inside"), &format!("{path} ended outside"))?;
                inside += 1;
            }
            Ok(())
        };
        let walked = walk();
        going.store(false, Ordering::SeqCst);
        if asked().is_some() {
            let changes = changes.load(Ordering::Relaxed);
            println!("{walks} walks, {inside} ended inside, the others nowhere; {changes} changes");
        }
        walked
    })
}

fn swapped() -> Verdict {
    let place = fixture("swapped")?;
    let cage = cage(&place)?;
    swapped_in(&place, &cage)
}

/// From a directory of the place.
pub(super) fn swapped_in(place: &Place, cage: &Handle) -> Verdict {
    let (swap, spare) = (place.at("in/swap"), place.at("in/spare"));
    io("mkdir", fs::create_dir(&swap))?;
    io("write", fs::write(swap.join("beside"), "inside"))?;
    io("link", symlink("..", &spare))?;
    let third = place.at("in/third");
    raced(cage, &["swap/beside", "swap/../swap/beside"], || {
        _ = fs::rename(&swap, &third);
        _ = fs::rename(&spare, &swap);
        _ = fs::rename(&third, &spare);
    })
}

fn moving() -> Verdict {
    let place = fixture("moving")?;
    let cage = cage(&place)?;
    io("mkdir", fs::create_dir_all(place.at("in/a/b/c")))?;
    for name in ["in/a/beside", "in/beside"] {
        io("write", fs::write(place.at(name), "inside"))?;
    }
    let (from, out) = (place.at("in/a/b"), place.at("b"));
    let paths =
        ["a/b/c/../../beside", "a/b/../../beside", "a/b/c/../../../beside", "a/b/../../../beside"];
    raced(&cage, &paths, || {
        _ = fs::rename(&from, &out);
        _ = fs::rename(&out, &from);
    })
}

fn reused() -> Verdict {
    let place: Place = fixture("reused")?;
    let cage = cage(&place)?;
    let inside = at("deep", Handle::open_at(&cage, "deep", O_RDONLY as u64))?;
    let beside = place.at("beside");
    let number = clavis::AsNumber::number(&inside);
    let going = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Opens and closes: numbers come and go.
            while going.load(Ordering::SeqCst) {
                drop(fs::File::open(&beside));
                drop(Handle::open(&beside.to_string_lossy(), O_RDONLY as u64));
            }
        });
        let mut inside = Some(inside);
        let stale = Handle::from_number(number);
        let all = rounds(2 * ROUNDS);
        let walk = (0..all).try_for_each(|round| {
            if round == all / 2 {
                drop(inside.take());
            }
            let Ok(found) = Handle::open_at(&stale, "file", O_RDONLY as u64) else {
                return check(round >= all / 2, "what is open does not open");
            };
            let mut text = [0; 16];
            let length = at("read", found.read_at(&mut text, 0))?;
            let right = round < all / 2 && text.get(..length) == Some(b"deep");
            check(right, "a stale number means something else")
        });
        going.store(false, Ordering::SeqCst);
        _ = stale.into_number();
        walk
    })
}

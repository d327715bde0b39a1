//! Who is charged for a CPU's time.
mod common;
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EBADF, EINVAL, ENOTCAPABLE};
use clavis_abi::params::{ExitStatus, SIGNAL_SELF, cpu_time};
use clavis_abi::startup::EntryKind;
use clavis_sim::{Give, Thread};
use common::{errno, scene};

/// Far more than all entries into the kernel of a scene together.
const MUCH: u64 = 100_000_000;

fn spent(t: &mut Thread, process: usize, which: usize) -> u64 {
    t.call(Call::CpuTime, [process, which, 0, 0, 0]).unwrap() as u64
}

/// Whether that is a time, or slightly more.
fn about(time: u64, expected: u64) -> bool {
    (expected..expected + MUCH / 2).contains(&time)
}

#[test]
fn time_is_charged_to_who_computes_and_not_to_who_sleeps() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let busy = t.process(account, &[], |t| t.pass(7 * MUCH)).unwrap();
        let idle = t.process(account, &[], |t| t.sleep(9 * MUCH).map(drop).unwrap()).unwrap();
        for process in [busy, idle] {
            assert_eq!(t.wait(process).unwrap(), ExitStatus { kind: 0, code: 0 });
        }
        assert!(about(spent(t, busy, cpu_time::PROCESS), 7 * MUCH));
        assert!(about(spent(t, idle, cpu_time::PROCESS), 0));
        assert!(about(spent(t, SIGNAL_SELF, cpu_time::PROCESS), 0));
        assert!(about(spent(t, SIGNAL_SELF, cpu_time::THREAD), 0));
        assert!(about(spent(t, SIGNAL_SELF, cpu_time::CHILDREN), 7 * MUCH));
    });
}

#[test]
fn a_process_has_the_time_of_all_its_threads_and_keeps_it_when_they_end() {
    scene(|t| {
        // More than are counted in one quantum; two thirds of them are gone at the end.
        const THREADS: u64 = 150;
        for index in 0..THREADS {
            let thread = t.spawn(1 + index % 15, move |t| {
                t.pass(MUCH);
                if index % 3 == 0 {
                    let _ = t.sleep(1 << 60);
                }
            });
            thread.unwrap();
        }
        t.sleep((THREADS + 10) * MUCH).unwrap();
        let time = spent(t, SIGNAL_SELF, cpu_time::PROCESS);
        assert!(about(time, THREADS * MUCH), "{time}");
        let again = spent(t, SIGNAL_SELF, cpu_time::PROCESS);
        assert!((time..time + MUCH / 2).contains(&again));
        assert!(about(spent(t, SIGNAL_SELF, cpu_time::THREAD), 0));
    });
}

#[test]
fn the_time_of_a_process_is_told_to_who_may_inspect_it() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let child = t.process(account, &[Give::all(account, 5)], |t| t.pass(MUCH)).unwrap();
        t.wait(child).unwrap();
        let blind = t.derive(child, !Rights::INSPECT, Rights::all()).unwrap();
        assert_eq!(errno(t.call(Call::CpuTime, [blind, 0, 0, 0, 0])), ENOTCAPABLE);
        assert_eq!(errno(t.call(Call::CpuTime, [account, 0, 0, 0, 0])), EINVAL);
        assert_eq!(errno(t.call(Call::CpuTime, [child, 3, 0, 0, 0])), EINVAL);
        assert_eq!(errno(t.call(Call::CpuTime, [999, 0, 0, 0, 0])), EBADF);
        let all = spent(t, child, cpu_time::PROCESS);
        assert!(about(all, MUCH));
        assert_eq!(spent(t, child, cpu_time::PROCESS), all, "a dead process does not age");
    });
}

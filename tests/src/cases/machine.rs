//! What the machine does for ordinary programs: stacks that end, registers that stay, processes
//! without number.
use super::support::{act, at, check};
use crate::run::{Case, Verdict};
use crate::vectors;
use clavis::ExitStatus;

pub(crate) const CASES: &[Case] = &[
    Case { name: "deep_recursion_ends_only_its_process", run: recursion },
    Case { name: "deep_recursion_in_a_thread_ends_only_its_process", run: recursion_in_a_thread },
    Case { name: "vector_registers_survive_every_call_and_preemption", run: registers },
    Case { name: "a_thousand_children_are_spawned_and_waited_for", run: thousand },
    Case { name: "functions_of_mathematics_give_known_values", run: mathematics },
];

fn recursion() -> Verdict {
    falls("recurse")
}

fn recursion_in_a_thread() -> Verdict {
    falls("recurse-thread")
}

/// A child that calls itself without end falls off its stack; we and another child do not.
fn falls(how: &str) -> Verdict {
    let other = at("spawn", act("sleep").spawn())?;
    let child = at("spawn", act(how).spawn())?;
    let status = at("wait", child.wait())?;
    let other_ended = at("try_wait", other.try_wait())?;
    at("kill", other.kill())?;
    check(matches!(status, ExitStatus::Fault(_)), &format!("it ended with {status}"))?;
    check(other_ended.is_none(), "another process ended with it")
}

fn registers() -> Verdict {
    let children: Vec<_> = ["vectors-1", "vectors-2"]
        .into_iter()
        .map(|act_name| at("spawn", act(act_name).spawn()))
        .collect::<Result<_, _>>()?;
    let own = vectors::survive(3);
    for child in children {
        let status = at("wait", child.wait())?;
        check(status.success(), &format!("in another process: {status}"))?;
    }
    own
}

fn thousand() -> Verdict {
    for number in 0..1000 {
        let child = at("spawn", act("exit-7").spawn())?;
        let status = at("wait", child.wait())?;
        check(status == ExitStatus::Exit(7), &format!("child {number} ended with {status}"))?;
    }
    Ok(())
}

fn mathematics() -> Verdict {
    let at = |x: f64| std::hint::black_box(x);
    for (name, found, expected) in [
        ("sin", at(1.0).sin(), 0.841_470_984_807_896_5),
        ("cos", at(1.0).cos(), 0.540_302_305_868_139_8),
        ("tan", at(0.5).tan(), 0.546_302_489_843_790_5),
        ("atan2", at(1.0).atan2(-1.0), 2.356_194_490_192_345),
        ("exp", at(1.0).exp(), std::f64::consts::E),
        ("exp2", at(0.5).exp2(), std::f64::consts::SQRT_2),
        ("ln", at(10.0).ln(), std::f64::consts::LN_10),
        ("log2", at(10.0).log2(), std::f64::consts::LOG2_10),
        ("log10", at(1e-5).log10(), -5.0),
        ("powf", at(2.0).powf(0.5), std::f64::consts::SQRT_2),
        ("hypot", at(3.0).hypot(4.0), 5.0),
        ("cbrt", at(27.0).cbrt(), 3.0),
        ("sinh", at(1.0).sinh(), 1.175_201_193_643_801_4),
        ("fma", at(2.0).mul_add(3.0, 4.0), 10.0),
        ("rem", at(7.5) % 2.0, 1.5),
        ("floor", at(-1.5).floor(), -2.0),
        ("round", at(2.5).round_ties_even(), 2.0),
    ] {
        let near = (found - expected).abs() <= expected.abs() * 4.0 * f64::EPSILON;
        check(near, &format!("{name} gave {found} instead of {expected}"))?;
    }
    let single = std::hint::black_box(2.0f32).powf(0.5);
    check(single == std::f32::consts::SQRT_2, &format!("powf gave {single}"))
}

//! The compiled policy against the slow, obvious one.

use crate::reference::{NAMES, decide, lines, path, policy, seeded, something_below};

#[test]
fn every_decision_is_that_of_the_obvious_reading() {
    let mut random = seeded();
    for _ in 0..10_000 {
        let lines = lines(&mut random, 6);
        let policy = policy(&lines);
        for _ in 0..200 {
            let path = path(&mut random);
            let (found, expected) = (policy.decide(&path), decide(&lines, &path));
            assert_eq!(found.verdict, expected, "{path} under {lines:#?}");
        }
    }
}

#[test]
fn a_walk_by_names_comes_to_the_same_as_the_whole_path() {
    let mut random = seeded();
    for _ in 0..2_000 {
        let lines = lines(&mut random, 6);
        let policy = policy(&lines);
        for _ in 0..50 {
            let mut path = String::from("/scheme");
            let mut state = policy.start();
            for _ in 0..random.usize(..6) {
                let name = random.choice([NAMES, &["file"]].concat()).unwrap();
                path = path + "/" + name;
                state = policy.step(&state, name);
                assert_eq!(state.decision(), policy.decide(&path), "{path} under {lines:#?}");
            }
        }
    }
}

#[test]
fn a_directory_leads_wherever_something_below_it_is_visible() {
    let mut random = seeded();
    let (mut leads, mut empty) = (0, 0);
    for _ in 0..300 {
        let lines = lines(&mut random, 4);
        let policy = policy(&lines);
        for path in ["/", "/a", "/scheme", "/scheme/a", "/b/a", "/ab/é"] {
            let below = something_below(&lines, path, NAMES, 2);
            let decision = policy.decide(path);
            assert!(decision.leads || !below, "{path} under {lines:#?}");
            leads += usize::from(decision.leads);
            empty += usize::from(decision.leads && !below);
        }
    }
    // It may lead where nothing turns out to be visible, if no single line hides all of it or
    // the names that were tried do not match.
    println!("{leads} lead, {empty} of them to nothing that was tried");
    assert!(leads > empty * 2);
}

#[test]
fn what_is_said_of_all_below_a_directory_holds_for_each_path_there() {
    use clavis_policy::{Below, Verdict};
    let mut random = seeded();
    let (mut same, mut varies) = (0, 0);
    for _ in 0..4_000 {
        let mut lines = lines(&mut random, 4);
        if random.bool() {
            lines.insert(0, "allow rwxc /***".into());
        }
        let policy = policy(&lines);
        for above in ["/", "/a", "/scheme/a", "/b/a", "/ab/é", "/a/b"] {
            let (said, verdict) = (policy.below(above), policy.decide(above).verdict);
            same += usize::from(said == Below::Same && verdict != Verdict::Hide);
            varies += usize::from(said == Below::Varies);
            for _ in 0..40 {
                let mut below = above.trim_end_matches('/').to_owned();
                for _ in 0..random.usize(1..4) {
                    below = below + "/" + random.choice(NAMES).unwrap();
                }
                // The files are no directory of all schemes.
                if above == "/" && below.starts_with("/scheme") {
                    continue;
                }
                let found = policy.decide(&below).verdict;
                let holds = match said {
                    Below::Same => found == verdict,
                    Below::Varies => found != Verdict::Hide,
                    Below::Hides => true,
                };
                assert!(holds, "{said:?} of {above}, {found:?} {below} under {lines:#?}");
            }
        }
    }
    println!("{same} the same, {varies} without anything hidden");
    assert!(same > 500 && varies > 500);
}

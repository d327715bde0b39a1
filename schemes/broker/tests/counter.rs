//! A desk and what it gives from change together.
use clavis_broker::{Answer, Counter, Desk, Network, Person, ROOT, Terms};
use clavis_policy::{Draft, Policy, narrowing};
use std::sync::Arc;
use syscall::error::{E2BIG, EMFILE, ENOMEM, EPERM, Error};

fn policy(text: &str) -> Arc<Policy> {
    let none = &mut |_: &str| Err("nothing is included".to_owned());
    let draft = Draft::new().read("test", text, none);
    Arc::new(draft.and_then(Draft::seal).unwrap_or_else(|mistake| panic!("{mistake}")))
}

fn less(line: &str) -> Arc<Policy> {
    Arc::new(narrowing("test", line).unwrap_or_else(|mistake| panic!("{mistake}")))
}

/// Gives `/a` from something with the number 1, and asks about `/b`, as request 7 does.
fn counter() -> Counter<u32> {
    let (grant, ask) = (policy("allow r /a/***"), Some(policy("allow r /b/***")));
    let (person, network) = (Person::Present, Network::Absent);
    let mut desk = Desk::new(Terms { grant, ask, person, network });
    assert_eq!(desk.open(ROOT, "open/b/x", 7), Ok(Answer::Ask));
    Counter { desk, from: 1 }
}

/// It decides and gives as in the beginning.
fn is_as_it_was(counter: &mut Counter<u32>) {
    assert_eq!(counter.from, 1);
    assert!(matches!(counter.desk.open(ROOT, "open/a/x", 8), Ok(Answer::Grant(_))));
    assert!(counter.desk.question().is_some_and(|(_, grant)| grant.path == "/b/x"));
}

#[test]
fn a_shrink_that_fails_anywhere_changes_nothing() {
    let mut counter = counter();
    let deny = less("deny /a/***");
    let short = |_: &u32| Err(Error::new(ENOMEM));
    let with = || -> Result<(), Error> { panic!("it was too early") };
    assert_eq!(counter.narrow(&deny, short, with).unwrap_err().errno, ENOMEM);
    is_as_it_was(&mut counter);
    let sealed = || Err::<(), _>(Error::new(EPERM));
    let refused = counter.narrow(&deny, |from| Ok(Some(from + 1)), sealed);
    assert_eq!(refused.unwrap_err().errno, EPERM);
    is_as_it_was(&mut counter);
    for number in 0..7 {
        let one = less(&format!("deny /{number}"));
        let narrowed = counter.narrow(&one, |from| Ok(Some(*from)), || Ok(())).unwrap();
        assert_eq!(narrowed.waiting, if number == 0 { vec![7] } else { vec![] });
    }
    assert_eq!(counter.desk.open(ROOT, "open/b/x", 7), Ok(Answer::Ask));
    let with = || -> Result<(), Error> { panic!("there are too many policies") };
    let full = counter.narrow(&deny, |from| Ok(Some(from + 1)), with);
    assert_eq!(full.unwrap_err().errno, E2BIG);
    is_as_it_was(&mut counter);
}

#[test]
fn a_shrink_replaces_what_is_given_from_unless_that_was_taken_back() {
    let mut counter = counter();
    let narrowed = counter.narrow(&less("deny /a/x"), |from| Ok(Some(from + 1)), || Ok("done"));
    let narrowed = narrowed.unwrap();
    assert_eq!((narrowed.old, narrowed.waiting, narrowed.done), (Some(1), vec![7], "done"));
    assert_eq!(counter.from, 2);
    assert!(counter.desk.open(ROOT, "open/a/x", 8).is_err_and(|error| error.errno != EMFILE));
    let narrowed = counter.narrow(&less("deny /a/y"), |_| Ok(None), || Ok(())).unwrap();
    assert_eq!((narrowed.old, counter.from), (None, 2));
    assert!(counter.desk.open(ROOT, "open/a/y", 8).is_err());
}

//! What a broker decides.
use clavis_abi::Rights;
use clavis_broker::{
    Answer, Desk, Grant, Network, OBJECTS, Person, QUESTIONS, ROOT, Refusal, Terms,
};
use clavis_policy::{Draft, Policy};
use std::sync::Arc;

fn policy(text: &str) -> Arc<Policy> {
    let none = &mut |_: &str| Err("nothing is included".to_owned());
    let draft = Draft::new().read("test", text, none);
    Arc::new(draft.and_then(Draft::seal).unwrap_or_else(|mistake| panic!("{mistake}")))
}

fn desk(grant: &str, ask: Option<&str>, person: Person) -> Desk {
    let network = Network::Absent;
    Desk::new(Terms { grant: policy(grant), ask: ask.map(policy), person, network })
}

fn asked(desk: &mut Desk, object: usize, path: &str) -> Result<Answer, Refusal> {
    desk.open(object, path, 1).map_err(|error| Refusal::of(error.errno))
}

fn granted(desk: &mut Desk, object: usize, path: &str) -> Option<Grant> {
    match asked(desk, object, path) {
        Ok(Answer::Grant(grant)) => Some(grant),
        _ => None,
    }
}

#[test]
fn the_policy_decides() {
    let text = "allow rw /project/***\ndeny /project/key\nhide /project/secret/***\nmask /project/id\n\
                allow all /scheme/rand\nallow all /scheme/log\nallow r /scheme/net/***";
    let mut desk = desk(text, None, Person::Absent);
    let file = granted(&mut desk, ROOT, "open/project/a/b").unwrap();
    assert_eq!(file.path, "/project/a/b");
    assert_eq!(file.rights & (Rights::READ | Rights::WRITE), Rights::READ | Rights::WRITE);
    let mut refusal = |path: &str| asked(&mut desk, ROOT, path).err();
    assert_eq!(refusal("open/project/key"), Some(Refusal::Denied));
    assert_eq!(refusal("open/project/secret"), Some(Refusal::Absent));
    assert_eq!(refusal("open/never"), Some(Refusal::Absent));
    assert_eq!(refusal("open/project/../etc"), Some(Refusal::Absent));
    assert_eq!(refusal("fly"), Some(Refusal::Absent));
    assert_eq!(refusal("resolve/example.org"), Some(Refusal::NoNetwork));
    assert_eq!(refusal("time/1"), Some(Refusal::Absent));
    let masked = granted(&mut desk, ROOT, "open/project/id").unwrap();
    assert_eq!(masked.path, "/scheme/null");
    assert!(!masked.rights.intersects(Rights::WRITE | Rights::APPEND));
    // A service gives no more than it is for.
    assert!(!granted(&mut desk, ROOT, "random").unwrap().rights.contains(Rights::WRITE));
    assert!(!granted(&mut desk, ROOT, "log").unwrap().rights.contains(Rights::READ));
}

#[test]
fn a_directory_leads_nowhere() {
    let mut desk = desk("allow rwc /project/***", None, Person::Absent);
    let above = granted(&mut desk, ROOT, "open/project").unwrap();
    assert!(above.rights.contains(Rights::READ | Rights::CREATE));
    assert!(!above.rights.intersects(Rights::LOOKUP | Rights::LIST | Rights::REMOVE));
    assert!(granted(&mut desk, ROOT, "open/project/a").is_some());
}

#[test]
fn a_person_is_asked_about_what_may_be_asked_for() {
    let mut nobody = desk("", Some("allow r /home/***"), Person::Absent);
    assert_eq!(asked(&mut nobody, ROOT, "open/home/a"), Err(Refusal::NobodyToAsk));
    assert_eq!(asked(&mut nobody, ROOT, "open/etc"), Err(Refusal::Absent));
    let mut desk = desk("", Some("allow r /home/***"), Person::Present);
    for tag in 0..QUESTIONS as u32 {
        assert_eq!(desk.open(ROOT, &format!("open/home/{tag}"), tag), Ok(Answer::Ask));
    }
    assert_eq!(asked(&mut desk, ROOT, "open/home/more"), Err(Refusal::Busy));
    // The third is given up; the first is answered.
    assert!(desk.given_up(2) && !desk.given_up(2));
    let (first, grant) = desk.question().unwrap();
    assert_eq!(grant.path, "/home/0");
    let (tag, grant) = desk.answered(first).unwrap();
    assert_eq!((tag, &*grant.path), (0, "/home/0"));
    assert!(!grant.rights.contains(Rights::WRITE));
    assert_eq!(desk.answered(first), None);
    assert_eq!(desk.question().unwrap().1.path, "/home/1");
    assert_eq!(desk.open(ROOT, "open/home/more", 9), Ok(Answer::Ask));
}

#[test]
fn an_answer_is_for_the_question_that_was_shown_though_its_tag_comes_round() {
    let mut desk = desk("", Some("allow r /home/***"), Person::Present);
    assert_eq!(desk.open(ROOT, "open/home/harmless", 7), Ok(Answer::Ask));
    let (shown, _) = desk.question().unwrap();
    assert!(desk.given_up(7));
    assert_eq!(desk.open(ROOT, "open/home/secret", 7), Ok(Answer::Ask));
    assert_eq!(desk.answered(shown), None);
    let (shown, _) = desk.question().unwrap();
    assert_eq!(desk.answered(shown).unwrap().1.path, "/home/secret");
}

#[test]
fn limits_only_shrink() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let line = |random: &mut fastrand::Rng| {
        let verbs = ["allow r", "allow rw", "allow rwxc", "deny", "deny w", "hide", "mask"];
        let paths = ["/a/***", "/a/b", "/***", "/a/*", "/**/c", "/scheme/***", "/scheme/log"];
        let verb = random.choice(verbs).unwrap();
        format!("{verb} {}\n", random.choice(paths).unwrap())
    };
    let wanted = ["open/a", "open/a/b", "open/a/b/c", "open/scheme/log", "log", "random", "open/"];
    for _ in 0..3_000 {
        let lines = |random: &mut fastrand::Rng| {
            (0..random.usize(1..4)).map(|_| line(random)).collect::<String>()
        };
        let mut desk = desk(&lines(&mut random), None, Person::Absent);
        let mut object = ROOT;
        for _ in 0..random.usize(1..4) {
            let limit = lines(&mut random);
            let inner = desk.shrink(object, limit.as_bytes()).unwrap();
            for path in wanted {
                let Some(after) = granted(&mut desk, inner, path) else { continue };
                let before = granted(&mut desk, object, path).unwrap();
                // What is empty in the place of something else is no more than that.
                let masked = after.path == "/scheme/null" && before.path != after.path;
                assert!(masked || before.rights.contains(after.rights), "{path}: {limit}");
            }
            object = inner;
        }
    }
}

#[test]
fn a_broker_that_is_narrowed_gives_no_more_through_anything() {
    let mut desk = desk("allow rw /a/***", Some("allow r /b/***"), Person::Present);
    let inner = desk.shrink(ROOT, b"allow rw /a/***").unwrap();
    let mut full = ROOT;
    while let Ok(deeper) = desk.shrink(full, format!("hide /{full}\nallow rw /a/***").as_bytes()) {
        full = deeper;
    }
    assert_eq!(desk.open(ROOT, "open/b/x", 3), Ok(Answer::Ask));
    let less = Arc::new(clavis_policy::narrowing("test", "deny w /a/***\nhide /b/***").unwrap());
    assert_eq!(desk.narrow(&less).unwrap(), [3]);
    assert!(desk.question().is_none());
    for object in [ROOT, inner] {
        assert!(!granted(&mut desk, object, "open/a/x").unwrap().rights.contains(Rights::WRITE));
        assert_eq!(asked(&mut desk, object, "open/b/x"), Err(Refusal::Absent));
    }
    assert_eq!(asked(&mut desk, full, "open/a/x"), Err(Refusal::Other(9)), "it is no more");
    for number in 0..6 {
        let more = clavis_policy::narrowing("test", &format!("deny /{number}")).unwrap();
        assert!(desk.narrow(&Arc::new(more)).is_ok());
    }
    let more = Arc::new(clavis_policy::narrowing("test", "deny /a/***").unwrap());
    assert!(desk.narrow(&more).is_err());
    assert!(granted(&mut desk, ROOT, "open/a/x").is_some(), "it changed all the same");
}

#[test]
fn what_clients_make_it_keep_is_bounded() {
    let mut desk = desk("allow r /***", None, Person::Absent);
    assert_eq!(desk.shrink(ROOT, b"allow").map_err(|error| error.errno), Err(22));
    assert!(desk.shrink(ROOT, b"\xFF").is_err() && desk.shrink(77, b"").is_err());
    let mut object = ROOT;
    for depth in 0..7 {
        object = desk.shrink(object, format!("hide /{depth}").as_bytes()).unwrap();
    }
    assert!(desk.shrink(object, b"hide /more").is_err());
    let mut all = Vec::new();
    while let Ok(Answer::Object(number)) = desk.open(ROOT, "", 0) {
        all.push(number);
        assert!(all.len() <= OBJECTS);
    }
    assert_eq!(asked(&mut desk, ROOT, "."), Err(Refusal::Busy));
    all.into_iter().for_each(|number| desk.close(number));
    desk.close(ROOT);
    assert!(granted(&mut desk, ROOT, "open/x").is_some());
}

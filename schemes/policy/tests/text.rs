//! What lines mean, and where mistakes are.
use clavis_abi::Rights;
use clavis_policy::{Draft, Guard, Lock, Mistake, Policy, Refused, Use, Verdict, learn, quoted};
use clavis_render::rights;
use std::sync::Arc;

fn read(text: &str) -> Result<Policy, Mistake> {
    let include = &mut |name: &str| match name {
        "/etc/more" => Ok("allow r /more/***\nhid /x\n".to_owned()),
        "/etc/good" => Ok("allow r ${HOME}/***".to_owned()),
        _ => Err("no such file or directory".to_owned()),
    };
    let draft = Draft::new().define("HOME", "/home/m*e")?;
    draft.read("my.policy", text, include)?.seal()
}

fn policy(text: &str) -> Policy {
    read(text).unwrap_or_else(|mistake| panic!("{mistake}"))
}

fn allowed(letters: &str) -> Verdict {
    Verdict::Allow(rights::parse(letters).unwrap())
}

#[test]
fn the_page_of_documentation_reads_as_it_says() {
    let page = include_str!("../../../docs/policy.md");
    let text = page.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let policy = policy(text);
    for (path, verdict) in [
        ("/etc", allowed("r")),
        ("/etc/passwd", allowed("r")),
        ("/etc/machine-id", Verdict::Mask),
        ("/home/me/x", allowed("rwxc")),
        ("/home/me/.ssh", Verdict::Hide),
        ("/home/me/.ssh/id", Verdict::Hide),
        ("/var/log/build.log", allowed("a")),
        ("/var/log", Verdict::Hide),
        ("/home/you", Verdict::Hide),
        ("/scheme/net/tcp", Verdict::Hide),
    ] {
        assert_eq!(policy.decide(path).verdict, verdict, "{path}");
    }
    let key = policy.decide("/home/me/a/b.key").rights();
    assert!(key.contains(Rights::READ | Rights::LOOKUP) && !key.contains(Rights::WRITE));
    assert!(policy.decide("/var/log").is_visible() && !policy.decide("/scheme/net").is_visible());
    assert_eq!(policy.decide("/var/log").verdict, policy.decide("/nothing").verdict);
}

#[test]
fn each_restriction_is_one_line() {
    let all = "allow all /scheme/***\n";
    for (line, path, verdict) in [
        ("allow a /log", "/log", allowed("a")),
        ("allow r /etc/***", "/etc/x", allowed("r")),
        ("allow x /bin/***", "/bin/sh", allowed("x")),
        ("hide /scheme/net/***", "/scheme/net/1.2.3.4", Verdict::Hide),
        ("hide /secret/***", "/scheme/file/secret", Verdict::Hide),
        ("mask /etc/id", "/etc/id", Verdict::Mask),
        ("deny /boot/***", "/boot/kernel", Verdict::Deny),
    ] {
        assert_eq!(policy(&format!("{all}{line}")).decide(path).verdict, verdict, "{line}");
        assert_eq!(policy(all).decide(path).verdict, Verdict::Allow(Rights::all()));
    }
}

#[test]
fn taking_every_right_is_to_deny() {
    let policy = policy("allow rw /x\ndeny r /x\ndeny w /x\ndeny r /y");
    assert_eq!(policy.decide("/x").verdict, Verdict::Deny);
    assert_eq!(policy.decide("/y").verdict, Verdict::Hide, "nothing is there to take from");
}

#[test]
fn a_mistake_has_a_file_a_line_a_column_and_a_word_of_help() {
    for (text, place, what) in [
        ("allow r /a\n\nforbid /b", "my.policy:3:1:", "begins with allow"),
        ("allow q /a", "my.policy:1:7:", "no such right"),
        ("allow r", "my.policy:1:8:", "allow RIGHTS PATTERN"),
        ("  hide a/b", "my.policy:1:8:", "absolute"),
        ("hide /a/[bc/d", "my.policy:1:9:", "without `]`"),
        ("hide /a/b**", "my.policy:1:11:", "stand alone"),
        ("hide /a/***/b", "my.policy:1:13:", "nothing follows"),
        ("hide /a/../b", "my.policy:1:9:", "climb"),
        ("hide /a/x[z-a]", "my.policy:1:11:", "no range"),
        ("hide /a b", "my.policy:1:9:", "blank"),
        ("allow r /${NO}/x", "my.policy:1:10:", "NO is not defined"),
        ("allow r /é/${HOME", "my.policy:1:12:", "without `}`"),
        ("include /etc/none", "my.policy:1:9:", "no such file"),
        ("# x\ninclude /etc/more", "/etc/more:2:1:", "begins with"),
        ("profile other", "my.policy:1:9:", "pure, directory"),
        ("profile directory", "profile directory:5:12:", "DIR is not defined"),
        ("hide /a\\", "my.policy:1:8:", "quotes"),
    ] {
        let mistake = read(text).unwrap_err().to_string();
        assert!(mistake.starts_with(place) && mistake.contains(what), "{text}: {mistake}");
    }
}

#[test]
fn a_variable_stands_for_its_characters() {
    let policy = policy("let WORK ${HOME}/a\\ b\nallow r ${WORK}/*\ninclude /etc/good");
    assert!(!policy.decide("/home/m*e/a b/c").rights().is_empty());
    assert_eq!(policy.decide("/home/mXe/a b/c").verdict, Verdict::Hide);
    assert!(!policy.decide("/home/m*e/x").rights().is_empty());
    assert_eq!(policy.decide("/home/mXe/x").verdict, Verdict::Hide);
}

#[test]
fn a_decision_names_the_line_that_was_last_to_match() {
    let policy = policy("allow r /a/***\n# nothing\ninclude /etc/good\nhide /a/b?");
    let line = |path: &str| {
        let origin = policy.origin(policy.decide(path).line?)?;
        Some(format!("{}:{} {}", origin.file, origin.number, origin.pattern))
    };
    assert_eq!(line("/a").as_deref(), Some("my.policy:1 /file/a/***"));
    assert_eq!(line("/a/bc").as_deref(), Some("my.policy:4 /file/a/b?"));
    assert_eq!(line("/home/m*e").as_deref(), Some("/etc/good:1 /file/home/m\\*e/***"));
    assert_eq!(line("/b"), None);
}

#[test]
fn a_hash_is_that_of_the_lines_however_they_were_written() {
    let same = [
        "allow rw /a/[a-c]*",
        "# x\n\n allow  wr  /a//[a-bc]*  ",
        "let X a\nallow rw /${X}/[cba]*",
    ];
    let [first, rest @ ..] = same.map(|text| policy(text).hash().to_string());
    assert!(rest.iter().all(|hash| *hash == first) && first.len() == 64);
    for other in
        ["allow rw /a/[a-c]", "allow r /a/[a-c]*", "deny rw /a/[a-c]*", "", "hide /a/\\[a-c\\]\\*"]
    {
        assert_ne!(policy(other).hash().to_string(), first, "{other}");
    }
}

#[test]
fn profiles_give_what_they_are_named_for_and_no_more() {
    let pure = policy("profile pure");
    let directory = policy("let DIR /project\nprofile directory");
    let network = policy("profile network");
    let build = policy("let SOURCE /src\nlet TARGET /out\nprofile build");
    let gives =
        |policy: &Policy, path: &str, right: Rights| policy.decide(path).rights().contains(right);
    for (policy, path, right) in [
        (&directory, "/project/a", Rights::WRITE),
        (&directory, "/scheme/initfs/bin/ls", Rights::EXEC),
        (&network, "/scheme/net/tcp/1.2.3.4", Rights::WRITE),
        (&build, "/src/a.rs", Rights::READ),
        (&build, "/out/a.o", Rights::CREATE),
    ] {
        assert!(gives(policy, path, right), "{path}");
        assert!(!pure.decide(path).is_visible(), "{path}");
    }
    for (policy, path) in
        [(&directory, "/etc/passwd"), (&network, "/tmp/x"), (&build, "/scheme/net")]
    {
        assert!(!policy.decide(path).is_visible(), "{path}");
    }
    assert!(!gives(&build, "/src/a.rs", Rights::WRITE));
}

#[test]
fn a_guard_only_shrinks_and_its_lock_only_rises() {
    let of = |text: &str| Arc::new(policy(text));
    let mut guard = Guard::new(of("allow rw /a/***\nallow rw /b/***"), Lock::Open);
    guard.replace(of("allow rw /a/***\nallow rw /b/***\nmask /m")).unwrap();
    let before = guard.at("/a").unwrap();
    guard.raise(Lock::ShrinkOnly);
    assert_eq!(guard.replace(of("")), Err(Refused::Locked(Lock::ShrinkOnly)));
    guard.shrink(of("allow r /a/***\ndeny /b/x\nallow w /m")).unwrap();
    assert!(guard.step(&before, "x").is_none(), "that walk was under fewer policies");
    for (path, verdict, number) in [
        ("/a/x", allowed("r"), Some(1)),
        ("/b/x", Verdict::Deny, Some(2)),
        ("/b/y", Verdict::Hide, None),
        ("/m", Verdict::Mask, Some(3)),
    ] {
        let decision = guard.decide(path);
        assert_eq!(decision.verdict, verdict, "{path}");
        let line = decision.line.and_then(|line| guard.origin(line)).map(|origin| origin.number);
        assert_eq!(line, number, "{path}");
        assert_eq!(guard.at(path).unwrap().decision(), decision);
    }
    for n in 0..6 {
        guard.shrink(of(&format!("allow all /scheme/***\nhide /{n}"))).unwrap();
    }
    assert_eq!(guard.shrink(of("hide /new")), Err(Refused::Full));
    assert_eq!(guard.hashes().count(), 8);
    guard.raise(Lock::Sealed);
    guard.raise(Lock::Open);
    assert_eq!(guard.shrink(of("hide /a")), Err(Refused::Locked(Lock::Sealed)));
}

#[test]
fn what_is_learned_is_what_was_used() {
    let mut random = fastrand::Rng::with_seed(7);
    let parts =
        ["a", "b*", "scheme", "file", "[x]", "é", " c", "${A}", "#", "\\", "net", "?", "\t"];
    for _ in 0..2_000 {
        let path = |random: &mut fastrand::Rng| {
            (0..=random.usize(..4))
                .map(|_| format!("/{}", parts[random.usize(..parts.len())]))
                .collect::<String>()
        };
        let uses: Vec<Use> = (0..random.usize(..8))
            .map(|_| Use {
                path: path(&mut random),
                rights: Rights::from_bits_truncate(random.u64(..)),
            })
            .collect();
        let learned = learn(&uses);
        let policy = policy(&learned.text);
        for one in &uses {
            let rights = policy.decide(&one.path).rights();
            let left_out = learned.left_out.contains(&one.path);
            assert_eq!(left_out, one.path.contains('\t'));
            assert!(left_out || rights.contains(one.rights), "{one:?}\n{}", learned.text);
        }
        for _ in 0..50 {
            let path = path(&mut random);
            let canonical = |path: &str| {
                let names: Vec<&str> = path.split('/').skip(1).collect();
                match names.as_slice() {
                    ["scheme", rest @ ..] => rest.join("/"),
                    names => format!("file/{}", names.join("/")),
                }
            };
            let used = uses.iter().filter(|one| canonical(&one.path) == canonical(&path));
            let used = used.fold(Rights::empty(), |sum, one| sum | one.rights);
            let given = policy.decide(&path).rights();
            assert!(used.contains(given), "{path}: {given:?}\n{}", learned.text);
        }
    }
    let rights = rights::parse("rw").unwrap();
    let one = learn(&[Use { path: "/a b".into(), rights }]);
    assert_eq!(one.text, "allow rw /a\\ b\n");
    assert_eq!(quoted("/a*"), "/a\\*");
}

//! Text, patterns and paths that mean harm: a mistake or a policy, never a panic, within bounds
//! that are counted in steps and bytes.

use crate::reference::{decide, lines, path, policy, seeded};
use clavis_policy::{Draft, Policy, Verdict, limits};

fn read(text: &str) -> Result<Policy, clavis_policy::Mistake> {
    let itself = text.to_owned();
    let include = &mut |name: &str| match name {
        "itself" => Ok(itself.clone()),
        _ => Err("there is no such file".to_owned()),
    };
    Draft::new().read("hostile", text, include).and_then(Draft::seal)
}

#[test]
fn any_text_is_a_policy_or_a_mistake_with_a_place() {
    let mut random = seeded();
    let pieces = [
        "allow ",
        "deny ",
        "hide ",
        "mask ",
        "let ",
        "include ",
        "profile ",
        "rw ",
        "r ",
        "A ",
        "/",
        "a",
        "*",
        "**",
        "***",
        "?",
        "[",
        "]",
        "!",
        "-",
        "\\",
        "${A}",
        "${",
        "}",
        "$",
        "\n",
        "\n",
        "\n",
        "#",
        " ",
        "..",
        "scheme",
        "itself",
        "build",
        "é",
        "\u{0}",
        "\u{10FFFF}",
        "\t",
        "[a-\u{10FFFF}]",
        "[!\u{D7FF}-\u{E000}]",
    ];
    let (mut policies, mut mistakes) = (0, 0);
    for _ in 0..60_000 {
        let text: String =
            (0..random.usize(..24)).map(|_| pieces[random.usize(..pieces.len())]).collect();
        match read(&text) {
            Ok(policy) => {
                policies += 1;
                for path in ["/", "/a", "/a/b\u{10FFFF}", "/scheme/a\u{0}", "", "a", "/\u{D7FF}"] {
                    let _ = policy.decide(path).verdict;
                }
            }
            Err(mistake) => {
                mistakes += 1;
                if mistake.file == "profile build" {
                    assert!(mistake.what.contains("not defined"), "{mistake}: {text:?}");
                    continue;
                }
                let line = text.lines().nth(mistake.line.saturating_sub(1) as usize);
                let known = ["hostile", "itself"].contains(&&*mistake.file);
                assert!(known && mistake.column >= 1, "{mistake}: {text:?}");
                // At most where one would write on.
                let end = line.unwrap_or_else(|| panic!("{mistake}: {text:?}")).chars().count();
                assert!(mistake.column as usize <= end + 1, "{mistake}: {text:?}");
            }
        }
    }
    println!("{policies} policies, {mistakes} mistakes");
    assert!(policies > 500 && mistakes > 500);
}

#[test]
fn text_that_includes_itself_ends() {
    for text in ["include itself", "include itself\ninclude itself\ninclude itself\n"] {
        let mistake = read(text).unwrap_err();
        assert!(mistake.what.contains("deep"), "{mistake}");
    }
    let wide = "#".repeat(limits::TEXT / 4) + "\ninclude itself";
    assert!(read(&wide).unwrap_err().what.contains("bytes of policy"));
}

#[test]
fn every_amount_is_bounded() {
    let many = "hide /a\n".repeat(limits::RULES);
    assert_eq!(read(&many).unwrap().lines(), limits::RULES);
    assert!(read(&(many + "hide /a")).is_err());
    assert!(read(&format!("hide /{}", "a".repeat(limits::PATTERN))).is_err());
    // Few bytes of text that stand for many characters.
    let long = format!("let A /{}\n", "ab".repeat(2000)) + &"hide ${A}\n".repeat(1000);
    assert!(read(&long).unwrap_err().what.contains("together"));
    let apart: String = (0..60).map(|n| format!("hide /{n}{}\n", "x".repeat(4000))).collect();
    assert!(read(&apart).unwrap_err().what.contains("nodes"));
    let odd = (0x4E00..0x4E00 + 2 * limits::LETTERS as u32).step_by(2).filter_map(char::from_u32);
    let odd: String = odd.map(|one| format!("hide /{one}\n")).collect();
    assert!(read(&odd).unwrap_err().what.contains("apart"));
    let names: String = (0..=limits::VARIABLES).map(|n| format!("let A{n} x\n")).collect();
    assert!(read(&names).unwrap_err().what.contains("variables"));
}

/// The most steps that a path of this length takes under so many rules, the first time.
fn steps(rules: usize, length: usize) -> u64 {
    // Each rule may begin and go on anywhere: the most places that a path can be in at once.
    let lines: Vec<String> =
        (0..rules).map(|n| format!("allow r /**/*a*a*a*{}", "b?".repeat(n % 4 + 1))).collect();
    let policy = policy(&lines);
    let before = policy.steps();
    let path = format!("/{}", "ab/aa".repeat(length / 5));
    let _ = policy.decide(&path).verdict;
    policy.steps() - before
}

#[test]
fn what_a_path_takes_grows_with_its_length_and_not_faster() {
    let (short, long) = (steps(100, 100), steps(100, 3200));
    assert!(long <= short * 34, "{short} steps for 100 bytes, {long} for 3,200");
}

#[test]
fn what_a_path_takes_grows_with_the_rules_and_not_faster() {
    let distinct = |rules: usize| {
        let lines: Vec<String> = (0..rules).map(|n| format!("hide /**/*a*{n}?*b")).collect();
        let policy = policy(&lines);
        let before = policy.steps();
        let _ = policy.decide(&format!("/{}", "a1234567890b".repeat(16))).verdict;
        policy.steps() - before
    };
    let (few, many) = (distinct(32), distinct(1024));
    assert!(many <= few * 34, "{few} steps under 32 rules, {many} under 1,024");
}

#[test]
fn the_first_path_under_a_thousand_globs_finds_most_of_its_way_remembered() {
    let path = |end: &str| {
        let path = format!("/srv/data{}/", "/some-directory".repeat(10));
        let name = "x".repeat(200 - path.len() - end.len());
        path + &name + end
    };
    let kinds: [(&dyn Fn(usize) -> String, String); 2] = [
        (&|n| format!("allow r /srv/**/*.kind{n}"), path(".kind999")),
        (&|n| format!("allow r /*/data/**/a?[0-9]*-{n}/**"), path("/ab7-z-999/x")),
    ];
    for (pattern, path) in kinds {
        let lines: Vec<String> = (0..1000).map(pattern).collect();
        let policy = policy(&lines);
        let (ahead, steps) = (policy.remembered(), policy.steps());
        assert!(ahead < limits::REMEMBERED / 4, "{ahead} bytes before anybody asked");
        assert_eq!(policy.decide(&path).verdict, decide(&lines, &path));
        let (more, steps) = (policy.remembered() - ahead, policy.steps() - steps);
        assert!(more < ahead && steps < 310, "{more} bytes, {steps} steps for {path}");
    }
}

#[test]
fn what_is_remembered_is_bounded_and_decides_nothing() {
    let mut random = seeded();
    // Sets that hardly repeat: which of the last twenty characters were an `a`.
    let lines = vec![format!("allow r /**/*a{}", "?".repeat(20)), "hide /**/*b*b*b".to_owned()];
    let policy = policy(&lines);
    let mut forgot = 0;
    let mut last = 0;
    for _ in 0..600 {
        let path: String = (0..200).map(|_| *random.choice(&['a', 'b', 'c']).unwrap()).collect();
        let path = format!("/x/{path}");
        let verdict = policy.decide(&path).verdict;
        assert!(policy.remembered() <= limits::REMEMBERED);
        forgot += u32::from(policy.remembered() < last);
        last = policy.remembered();
        let name = path.as_bytes();
        let a = name[name.len() - 21] == b'a';
        let b = path.matches('b').count() >= 3 && path.ends_with('b');
        let expected = match (a, b) {
            (_, true) | (false, _) => Verdict::Hide,
            (true, false) => Verdict::Allow(clavis_render::rights::parse("r").unwrap()),
        };
        assert_eq!(verdict, expected, "{path}");
    }
    assert!(forgot > 0);
}

#[test]
fn walks_go_on_after_everything_was_forgotten() {
    let mut random = seeded();
    let lines = [lines(&mut random, 5), vec![format!("allow r /**/*a{}", "?".repeat(20))]].concat();
    let policy = policy(&lines);
    let places: Vec<_> = (0..50)
        .map(|_| path(&mut random))
        .filter_map(|path| Some((policy.at(&path)?, path)))
        .collect();
    for _ in 0..600 {
        let name: String = (0..200).map(|_| *random.choice(&['a', 'b']).unwrap()).collect();
        let _ = policy.decide(&format!("/{name}")).verdict;
    }
    for (state, path) in places {
        assert_eq!(state.decision().verdict, decide(&lines, &path), "{path}");
        let below = policy.step(&state, "ab").decision().verdict;
        assert_eq!(below, decide(&lines, &format!("{path}/ab")), "{path}");
    }
}

//! What scripts use beyond words: documents, cases, functions, arithmetic, cut values.
use super::{arguments, shell, simple};
use crate::expand::{pattern, single};
use crate::glob::text_matches;
use crate::parse;
use crate::syntax::*;

fn document(text: &str) -> String {
    let command = simple(text);
    let [Redirection { descriptor: 0, target: Target::Text(word) }] =
        command.redirections.as_slice()
    else {
        panic!("{command:?}")
    };
    single(word, &mut shell()).unwrap()
}

#[test]
fn a_document_is_the_lines_up_to_its_end() {
    assert_eq!(
        document("cat <<END\na  $Y 'q' \"d\" \\$Y\nENDING\nEND\n"),
        "a  y 'q' \"d\" $Y\nENDING\n"
    );
    assert_eq!(document("cat <<'END'\n$Y \\\nEND"), "$Y \\\n");
    assert_eq!(document("cat <<-END\n\t\ta\n\tEND\n"), "a\n");
    assert_eq!(document("cat << END\nEND"), "");
    assert_eq!(document("cat <<END\n$(echo a\nb)\nEND\n"), "echo a\nb\n");
}

#[test]
fn what_follows_a_document_is_read_on() {
    let program = parse("cat <<A 3<<B; echo x\n1\nA\n2\nB\necho y\n").unwrap();
    assert_eq!(program.items.len(), 3);
    let Command::Simple(first) = &program.items[0].chain.first.commands[0] else { panic!() };
    let texts: Vec<String> = first
        .redirections
        .iter()
        .map(|redirection| match &redirection.target {
            Target::Text(word) => single(word, &mut shell()).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["1\n", "2\n"]);
    assert_eq!(first.redirections[1].descriptor, 3);
    for text in ["cat <<END", "cat <<END\n", "cat <<END\nx\n"] {
        assert!(parse(text).unwrap_err().unfinished, "{text:?}");
    }
    assert!(!parse("cat <<$X\nx\n").unwrap_err().unfinished);
}

#[test]
fn a_tilde_at_the_front_is_home() {
    let mut shell = shell();
    let mut expand = |text: &str| {
        let words = simple(text).words;
        words.iter().map(|word| single(word, &mut shell).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(expand("~ ~/x"), ["~", "~/x"]);
    shell.0.insert("HOME".into(), "/home/".into());
    let mut expand = |text: &str| {
        let words = simple(text).words;
        words.iter().map(|word| single(word, &mut shell).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(
        expand("~ ~/x a~ '~' \\~ ~a x~/y"),
        ["/home/", "/home/x", "a~", "~", "~", "~a", "x~/y"]
    );
    let assigned = simple("A=~/x").assignments;
    assert_eq!(single(&assigned[0].value, &mut shell).unwrap(), "/home/x");
}

#[test]
fn expressions_have_the_values_of_c() {
    for (expression, value) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2 - -7 % 4", "6"),
        ("1 << 4 | 0x0F & 010", "24"),
        ("1 < 2 == 2 >= 2", "1"),
        ("!0 + ~0", "0"),
        ("0 && 1 / 0", "0"),
        ("1 || 1 / 0", "1"),
        ("1 ? 2 : 3 / 0", "2"),
        ("Z + $Y1 + 1", "1"),
        ("N = 4, 5", "error"),
        ("", "0"),
        ("9223372036854775807 + 1", "-9223372036854775808"),
        ("1 / 0", "error"),
        ("1 +", "error"),
        ("2 ** 3", "error"),
        ("08", "error"),
    ] {
        let words = simple(&format!("echo $(({expression}))")).words;
        let found = single(&words[1], &mut shell()).unwrap_or_else(|_| "error".into());
        assert_eq!(found, value, "{expression}");
    }
    let mut shell = shell();
    let words = simple("echo $((N = 4)) $((N += 3)) $((M = 0 && (N = 9))) $N").words;
    let values: Vec<String> = words.iter().map(|word| single(word, &mut shell).unwrap()).collect();
    assert_eq!(values, ["echo", "4", "7", "0", "7"]);
    let deep = format!("echo $(({}1{}))", "(".repeat(1000), ")".repeat(1000));
    assert!(single(&simple(&deep).words[1], &mut shell).is_err());
    assert!(parse(&"echo $((".repeat(1000)).is_err());
    assert!(parse("echo $((1 + 2").unwrap_err().unfinished);
}

#[test]
fn values_are_cut_at_either_end() {
    for (word, value) in [
        ("${P#*/}", "b/c.tar.gz"),
        ("${P##*/}", "c.tar.gz"),
        ("${P%.*}", "a/b/c.tar"),
        ("${P%%.*}", "a/b/c"),
        ("${P%x}", "a/b/c.tar.gz"),
        ("${P%\"*\"}", "a/b/c.tar.gz"),
        ("${P#?}", "/b/c.tar.gz"),
        ("${#P}", "12"),
    ] {
        let mut shell = shell();
        shell.0.insert("P".into(), "a/b/c.tar.gz".into());
        assert_eq!(single(&simple(word).words[0], &mut shell).unwrap(), value, "{word}");
    }
    assert_eq!(arguments("${ABSENT#x}."), ["."]);
}

#[test]
fn a_case_has_patterns_and_what_follows_them() {
    let text = "case $X in\n a|b*) echo 1; echo 2 ;;\n (\"c*\") ;;\n *) echo 3\nesac > out";
    let program = parse(text).unwrap();
    let Command::Compound(Compound::Case { arms, .. }, redirections) =
        &program.items[0].chain.first.commands[0]
    else {
        panic!("{program:?}")
    };
    let shape: Vec<(usize, usize)> =
        arms.iter().map(|(patterns, body)| (patterns.len(), body.items.len())).collect();
    assert_eq!((shape, redirections.len()), (vec![(2, 2), (1, 0), (1, 1)], 1));
    let matched = |arm: usize, at: usize, text: &str| {
        text_matches(&pattern(&arms[arm].0[at], &mut shell()).unwrap(), text)
    };
    assert!(matched(0, 1, "b/.x") && !matched(0, 1, "ab") && matched(2, 0, ""));
    assert!(matched(1, 0, "c*") && !matched(1, 0, "cc"));
    assert!(parse("case x in a) echo").unwrap_err().unfinished);
    assert!(!parse("case x in a b) echo;; esac").unwrap_err().unfinished);
    assert!(parse("echo a ;; echo b").is_err());
}

#[test]
fn a_function_has_a_name_and_a_compound_command() {
    let program = parse("f() { echo $1; }; g ()\n( true ) > out\nf x").unwrap();
    assert_eq!(program.items.len(), 3);
    let Command::Compound(Compound::Function { name, body }, _) =
        &program.items[1].chain.first.commands[0]
    else {
        panic!("{program:?}")
    };
    assert_eq!(name, "g");
    assert!(
        matches!(&**body, Command::Compound(Compound::Subshell(_), redirections) if redirections.len() == 1)
    );
    assert!(parse("f() echo").is_err());
    assert!(parse("f(").unwrap_err().unfinished);
    assert!(parse("a b() { true; }").is_err());
}

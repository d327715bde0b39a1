//! The language as sentences, and random texts against "it never panics".
use crate::expand::{Environment, ExpandError, fields, single};
use crate::glob::{Directory, matches};
use crate::syntax::*;
use crate::wire::{End, Place, wire};
use crate::{Program, parse};
use std::collections::BTreeMap;

mod scripts;

#[derive(Default)]
struct Shell(BTreeMap<String, String>, Vec<String>);

impl Environment for Shell {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
    fn arguments(&self) -> Vec<String> {
        self.1.clone()
    }
    fn assign(&mut self, name: &str, value: &str) {
        self.0.insert(name.into(), value.into());
    }
    /// A substitution "prints" its words.
    fn substitute(&mut self, program: &Program) -> Result<String, ExpandError> {
        let mut output = String::new();
        for item in &program.items {
            if let Command::Simple(simple) = &item.chain.first.commands[0] {
                output += &expanded(&simple.words, self)?.join(" ");
                output.push('\n');
            }
        }
        Ok(output)
    }
}

fn expanded(words: &[Word], shell: &mut Shell) -> Result<Vec<String>, ExpandError> {
    Ok(fields(words, shell)?.into_iter().map(|field| field.text).collect())
}

fn shell() -> Shell {
    let pairs = [("X", "one two"), ("Y", "y"), ("EMPTY", ""), ("STAR", "*"), ("?", "3")];
    let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Shell(variables.into(), vec!["a b".into(), "c".into()])
}

fn simple(text: &str) -> Simple {
    let program = parse(text).unwrap();
    match &program.items[0].chain.first.commands[0] {
        Command::Simple(simple) => simple.clone(),
        other => panic!("{other:?}"),
    }
}

fn arguments(text: &str) -> Vec<String> {
    expanded(&simple(text).words, &mut shell()).unwrap()
}

#[test]
fn words_are_split_at_blanks_and_quotes_join() {
    assert_eq!(arguments("a  b\tc"), ["a", "b", "c"]);
    assert_eq!(arguments(r#"a'b c'"d e"\ f"#), ["ab cd e f"]);
    assert_eq!(arguments("'' \"\" x"), ["", "", "x"]);
    assert_eq!(arguments(r#""\$X \a \"q\"""#), [r#"$X \a "q""#]);
    assert_eq!(arguments("a\\\nb"), ["ab"]);
    assert_eq!(arguments("a # comment"), ["a"]);
    assert_eq!(arguments("a#b"), ["a#b"]);
}

#[test]
fn unquoted_values_are_split_and_quoted_ones_are_not() {
    assert_eq!(arguments("$X"), ["one", "two"]);
    assert_eq!(arguments("\"$X\""), ["one two"]);
    assert_eq!(arguments("a${X}b"), ["aone", "twob"]);
    assert_eq!(arguments("x $EMPTY $ABSENT y"), ["x", "y"]);
    assert_eq!(arguments("x \"$EMPTY\""), ["x", ""]);
    assert_eq!(arguments("$? $"), ["3", "$"]);
    assert_eq!(arguments("'$X'"), ["$X"]);
}

#[test]
fn braces_choose_between_value_and_word() {
    assert_eq!(arguments("${ABSENT:-d e} ${Y:-d}"), ["d", "e", "y"]);
    assert_eq!(arguments("${EMPTY-x}z ${EMPTY:-x}"), ["z", "x"]);
    assert_eq!(arguments("${Y:+there} ${ABSENT+there}"), ["there"]);
    assert_eq!(arguments("${N:=v} $N ${#N}"), ["v", "v", "1"]);
    assert_eq!(arguments("${ABSENT:-$(echo \"}\" )}"), ["echo", "}"]);
    let error = expanded(&simple("${ABSENT?why}").words, &mut shell()).unwrap_err();
    assert_eq!(error.to_string(), "ABSENT: why");
}

#[test]
fn positional_parameters_stay_apart_only_in_a_quoted_at() {
    assert_eq!(arguments("\"$@\""), ["a b", "c"]);
    assert_eq!(arguments("\"$*\""), ["a b c"]);
    assert_eq!(arguments("$@"), ["a", "b", "c"]);
    let none = expanded(&simple("x \"$@\"").words, &mut Shell::default()).unwrap();
    assert_eq!(none, ["x"]);
}

#[test]
fn substitutions_lose_their_last_line_ends() {
    assert_eq!(arguments("\"$(say a; say b)\""), ["say a\nsay b"]);
    assert_eq!(arguments("$(say $(deep 'x )'))"), ["say", "deep", "x", ")"]);
    assert_eq!(arguments("`say \\`deep\\``"), ["say", "deep"]);
}

#[test]
fn assignments_stand_before_the_command_only() {
    let command = simple("A=1 B=\"$X\" run C=2");
    assert_eq!(command.assignments.len(), 2);
    assert_eq!(command.words.len(), 2);
    assert_eq!(single(&command.assignments[1].value, &mut shell()).unwrap(), "one two");
    assert!(simple("1A=2").assignments.is_empty());
    assert!(simple("'A'=2").assignments.is_empty());
}

#[test]
fn a_chain_keeps_its_connectors_and_modes() {
    let program = parse("a && b || ! c; d &\ne | f | g").unwrap();
    assert_eq!(program.items.len(), 3);
    let connectors: Vec<_> = program.items[0].chain.rest.iter().map(|(c, _)| *c).collect();
    assert_eq!(connectors, [Connector::And, Connector::Or]);
    assert_eq!(program.items[0].chain.rest[1].1.sense, Sense::Negated);
    assert_eq!(program.items[1].mode, Mode::Background);
    assert_eq!(program.items[2].chain.first.commands.len(), 3);
}

#[test]
fn compounds_nest() {
    let text = "if a; then b; elif c; then d; else { e; (f; g) >x; }; fi | while h; do i; done";
    let program = parse(text).unwrap();
    assert_eq!(program.items[0].chain.first.commands.len(), 2);
    assert!(matches!(
        &parse("for v in a b; do c; done").unwrap().items[0].chain.first.commands[0],
        Command::Compound(Compound::For { name, words: Some(words), .. }, _)
            if name == "v" && words.len() == 2
    ));
}

#[test]
fn a_text_that_more_could_mend_is_unfinished() {
    let texts = [
        "'a",
        "\"a",
        "a &&",
        "a |",
        "$(a",
        "`a",
        "if a; then b",
        "while a",
        "{ a;",
        "(a",
        "a\\",
        "${X",
        "${X:-",
        "for x in",
        "a >",
    ];
    for text in texts {
        assert!(parse(text).unwrap_err().unfinished, "{text}");
    }
}

#[test]
fn a_text_that_nothing_mends_is_wrong() {
    let texts = [
        ")",
        "a )",
        "&& a",
        "| a",
        ";",
        "a ;; b",
        "fi",
        "a > > b",
        "f() a",
        "cat << $x",
        "$((1) )",
        "case a b",
        "a >& b",
        "${}",
        "()",
        "if fi",
    ];
    for text in texts {
        assert!(!parse(text).unwrap_err().unfinished, "{text}");
    }
}

#[test]
fn nesting_is_bounded() {
    for opener in ["(", "$(", "{ ", "\"$(", "${X:-", "! (", "if ("] {
        assert!(parse(&opener.repeat(10_000)).is_err(), "{opener}");
    }
    let mixed = "($(".repeat(5_000);
    assert!(parse(&mixed).is_err());
}

#[test]
fn redirections_apply_from_left_to_right() {
    let ends = |text: &str| {
        let command = simple(text);
        let place = Place { index: 0, count: 1 };
        wire(place, [0, 1, 2], &command.redirections).map(|wiring| wiring.descriptors)
    };
    let both = ends("a >x 2>&1").unwrap();
    assert_eq!((both[&1], both[&2]), (End::Source(0), End::Source(0)));
    let one = ends("a 2>&1 >x").unwrap();
    assert_eq!((one[&1], one[&2]), (End::Source(0), End::Shell(1)));
    assert_eq!(ends("a &>x").unwrap(), both);
    assert!(!ends("a <&-").unwrap().contains_key(&0));
    assert_eq!(ends("a >&7"), Err(7));
    assert_eq!(ends("a 7<>x").unwrap()[&7], End::Source(0));
    assert_eq!(simple("a 2 >x").words.len(), 2);
}

#[test]
fn pipes_are_wired_before_redirections() {
    let command = simple("a 2>&1");
    let place = Place { index: 1, count: 3 };
    let wiring = wire(place, [0, 1, 2], &command.redirections).unwrap();
    let ends: Vec<End> = wiring.descriptors.into_values().collect();
    assert_eq!(ends, [End::PipeIn, End::PipeOut, End::PipeOut]);
}

struct Tree(&'static [&'static str]);

impl Directory for Tree {
    fn names(&self, directory: &str) -> Vec<String> {
        let inside = self.0.iter().filter_map(|path| path.strip_prefix(directory));
        let first = inside.filter_map(|rest| rest.split('/').next());
        let mut names: Vec<String> = first.map(str::to_owned).collect();
        names.dedup();
        names
    }
    fn exists(&self, path: &str) -> bool {
        self.0.iter().any(|known| {
            *known == path || known.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        }) || self.0.iter().any(|known| path.ends_with('/') && known.starts_with(path))
    }
}

const TREE: Tree = Tree(&["a.rs", "b.rs", "[x]", "dir/a.rs", "dir/b.c", ".hidden", "!x"]);

fn globbed(text: &str) -> Vec<String> {
    let fields = fields(&simple(text).words, &mut shell()).unwrap();
    fields.iter().filter(|field| field.wild).flat_map(|f| matches(&f.pattern, &TREE)).collect()
}

#[test]
fn wildcards_match_names_and_quoted_ones_do_not() {
    assert_eq!(globbed("*.rs"), ["a.rs", "b.rs"]);
    assert_eq!(globbed("?.rs"), ["a.rs", "b.rs"]);
    assert_eq!(globbed("[!a].rs"), ["b.rs"]);
    assert_eq!(globbed("[a-b].rs"), ["a.rs", "b.rs"]);
    assert_eq!(globbed("*/[ab].*"), ["dir/a.rs", "dir/b.c"]);
    assert_eq!(globbed("*/a.rs"), ["dir/a.rs"]);
    assert_eq!(globbed(".h*"), [".hidden"]);
    assert_eq!(globbed("!*"), ["!x"]);
    assert_eq!(globbed("*/"), ["dir/"]);
    assert_eq!(globbed("\"[\"*"), ["[x]"]);
    assert_eq!(globbed("{a,b}*"), Vec::<String>::new());
    assert_eq!(globbed("'*' \\* \"*\""), Vec::<String>::new());
    assert!(globbed("$STAR").contains(&"a.rs".to_owned()));
}

#[test]
fn no_text_makes_parser_expansion_or_globs_panic() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let pieces = [
        "a",
        "X",
        "$X",
        "${",
        "}",
        "$(",
        ")",
        "(",
        "`",
        "'",
        "\"",
        "\\",
        "\n",
        " ",
        ";",
        "&",
        "|",
        ">",
        "<",
        "2>&1",
        "&>",
        "if ",
        "then ",
        "fi ",
        "while ",
        "do ",
        "done ",
        "for x in ",
        "case x in ",
        "esac ",
        ";;",
        "f() ",
        "<<a",
        "<<-'a'",
        "$((",
        "~",
        "%",
        "{ ",
        "#",
        "*",
        "?",
        "[",
        "]",
        "!",
        "=",
        ":-",
        "@",
        "$@",
        "é",
        "\u{0}",
        "1",
        "-",
        "/",
        "..",
    ];
    let mut parsed = 0;
    for _ in 0..20_000 {
        let length = random.usize(..24);
        let text: String = (0..length).map(|_| pieces[random.usize(..pieces.len())]).collect();
        let Ok(program) = parse(&text) else { continue };
        parsed += 1;
        for item in &program.items {
            for command in &item.chain.first.commands {
                let Command::Simple(simple) = command else { continue };
                let Ok(fields) = fields(&simple.words, &mut shell()) else { continue };
                for field in fields {
                    _ = matches(&field.pattern, &TREE);
                }
                _ = wire(Place { index: 1, count: 2 }, [0, 1, 2], &simple.redirections);
            }
        }
    }
    assert!(parsed > 1000, "the texts are too wild to test anything: {parsed}");
}

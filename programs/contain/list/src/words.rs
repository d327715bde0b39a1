//! The command line.
use crate::{Allowed, BROKER, DryRun, List, Misuse, Order, RUNNING, Scheme, Terminal, place_of};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::namespace::valid_name;
use clavis_render::rights;
use getargs::{Arg, Options};

/// The words that are left.
type Words<'a> =
    Options<&'a str, core::iter::Map<core::slice::Iter<'a, String>, fn(&String) -> &str>>;

/// Reads the words after the program's own name.
///
/// # Errors
/// What makes no sense.
pub fn read(words: &[String]) -> Result<List, Misuse> {
    let mut list = List::default();
    let mut parser = Options::new(words.iter().map(String::as_str as fn(&String) -> &str));
    while let Some(argument) = parser.next_arg()? {
        match argument {
            Arg::Short('a') | Arg::Long("allow") => {
                list.allowed.push(allowed(parser.value()?)?);
            }
            Arg::Short('s') | Arg::Long("scheme") => {
                list.schemes.push(scheme(parser.value()?)?);
            }
            Arg::Short('l') | Arg::Long("limit") => list.limits.read(parser.value()?)?,
            Arg::Short('e') | Arg::Long("env") => {
                list.environment.push(variable(parser.value()?)?);
            }
            Arg::Short('p') | Arg::Long("policy") => {
                once(&mut list.policy, &mut parser, "--policy")?;
            }
            Arg::Long("dry-run") => dry_run(&mut list, &mut parser)?,
            Arg::Long("learn") => once(&mut list.learned, &mut parser, "--learn")?,
            Arg::Short('b') | Arg::Long("broker") => {
                once(&mut list.broker, &mut parser, "--broker")?;
            }
            Arg::Long("ask") => once(&mut list.ask, &mut parser, "--ask")?,
            Arg::Short('n') | Arg::Long("name") => {
                let name = named(parser.value()?)?;
                if list.name.replace(name).is_some() {
                    return Err(Misuse("--name is given once".into()));
                }
            }
            Arg::Long(order @ ("status" | "shrink" | "seal" | "revoke")) => {
                return ordered(order, &list, &mut parser);
            }
            Arg::Long("explain") => list.explained.push(parser.value()?.to_owned()),
            Arg::Short('t') | Arg::Long("terminal") => list.terminal = Terminal::Controlled,
            Arg::Positional(word) => {
                list.command.push(word.to_owned());
                list.command.extend(parser.positionals().map(str::to_owned));
            }
            Arg::Short(other) => return Err(Misuse(format!("-{other}: no such option"))),
            Arg::Long(other) => return Err(Misuse(format!("--{other}: no such option"))),
        }
    }
    if !list.explained.is_empty() {
        if list.policy.is_none() || !list.command.is_empty() {
            return Err(Misuse("write --policy FILE --explain PATH, and no program".into()));
        }
    } else if list.command.is_empty() {
        return Err(Misuse("a program is missing".into()));
    }
    if list.policy.is_some() && !(list.allowed.is_empty() && list.schemes.is_empty()) {
        let why = "a policy says everything: write what --allow and --scheme say as its lines";
        return Err(Misuse(why.into()));
    }
    if list.learned.is_some() && !(list.allowed.is_empty() && list.policy.is_none()) {
        let why = "to learn what a program uses it gets every file: no --allow and no --policy";
        return Err(Misuse(why.into()));
    }
    if list.learned.is_some() && list.name.is_some() {
        return Err(Misuse("a program that is learned from runs twice: it has no --name".into()));
    }
    if list.learned.is_some() && list.asks() {
        let why = "to learn what a program uses it gets every file: there is nothing to ask for";
        return Err(Misuse(why.into()));
    }
    if let Some(dry) = list.dry {
        check_dry(&list, dry)?;
    }
    if list.ask.is_some() && list.terminal == Terminal::Controlled {
        let why =
            "--ask and --terminal: a program that controls the terminal could take the answers";
        return Err(Misuse(why.into()));
    }
    check(&mut list)?;
    Ok(list)
}

/// `--dry-run`, or `--dry-run=show`.
fn dry_run(list: &mut List, parser: &mut Words<'_>) -> Result<(), Misuse> {
    let how = match parser.value_opt() {
        None => DryRun::Ask,
        Some("show") => DryRun::Show,
        Some(other) => {
            return Err(Misuse(format!("{other}: write --dry-run, or --dry-run=show")));
        }
    };
    match list.dry.replace(how) {
        None => Ok(()),
        Some(_) => Err(Misuse("--dry-run is given once".into())),
    }
}

/// What goes together with a dry run.
fn check_dry(list: &List, dry: DryRun) -> Result<(), Misuse> {
    let why = if list.learned.is_some() {
        "what a program uses is learned from what it does: no --dry-run"
    } else if list.asks() {
        "what a broker gives is there, and not as in a dry run: no --broker and no --ask"
    } else if list.name.is_some() {
        "what can be taken back is what is there: a dry run has no --name"
    } else if !list.explained.is_empty() {
        "--explain runs nothing: no --dry-run"
    } else if dry == DryRun::Ask && list.terminal == Terminal::Controlled {
        "--dry-run and --terminal: a program could leave a terminal on which nobody can answer \
         (--dry-run=show asks nobody)"
    } else {
        return Ok(());
    };
    Err(Misuse(why.into()))
}

/// A name for a program that runs.
fn named(name: &str) -> Result<String, Misuse> {
    if valid_name(name) { Ok(name.to_owned()) } else { Err(Misuse(format!("{name}: no name"))) }
}

/// The rest of the words after an order to a program that runs.
fn ordered(order: &str, list: &List, parser: &mut Words<'_>) -> Result<List, Misuse> {
    if *list != List::default() {
        return Err(Misuse(format!("--{order} stands alone: the program runs already")));
    }
    let name = named(parser.value()?)?;
    let lines: Vec<&str> = parser.positionals().collect();
    let order = match (order, lines.is_empty()) {
        ("status", true) => Order::Status,
        ("seal", true) => Order::Seal,
        ("revoke", true) => Order::Revoke,
        ("shrink", false) => Order::Shrink(lines.join("\n")),
        ("shrink", true) => {
            return Err(Misuse("say what to take away: --shrink NAME 'deny w /home/***'".into()));
        }
        _ => return Err(Misuse(format!("--{order} takes a name and nothing else"))),
    };
    Ok(List { order: Some((name, order)), ..List::default() })
}

/// Takes the value of an option that is given once.
fn once(place: &mut Option<String>, parser: &mut Words<'_>, option: &str) -> Result<(), Misuse> {
    match place.replace(parser.value()?.to_owned()) {
        None => Ok(()),
        Some(_) => Err(Misuse(format!("{option} is given once; a policy can include others"))),
    }
}

fn allowed(word: &str) -> Result<Allowed, Misuse> {
    let (permitted, path) = word
        .split_once(':')
        .ok_or_else(|| Misuse(format!("{word}: write RIGHTS:PATH, as in r:/etc")))?;
    let place = place_of(path).ok_or_else(|| {
        Misuse(format!("{path}: write an absolute path without `..`, of names up to 64 bytes"))
    })?;
    Ok(Allowed { path: path.to_owned(), place, rights: permitted_by(permitted)? })
}

fn scheme(word: &str) -> Result<Scheme, Misuse> {
    let (name, permitted) = word.split_once(':').unwrap_or((word, "all"));
    if !valid_name(name) {
        return Err(Misuse(format!("{name}: no name of a scheme")));
    }
    Ok(Scheme { name: name.to_owned(), rights: permitted_by(permitted)? })
}

fn permitted_by(text: &str) -> Result<Rights, Misuse> {
    let permitted = rights::parse(text)
        .map_err(|word| Misuse(format!("{word}: no such right (caps --legend lists them)")))?;
    if permitted.is_empty() {
        return Err(Misuse("say which rights: what is not listed is not given anyway".into()));
    }
    Ok(permitted)
}

fn variable(word: &str) -> Result<(String, Option<String>), Misuse> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (word, None),
    };
    if name.is_empty() || word.contains('\0') {
        return Err(Misuse(format!("{word}: no environment variable")));
    }
    Ok((name.to_owned(), value))
}

/// What is said twice is a mistake, and so is what would have no effect.
fn check(list: &mut List) -> Result<(), Misuse> {
    list.allowed.sort_by(|a, b| a.place.cmp(&b.place));
    for pair in list.allowed.windows(2) {
        if let [first, second] = pair
            && first.place == second.place
        {
            return Err(Misuse(format!("{} is listed twice", second.path)));
        }
    }
    for (index, inner) in list.allowed.iter().enumerate() {
        let before = list.allowed.get(..index).unwrap_or_default();
        // Rights add up: what is reached through the outer directory does not shrink.
        if let Some(outer) = before.iter().find(|outer| {
            inner.place.strip_prefix(&outer.place).is_some_and(|rest| rest.starts_with('/'))
                && outer.rights.contains(inner.rights)
        }) {
            let (inner, outer) = (&inner.path, &outer.path);
            return Err(Misuse(format!("{inner}: {outer} gives as much already")));
        }
    }
    if list.asks() && list.schemes.iter().any(|scheme| scheme.name == BROKER) {
        return Err(Misuse(format!("{BROKER} is the name of the program's own broker")));
    }
    let orders = |place: &str| place.split('/').next() == Some(RUNNING);
    if list.schemes.iter().any(|scheme| orders(&scheme.name))
        || list.allowed.iter().any(|allowed| orders(&allowed.place))
    {
        return Err(Misuse(format!("{RUNNING} is for who runs programs: no program gets it")));
    }
    for (index, scheme) in list.schemes.iter().enumerate() {
        let others = list.schemes.get(..index).unwrap_or_default();
        let named = |place: &str| place.split('/').next() == Some(scheme.name.as_str());
        if others.iter().any(|other| other.name == scheme.name) {
            return Err(Misuse(format!("{} is listed twice", scheme.name)));
        }
        if let Some(allowed) = list.allowed.iter().find(|allowed| named(&allowed.place)) {
            let (path, name) = (&allowed.path, &scheme.name);
            return Err(Misuse(format!("{path} lies in the scheme {name}, which is listed")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn list(line: &str) -> List {
        read(&words(line)).unwrap()
    }

    #[test]
    fn nothing_is_given_that_is_not_listed() {
        let list = list("true -a r:/x");
        assert_eq!(list, List { command: words("true -a r:/x"), ..List::default() });
    }

    #[test]
    fn everything_that_is_listed_is_given() {
        let list = list(
            "--allow r:/etc -a rwc:/home/me --scheme log:w -s pty --limit memory=1M \
             -e TERM -e A=b=c -t -- ls -a",
        );
        let allowed: Vec<_> = list.allowed.iter().map(|row| row.place.as_str()).collect();
        assert_eq!(allowed, ["file/etc", "file/home/me"]);
        assert!(!list.allowed[0].rights.contains(Rights::WRITE));
        assert!(list.allowed[1].rights.contains(Rights::WRITE | Rights::CREATE | Rights::READ));
        assert!(!list.schemes[0].rights.contains(Rights::READ));
        assert_eq!(list.schemes[1].rights, Rights::all());
        assert_eq!(list.limits.memory, 1 << 20);
        let environment = [("TERM".into(), None), ("A".into(), Some("b=c".into()))];
        assert_eq!(list.environment, environment);
        assert_eq!(list.terminal, Terminal::Controlled);
        assert_eq!(list.command, ["ls", "-a"]);
    }

    #[test]
    fn an_inner_directory_may_give_more_but_not_less() {
        let places =
            |line| list(line).allowed.iter().map(|row| row.place.clone()).collect::<Vec<_>>();
        assert_eq!(places("-a rw:/tmp -a r:/ x"), ["file", "file/tmp"]);
        for line in ["-a r:/ -a r:/etc x", "-a r:/a -a rw:/ x", "-a r:/a -a w:/a/./ x"] {
            assert!(read(&words(line)).is_err(), "{line}");
        }
        assert!(read(&words("-a rw:/tmp -a r:/tmpfile x")).is_ok());
    }

    #[test]
    fn a_policy_stands_in_the_place_of_a_list() {
        let list = list("--policy file.policy -e A -l threads=2 ls -p");
        assert_eq!(list.policy.as_deref(), Some("file.policy"));
        assert_eq!(list.command, ["ls", "-p"]);
        let list = read(&words("--learn file -s memory ls")).unwrap();
        assert_eq!((list.learned.as_deref(), list.schemes.len()), (Some("file"), 1));
        let list = read(&words("-b given --ask asked ls")).unwrap();
        assert_eq!((list.broker.as_deref(), list.ask.as_deref()), (Some("given"), Some("asked")));
        let list = read(&words("--name it ls")).unwrap();
        assert_eq!((list.name.as_deref(), list.order), (Some("it"), None));
        let read_order = |line: &str| read(&words(line)).unwrap().order;
        assert_eq!(read_order("--status it"), Some(("it".into(), Order::Status)));
        let lines = ["--shrink", "it", "deny w /x", "hide /y"].map(str::to_owned);
        let order = Some(("it".into(), Order::Shrink("deny w /x\nhide /y".into())));
        assert_eq!(read(&lines).unwrap().order, order);
        assert_eq!(read(&words("--dry-run ls")).unwrap().dry, Some(DryRun::Ask));
        assert_eq!(read(&words("--dry-run=show -t -p x ls")).unwrap().dry, Some(DryRun::Show));
        let list = read(&words("-p x --explain /a --explain /b")).unwrap();
        assert_eq!(list.explained, ["/a", "/b"]);
    }

    #[test]
    fn what_needs_nobody_who_stays_is_plain() {
        for line in ["true", "-a r:/etc -s log -l threads=2 -e A -t true"] {
            assert!(list(line).is_plain(), "{line}");
        }
        for line in [
            "-p x true",
            "-b x true",
            "--ask x true",
            "-n x true",
            "--learn x true",
            "--status x",
            "-p x --explain /y",
        ] {
            assert!(!list(line).is_plain(), "{line}");
        }
    }

    #[test]
    fn only_what_is_listed_can_be_given() {
        let plain = list("-a r:/etc -s log true");
        for (place, given) in [
            ("file/etc", true),
            ("file/etc/x", true),
            ("file", false),
            ("file/etcetera", false),
            ("log", true),
            ("log/x", true),
            ("logs", false),
        ] {
            assert_eq!(plain.may_give(place), given, "{place}");
        }
        for line in ["-p x true", "--learn x true"] {
            assert!(list(line).may_give("file"), "{line}");
        }
    }

    #[test]
    fn words_that_make_no_sense_are_refused() {
        for line in [
            "",
            "-a r:/x",
            "-a /x ls",
            "-a r:x ls",
            "-a :/x ls",
            "-a q:/x ls",
            "-a r:/a/../b ls",
            "-s a/b ls",
            "-s log -s log ls",
            "-s file -a r:/x ls",
            "-l memory ls",
            "-e =x ls",
            "--all ls",
            "-p a -p b ls",
            "-p a -a r:/x ls",
            "-p a -s log ls",
            "-p a",
            "--explain /x",
            "--explain /x ls",
            "-p a --explain /x ls",
            "--learn a",
            "--learn a --learn b ls",
            "--learn a -p b ls",
            "--learn a -a r:/x ls",
            "--learn a --broker b ls",
            "--broker a --broker b ls",
            "--broker a -s broker ls",
            "--ask a -s broker ls",
            "--ask a -t ls",
            "--name a",
            "--name a/b ls",
            "--name a --name b ls",
            "--name a --learn b ls",
            "--dry-run=commit ls",
            "--dry-run --dry-run=show ls",
            "--dry-run --learn a ls",
            "--dry-run --broker a ls",
            "--dry-run --ask a ls",
            "--dry-run --name a ls",
            "--dry-run -t ls",
            "--dry-run -p a --explain /x",
            "--status",
            "--status a b",
            "--status a/b",
            "--shrink a",
            "-e A --seal a",
            "-s sandbox ls",
            "-a r:/scheme/sandbox/a ls",
        ] {
            assert!(read(&words(line)).is_err(), "{line}");
        }
    }
}

//! What a manifest means, and what is refused.
use crate::{End, Give, Keep, Restart, Start, Supervise, check, parse, select};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::namespace::entry_flags;
use clavis_abi::startup::EntryKind;

const GOOD: &str = "
# Two services and a shell.
service ram
  program /bin/ramfs
  register file
  use namespace
  keep endpoints
  keep memory 0x10_0000
  limit frames 0x1000
  priority 20

service serial            # the driver
  program /bin/console
  register console
  use namespace event file read-only
  supervise account
  give port 0x3f8 8
  give irq 4
  give log

service shell
  program /bin/session
  start interactive
  restart on-failure
  end power-off
  arg -i hello
  env PATH=/bin
  wait file console
  use * with read write lookup beneath
  give account
";

fn problems(text: &str) -> Vec<String> {
    let problems = check(text, |path| path != "/bin/absent").unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_manifest_says_what_each_service_gets() {
    let manifest = check(GOOD, |_| true).unwrap();
    let [ram, serial, shell] = manifest.services.as_slice() else { panic!() };
    assert_eq!((ram.limits.frames, ram.priority), (Some(4096), Some(20)));
    assert_eq!(ram.registers, ["file"]);
    assert_eq!(
        serial.gives,
        [Give::Ports { first: 0x3F8, count: 8 }, Give::Irq(4), Give::Entry(EntryKind::Log)]
    );
    assert_eq!(ram.keep, Keep { endpoints: true, memory: Some(1 << 20) });
    assert_eq!((serial.keep, serial.supervise), (Keep::default(), Supervise::Account));
    assert!(!serial.use_of("file").unwrap().rights.contains(Rights::WRITE));
    assert!(serial.use_of("time").is_none());
    assert_eq!((shell.start, shell.restart), (Start::Interactive, Restart::OnFailure));
    assert_eq!(shell.end, End::PowerOff);
    assert_eq!(shell.args, ["-i hello"]);
    let all = shell.use_of("whatever").unwrap();
    assert_eq!(all.rights, Rights::READ | Rights::WRITE | Rights::LOOKUP);
    assert_eq!(all.flags, entry_flags::BENEATH);
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    for (text, expected) in [
        ("program /x", "line 1: `program` stands before the first `service`"),
        ("service a/b", "line 1: `a/b` is not a name"),
        ("service a", "line 1: service a has no program"),
        ("service a\nprogram bin/x", "line 2: `bin/x` is not an absolute path"),
        ("service a\nprogram /x\nprogram /y", "line 3: a second `program`"),
        ("service a\nprogram /x\nfly", "line 3: `fly` is no directive"),
        ("service a\nprogram /x\ngive pony", "line 3: there is no `pony` to give"),
        ("service a\nprogram /x\ngive irq", "line 3: the line is missing"),
        ("service a\nprogram /x\ngive port 0xFFFF 2", "line 3: these are no ports"),
        ("service a\nprogram /x\npriority 32", "line 3: priorities go from 0 to 31"),
        ("service a\nprogram /x\nuse x with pony", "line 3: `with` needs the names of rights"),
        ("service a\nprogram /x\nlimit frames many", "line 3: `many` is not a number"),
        ("service a\nprogram /x\nenv =x", "line 3: `=x` is not NAME=VALUE"),
        ("service a\nprogram /x\nuse b b", "line 3: `b` is used twice"),
        ("service a\nprogram /x\nkeep calm", "line 3: `calm` is no value of `keep`"),
        ("service a\nprogram /x\nkeep memory 0", "line 3: 0 is no size of memory"),
    ] {
        let found = problems(text);
        assert!(found.iter().any(|line| line.starts_with(expected)), "{text:?}: {found:?}");
    }
}

#[test]
fn what_cannot_work_is_refused() {
    let a = "service a\nprogram /x\n";
    for (text, expected) in [
        ("service a\nprogram /bin/absent".into(), "line 1: a: the image has no /bin/absent"),
        (format!("{a}use ghost"), "line 1: a: nobody registers `ghost`"),
        (format!("{a}wait time"), "line 1: a: waits for `time`, which nobody registers"),
        (format!("{a}register event"), "line 1: a: `event` is a name of the kernel"),
        (format!("{a}register n\nuse n"), "line 1: a: uses `n`, which it registers itself"),
        (
            format!("{a}register n\nservice b\nprogram /y\nregister n"),
            "line 4: b: `n` is registered by a too",
        ),
        (
            format!("{a}register n\nstart optional\nservice b\nprogram /y\nwait n"),
            "line 5: b: waits for a, which may not be started",
        ),
        (format!("{a}keep endpoints"), "line 1: a: keeps endpoints, but registers no name"),
        (format!("{a}keep memory 1"), "line 1: a: keeps memory, but no endpoints"),
        (
            format!("{a}give port 0x3f8 8\nservice b\nprogram /y\ngive port 0x3ff 1"),
            "line 4: b: shares a device",
        ),
    ] {
        let found = problems(&text);
        assert!(found.iter().any(|line| line.starts_with(expected)), "{text:?}: {found:?}");
    }
}

#[test]
fn services_that_can_wait_for_each_other_are_refused() {
    let text = "service a\nprogram /x\nregister one\nuse three\n\
                service b\nprogram /x\nregister two\nwait one\n\
                service c\nprogram /x\nregister three\nuse two\n\
                service d\nprogram /x\nuse *";
    let found = problems(text);
    assert_eq!(found, ["line 1: these can wait for each other: a -> c -> b -> a"]);
    let broken = text.replace("\nuse three", "");
    assert!(check(&broken, |_| true).is_ok());
}

#[test]
fn a_start_line_starts_what_it_names_instead_of_the_interactive_services() {
    let manifest = parse(
        "service a\nprogram /a\nservice b\nprogram /b\nstart interactive\n\
         service c\nprogram /c\nstart optional",
    )
    .unwrap();
    let run = |lines: &[&str]| {
        let lines: Vec<&str> = lines.to_vec();
        let (selected, unknown) = select(&manifest, lines.iter().copied());
        let selected: Vec<(usize, Option<String>)> =
            selected.into_iter().map(|one| (one.service, one.argument)).collect();
        (selected, unknown.into_iter().map(String::from).collect::<Vec<_>>())
    };
    assert_eq!(run(&["quiet"]), ([(0, None), (1, None)].into(), Vec::new()));
    let (selected, unknown) = run(&["start c exec ls | cat", "start ghost"]);
    assert_eq!(selected, [(0, None), (2, Some("exec ls | cat".into()))]);
    assert_eq!(unknown, ["ghost"]);
}

#[test]
fn any_text_is_read_or_refused() {
    let words = [
        "service", "a", "b", "program", "/x", "use", "*", "with", "read", "give", "irq", "4",
        "port", "register", "wait", "limit", "frames", "\n", "\n", "#", "start", "=", "é", "0x",
    ];
    let mut state = 0x1234_5678_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(words[(state >> 33) as usize % words.len()]);
            text.push(' ');
        }
        let _ = check(&text, |path| path.len() > 2);
    }
}

#[test]
fn the_manifest_of_the_system_fits_its_image() {
    let text = include_str!("../../services.conf");
    let image = include_str!("../../../../xtask/image.toml");
    let has = |path: &str| image.contains(&format!("\"{}\"", path.trim_start_matches('/')));
    let manifest = check(text, has).unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert!(manifest.services.iter().any(|service| service.start == Start::Interactive));
    assert!(has("/bin/nsmgr"));
}

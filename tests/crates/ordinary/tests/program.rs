//! What tests of programs expect of where they run.
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program, at the path that the compiler knew.
fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ordinary"))
}

#[test]
fn the_program_reads_files_of_the_package_from_its_folder() {
    let output = program().arg("tests/data/poem.txt").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"14\n"[..], &b""[..]));
}

#[test]
fn its_failure_has_its_status_and_its_words() {
    let output = program().arg("tests/data/none").output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("tests/data/none: "));
}

/// With `RUST_BACKTRACE` a program says where it lies; what it starts must not.
#[test]
fn it_prints_nothing_of_the_runners() {
    assert_eq!(std::env::var_os("CLAVIS_SHOW_IMAGE"), None);
    assert_eq!(program().arg("tests/data/poem.txt").output().unwrap().stderr, b"");
}

#[test]
fn it_reads_what_it_is_sent() {
    let mut child =
        program().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().unwrap().write_all(b"one two\nthree").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"3\n");
}

#[test]
fn the_package_is_where_it_was_built() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(std::env::current_dir().unwrap(), folder);
    assert_eq!(std::env::var("CARGO_MANIFEST_DIR").unwrap(), env!("CARGO_MANIFEST_DIR"));
    assert_eq!(std::env::var("CARGO_PKG_NAME").unwrap(), "ordinary");
    let poem = fs::read_to_string(folder.join("tests/data/poem.txt")).unwrap();
    assert_eq!(poem, include_str!("data/poem.txt"));
    let mode = |path: &str| folder.join(path).metadata().unwrap().permissions().mode();
    assert_eq!(mode("tests/data/script") & 0o111, 0o111);
    assert_eq!(mode("tests/data/poem.txt") & 0o111, 0);
}

#[test]
fn the_program_is_found_from_where_the_test_lies() {
    let test = std::env::current_exe().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_ordinary"));
    assert_eq!(test.parent().and_then(Path::parent), program.parent());
    assert_eq!(std::env::args_os().next().unwrap(), test);
}

#[test]
fn folders_for_files_of_tests_are_there() {
    for folder in [Path::new(env!("CARGO_TARGET_TMPDIR")), &std::env::temp_dir()] {
        let file = folder.join("ordinary-file");
        fs::write(&file, "kept").unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn a_test_changes_files_of_the_package_for_itself() {
    let file = Path::new("tests/data/changed");
    fs::write(file, "a b").unwrap();
    fs::OpenOptions::new().append(true).open(file).unwrap().write_all(b" c").unwrap();
    assert_eq!(program().arg(file).output().unwrap().stdout, b"3\n");
    fs::remove_file(file).unwrap();
}

#[test]
fn a_script_of_the_package_starts() {
    let output = Command::new(fs::canonicalize("tests/data/script").unwrap()).output().unwrap();
    assert_eq!(output.stdout, b"a script\n", "{output:?}");
}

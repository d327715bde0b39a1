//! What the shell does itself.
use crate::execute;
use crate::state::{Flow, Scope, Shell, Variable};
use crate::{MISUSE, jobs, system};
use shell_language::expand::Environment;
use shell_language::line::{self, Backslash};
use shell_language::{condition, printf};
use std::fs::File;
use std::io::Read;

/// A builtin: gets the words, the first being its own name.
pub(crate) type Builtin = fn(&mut Shell, &[String]) -> Flow;

const BUILTINS: &[(&str, Builtin, &str)] = &[
    (".", source, ". FILE: run a file in this shell"),
    (":", succeed, ": do nothing"),
    ("[", bracket, "[ CONDITION ]: as test"),
    ("bg", jobs::background, "bg [%N]: let a job go on beside the shell"),
    ("break", break_loop, "break [N]: leave so many loops"),
    ("cd", cd, "cd [DIRECTORY | -]: change the current directory"),
    ("command", command, "command -v NAME...: what a name means, as `type`"),
    ("continue", continue_loop, "continue [N]: next turn of the loop"),
    ("echo", echo, "echo [-n] WORD...: print"),
    ("eval", eval, "eval WORD...: run the words as a command"),
    ("exit", exit, "exit [STATUS]: leave the shell"),
    ("export", export, "export [NAME[=VALUE]...]: hand variables to commands"),
    ("false", fail, "false: status 1"),
    ("fg", jobs::foreground, "fg [%N]: let a job go on in the foreground"),
    ("help", help, "help: this list"),
    ("history", history, "history: what was typed"),
    ("jobs", jobs::jobs, "jobs: what runs beside the shell (&) or was stopped (Ctrl-Z)"),
    ("printf", printf, "printf FORMAT WORD...: print words in a form (%s %d %x ...)"),
    ("pwd", pwd, "pwd: print the current directory"),
    ("read", read, "read [-r] NAME...: read a line into variables; -r: with its backslashes"),
    ("return", return_from, "return [STATUS]: leave a function, or a file that is read"),
    ("set", set, "set [-- WORD...]: show variables, or set $1..."),
    ("shift", shift, "shift [N]: drop the first of $1..."),
    ("source", source, "source FILE: run a file in this shell"),
    ("test", test, "test CONDITION: -e -f -d -s FILE, A = B, A -lt B, ! ..."),
    ("true", succeed, "true: status 0"),
    ("type", kind, "type NAME...: what a command is"),
    ("unset", unset, "unset NAME...: forget variables and functions"),
    ("wait", jobs::wait, "wait: wait for what runs beside the shell (&)"),
];

/// The builtin of that name.
pub(crate) fn find(name: &str) -> Option<Builtin> {
    BUILTINS.iter().find(|row| row.0 == name).map(|row| row.1)
}

pub(crate) fn done(shell: &mut Shell, status: i32) -> Flow {
    shell.status = status;
    Flow::Next
}

pub(crate) fn failed(shell: &mut Shell, words: &[String], why: &str) -> Flow {
    let name = words.first().map_or("", String::as_str);
    shell.complain(&format!("{name}: {why}"));
    done(shell, 1)
}

fn print(shell: &mut Shell, words: &[String], text: &str) -> Flow {
    match shell.print(text) {
        Ok(()) => done(shell, 0),
        Err(error) => failed(shell, words, &system::reason(&error)),
    }
}

fn printf(shell: &mut Shell, words: &[String]) -> Flow {
    let [_, format, arguments @ ..] = words else {
        return failed(shell, words, "needs a format");
    };
    match printf::formatted(format, arguments) {
        Ok(text) => print(shell, words, &text),
        Err(why) => failed(shell, words, &why),
    }
}

fn history(shell: &mut Shell, words: &[String]) -> Flow {
    let lines = shell.history.iter().zip(1..);
    let text: String = lines.map(|(line, number)| format!("{number:>5}  {line}\n")).collect();
    print(shell, words, &text)
}

fn succeed(shell: &mut Shell, _: &[String]) -> Flow {
    done(shell, 0)
}

fn fail(shell: &mut Shell, _: &[String]) -> Flow {
    done(shell, 1)
}

fn echo(shell: &mut Shell, words: &[String]) -> Flow {
    let (end, rest) = match words {
        [_, option, rest @ ..] if option == "-n" => ("", rest),
        [_, rest @ ..] => ("\n", rest),
        [] => ("\n", words),
    };
    let text = rest.join(" ") + end;
    print(shell, words, &text)
}

fn pwd(shell: &mut Shell, words: &[String]) -> Flow {
    let text = format!("{}\n", shell.directory.path);
    print(shell, words, &text)
}

fn cd(shell: &mut Shell, words: &[String]) -> Flow {
    let target = match words {
        [_] => shell.variable("HOME").unwrap_or_else(|| "/".into()),
        [_, target] => target.clone(),
        _ => return failed(shell, words, "too many arguments"),
    };
    let next = match (target.as_str(), &shell.previous) {
        ("-", None) => return failed(shell, words, "there is no previous directory"),
        ("-", Some(previous)) => Ok(previous.clone()),
        _ => shell.directory.enter(&target),
    };
    match next {
        Ok(next) => {
            let shown = (target == "-").then(|| format!("{}\n", next.path));
            shell.previous = Some(std::mem::replace(&mut shell.directory, next));
            match shown {
                Some(text) => print(shell, words, &text),
                None => done(shell, 0),
            }
        }
        Err(error) => {
            let why = format!("{target}: {}", system::reason(&error));
            failed(shell, words, &why)
        }
    }
}

fn exit(shell: &mut Shell, words: &[String]) -> Flow {
    Flow::Exit(status(shell, words))
}

fn return_from(shell: &mut Shell, words: &[String]) -> Flow {
    Flow::Return(status(shell, words))
}

/// The status that is asked for; without one, the last.
fn status(shell: &mut Shell, words: &[String]) -> i32 {
    match words.get(1).map(|word| word.parse()) {
        None => shell.status,
        Some(Ok(status)) => status,
        Some(Err(_)) => {
            failed(shell, words, "the status is not a number");
            MISUSE
        }
    }
}

fn count(words: &[String]) -> Option<u32> {
    match words {
        [_] => Some(1),
        [_, number] => number.parse().ok().filter(|count| *count > 0),
        _ => None,
    }
}

fn break_loop(shell: &mut Shell, words: &[String]) -> Flow {
    match count(words) {
        Some(levels) => Flow::Break(levels),
        None => failed(shell, words, "needs a number of loops"),
    }
}

fn continue_loop(shell: &mut Shell, words: &[String]) -> Flow {
    match count(words) {
        Some(levels) => Flow::Continue(levels),
        None => failed(shell, words, "needs a number of loops"),
    }
}

/// Whether a text can name a variable.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn export(shell: &mut Shell, words: &[String]) -> Flow {
    let mut status = 0;
    for word in words.iter().skip(1) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        if !is_name(name) {
            failed(shell, words, &format!("{name}: not a name"));
            status = 1;
            continue;
        }
        let new = Variable { value: String::new(), scope: Scope::Exported };
        let variable = shell.variables.entry(name.to_owned()).or_insert(new);
        variable.scope = Scope::Exported;
        if let Some(value) = value {
            variable.value = value.to_owned();
        }
    }
    if words.len() == 1 {
        let shown = shell.environment();
        let lines: String = shown
            .iter()
            .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
            .collect();
        return print(shell, words, &lines);
    }
    done(shell, status)
}

/// The text as a word that reads back as itself.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn unset(shell: &mut Shell, words: &[String]) -> Flow {
    for name in words.iter().skip(1) {
        shell.variables.remove(name);
        shell.functions.remove(name);
    }
    done(shell, 0)
}

fn set(shell: &mut Shell, words: &[String]) -> Flow {
    match words {
        [_] => {
            let variables = shell.variables.iter();
            let lines: String = variables
                .map(|(name, variable)| format!("{name}={}\n", quoted(&variable.value)))
                .collect();
            print(shell, words, &lines)
        }
        [_, dashes, rest @ ..] if dashes == "--" => {
            shell.arguments = rest.to_vec();
            done(shell, 0)
        }
        [_, option, ..] => {
            failed(shell, words, &format!("{option}: options are not supported, use `set -- ...`"))
        }
        [] => done(shell, 0),
    }
}

fn shift(shell: &mut Shell, words: &[String]) -> Flow {
    match count(words).map(|count| count as usize) {
        Some(count) if count <= shell.arguments.len() => {
            shell.arguments.drain(..count);
            done(shell, 0)
        }
        _ => failed(shell, words, "there are not so many arguments"),
    }
}

fn source(shell: &mut Shell, words: &[String]) -> Flow {
    let Some(path) = words.get(1) else {
        return failed(shell, words, "needs a file");
    };
    let text = match shell.directory.read(path) {
        Ok(text) => text,
        Err(error) => {
            let why = format!("{path}: {}", system::reason(&error));
            return failed(shell, words, &why);
        }
    };
    match run(shell, words, path, &text) {
        Flow::Return(status) => done(shell, status),
        flow => flow,
    }
}

fn eval(shell: &mut Shell, words: &[String]) -> Flow {
    let text = words.get(1..).unwrap_or_default().join(" ");
    run(shell, words, "its words", &text)
}

/// Runs a text in this shell.
fn run(shell: &mut Shell, words: &[String], origin: &str, text: &str) -> Flow {
    match shell_language::parse(text) {
        Ok(program) => {
            shell.status = 0;
            execute::program(shell, &program)
        }
        Err(error) => {
            failed(shell, words, &format!("{origin}: {error}"));
            done(shell, MISUSE)
        }
    }
}

fn bracket(shell: &mut Shell, words: &[String]) -> Flow {
    match words {
        [_, condition @ .., end] if end == "]" => judge(shell, words, condition),
        _ => {
            failed(shell, words, "`]` is missing");
            done(shell, MISUSE)
        }
    }
}

fn test(shell: &mut Shell, words: &[String]) -> Flow {
    judge(shell, words, words.get(1..).unwrap_or(&[]))
}

fn judge(shell: &mut Shell, words: &[String], condition: &[String]) -> Flow {
    match condition::judge(condition, &*shell) {
        Ok(truth) => done(shell, i32::from(!truth)),
        Err(why) => {
            failed(shell, words, &why);
            done(shell, MISUSE)
        }
    }
}

fn read(shell: &mut Shell, words: &[String]) -> Flow {
    let Some(file) = shell.descriptors.get(&0).cloned() else {
        return failed(shell, words, "descriptor 0 is closed");
    };
    let (backslash, names) = match words.get(1..) {
        Some([option, names @ ..]) if option == "-r" => (Backslash::Stays, names),
        names => (Backslash::Quotes, names.unwrap_or_default()),
    };
    let separators = shell.variable("IFS").unwrap_or_else(|| line::BLANKS.to_owned());
    let usual = ["REPLY".to_owned()];
    let names = if names.is_empty() { &usual } else { names };
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        return failed(shell, words, &format!("{name}: not a name"));
    }
    let mut file: &File = &file;
    let mut line = Vec::new();
    let mut byte = [0];
    // Byte by byte: what follows the line belongs to the next reader.
    let status = loop {
        match file.read(&mut byte) {
            Ok(0) => break 1,
            Ok(_) if byte == *b"\n" && line::goes_on(&line, backslash) => _ = line.pop(),
            Ok(_) if byte == *b"\n" => break 0,
            Ok(_) => line.extend_from_slice(&byte),
            Err(error) => return failed(shell, words, &system::reason(&error)),
        }
    };
    let line = String::from_utf8_lossy(&line).into_owned();
    for (name, value) in names.iter().zip(line::words(&line, names.len(), backslash, &separators)) {
        shell.set(name, &value);
    }
    done(shell, status)
}

fn kind(shell: &mut Shell, words: &[String]) -> Flow {
    let mut text = String::new();
    let mut status = 0;
    for name in words.iter().skip(1) {
        if shell.functions.contains_key(name) {
            text += &format!("{name} is a function\n");
        } else if find(name).is_some() {
            text += &format!("{name} is a builtin\n");
        } else if let Some(path) = system::locate(name, &shell.path(), &shell.directory) {
            text += &format!("{name} is {path}\n");
        } else {
            failed(shell, words, &format!("{name}: not found"));
            status = 1;
        }
    }
    print(shell, words, &text);
    done(shell, status)
}

fn command(shell: &mut Shell, words: &[String]) -> Flow {
    match words {
        [_, option, names @ ..] if option == "-v" => {
            let mut words = vec![option.clone()];
            words.extend_from_slice(names);
            kind(shell, &words)
        }
        _ => failed(shell, words, "only -v is known"),
    }
}

fn help(shell: &mut Shell, words: &[String]) -> Flow {
    let mut text = String::from("Builtins of the shell (programs are in ");
    text += &shell.path();
    text += "):\n";
    for (_, _, line) in BUILTINS {
        text += &format!("  {line}\n");
    }
    print(shell, words, &text)
}

impl condition::Files for Shell {
    fn exists(&self, path: &str) -> bool {
        self.directory.metadata(path).is_ok()
    }

    fn is_file(&self, path: &str) -> bool {
        self.directory.metadata(path).is_ok_and(|metadata| metadata.is_file())
    }

    fn is_directory(&self, path: &str) -> bool {
        self.directory.metadata(path).is_ok_and(|metadata| metadata.is_dir())
    }

    fn length(&self, path: &str) -> u64 {
        self.directory.metadata(path).map_or(0, |metadata| metadata.len())
    }

    fn is_terminal(&self, descriptor: u32) -> bool {
        use std::io::IsTerminal;
        self.descriptors.get(&descriptor).is_some_and(|file| file.is_terminal())
    }
}

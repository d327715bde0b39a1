//! What the command line asks to be run.

use crate::place::Item;

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Path of the program.
    pub program: String,
    /// The name it is called by.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The folder that it starts in.
    pub folder: String,
    /// Variables that its environment has beside those of the service.
    pub environment: Vec<(String, String)>,
    /// It reports events: it gets a pipe for them.
    pub has_events: bool,
    /// What it finds around itself.
    pub around: Vec<Item>,
}

impl Request {
    /// Reads `exec COMMAND`, `run [in FOLDER] [NAME=VALUE]… -- PROGRAM [ARGUMENT]…` (words as [`word`]
    /// writes them), `test [FILTER]` or `bench [ROW]…`.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse(request: &str) -> Result<Request, String> {
        let (verb, rest) = request.split_once(' ').unwrap_or((request, ""));
        let given: Option<String> = (!rest.is_empty()).then(|| rest.to_owned());
        let (program, name, arguments) = match verb {
            "exec" => {
                let command = given.ok_or("exec: there is no command behind it")?;
                ("/scheme/initfs/bin/sh", "sh", vec!["-c".to_owned(), command])
            }
            "run" => return run(rest),
            "test" => ("/scheme/initfs/bin/suite", "suite", given.into_iter().collect()),
            "bench" => {
                let rows = rest.split_whitespace().map(str::to_owned).collect();
                ("/scheme/initfs/bin/bench", "bench", rows)
            }
            _ => {
                return Err(format!(
                    "`{request}` is none of: exec COMMAND, run [in FOLDER] [NAME=VALUE]… -- \
                     PROGRAM [ARGUMENT]…, test [FILTER], bench [ROW]…, from FOLDER"
                ));
            }
        };
        Ok(Request {
            program: program.to_owned(),
            name: name.to_owned(),
            arguments,
            folder: ROOT.to_owned(),
            environment: Vec::new(),
            has_events: verb == "test",
            around: Vec::new(),
        })
    }

    /// Reads a file with a request in its first line and what is around its program, in the order in
    /// which it is placed, in the others.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse_file(text: &str) -> Result<Request, String> {
        let mut lines = text.lines();
        let request = Request::parse(lines.next().unwrap_or_default())?;
        let around = lines.map(Item::parse).collect::<Result<_, _>>()?;
        Ok(Request { around, ..request })
    }
}

/// The file of a folder with a request that says what it is; the others are the contents.
pub const REQUEST: &str = "request";

/// Where programs start if nothing else was said.
const ROOT: &str = "/";

fn run(rest: &str) -> Result<Request, String> {
    let mut words = rest.split(' ').peekable();
    let mut environment = Vec::new();
    let mut folder = ROOT.to_owned();
    if words.next_if_eq(&"in").is_some() {
        folder = text(words.next().ok_or("run: there is no folder behind `in`")?)?;
    }
    for word in words.by_ref().take_while(|word| *word != "--") {
        let (name, value) = word.split_once('=').ok_or("run: a variable without `=`")?;
        environment.push((text(name)?, text(value)?));
    }
    let program = text(words.next().ok_or("run: there is no program behind `--`")?)?;
    let name = program.clone();
    let arguments = words.map(text).collect::<Result<_, _>>()?;
    Ok(Request {
        program,
        name,
        arguments,
        folder,
        environment,
        has_events: false,
        around: Vec::new(),
    })
}

/// Writes a text as one word of a request: what is not a letter, digit or one of `-_./:,+` becomes
/// `%` and two hexadecimal digits.
#[must_use]
pub fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,+".contains(&byte);
    let written = |byte: u8| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    // No word is `--` by accident.
    if text == "--" { "%2d-".to_owned() } else { text.bytes().map(written).collect() }
}

/// The text that a word stands for.
pub(crate) fn text(word: &str) -> Result<String, String> {
    let mut parts = word.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, plain) = part.split_at_checked(2).ok_or("run: a cut `%`")?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| "run: a malformed `%`")?);
        bytes.extend(plain.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| "run: a word is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_program_and_its_arguments() {
        let exec = Request::parse("exec ls /scheme && echo 'a  b'").unwrap();
        assert_eq!(
            (exec.name.as_str(), exec.arguments),
            ("sh", vec!["-c".into(), "ls /scheme && echo 'a  b'".into()])
        );
        assert!(!exec.has_events);
        let test = Request::parse("test").unwrap();
        assert!(test.arguments.is_empty() && test.has_events);
        assert_eq!(Request::parse("test rights").unwrap().arguments, ["rights"]);
        assert_eq!(Request::parse("bench").unwrap().program, "/scheme/initfs/bin/bench");
        assert_eq!(Request::parse("bench true hello").unwrap().arguments, ["true", "hello"]);
        for bad in ["exec", "exec ", "", "dance"] {
            assert!(Request::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn any_text_travels_as_a_word() {
        let texts = ["", "--", "a b", "%41", "ü\n=\0", "-x=y", "/a/b.c"];
        let words: Vec<String> = texts.iter().map(|text| word(text)).collect();
        assert!(words.iter().all(|word| !word.contains([' ', '\n', '\0']) && word != "--"));
        let line = format!("run A={} B=1 -- /bin/x {}", word("u v"), words.join(" "));
        let request = Request::parse(&line).unwrap();
        assert_eq!((request.program.as_str(), request.name.as_str()), ("/bin/x", "/bin/x"));
        assert_eq!(request.arguments, texts);
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(request.environment, [set("A", "u v"), set("B", "1")]);
        assert_eq!(request.folder, "/");
    }

    #[test]
    fn a_program_starts_in_the_folder_that_is_named() {
        let request = Request::parse("run in /a%20b C=d -- /bin/x in e").unwrap();
        assert_eq!((request.folder.as_str(), request.environment.len()), ("/a b", 1));
        assert_eq!(request.arguments, ["in", "e"]);
    }

    #[test]
    fn a_file_says_what_is_around_the_program() {
        let text = "run in /p -- /p/x\nfolder /p\nprogram /p/x 0\n";
        let request = Request::parse_file(text).unwrap();
        assert_eq!((request.program.as_str(), request.folder.as_str()), ("/p/x", "/p"));
        let program = Item::Program { path: "/p/x".into(), content: 0 };
        assert_eq!(request.around, [Item::Folder { path: "/p".into() }, program]);
        assert!(Request::parse_file("").is_err());
        assert!(Request::parse_file("run -- /x\nnonsense").is_err());
    }

    #[test]
    fn a_malformed_run_is_refused() {
        for bad in [
            "run",
            "run in",
            "run in /a",
            "run --",
            "run A -- /x",
            "run -- /x %4",
            "run -- /x %zz",
            "run -- %ff",
        ] {
            assert!(Request::parse(bad).is_err(), "{bad}");
        }
    }
}

//! What the command line asks to be run.

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Path of the program.
    pub program: &'static str,
    /// The name it is called by.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// It reports events: it gets a pipe for them.
    pub has_events: bool,
}

impl Request {
    /// Reads `exec COMMAND`, `test [FILTER]` or `bench [OPTION]`.
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
            "test" => ("/scheme/initfs/bin/suite", "suite", given.into_iter().collect()),
            "bench" => ("/scheme/initfs/bin/bench", "bench", given.into_iter().collect()),
            _ => return Err(format!("`{request}` is none of: exec COMMAND, test [FILTER], bench")),
        };
        Ok(Request { program, name, arguments, has_events: verb == "test" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_program_and_its_arguments() {
        let exec = Request::parse("exec ls /scheme && echo 'a  b'").unwrap();
        assert_eq!(
            (exec.name, exec.arguments),
            ("sh", vec!["-c".into(), "ls /scheme && echo 'a  b'".into()])
        );
        assert!(!exec.has_events);
        let test = Request::parse("test").unwrap();
        assert!(test.arguments.is_empty() && test.has_events);
        assert_eq!(Request::parse("test rights").unwrap().arguments, ["rights"]);
        assert_eq!(Request::parse("bench").unwrap().program, "/scheme/initfs/bin/bench");
        for bad in ["exec", "exec ", "", "dance"] {
            assert!(Request::parse(bad).is_err(), "{bad}");
        }
    }
}

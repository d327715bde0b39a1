//! What the command line asks to be run.

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The name of the program, then its arguments.
    pub arguments: Vec<String>,
}

impl Command {
    /// Reads `exec COMMAND`, `test [FILTER]` or `bench [OPTIONS]`.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse(request: &str) -> Result<Command, String> {
        let (verb, rest) = request.split_once(' ').unwrap_or((request, ""));
        let given = (!rest.is_empty()).then(|| rest.to_owned());
        match verb {
            "exec" => {
                let command = given.ok_or("exec: there is no command behind it")?;
                Ok(Command {
                    arguments: vec!["sh".into(), "-c".into(), command],
                })
            }
            "test" => Ok(Command {
                arguments: std::iter::once("suite".into()).chain(given).collect(),
            }),
            "bench" => Ok(Command {
                arguments: std::iter::once("bench".into()).chain(given).collect(),
            }),
            _ => Err(format!("`{request}` is none of: exec COMMAND, test [FILTER], bench")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_program_and_its_arguments() {
        let exec = Command::parse("exec ls /scheme && echo 'a  b'").unwrap();
        assert_eq!(exec.arguments, ["sh", "-c", "ls /scheme && echo 'a  b'"]);
        assert_eq!(Command::parse("test").unwrap().arguments, ["suite"]);
        assert_eq!(Command::parse("test rights").unwrap().arguments, ["suite", "rights"]);
        assert_eq!(Command::parse("bench").unwrap().arguments, ["bench"]);
        for bad in ["exec", "exec ", "", "dance"] {
            assert!(Command::parse(bad).is_err(), "{bad}");
        }
    }
}

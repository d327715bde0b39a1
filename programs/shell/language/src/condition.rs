//! The conditions of `test` and `[`.

/// What `test` asks about files.
pub trait Files {
    /// Whether something has that path.
    fn exists(&self, path: &str) -> bool;
    /// Whether it is a regular file.
    fn is_file(&self, path: &str) -> bool;
    /// Whether it is a directory.
    fn is_directory(&self, path: &str) -> bool;
    /// Its length in bytes, 0 if it does not exist.
    fn length(&self, path: &str) -> u64;
    /// Whether the descriptor is a terminal.
    fn is_terminal(&self, descriptor: u32) -> bool;
}

/// Judges the arguments of `test` (without the closing bracket of `[`).
///
/// # Errors
/// What cannot be understood.
pub fn judge(arguments: &[String], files: &dyn Files) -> Result<bool, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Ok(false),
        ["!", rest @ ..] => judge(arguments.get(1..).unwrap_or(&[]), files)
            .map(|truth| !truth)
            .map_err(|error| if rest.is_empty() { "`!` needs a condition".into() } else { error }),
        [text] => Ok(!text.is_empty()),
        [operator, operand] => unary(operator, operand, files),
        [left, operator, right] => binary(left, operator, right),
        _ => match joined(&words) {
            Some((at, conjunction)) => {
                let (left, right) = arguments.split_at(at);
                let left = judge(left, files)?;
                let right = judge(right.get(1..).unwrap_or(&[]), files)?;
                Ok(if conjunction == "-a" { left && right } else { left || right })
            }
            None => Err("too many arguments".into()),
        },
    }
}

/// Where conditions are joined; `-o` binds less than `-a`.
fn joined<'a>(words: &[&'a str]) -> Option<(usize, &'a str)> {
    let find = |wanted| words.iter().position(|word| *word == wanted).filter(|at| *at > 0);
    find("-o").map(|at| (at, "-o")).or_else(|| find("-a").map(|at| (at, "-a")))
}

fn unary(operator: &str, operand: &str, files: &dyn Files) -> Result<bool, String> {
    Ok(match operator {
        "-n" => !operand.is_empty(),
        "-z" => operand.is_empty(),
        "-e" => files.exists(operand),
        "-f" => files.is_file(operand),
        "-d" => files.is_directory(operand),
        "-s" => files.length(operand) > 0,
        "-t" => files.is_terminal(number(operand)?.try_into().unwrap_or(u32::MAX)),
        _ => return Err(format!("{operator}: unknown condition")),
    })
}

fn binary(left: &str, operator: &str, right: &str) -> Result<bool, String> {
    let compare = || Ok::<_, String>(number(left)?.cmp(&number(right)?));
    Ok(match operator {
        "=" | "==" => left == right,
        "!=" => left != right,
        "-eq" => compare()?.is_eq(),
        "-ne" => compare()?.is_ne(),
        "-lt" => compare()?.is_lt(),
        "-le" => compare()?.is_le(),
        "-gt" => compare()?.is_gt(),
        "-ge" => compare()?.is_ge(),
        "-a" => !left.is_empty() && !right.is_empty(),
        "-o" => !left.is_empty() || !right.is_empty(),
        _ => return Err(format!("{operator}: unknown comparison")),
    })
}

fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("{text}: not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl Files for Known {
        fn exists(&self, path: &str) -> bool {
            path == "file" || path == "dir"
        }
        fn is_file(&self, path: &str) -> bool {
            path == "file"
        }
        fn is_directory(&self, path: &str) -> bool {
            path == "dir"
        }
        fn length(&self, path: &str) -> u64 {
            u64::from(path == "file")
        }
        fn is_terminal(&self, descriptor: u32) -> bool {
            descriptor == 0
        }
    }

    fn test(text: &str) -> Result<bool, String> {
        let words: Vec<String> = text.split(' ').map(|w| w.trim_matches('_').into()).collect();
        judge(&words, &Known)
    }

    #[test]
    fn conditions_are_true_or_false() {
        for text in ["a = a", "a != b", "-n x", "-z _", "-e file", "-f file", "-d dir", "-s file"] {
            assert_eq!(test(text), Ok(true), "{text}");
            assert_eq!(test(&format!("! {text}")), Ok(false), "{text}");
        }
        for text in ["2 -lt 10", "-1 -le -1", "3 -ne 4", "-t 0", "a = a -a b = b", "x = y -o -n x"]
        {
            assert_eq!(test(text), Ok(true), "{text}");
        }
        assert_eq!(judge(&[], &Known), Ok(false));
    }

    #[test]
    fn what_is_no_condition_is_an_error() {
        for text in ["a -eq b", "-q x", "a ~ b", "a b c d", "a = b = c"] {
            assert!(test(text).is_err(), "{text}");
        }
    }
}

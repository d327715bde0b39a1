//! What `printf` prints.

/// The text of a format with its arguments. The format is used again while arguments are left.
///
/// # Errors
/// What of it is not understood.
pub fn formatted(format: &str, arguments: &[String]) -> Result<String, String> {
    let mut left = arguments.iter().map(String::as_str);
    let mut text = String::new();
    loop {
        let before = left.len();
        once(format, &mut left, &mut text)?;
        // A format that takes no arguments would never come to their end.
        if left.len() == 0 || left.len() == before {
            return Ok(text);
        }
    }
}

fn once<'a>(
    format: &str,
    arguments: &mut impl Iterator<Item = &'a str>,
    text: &mut String,
) -> Result<(), String> {
    let mut rest = format.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, text),
            '%' if rest.next_if_eq(&'%').is_some() => text.push('%'),
            '%' => {
                let digits = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
                    let mut number = String::new();
                    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                        number.push(digit);
                    }
                    number.parse::<usize>().unwrap_or(0).min(MAX_WIDTH)
                };
                let (mut left_side, mut zeros) = (false, false);
                while let Some(flag) = rest.next_if(|c| matches!(c, '-' | '0')) {
                    left_side |= flag == '-';
                    zeros |= flag == '0';
                }
                let width = digits(&mut rest);
                let precision = rest.next_if_eq(&'.').map(|_| digits(&mut rest));
                let argument = arguments.next();
                let value = value(rest.next(), argument.unwrap_or_default(), precision)?;
                let missing = width.saturating_sub(value.chars().count());
                match (left_side, zeros) {
                    (true, _) => text.extend([value, " ".repeat(missing)]),
                    (false, true) => {
                        let (sign, digits) = match value.strip_prefix('-') {
                            Some(digits) => ("-", digits),
                            None => ("", value.as_str()),
                        };
                        text.extend([sign, &"0".repeat(missing), digits]);
                    }
                    (false, false) => text.extend([" ".repeat(missing), value]),
                }
            }
            c => text.push(c),
        }
    }
    Ok(())
}

/// Greatest width of a field.
const MAX_WIDTH: usize = 4096;

fn value(kind: Option<char>, argument: &str, precision: Option<usize>) -> Result<String, String> {
    let number = || match argument.trim() {
        "" => Ok(0),
        digits => {
            let parsed = match digits.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16).ok(),
                None => digits.parse().ok(),
            };
            parsed.ok_or_else(|| format!("{argument}: not a number"))
        }
    };
    Ok(match kind {
        Some('s') => argument.chars().take(precision.unwrap_or(usize::MAX)).collect(),
        Some('b') => {
            let mut text = String::new();
            let mut rest = argument.chars().peekable();
            while let Some(c) = rest.next() {
                if c == '\\' { escape(&mut rest, &mut text) } else { text.push(c) }
            }
            text
        }
        Some('c') => argument.chars().take(1).collect(),
        Some('d' | 'i' | 'u') => number()?.to_string(),
        Some('x') => format!("{:x}", number()?),
        Some('X') => format!("{:X}", number()?),
        Some('o') => format!("{:o}", number()?),
        Some(other) => return Err(format!("%{other}: not understood")),
        None => return Err("% at the end".into()),
    })
}

/// What stands behind a backslash.
fn escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, text: &mut String) {
    let Some(c) = rest.next() else { return text.push('\\') };
    match c {
        'n' => text.push('\n'),
        't' => text.push('\t'),
        'r' => text.push('\r'),
        'a' => text.push('\u{7}'),
        'b' => text.push('\u{8}'),
        'e' => text.push('\u{1b}'),
        '\\' => text.push('\\'),
        '0'..='7' => {
            let mut code = u32::from(c) - u32::from('0');
            for _ in 0..2 {
                let Some(digit) = rest.next_if(|c| ('0'..='7').contains(c)) else { break };
                code = code * 8 + u32::from(digit) - u32::from('0');
            }
            text.extend(char::from_u32(code));
        }
        other => text.extend(['\\', other]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(words: &[&str]) -> String {
        let arguments: Vec<String> = words[1..].iter().map(|word| (*word).to_owned()).collect();
        formatted(words[0], &arguments).unwrap_or_else(|error| error)
    }

    #[test]
    fn formats_take_their_arguments_in_turn() {
        assert_eq!(print(&["%s-%d\\n", "a", "7"]), "a-7\n");
        assert_eq!(print(&["%s ", "a", "b", "c"]), "a b c ");
        assert_eq!(print(&["x%%\\t\\101\\q", "unused"]), "x%\tA\\q");
        assert_eq!(
            print(&["[%5s|%-5s|%05d|%.2s]", "ab", "cd", "-42", "xyz"]),
            "[   ab|cd   |-0042|xy]"
        );
        assert_eq!(
            print(&["%x %X %o %c%b", "255", "0xff", "8", "word", "a\\nb"]),
            "ff FF 10 wa\nb"
        );
        assert_eq!(print(&["%s|%d"]), "|0");
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert_eq!(print(&["%d", "x"]), "x: not a number");
        assert_eq!(print(&["%q", "x"]), "%q: not understood");
        assert_eq!(print(&["50%"]), "% at the end");
    }
}

//! The person who decides.
use crate::desk::Grant;
use clavis_abi::Rights;
use clavis_render::rights::{LETTERS, compact};
use std::io::{BufRead, Write};

/// Who answers questions.
pub trait Ask: Send {
    /// Asks for one grant; it may take as long as the person does.
    fn ask(&mut self, grant: &Grant) -> bool;
}

/// Somebody at a terminal.
#[derive(Debug)]
pub struct Prompt<R, W> {
    program: String,
    input: R,
    output: W,
    never: bool,
}

impl<R: BufRead, W: Write> Prompt<R, W> {
    /// Asks on behalf of a program.
    pub fn new(program: &str, input: R, output: W) -> Prompt<R, W> {
        // What a program calls itself and asks for is shown, and does not act on the terminal.
        let program = program.escape_debug().to_string();
        Prompt { program, input, output, never: false }
    }

    /// The answer; `None`: the person says nothing more.
    fn answer(&mut self, grant: &Grant) -> Option<bool> {
        let (program, path) = (&self.program, grant.path.escape_debug());
        let uses = uses(grant.rights);
        loop {
            let question = format!(
                "{program} asks for {path}, to {uses}. Give it? [y]es, [n]o, ne[v]er any more: "
            );
            self.output.write_all(question.as_bytes()).ok()?;
            self.output.flush().ok()?;
            let mut line = String::new();
            if self.input.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim() {
                "y" | "yes" => return Some(true),
                "n" | "no" => return Some(false),
                "v" | "never" => return None,
                _ => {}
            }
        }
    }
}

/// What can be done with rights, in words. What no letter means is named.
fn uses(rights: Rights) -> String {
    const WORDS: &[(Rights, &str)] = &[
        (Rights::READ, "read"),
        (Rights::WRITE, "write"),
        (Rights::APPEND, "append"),
        (Rights::EXEC, "run"),
        (Rights::CREATE, "make names"),
    ];
    let usual = LETTERS.iter().fold(Rights::empty(), |sum, letter| sum | letter.1);
    let words = WORDS.iter().filter(|row| rights.contains(row.0)).map(|row| row.1.to_owned());
    let mut words: Vec<String> = words.collect();
    if !usual.contains(rights) {
        words.push(format!("use {}", compact(rights.difference(usual))));
    }
    if words.is_empty() { "look at it".into() } else { words.join(", ") }
}

impl<R: BufRead + Send, W: Write + Send> Ask for Prompt<R, W> {
    fn ask(&mut self, grant: &Grant) -> bool {
        if self.never {
            return false;
        }
        let answer = self.answer(grant);
        self.never = answer.is_none();
        answer.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_says_yes_no_or_never_and_sees_what_is_asked() {
        let grant = Grant { path: "/a\u{1b}[2J".into(), rights: Rights::READ };
        let mut shown = Vec::new();
        let mut prompt = Prompt::new("x\n", "n\nwhat\nyes\nv\ny\n".as_bytes(), &mut shown);
        let answers: Vec<bool> = (0..4).map(|_| prompt.ask(&grant)).collect();
        assert_eq!(answers, [false, true, false, false]);
        let shown = String::from_utf8_lossy(&shown);
        assert_eq!(shown.matches("x\\n asks for /a\\u{1b}[2J, to read. Give").count(), 4);
        assert!(!shown.contains('\u{1b}'));
        assert_eq!(uses(Rights::READ | Rights::WRITE | Rights::STAT), "read, write");
        assert_eq!(uses(Rights::STAT), "look at it");
        assert_eq!(uses(Rights::READ | Rights::CONTROL), "read, use CONTROL");
        assert!(!Prompt::new("x", "".as_bytes(), Vec::new()).ask(&grant), "nobody said yes");
    }
}

//! The person who decides.
use crate::desk::Grant;
use clavis_render::rights::compact;
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
        let rights = compact(grant.rights);
        loop {
            let question = format!(
                "{program} asks for {path} ({rights}). Give it? [y]es, [n]o, ne[v]er any more: "
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
    use clavis_abi::Rights;

    #[test]
    fn a_person_says_yes_no_or_never_and_sees_what_is_asked() {
        let grant = Grant { path: "/a\u{1b}[2J".into(), rights: Rights::READ };
        let mut shown = Vec::new();
        let mut prompt = Prompt::new("x\n", "n\nwhat\nyes\nv\ny\n".as_bytes(), &mut shown);
        let answers: Vec<bool> = (0..4).map(|_| prompt.ask(&grant)).collect();
        assert_eq!(answers, [false, true, false, false]);
        let shown = String::from_utf8_lossy(&shown);
        assert_eq!(shown.matches("x\\n asks for /a\\u{1b}[2J (READ)").count(), 4);
        assert!(!shown.contains('\u{1b}'));
        assert!(!Prompt::new("x", "".as_bytes(), Vec::new()).ask(&grant), "nobody said yes");
    }
}

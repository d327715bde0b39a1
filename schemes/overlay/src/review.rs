//! A person decides what of a difference is committed.
use std::io::{self, BufRead, Write};

/// Lines of what a change does that are shown before it is asked about.
const SHOWN: usize = 24;

/// A change that is asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// What became of what.
    pub line: String,
    /// What it needs, by place in the list.
    pub needs: Vec<usize>,
}

/// Asks about each change in turn. What was not asked about is not accepted. `shown` is what a change
/// does to what is in something.
///
/// # Errors
/// Nothing can be said.
pub fn review(
    questions: &[Question],
    input: &mut impl BufRead,
    output: &mut impl Write,
    mut shown: impl FnMut(usize) -> String,
) -> io::Result<Vec<bool>> {
    let mut accepted = vec![false; questions.len()];
    for (index, question) in questions.iter().enumerate() {
        let number = index.saturating_add(1);
        let refused = |need: &&usize| **need < index && accepted.get(**need) != Some(&true);
        if let Some(need) = question.needs.iter().find(refused) {
            let need = need.saturating_add(1);
            writeln!(output, "{number} {}: not without {need}", question.line)?;
            continue;
        }
        let text = shown(index);
        let more = text.lines().count().saturating_sub(SHOWN);
        writeln!(output, "{number} {}", question.line)?;
        text.lines().take(SHOWN).try_for_each(|line| writeln!(output, "{line}"))?;
        if more > 0 {
            writeln!(output, "({more} lines more)")?;
        }
        let answer = loop {
            write!(output, "Commit {number}? [y]es, [n]o, [a]ll that follow, [q]uit, [s]how: ")?;
            output.flush()?;
            let mut answer = String::new();
            if input.read_line(&mut answer)? == 0 {
                writeln!(output)?;
                break 'q';
            }
            match answer.trim() {
                "y" | "yes" => break 'y',
                "n" | "no" => break 'n',
                "a" | "all" => break 'a',
                "q" | "quit" => break 'q',
                "s" | "show" => write!(output, "{text}")?,
                _ => {}
            }
        };
        match answer {
            'y' => accepted.iter_mut().skip(index).take(1).for_each(|accepted| *accepted = true),
            'a' => {
                accepted.iter_mut().skip(index).for_each(|accepted| *accepted = true);
                return Ok(accepted);
            }
            'q' => return Ok(accepted),
            _ => {}
        }
    }
    Ok(accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(answers: &str, needs: [&[usize]; 3]) -> (Vec<bool>, String) {
        let lines = ["made /a", "made /a/b", "removed /c"];
        let questions: Vec<Question> = lines
            .into_iter()
            .zip(needs)
            .map(|(line, needs)| Question { line: line.to_owned(), needs: needs.to_vec() })
            .collect();
        let mut said = Vec::new();
        let shown = |index: usize| "+line\n".repeat([0, 1, 30][index]);
        let accepted = review(&questions, &mut answers.as_bytes(), &mut said, shown).unwrap();
        (accepted, String::from_utf8(said).unwrap())
    }

    const PROMPT: &str = "? [y]es, [n]o, [a]ll that follow, [q]uit, [s]how: ";

    #[test]
    fn each_change_is_shown_and_asked_about() {
        let (accepted, said) = asked("y\nwhat\nyes\ns\nn\n", [&[], &[0], &[]]);
        assert_eq!(accepted, [true, true, false]);
        let (few, all) = ("+line\n".repeat(24), "+line\n".repeat(30));
        let expected = format!(
            "1 made /a\nCommit 1{PROMPT}2 made /a/b\n+line\nCommit 2{PROMPT}Commit 2{PROMPT}\
             3 removed /c\n{few}(6 lines more)\nCommit 3{PROMPT}{all}Commit 3{PROMPT}"
        );
        assert_eq!(said, expected);
    }

    #[test]
    fn all_and_quit_answer_for_what_follows() {
        assert_eq!(asked("n\na\n", [&[], &[], &[]]).0, [false, true, true]);
        assert_eq!(asked("y\nq\ny\n", [&[], &[], &[]]).0, [true, false, false]);
        // The input ends.
        assert_eq!(asked("y\n", [&[], &[], &[]]).0, [true, false, false]);
        assert_eq!(asked("", [&[], &[], &[]]).0, [false, false, false]);
    }

    #[test]
    fn what_needs_something_refused_is_not_asked_about() {
        let (accepted, said) = asked("n\ny\n", [&[2], &[0], &[]]);
        assert_eq!(accepted, [false, false, true]);
        assert!(said.contains("2 made /a/b: not without 1\n3 removed"), "{said}");
    }
}

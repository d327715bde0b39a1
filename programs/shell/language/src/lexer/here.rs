//! Here-documents: texts on the lines behind the command that reads them.
use super::Lexer;
use crate::parser::SyntaxError;
use crate::syntax::{Part, Quoting, Word};

/// Lines that are no commands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skip {
    /// Where they begin, behind a line's end.
    from: usize,
    /// Where they end.
    to: usize,
}

impl Lexer<'_> {
    /// Goes on behind the documents that belong to the line that has just ended.
    pub(super) fn pass_over_documents(&mut self) {
        if let Some(skip) = self.skip.take_if(|skip| skip.from <= self.at) {
            self.at = self.at.max(skip.to);
        }
    }

    /// The text of a document whose end is the line that a word stands for. If the word has quotes,
    /// nothing in the text means anything.
    pub(crate) fn document(&mut self, end: &Word, untabbed: bool) -> Result<Word, SyntaxError> {
        let (mut mark, mut quoted) = (String::new(), false);
        for part in &end.parts {
            match part {
                Part::Text { text, quoting } => {
                    mark.push_str(text);
                    quoted |= *quoting == Quoting::Quoted;
                }
                _ => return Err(self.wrong("the end of a here-document is plain text")),
            }
        }
        let line_end = self.rest().find('\n').map(|length| self.at + length + 1);
        let first = line_end.ok_or_else(|| self.unfinished("a here-document"))?;
        let start = self.skip.map_or(first, |skip| skip.to);
        let (mut at, mut body) = (start, String::new());
        loop {
            let rest = self.text.get(at..).filter(|rest| !rest.is_empty());
            let rest = rest.ok_or_else(|| self.unfinished("a here-document"))?;
            let line = rest.split_inclusive('\n').next().unwrap_or(rest);
            at += line.len();
            let line = if untabbed { line.trim_start_matches('\t') } else { line };
            if line.trim_end_matches(['\n', '\r']) == mark {
                break;
            }
            body.push_str(line);
        }
        self.skip = Some(Skip { from: first, to: at });
        let mut word = Word::default();
        if quoted {
            word.parts.push(Part::Text { text: body, quoting: Quoting::Quoted });
        } else {
            Lexer::new(&body, 0, self.depth).quoted(&mut word, None)?;
        }
        Ok(word)
    }
}

//! What `read` makes of a line: words for its variables.

/// What a backslash means in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backslash {
    /// The next character is itself, and a line that ends with one goes on in the next.
    Quotes,
    /// Nothing but itself.
    Stays,
}

/// Whether the line, without its end, goes on in the next one.
#[must_use]
pub fn goes_on(line: &[u8], backslash: Backslash) -> bool {
    let last = line.iter().rev().take_while(|byte| **byte == b'\\').count();
    backslash == Backslash::Quotes && last % 2 == 1
}

/// What separates words when nothing else is said.
pub const BLANKS: &str = " \t\n";

/// The line as so many words; the last one has all the rest. Words that the line does not have are
/// empty. Blanks among the separators count as one, and are not kept around the line; each of the
/// others ends a word.
#[must_use]
pub fn words(line: &str, count: usize, backslash: Backslash, separators: &str) -> Vec<String> {
    // Each character, and whether it was quoted.
    let mut characters = Vec::new();
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' if backslash == Backslash::Quotes => {
                characters.extend(rest.next().map(|next| (next, true)));
            }
            character => characters.push((character, false)),
        }
    }
    let separates = |(character, quoted): &(char, bool)| !quoted && separators.contains(*character);
    let is_blank = |at: &(char, bool)| separates(at) && BLANKS.contains(at.0);
    let without_blanks = |rest: &mut &[(char, bool)]| {
        while let Some((_, after)) = rest.split_first().filter(|(first, _)| is_blank(first)) {
            *rest = after;
        }
    };
    let text = |part: &[(char, bool)]| part.iter().map(|(character, _)| character).collect();
    let length = characters.iter().rposition(|character| !is_blank(character));
    characters.truncate(length.map_or(0, |last| last + 1));
    let mut rest = characters.as_slice();
    without_blanks(&mut rest);
    let mut words = Vec::new();
    for number in 1..=count {
        let end = match rest.iter().position(separates) {
            Some(end) if number < count => end,
            _ => rest.len(),
        };
        let (word, after) = rest.split_at(end);
        words.push(text(word));
        rest = after;
        without_blanks(&mut rest);
        if let Some((_, after)) = rest.split_first().filter(|(first, _)| separates(first)) {
            rest = after;
            without_blanks(&mut rest);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use Backslash::{Quotes, Stays};

    fn words(line: &str, count: usize, backslash: Backslash) -> Vec<String> {
        super::words(line, count, backslash, BLANKS)
    }

    #[test]
    fn the_last_word_has_the_rest_of_the_line() {
        assert_eq!(words("  a  b c\td ", 2, Quotes), ["a", "b c\td"]);
        assert_eq!(words("a b", 1, Stays), ["a b"]);
        assert_eq!(words("a", 3, Stays), ["a", "", ""]);
        assert_eq!(words(" \t ", 1, Quotes), [""]);
    }

    #[test]
    fn a_backslash_quotes_a_blank_unless_it_is_to_stay() {
        assert_eq!(words(r"a\ b c", 2, Quotes), ["a b", "c"]);
        assert_eq!(words(r"a\ b c", 2, Stays), [r"a\", "b c"]);
        assert_eq!(words(r"\\ x\ ", 2, Quotes), [r"\", "x "]);
        assert_eq!(words(r"C:\dir\n", 1, Stays), [r"C:\dir\n"]);
    }

    #[test]
    fn separators_can_be_others_or_none() {
        let row = "root:x::/home/a b";
        assert_eq!(super::words(row, 4, Stays, ":"), ["root", "x", "", "/home/a b"]);
        assert_eq!(super::words("a : b:c", 2, Stays, ": "), ["a", "b:c"]);
        assert_eq!(super::words("  kept  ", 1, Stays, ""), ["  kept  "]);
    }

    #[test]
    fn a_line_that_ends_with_a_backslash_goes_on() {
        assert!(goes_on(br"a\", Quotes));
        assert!(!goes_on(br"a\\", Quotes));
        assert!(!goes_on(br"a\", Stays));
        assert!(!goes_on(b"", Quotes));
    }
}

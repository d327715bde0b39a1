//! Text that somebody else chose, on its way into other languages.
use clavis_render::handle::printable;

/// Longest text that a drawing shows of one name.
const MOST: usize = 60;

/// Without what controls a terminal, and not longer than a drawing can show.
fn shown(text: &str) -> String {
    let text = printable(text);
    if text.chars().count() <= MOST {
        return text;
    }
    text.chars().take(MOST - 1).chain(['…']).collect()
}

/// As the inside of a quoted string of DOT. Nothing ends the string, and backslashes stand for
/// themselves.
#[must_use]
pub fn dot(text: &str) -> String {
    let mut out = String::new();
    for c in shown(text).chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// As text or the value of an attribute in XML.
#[must_use]
pub fn xml(text: &str) -> String {
    let mut out = String::new();
    for c in shown(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // No characters of XML.
            '\u{FFFE}' | '\u{FFFF}' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_string_of_dot() {
        assert_eq!(dot(r#"a"b\"c\"#), r#"a\"b\\\"c\\"#);
        assert_eq!(dot("a\nb\x1b"), "a?b?");
    }

    #[test]
    fn nothing_ends_text_or_an_attribute_of_xml() {
        assert_eq!(xml("<a b='c'>&\"\0"), "&lt;a b=&#39;c&#39;&gt;&amp;&quot;?");
        assert_eq!(xml("]]>\u{FFFE}"), "]]&gt;?");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(xml(&"é".repeat(100)).chars().count(), 60);
    }
}

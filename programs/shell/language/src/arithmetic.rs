//! The expressions of `$((…))`: whole numbers of 64 bits, with the operators of C.
use crate::expand::Environment;

/// Greatest depth of parentheses and signs.
const MAX_DEPTH: usize = 64;
/// Operators between two operands by how tightly they bind, loosest first. Of those at one level
/// the longer stand first.
const LEVELS: &[&[&str]] = &[
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];
/// What an operator must not be the beginning of.
const LONGER: &[&str] = &["||", "&&", "<<", ">>", "<=", ">=", "=="];
/// Operators before `=` in an assignment.
const ASSIGNING: &[&str] = &["<<", ">>", "+", "-", "*", "/", "%", "&", "|", "^"];

/// The value of an expression.
///
/// # Errors
/// Why it has none, for a person.
pub(crate) fn evaluate(text: &str, environment: &mut dyn Environment) -> Result<i64, String> {
    let mut reader = Reader { rest: text.trim_start(), environment, depth: 0, idle: false };
    if reader.rest.is_empty() {
        return Ok(0);
    }
    let value = reader.assignment()?;
    match reader.rest {
        "" => Ok(value),
        rest => Err(format!("`{rest}` is not understood in an expression")),
    }
}

struct Reader<'a> {
    /// What is still to be read, without white space before it.
    rest: &'a str,
    environment: &'a mut dyn Environment,
    depth: usize,
    /// Whether the part that is read decides nothing: behind `0 &&`, say.
    idle: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    /// The characters at the front that a test accepts; white space behind them goes too.
    fn word(&mut self, test: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !test(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    /// `NAME = value`, `NAME += value`, or an expression.
    fn assignment(&mut self) -> Result<i64, String> {
        let before = self.rest;
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        if crate::parser::is_name(name) {
            let operator = ASSIGNING.iter().find(|operator| {
                let rest = self.rest.strip_prefix(**operator);
                rest.is_some_and(|rest| rest.starts_with('=') && !rest.starts_with("=="))
            });
            let plain = self.rest.starts_with('=') && !self.rest.starts_with("==");
            if operator.is_some() || plain {
                self.take(operator.unwrap_or(&""));
                self.take("=");
                let old = if operator.is_some() { self.variable(name)? } else { 0 };
                let new = self.nested(Self::assignment)?;
                let value = operator.map_or(Ok(new), |operator| combined(operator, old, new))?;
                if !self.idle {
                    self.environment.assign(name, &value.to_string());
                }
                return Ok(value);
            }
        }
        self.rest = before;
        self.choice()
    }

    fn choice(&mut self) -> Result<i64, String> {
        let condition = self.level(0)?;
        if !self.take("?") {
            return Ok(condition);
        }
        let first = self.perhaps(condition != 0, Self::assignment)?;
        if !self.take(":") {
            return Err("`?` lacks its `:`".into());
        }
        let second = self.perhaps(condition == 0, Self::assignment)?;
        Ok(if condition != 0 { first } else { second })
    }

    /// Reads a part that counts only if `wanted`.
    fn perhaps(
        &mut self,
        wanted: bool,
        part: fn(&mut Self) -> Result<i64, String>,
    ) -> Result<i64, String> {
        let outer = self.idle;
        self.idle |= !wanted;
        let value = self.nested(part);
        self.idle = outer;
        value
    }

    fn nested(&mut self, part: fn(&mut Self) -> Result<i64, String>) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("an expression is too deeply nested".into());
        }
        let value = part(self);
        self.depth -= 1;
        value
    }

    fn level(&mut self, level: usize) -> Result<i64, String> {
        let Some(operators) = LEVELS.get(level) else { return self.signed() };
        let mut left = self.level(level + 1)?;
        loop {
            let longer = LONGER.iter().find(|longer| self.rest.starts_with(**longer));
            let fits = |operator: &&&str| {
                self.rest.starts_with(**operator) && longer.is_none_or(|longer| longer == *operator)
            };
            let Some(operator) = operators.iter().find(fits) else { return Ok(left) };
            self.take(operator);
            // What `&&` and `||` have decided already is read, but has no effect.
            let wanted = match *operator {
                "&&" => left != 0,
                "||" => left == 0,
                _ => true,
            };
            let outer = self.idle;
            self.idle |= !wanted;
            let right = self.level(level + 1);
            let value = right.and_then(|right| match self.idle {
                true => Ok(combined(operator, left, right).unwrap_or(0)),
                false => combined(operator, left, right),
            });
            self.idle = outer;
            left = value?;
        }
    }

    fn signed(&mut self) -> Result<i64, String> {
        if self.take("-") {
            return Ok(self.nested(Self::signed)?.wrapping_neg());
        }
        if self.take("+") {
            return self.nested(Self::signed);
        }
        if self.take("!") {
            return Ok(i64::from(self.nested(Self::signed)? == 0));
        }
        if self.take("~") {
            return Ok(!self.nested(Self::signed)?);
        }
        if self.take("(") {
            let value = self.nested(Self::assignment)?;
            return if self.take(")") { Ok(value) } else { Err("`)` is missing".into()) };
        }
        let word = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        if crate::parser::is_name(word) { self.variable(word) } else { number(word) }
    }

    fn variable(&self, name: &str) -> Result<i64, String> {
        let value = self.environment.variable(name).unwrap_or_default();
        let text = value.trim();
        match text.strip_prefix('-') {
            _ if text.is_empty() => Ok(0),
            Some(rest) => number(rest).map(i64::wrapping_neg),
            None => number(text),
        }
    }
}

/// A number in decimal, hexadecimal (`0x`) or octal (`0`).
fn number(text: &str) -> Result<i64, String> {
    let (digits, base) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    match digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => i64::from_str_radix(digits, base).map_err(|_| format!("`{text}` is not a number")),
        false => Err("a number is missing in an expression".into()),
    }
}

/// Two operands and what stands between them. What does not fit is cut.
fn combined(operator: &str, left: i64, right: i64) -> Result<i64, String> {
    let shift = right as u32 & 63;
    Ok(match operator {
        "||" => i64::from(left != 0 || right != 0),
        "&&" => i64::from(left != 0 && right != 0),
        "|" => left | right,
        "^" => left ^ right,
        "&" => left & right,
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "<<" => left.wrapping_shl(shift),
        ">>" => left.wrapping_shr(shift),
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        _ if right == 0 => return Err("division by zero".into()),
        "/" => left.wrapping_div(right),
        _ => left.wrapping_rem(right),
    })
}

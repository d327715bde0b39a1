//! `printf` and its kin: a format and arguments become bytes.
//!
//! All conversions of C11 (7.21.6.1) and POSIX are known, `%m` (the words of the current error) of
//! the GNU library, and numbered arguments (`%1$d`), of which there can be 64. Where C leaves a case
//! open this does what the GNU library does: `%p` of null is `(nil)`, `%s` of null `(null)`, `L` is `ll`
//! for whole numbers. The locale is *C*, wide characters become UTF-8.
mod conversion;
mod output;
mod real;
mod whole;

use crate::extended::Extended;
use conversion::{Amount, Class, Conversion, Flags, Length, Piece, Pieces};
use output::{Output, Sized};

/// Most bytes that a call can answer, and the greatest width and precision.
const MOST: usize = i32::MAX as usize;
/// Most numbered arguments.
const POSITIONS: usize = 64;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The format is none.
    Malformed,
    /// More bytes than can be answered.
    TooLong,
    /// A wide character that is none.
    NoCharacter,
    /// Where the bytes go there was an error, of which this is the number.
    Sink(i32),
}

/// Where the bytes go.
pub trait Sink {
    /// Takes bytes.
    ///
    /// # Errors
    /// An error number.
    fn put(&mut self, bytes: &[u8]) -> Result<(), i32>;
}

/// Who called: the arguments, and the memory that some of them point to.
pub trait Caller {
    /// The next argument, one that travels as a word does. What is above a shorter one's bits is
    /// unknown.
    fn word(&mut self) -> u64;
    /// The next argument with a fraction.
    fn double(&mut self) -> f64;
    /// The next extended argument.
    fn extended(&mut self) -> Extended;
    /// The bytes of a string, up to its NUL, and at most so many.
    fn text(&self, address: u64, most: usize) -> &[u8];
    /// A wide character of a string.
    fn wide(&self, address: u64, index: usize) -> u32;
    /// Stores the lowest bytes of a number.
    fn store(&mut self, address: u64, bytes: &[u8]);
    /// The words of the error that the caller met last.
    fn error(&self) -> &[u8];
}

/// Writes what a format says; answers how many bytes that were.
///
/// # Errors
/// See [`Failure`]. What was written until then is written.
pub fn print(
    format: &[u8],
    caller: &mut impl Caller,
    sink: &mut impl Sink,
) -> Result<usize, Failure> {
    let mut output = Output::new(sink);
    let mut numbered = None;
    for piece in Pieces::of(format) {
        match piece? {
            Piece::Text(text) => output.put(text)?,
            Piece::Conversion(conversion) if conversion.letter == b'%' => output.put(b"%")?,
            Piece::Conversion(conversion) => {
                if conversion.numbers() && numbered.is_none() {
                    numbered = Some(fetch(format, caller)?);
                }
                convert(&conversion, caller, numbered.as_ref(), &mut output)?;
            }
        }
    }
    Ok(output.count())
}

/// An argument.
#[derive(Clone, Copy)]
enum Value {
    Word(u64),
    Double(f64),
    Extended(Extended),
}

impl Value {
    fn next(class: Class, caller: &mut impl Caller) -> Value {
        match class {
            Class::Word => Value::Word(caller.word()),
            Class::Double => Value::Double(caller.double()),
            Class::Extended => Value::Extended(caller.extended()),
        }
    }

    fn word(self) -> u64 {
        if let Value::Word(word) = self { word } else { 0 }
    }
}

/// Numbered arguments.
type Numbered = [Value; POSITIONS];

/// Fetches all arguments of a format that numbers them. One that is not used is a word.
fn fetch(format: &[u8], caller: &mut impl Caller) -> Result<Numbered, Failure> {
    let mut classes = [Class::Word; POSITIONS];
    let mut count = 0;
    for piece in Pieces::of(format) {
        let Piece::Conversion(conversion) = piece? else { continue };
        let amounts = [conversion.width, conversion.precision].map(|amount| match amount {
            Amount::At(position) => Some((position, Class::Word)),
            _ => None,
        });
        let own = conversion.position.zip(conversion.class());
        for (position, class) in amounts.into_iter().chain([own]).flatten() {
            *classes.get_mut(position - 1).ok_or(Failure::Malformed)? = class;
            count = count.max(position);
        }
    }
    let mut values = [Value::Word(0); POSITIONS];
    for (value, class) in values.iter_mut().zip(classes).take(count) {
        *value = Value::next(class, caller);
    }
    Ok(values)
}

/// The argument of that number, or the next. A format numbers all of them or none.
fn argument(
    position: Option<usize>,
    class: Class,
    caller: &mut impl Caller,
    numbered: Option<&Numbered>,
) -> Result<Value, Failure> {
    match (position, numbered) {
        (None, None) => Ok(Value::next(class, caller)),
        (Some(position), Some(values)) => {
            values.get(position - 1).copied().ok_or(Failure::Malformed)
        }
        _ => Err(Failure::Malformed),
    }
}

/// A width or precision as a number.
fn amount(
    amount: Amount,
    caller: &mut impl Caller,
    numbered: Option<&Numbered>,
) -> Result<Option<i64>, Failure> {
    let position = match amount {
        Amount::None => return Ok(None),
        Amount::Given(value) => return Ok(Some(value as i64)),
        Amount::Next => None,
        Amount::At(position) => Some(position),
    };
    let word = argument(position, Class::Word, caller, numbered)?.word();
    Ok(Some(i64::from(word as i32)))
}

fn convert<S: Sink>(
    conversion: &Conversion,
    caller: &mut impl Caller,
    numbered: Option<&Numbered>,
    output: &mut Output<'_, S>,
) -> Result<(), Failure> {
    let Conversion { position, mut flags, length, letter, .. } = *conversion;
    let width = amount(conversion.width, caller, numbered)?.unwrap_or(0);
    flags.left |= width < 0;
    let width = usize::try_from(width.unsigned_abs()).map_err(|_| Failure::TooLong)?;
    if width > MOST {
        return Err(Failure::TooLong);
    }
    // A negative one is as if there were none.
    let precision = amount(conversion.precision, caller, numbered)?;
    let precision = precision.and_then(|precision| usize::try_from(precision).ok());
    let value = match conversion.class() {
        None => Value::Word(0),
        Some(class) => argument(position, class, caller, numbered)?,
    };
    let field = Sized { width, left: flags.left };
    match letter {
        b'd' | b'i' | b'o' | b'u' | b'x' | b'X' => {
            whole::put(value.word(), letter, flags, precision, length, field, output)
        }
        b'p' if value.word() == 0 => output.text(b"(nil)", field),
        b'p' => {
            let flags = Flags { alternate: true, ..flags };
            whole::put(value.word(), b'x', flags, precision, Length::Long, field, output)
        }
        b'c' if length != Length::Long => output.text(&[value.word() as u8], field),
        b'c' | b'C' => {
            let mut room = [0; 4];
            let character = char::from_u32(value.word() as u32).ok_or(Failure::NoCharacter)?;
            output.text(character.encode_utf8(&mut room).as_bytes(), field)
        }
        // Of these there is no part.
        b's' | b'S' if value.word() == 0 => {
            let room = precision.is_none_or(|most| most >= 6);
            output.text(if room { b"(null)" } else { b"" }, field)
        }
        b's' if length != Length::Long => {
            output.text(caller.text(value.word(), precision.unwrap_or(usize::MAX)), field)
        }
        b's' | b'S' => wide_text(value.word(), precision, caller, field, output),
        b'm' => {
            let words = caller.error();
            let most = precision.unwrap_or(usize::MAX);
            output.text(words.get(..most).unwrap_or(words), field)
        }
        b'n' => {
            let bytes = (output.count() as u64).to_le_bytes();
            caller.store(value.word(), bytes.get(..length.size()).unwrap_or_default());
            Ok(())
        }
        b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
            let number = match value {
                Value::Double(number) => real::Number::double(number),
                Value::Extended(number) => real::Number::extended(number),
                Value::Word(_) => return Err(Failure::Malformed),
            };
            real::put(number, letter, flags, precision, field, output)
        }
        _ => Err(Failure::Malformed),
    }
}

/// A wide string as UTF-8. The precision counts bytes; no character is cut.
fn wide_text<S: Sink>(
    address: u64,
    precision: Option<usize>,
    caller: &impl Caller,
    field: Sized,
    output: &mut Output<'_, S>,
) -> Result<(), Failure> {
    let most = precision.unwrap_or(usize::MAX);
    let (mut bytes, mut count) = (0usize, 0);
    while bytes < most {
        let wide = caller.wide(address, count);
        if wide == 0 {
            break;
        }
        let character = char::from_u32(wide).ok_or(Failure::NoCharacter)?;
        if character.len_utf8() > most - bytes {
            break;
        }
        bytes += character.len_utf8();
        count += 1;
    }
    output.with(field.width.max(bytes))?;
    let blanks = field.width.saturating_sub(bytes);
    output.fill(b' ', if field.left { 0 } else { blanks })?;
    for index in 0..count {
        let wide = caller.wide(address, index);
        let character = char::from_u32(wide).ok_or(Failure::NoCharacter)?;
        output.put(character.encode_utf8(&mut [0; 4]).as_bytes())?;
    }
    output.fill(b' ', if field.left { blanks } else { 0 })
}

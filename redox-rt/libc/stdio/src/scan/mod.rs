//! `scanf` and its kin: bytes and a format become values where arguments point.
//!
//! All conversions of C11 (7.21.6.2) and POSIX are known: sets, widths, suppression, `%n`, `%m` that
//! asks for memory, and numbered arguments (`%1$d`), of which there can be 64. Of what was read one byte
//! at most goes back; so `1e+` and `0x` without digits are no numbers. Wide characters come from
//! UTF-8, and a width counts them.
mod directive;
mod field;
mod text;
mod value;

use directive::{Directive, Directives, Kind};
use field::Field;

/// Most numbered arguments.
const POSITIONS: usize = 64;

/// Why there is no value, and none before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The input ended.
    Ended,
    /// The format is none.
    Malformed,
    /// Bytes that are no UTF-8.
    NoCharacter,
    /// There is no memory.
    NoMemory,
}

/// Where bytes come from.
pub trait Input {
    /// The next byte; `None` at the end, and after an error.
    fn next(&mut self) -> Option<u8>;
    /// Gives the last byte back, at most one.
    fn back(&mut self, byte: u8);
}

/// Who called: the arguments, which are addresses, and the memory there.
pub trait Caller {
    /// The next argument.
    fn address(&mut self) -> u64;
    /// Stores bytes.
    fn store(&mut self, address: u64, bytes: &[u8]);
    /// New memory that the caller frees, with these bytes. `None`: there is none.
    fn allocate(&mut self, bytes: &[u8]) -> Option<u64>;
}

/// Reads what a format says; answers how many values were stored.
///
/// # Errors
/// See [`Failure`], where nothing was stored before.
pub fn scan(
    format: &[u8],
    input: &mut impl Input,
    caller: &mut impl Caller,
) -> Result<usize, Failure> {
    let mut stored = 0;
    match run(format, input, caller, &mut stored) {
        Ok(()) | Err(Stop::Mismatch) => Ok(stored),
        Err(Stop::Failed(_)) if stored > 0 => Ok(stored),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

/// Why reading stops.
enum Stop {
    /// The input is not what the format says.
    Mismatch,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

fn run(
    format: &[u8],
    input: &mut impl Input,
    caller: &mut impl Caller,
    stored: &mut usize,
) -> Result<(), Stop> {
    let mut field = Field::new(input);
    let mut numbered = None;
    for directive in Directives::of(format) {
        let conversion = match directive? {
            Directive::Blank => {
                field.skip_blanks();
                continue;
            }
            Directive::Byte(byte) => {
                field.literal(byte)?;
                continue;
            }
            Directive::Percent => {
                field.skip_blanks();
                field.literal(b'%')?;
                continue;
            }
            Directive::Conversion(conversion) => conversion,
        };
        let address = match (conversion.suppressed, conversion.position) {
            (true, _) => None,
            (false, None) if numbered.is_none() => Some(caller.address()),
            (false, Some(position)) => {
                if numbered.is_none() {
                    numbered = Some(fetch(format, caller)?);
                }
                let found = numbered.as_ref().and_then(|values| values.get(position - 1));
                Some(*found.ok_or(Failure::Malformed)?)
            }
            _ => return Err(Failure::Malformed.into()),
        };
        if !matches!(conversion.kind, Kind::Bytes | Kind::Set(_) | Kind::Count) {
            field.skip_blanks();
        }
        let width = conversion.width;
        match &conversion.kind {
            Kind::Count => {
                let count = (field.taken() as u64).to_le_bytes();
                let bytes = count.get(..conversion.length.size()).unwrap_or_default();
                if let Some(address) = address {
                    caller.store(address, bytes);
                }
                continue;
            }
            Kind::Whole { base, signed } => {
                let value = value::whole(&mut field, width, *base, *signed)?.to_le_bytes();
                let bytes = value.get(..conversion.length.size()).unwrap_or_default();
                address.into_iter().for_each(|address| caller.store(address, bytes));
            }
            Kind::Pointer => {
                let value = value::pointer(&mut field, width)?.to_le_bytes();
                address.into_iter().for_each(|address| caller.store(address, &value));
            }
            Kind::Real => {
                let text = value::real(&mut field, width)?;
                address.into_iter().for_each(|address| {
                    value::store_real(&text, conversion.length, address, caller);
                });
            }
            Kind::Bytes | Kind::Word | Kind::Set(_) => {
                text::convert(&mut field, &conversion, address, caller)?;
            }
        }
        *stored += usize::from(address.is_some());
    }
    Ok(())
}

/// Fetches all arguments of a format that numbers them.
fn fetch(format: &[u8], caller: &mut impl Caller) -> Result<[u64; POSITIONS], Failure> {
    let mut count = 0;
    for directive in Directives::of(format) {
        if let Directive::Conversion(conversion) = directive? {
            count = count.max(conversion.position.unwrap_or(0));
        }
    }
    let mut values = [0; POSITIONS];
    let used = values.get_mut(..count).ok_or(Failure::Malformed)?;
    used.iter_mut().for_each(|value| *value = caller.address());
    Ok(values)
}

//! Instants as text: seconds, and up to nine digits behind a point.
use std::time::Duration;
use syscall::error::{EINVAL, Error, Result};

/// An instant as it is shown.
pub(crate) fn shown(time: Duration) -> String {
    format!("{}.{:09}\n", time.as_secs(), time.subsec_nanos())
}

/// The instant that was written.
///
/// # Errors
/// `EINVAL` for anything else.
pub fn instant(bytes: &[u8]) -> Result<Duration> {
    let read = || {
        let text = str::from_utf8(bytes).ok()?.trim_end();
        let (seconds, behind) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        if !digits(seconds) || !digits(behind) || behind.len() > 9 {
            return None;
        }
        let nanoseconds = format!("{behind:0<9}").parse().ok()?;
        // The kernel counts nanoseconds in 64 bits.
        let time = Duration::new(seconds.parse().ok()?, nanoseconds);
        u64::try_from(time.as_nanos()).ok().map(|_| time)
    };
    read().ok_or(Error::new(EINVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_it_is_shown() {
        for time in [Duration::ZERO, Duration::new(1_700_000_000, 5), Duration::from_millis(1500)] {
            assert_eq!(instant(shown(time).as_bytes()), Ok(time));
        }
        assert_eq!(instant(b"12"), Ok(Duration::from_secs(12)));
        assert_eq!(instant(b"12.5\n"), Ok(Duration::from_millis(12_500)));
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        let wrong: [&[u8]; 9] =
            [b"", b".", b"1.", b".5", b"-1", b"+1", b"1.0000000001", b"99999999999", b"1\xFF"];
        for bytes in wrong {
            assert_eq!(instant(bytes), Err(Error::new(EINVAL)), "{bytes:?}");
        }
    }
}

//! `date` and `sleep`.
use crate::tool::{Options, Stop, Tool};
use clavis_render::date;
use std::time::{Duration, SystemTime};

/// Where the time of day is set.
const CLOCK: &str = "/scheme/sys/clock";

pub(crate) fn date(tool: &mut Tool, mut parser: lexopt::Parser) -> Result<(), Stop> {
    while let Some(argument) = parser.next()? {
        match argument {
            lexopt::Arg::Short('u') => {}
            lexopt::Arg::Short('s') => {
                let word = parser.value()?.to_string_lossy().into_owned();
                let Some(seconds) = word.strip_prefix('@') else {
                    return Err(Stop::Misuse(format!("{word}: not `@` and seconds since 1970")));
                };
                if let Err(error) = std::fs::write(CLOCK, seconds) {
                    tool.complain(CLOCK, &error);
                    return Ok(());
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let seconds = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    println!("{} UTC", date::text(seconds));
    Ok(())
}

pub(crate) fn sleep(_: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    let mut total = Duration::ZERO;
    for word in Options::read(parser, "")?.some_words()? {
        let text = word.to_string_lossy();
        let time = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let Some(time) = time else {
            return Err(Stop::Misuse(format!("{text}: not a number of seconds")));
        };
        total = total.saturating_add(time);
    }
    std::thread::sleep(total);
    Ok(())
}

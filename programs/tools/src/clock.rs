//! `date` and `sleep`.
use crate::tool::{Options, Stop, Tool};
use clavis_render::date;
use std::time::{Duration, SystemTime};

pub(crate) fn date(_: &mut Tool, parser: lexopt::Parser) -> Result<(), Stop> {
    Options::read(parser, "u")?;
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

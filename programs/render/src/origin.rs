//! Where handles come from, in few words: `given by 8/4` is what process 8 had as its handle 4.
use crate::handle;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString;
use clavis_abi::params::Step;

/// How a handle came to its number: the step, the process that it came from, and its number there
/// or, of what was opened, here. `maker` opened or made what it points to; `None`: the kernel.
#[must_use]
pub fn brief(
    step: Option<Step>,
    maker: Option<u64>,
    from: Option<u64>,
    via: Option<usize>,
) -> String {
    let number = via.map_or_else(|| "?".to_owned(), handle::number);
    let there =
        format!("{}/{number}", from.map_or_else(|| "?".to_owned(), |from| from.to_string()));
    let made = match maker {
        Some(maker) => format!("made by {maker}"),
        None => "of the kernel".to_owned(),
    };
    let came = match step {
        None => return "?".to_owned(),
        Some(Step::Made) => return made,
        Some(Step::Opened) => return format!("opened through {number}"),
        Some(Step::Given) => "given by",
        Some(Step::Forked) => "forked from",
        Some(Step::Sent) => "sent by",
        Some(Step::Answered) => "answered by",
        Some(Step::Put) => "put by",
        Some(Step::Borrowed) => "borrowed of",
    };
    if maker == from { format!("{came} {there}") } else { format!("{came} {there}, {made}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_abi::params::upper_number;

    #[test]
    fn each_step_is_said_with_whom_and_where() {
        let upper = Some(upper_number(9, 0));
        assert_eq!(brief(Some(Step::Opened), Some(5), None, Some(3)), "opened through 3");
        assert_eq!(brief(Some(Step::Given), Some(8), Some(8), upper), "given by 8/u9");
        let sent = brief(Some(Step::Sent), Some(5), Some(8), None);
        assert_eq!(sent, "sent by 8/?, made by 5");
        assert_eq!(brief(Some(Step::Made), None, None, None), "of the kernel");
        assert_eq!(brief(None, None, None, None), "?");
    }
}

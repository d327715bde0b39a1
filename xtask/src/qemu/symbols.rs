//! Names of kernel addresses.
use std::path::Path;

use addr2line::Loader;
use clavis_abi::boot::KERNEL_BASE;

/// Every kernel address that the lines mention, once, in order, with function, file and line.
pub(crate) fn resolve(kernel: &Path, lines: &[String]) -> Vec<String> {
    let mut addresses: Vec<u64> = Vec::new();
    for address in lines.iter().flat_map(|line| mentioned(line)) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Vec::new();
    }
    let Ok(loader) = Loader::new(kernel) else { return Vec::new() };
    addresses.iter().flat_map(|address| describe(&loader, *address)).collect()
}

/// Kernel addresses in a line: hexadecimal numbers of 16 digits in the last 2 GiB.
fn mentioned(line: &str) -> Vec<u64> {
    line.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| u64::from_str_radix(word.strip_prefix("0x").unwrap_or(word), 16).ok())
        .filter(|address| *address >= KERNEL_BASE)
        .collect()
}

fn describe(loader: &Loader, address: u64) -> Vec<String> {
    let line = |named: Named| match named.place {
        Some(place) => format!("{address:#x}  {} at {place}", named.function),
        None => format!("{address:#x}  {}", named.function),
    };
    names(loader, address).into_iter().map(line).collect()
}

/// What is known of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The function.
    pub(crate) function: String,
    /// File and line.
    pub(crate) place: Option<String>,
}

/// The function that a return address lies in, after those that were inlined there.
pub(crate) fn names(loader: &Loader, address: u64) -> Vec<Named> {
    let mut all = Vec::new();
    // A return address names the instruction behind the call.
    let probe = address.saturating_sub(1);
    if let Ok(mut frames) = loader.find_frames(probe) {
        while let Ok(Some(frame)) = frames.next() {
            let function = frame
                .function
                .as_ref()
                .and_then(|function| function.demangle().ok().map(|name| name.into_owned()));
            let place = frame.location.map(|location| {
                let file = location.file.map_or("?", in_repository);
                format!("{file}:{}", location.line.unwrap_or(0))
            });
            all.push(Named { function: function.unwrap_or_else(|| "?".into()), place });
        }
    }
    if all.is_empty()
        && let Some(name) = loader.find_symbol(probe)
    {
        let name = addr2line::demangle_auto(name.into(), None).into_owned();
        all.push(Named { function: name, place: None });
    }
    all
}

/// Guest builds replace the repository's path.
fn in_repository(file: &str) -> &str {
    file.strip_prefix("/clavis/").unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::mentioned;

    #[test]
    fn only_kernel_addresses_are_taken() {
        let line = "rip=0xffffffff80001234 rsp=FFFFFFFF80005678, rax=0x20 ffff800000001000";
        assert_eq!(mentioned(line), [0xFFFF_FFFF_8000_1234, 0xFFFF_FFFF_8000_5678]);
    }
}

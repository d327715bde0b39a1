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
    let mut lines = Vec::new();
    // A return address names the instruction behind the call.
    let probe = address.saturating_sub(1);
    if let Ok(mut frames) = loader.find_frames(probe) {
        while let Ok(Some(frame)) = frames.next() {
            let name = frame
                .function
                .as_ref()
                .and_then(|function| function.demangle().ok().map(|name| name.into_owned()))
                .unwrap_or_else(|| "?".into());
            let place = frame.location.map_or_else(String::new, |location| {
                format!(
                    " at {}:{}",
                    location.file.map_or("?", in_repository),
                    location.line.unwrap_or(0)
                )
            });
            lines.push(format!("{address:#x}  {name}{place}"));
        }
    }
    if lines.is_empty()
        && let Some(name) = loader.find_symbol(probe)
    {
        lines.push(format!("{address:#x}  {name}"));
    }
    lines
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

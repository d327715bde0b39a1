//! Lines.
use crate::{Operation, Outcome, flags, quoted};
use clavis_abi::call::TABLE;
use clavis_abi::params::{Denial, NO_HANDLE};
use clavis_render::{handle, reason};
use syscall::flag::StdFsCallKind;
use syscall::schemev2::Opcode;

/// A call, before it is made.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What is asked.
    pub opcode: Opcode,
    /// What it goes through, as it is called.
    pub on: &'a str,
    /// The second object, as it is called.
    pub second: Option<&'a str>,
    /// What goes in.
    pub payload: &'a [u8],
    /// The arguments behind it.
    pub words: [u64; 3],
}

/// The offset that means the object's own.
const OWN: u64 = u64::MAX;

impl Asked<'_> {
    /// The operation with its arguments, as it stands before `=`.
    #[must_use]
    pub fn shown(&self, operation: Operation) -> String {
        let mut arguments = vec![self.on.to_owned()];
        self.arguments(&mut arguments);
        format!("{}({})", operation.name(), arguments.join(", "))
    }

    fn arguments(&self, out: &mut Vec<String>) {
        let [first, second, third] = self.words;
        let path = || quoted::text(&String::from_utf8_lossy(self.payload));
        let at = |out: &mut Vec<String>| {
            if first != OWN {
                out.push(format!("at {first}"));
            }
        };
        match self.opcode {
            Opcode::OpenAt => out.extend([path(), flags::open(first)]),
            Opcode::UnlinkAt => {
                out.push(path());
                if first != 0 {
                    out.push("DIRECTORY".into());
                }
            }
            Opcode::Flink | Opcode::Frename => out.push(path()),
            Opcode::Dup => out.push(quoted::bytes(self.payload)),
            Opcode::Read => {
                out.push(self.payload.len().to_string());
                at(out);
            }
            Opcode::Write => {
                out.extend([quoted::bytes(self.payload), self.payload.len().to_string()]);
                at(out);
            }
            Opcode::Fchown => out.extend([first.to_string(), second.to_string()]),
            Opcode::Fcntl => out.extend([first.to_string(), format!("{second:#x}")]),
            Opcode::Fevent => out.push(flags::events(first)),
            Opcode::MmapPrep => {
                out.extend([first.to_string(), flags::map(second), format!("at {third}")]);
            }
            Opcode::Call => {
                out.extend(self.second.map(str::to_owned));
                out.push(quoted::bytes(self.payload));
                out.extend(self.words.iter().map(|word| format!("{word:#x}")));
            }
            Opcode::Sendfd => out.push(format!("{third} handles")),
            Opcode::Recvfd => out.push(format!("{second} handles")),
            Opcode::StdFsCall => self.standard(out),
            _ => {}
        }
    }

    /// The arguments of a standard call.
    fn standard(&self, out: &mut Vec<String>) {
        let [kind, first, second] = self.words;
        out.extend(self.second.map(str::to_owned));
        let names = String::from_utf8_lossy(self.payload);
        match u8::try_from(kind).ok().and_then(StdFsCallKind::try_from_raw) {
            Some(StdFsCallKind::Fchmod) => out.push(format!("{first:#o}")),
            Some(StdFsCallKind::Fchown) => {
                out.extend([(first & u64::from(u32::MAX)).to_string(), (first >> 32).to_string()]);
            }
            Some(StdFsCallKind::Ftruncate) => out.push(first.to_string()),
            Some(StdFsCallKind::Getdents) => {
                out.extend([self.payload.len().to_string(), format!("from {first}")]);
            }
            Some(StdFsCallKind::Unlinkat | StdFsCallKind::Flinkat) => {
                out.push(quoted::text(&names))
            }
            Some(StdFsCallKind::Frenameat) => out.extend(names.split('\0').map(quoted::text)),
            Some(StdFsCallKind::Lock | StdFsCallKind::Unlock) => {
                out.extend([format!("{first:#x}"), format!("{second:#x}")]);
            }
            _ => {}
        }
    }
}

/// A line: who, what, and what became of it.
#[must_use]
pub fn line(process: u64, asked: &str, outcome: &Outcome) -> String {
    format!("{process}  {asked} = {}\n", outcome.shown())
}

/// A line of something that has no outcome.
#[must_use]
pub fn notice(process: Option<u64>, what: &str) -> String {
    let who = process.map_or_else(|| "-".to_owned(), |process| process.to_string());
    format!("{who}  {what}\n")
}

/// A line of a call that the kernel refused before it reached anybody.
#[must_use]
pub fn refusal(process: u64, denial: &Denial, name: &str) -> String {
    let row = TABLE.iter().find(|row| row.call as u64 == denial.call);
    let call = row.map_or("a call", |row| row.name);
    let label = if name.is_empty() { String::new() } else { format!(" {}", quoted::text(name)) };
    let number = handle::number(usize::try_from(denial.handle).unwrap_or(usize::MAX));
    let on = if denial.handle == NO_HANDLE { String::new() } else { format!(", handle {number}") };
    format!("{process}  refused({call}{on}{label}) = {}\n", reason::of_denial(denial))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Yield;
    use syscall::flag::{O_CREAT, O_RDONLY};

    fn asked<'a>(opcode: Opcode, payload: &'a [u8], words: [u64; 3]) -> Asked<'a> {
        Asked { opcode, on: "#7 \"/a\"", second: None, payload, words }
    }

    fn shown(opcode: Opcode, payload: &[u8], words: [u64; 3]) -> String {
        let operation = Operation::of(opcode, words[0]).unwrap();
        asked(opcode, payload, words).shown(operation)
    }

    #[test]
    fn a_line_says_who_what_and_what_became_of_it() {
        let open = asked(Opcode::OpenAt, b"a/b", [(O_RDONLY | O_CREAT) as u64, 0, 0]);
        let open = Asked { on: "cwd \"/home\"", ..open }.shown(Operation::Open);
        let outcome = Outcome::Yielded(Yield::Objects(vec!["#7".into()]));
        let text = line(21, &open, &outcome);
        assert_eq!(text, "21  openat(cwd \"/home\", \"a/b\", READ|CREATE) = #7\n");
        assert_eq!(notice(None, "close(#7)"), "-  close(#7)\n");
    }

    #[test]
    fn the_arguments_of_each_operation_are_its_own() {
        let own = [OWN, 0, 0];
        assert_eq!(shown(Opcode::Write, b"hello\n", own), r##"write(#7 "/a", "hello\n", 6)"##);
        assert_eq!(shown(Opcode::Read, &[0; 9], [5, 0, 0]), r##"read(#7 "/a", 9, at 5)"##);
        assert_eq!(shown(Opcode::UnlinkAt, b"x", [0, 0, 0]), r##"unlinkat(#7 "/a", "x")"##);
        assert_eq!(shown(Opcode::Fcntl, b"", [9, 16, 0]), r##"fcntl(#7 "/a", 9, 0x10)"##);
        let standard =
            |kind: u64, payload: &[u8], first| shown(Opcode::StdFsCall, payload, [kind, first, 0]);
        assert_eq!(standard(1, b"", 0o644), r##"chmod(#7 "/a", 0o644)"##);
        assert_eq!(standard(2, b"", 7 << 32 | 5), r##"chown(#7 "/a", 5, 7)"##);
        assert_eq!(standard(7, b"", 12), r##"truncate(#7 "/a", 12)"##);
        assert_eq!(standard(3, &[0; 64], 2), r##"getdents(#7 "/a", 64, from 2)"##);
        let two = asked(Opcode::StdFsCall, b"a\0b", [15, 0, 0]);
        let two = Asked { second: Some("#8"), ..two }.shown(Operation::Rename);
        assert_eq!(two, r##"rename(#7 "/a", #8, "a", "b")"##);
    }

    #[test]
    fn a_refusal_names_the_call_the_handle_and_what_was_missing() {
        use clavis_abi::Rights;
        use clavis_abi::call::Call;
        use clavis_abi::params::DenialRule;
        let denial = Denial::new(Call::Write as usize, 5, Rights::WRITE, DenialRule::Rights);
        let text = refusal(8, &denial, "fi\nle");
        assert_eq!(text, "8  refused(Write, handle 5 \"fi?le\") = the handle lacks WRITE\n");
    }

    #[test]
    fn garbage_is_one_line() {
        for opcode in [Opcode::OpenAt, Opcode::Write, Opcode::Call, Opcode::Dup] {
            let text = shown(opcode, &[0xFF, b'\n', 0, 0x1B], [u64::MAX; 3]);
            assert!(!text.contains(['\n', '\u{1b}']), "{text}");
        }
        assert_eq!(Operation::of(Opcode::Munmap, 0), None);
    }
}

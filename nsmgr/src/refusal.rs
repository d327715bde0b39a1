//! What the audit ring is told of refusals.
use clavis_abi::call::Call;
use clavis_abi::error::{EKEYREJECTED, ENOENT, Error};
use clavis_abi::params::{AuditRecord, Denial, DenialRule, NO_HANDLE};
use clavis_abi::rights::Rights;
use clavis_abi::syscall::schemev2::Opcode;

/// What to tell of a request of that process that was answered with an error; `None` if it was not
/// refused but failed. `payload` is the path where the opcode has one.
#[must_use]
pub fn refusal(process: u64, opcode: u8, payload: &[u8], error: Error) -> Option<AuditRecord> {
    let (call, names) = match Opcode::try_from_raw(opcode)? {
        Opcode::OpenAt => (Call::OpenAt, true),
        Opcode::UnlinkAt => (Call::UnlinkAt, true),
        Opcode::Dup => (Call::DupInto, false),
        Opcode::Call => (Call::Call, false),
        _ => return None,
    };
    let rule = match error.errno {
        EKEYREJECTED => DenialRule::Permission,
        ENOENT if names => DenialRule::Name,
        _ => return None,
    };
    let denial =
        Denial { handle: NO_HANDLE, ..Denial::new(call as usize, 0, Rights::empty(), rule) };
    let mut record = AuditRecord { process, denial, ..AuditRecord::default() };
    if names {
        record.name.iter_mut().zip(payload).for_each(|(to, from)| *to = *from);
    }
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_abi::error::EDQUOT;

    fn told(opcode: Opcode, errno: i32) -> Option<AuditRecord> {
        refusal(9, opcode as u8, b"/scheme/secret/x", Error::new(errno))
    }

    #[test]
    fn a_name_that_is_not_there_and_a_permission_are_told() {
        let name = told(Opcode::OpenAt, ENOENT).unwrap();
        assert_eq!((name.process, name.denial.rule), (9, DenialRule::Name as u64));
        assert!(name.name.starts_with(b"/scheme/secret/x\0"));
        let seal = told(Opcode::Call, EKEYREJECTED).unwrap();
        assert_eq!(seal.denial.rule, DenialRule::Permission as u64);
        assert_eq!(seal.name, [0; 64], "its payload is no name");
    }

    #[test]
    fn what_only_failed_is_not_told() {
        assert_eq!(told(Opcode::OpenAt, EDQUOT), None);
        assert_eq!(told(Opcode::Dup, ENOENT), None);
        assert_eq!(told(Opcode::Fstat, EKEYREJECTED), None);
        assert_eq!(refusal(1, 255, b"", Error::new(EKEYREJECTED)), None);
    }

    #[test]
    fn long_names_are_cut() {
        let record = refusal(1, Opcode::OpenAt as u8, &[b'x'; 100], Error::new(ENOENT)).unwrap();
        assert_eq!(record.name, [b'x'; 64]);
    }
}

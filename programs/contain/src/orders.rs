//! Orders to a program that runs: what a person says to its `contain`.
use allow_list::{Order, RUNNING};
use clavis::abi::error::{E2BIG, ENODEV, ENOENT, EOPNOTSUPP, EOWNERDEAD, EPERM};
use clavis::{Handle, Place};
use clavis_policy::narrowing;
use containment::Trouble;

/// Carries one out, and says what came of it.
pub(crate) fn carry_out(name: &str, order: &Order) -> Result<u8, Trouble> {
    let message = match order {
        Order::Status => "status".to_owned(),
        Order::Seal => "seal".to_owned(),
        Order::Revoke => "revoke".to_owned(),
        Order::Shrink(lines) => {
            // Only here somebody can be told where the mistake is.
            narrowing("--shrink", lines).map_err(|mistake| Trouble::plain(mistake.to_string()))?;
            format!("shrink\n{lines}")
        }
    };
    let trouble = |error: clavis::Error| match error.errno() {
        ENOENT | ENODEV | EOWNERDEAD => Trouble::own(name, "nothing runs under that name"),
        EPERM => Trouble::own(name, "its policy is sealed"),
        E2BIG => Trouble::own(name, "it was shrunk seven times already"),
        EOPNOTSUPP => Trouble::own(name, "it has no broker"),
        _ => Trouble::failed(name, &error),
    };
    let program = Handle::open(&format!("/scheme/{RUNNING}/{name}"), 0).map_err(trouble)?;
    let answer = Handle::ask(&program, message.as_bytes(), Place::Upper).map_err(trouble)?;
    let mut text = Vec::new();
    let mut room = [0; 4096];
    loop {
        let count = answer.read_at(&mut room, text.len() as u64).map_err(trouble)?;
        if count == 0 {
            break;
        }
        text.extend_from_slice(room.get(..count).unwrap_or_default());
    }
    print!("{}", String::from_utf8_lossy(&text));
    Ok(0)
}

//! Names. The same name is always the same below, wherever it is: else it could not be found.
use crate::keys::Keys;
use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use data_encoding::BASE64URL_NOPAD;
use syscall::error::{EINVAL, EIO, ENAMETOOLONG, Error, Result};

/// Bytes that a name has at most: encrypted it has 252, as many as redoxfs takes.
pub const LONGEST: usize = 173;

/// A name as it stands below.
///
/// # Errors
/// `ENAMETOOLONG`; `EINVAL` for what is no name.
pub fn encrypted(keys: &Keys, name: &str) -> Result<String> {
    if matches!(name, "" | "." | "..") || name.contains('/') {
        return Err(Error::new(EINVAL));
    }
    if name.len() > LONGEST {
        return Err(Error::new(ENAMETOOLONG));
    }
    let none: [&[u8]; 0] = [];
    let sealed = Aes256Siv::new((&*keys.names).into()).encrypt(none, name.as_bytes());
    Ok(BASE64URL_NOPAD.encode(&sealed.map_err(|_| Error::new(EIO))?))
}

/// What a name below stands for; `None`: nobody who had the keys made it.
#[must_use]
pub fn decrypted(keys: &Keys, name: &str) -> Option<String> {
    let none: [&[u8]; 0] = [];
    let sealed = BASE64URL_NOPAD.decode(name.as_bytes()).ok()?;
    let name = Aes256Siv::new((&*keys.names).into()).decrypt(none, &sealed).ok()?;
    String::from_utf8(name).ok()
}

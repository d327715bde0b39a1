//! The keys of a vault, and the file that holds them under a passphrase.
use crate::{Chance, MAGIC};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use syscall::error::{EACCES, EINVAL, EIO, Error, Result};
use zeroize::Zeroizing;

/// Bytes of the file that holds the keys.
pub const LENGTH: usize = MAGIC.len() + COST + SALT + NONCE + KEY + TAG;
/// The most memory that a file can ask for to open it, in KiB.
pub const MOST_MEMORY: u32 = 256 << 10;
/// The most passes over that memory.
pub const MOST_PASSES: u32 = 64;

const COST: usize = 8;
const SALT: usize = 16;
pub(crate) const NONCE: usize = 24;
pub(crate) const TAG: usize = 16;
pub(crate) const KEY: usize = 32;
/// The key of SIV is two: one for each half of its work.
pub(crate) const NAMES: usize = 64;

/// How slow it is to try a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for Cost {
    fn default() -> Cost {
        Cost { memory: 19 << 10, passes: 2 }
    }
}

/// What everything in a vault is encrypted with. Wiped when it is dropped.
pub struct Keys {
    pub(crate) names: Zeroizing<[u8; NAMES]>,
    pub(crate) contents: Zeroizing<[u8; KEY]>,
}

impl Keys {
    /// New keys, and the file that holds them for who knows the secret.
    ///
    /// # Errors
    /// `EINVAL` for a cost that is none; what the source of chance answers.
    pub fn make(secret: &[u8], cost: Cost, chance: &impl Chance) -> Result<(Keys, Vec<u8>)> {
        let mut file = MAGIC.to_vec();
        file.extend(cost.memory.to_le_bytes());
        file.extend(cost.passes.to_le_bytes());
        let mut random = [0; SALT + NONCE];
        chance.fill(&mut random)?;
        file.extend(random);
        let mut master = Zeroizing::new(vec![0; KEY]);
        chance.fill(&mut master)?;
        let keys = Keys::of(&master)?;
        let (cipher, nonce) = lock(&file, secret)?;
        let sealed = cipher.encrypt_in_place(&nonce, &file, &mut *master);
        sealed.map_err(|_| Error::new(EIO))?;
        file.extend(master.iter());
        Ok((keys, file))
    }

    /// The keys in a file.
    ///
    /// # Errors
    /// `EACCES`: another secret, or somebody changed the file; `EINVAL`: it is no such file.
    pub fn open(file: &[u8], secret: &[u8]) -> Result<Keys> {
        if file.len() != LENGTH || !file.starts_with(MAGIC) {
            return Err(Error::new(EINVAL));
        }
        let (open, sealed) = file.split_at(LENGTH.saturating_sub(KEY + TAG));
        let (cipher, nonce) = lock(open, secret)?;
        let mut master = Zeroizing::new(sealed.to_vec());
        let opened = cipher.decrypt_in_place(&nonce, open, &mut *master);
        opened.map_err(|_| Error::new(EACCES))?;
        Keys::of(&master)
    }

    fn of(master: &[u8]) -> Result<Keys> {
        let mut keys =
            Keys { names: Zeroizing::new([0; NAMES]), contents: Zeroizing::new([0; KEY]) };
        let from = Hkdf::<Sha256>::new(Some(MAGIC), master);
        let failed = |_| Error::new(EIO);
        from.expand(b"names", &mut *keys.names).map_err(failed)?;
        from.expand(b"contents", &mut *keys.contents).map_err(failed)?;
        Ok(keys)
    }
}

/// What the master key is under, from the open beginning of a file and the secret.
fn lock(open: &[u8], secret: &[u8]) -> Result<(XChaCha20Poly1305, XNonce)> {
    let wrong = || Error::new(EINVAL);
    let (_, rest) = open.split_at_checked(MAGIC.len()).ok_or_else(wrong)?;
    let (memory, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
    let (passes, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
    let (salt, rest) = rest.split_first_chunk::<SALT>().ok_or_else(wrong)?;
    let nonce = rest.first_chunk::<NONCE>().ok_or_else(wrong)?;
    let cost = Cost { memory: u32::from_le_bytes(*memory), passes: u32::from_le_bytes(*passes) };
    if cost.memory > MOST_MEMORY || cost.passes > MOST_PASSES {
        return Err(wrong());
    }
    let params = Params::new(cost.memory, cost.passes, 1, Some(KEY)).map_err(|_| wrong())?;
    let slow = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut key = Zeroizing::new([0; KEY]);
    slow.hash_password_into(secret, salt, &mut *key).map_err(|_| wrong())?;
    Ok((XChaCha20Poly1305::new((&*key).into()), XNonce::from(*nonce)))
}

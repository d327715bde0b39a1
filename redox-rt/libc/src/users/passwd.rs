//! Users: `getpwnam`, `getpwuid` and their kin.
use super::database::{File, Room, Shared, find, reentrant};
use super::line::{self, User};
use crate::errno::answer;
use crate::pointer::text;
use clavis_abi::error::Result;
use clavis_rt::sync::{Mutex, RawMutex};
use core::ffi::{c_char, c_int};
use libc::{passwd, uid_t};

/// Where they stand.
const PATH: &str = "/etc/passwd";

static SHARED: Mutex<Shared<passwd>> = Mutex::const_new(RawMutex::new(), Shared::new());
/// How many entries `getpwent` has answered.
static NEXT: Mutex<usize> = Mutex::const_new(RawMutex::new(), 0);

/// The file of them.
struct Users;

impl File for Users {
    const PATH: &str = PATH;
    type Line<'a> = User<'a>;
    type Entry = passwd;

    fn line(text: &str) -> Option<User<'_>> {
        line::user(text)
    }

    fn lay(mut room: Room, user: &User<'_>) -> Result<passwd> {
        Ok(passwd {
            pw_name: room.string(user.name)?,
            pw_passwd: room.string(user.password)?,
            pw_uid: user.user,
            pw_gid: user.group,
            pw_gecos: room.string(user.comment)?,
            pw_dir: room.string(user.home)?,
            pw_shell: room.string(user.shell)?,
        })
    }
}

/// Finds by name. Answers 0 with null in `result` for nobody; `ERANGE` when the buffer is too
/// small.
///
/// # Safety
/// C contract: `name` is NUL-terminated, `buffer` takes `length` bytes, `place` an entry,
/// `result` an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getpwnam_r(
    name: *const c_char,
    place: *mut passwd,
    buffer: *mut c_char,
    length: usize,
    result: *mut *mut passwd,
) -> c_int {
    // SAFETY: the contract.
    let name = unsafe { text(name) };
    let found = |room| name.and_then(|name| find::<Users>(room, 0, |entry| entry.name == name));
    // SAFETY: the contract.
    unsafe { reentrant(found, place, (buffer, length), result) }
}

/// Finds by number; as [`getpwnam_r`].
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getpwuid_r(
    wanted: uid_t,
    place: *mut passwd,
    buffer: *mut c_char,
    length: usize,
    result: *mut *mut passwd,
) -> c_int {
    let found = |room| find::<Users>(room, 0, |entry| entry.user == wanted);
    // SAFETY: the contract.
    unsafe { reentrant(found, place, (buffer, length), result) }
}

/// Finds by name. The answer is good until the next such call; null for nobody.
///
/// # Safety
/// C contract: `name` is NUL-terminated; no other thread does the same meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getpwnam(name: *const c_char) -> *mut passwd {
    // SAFETY: the contract.
    let name = unsafe { text(name) };
    answer(name.and_then(|name| {
        SHARED.lock().fill(|room| find::<Users>(room, 0, |entry| entry.name == name))
    }))
}

/// Finds by number. The answer is good until the next such call; null for nobody.
#[unsafe(no_mangle)]
pub extern "C" fn getpwuid(wanted: uid_t) -> *mut passwd {
    answer(SHARED.lock().fill(|room| find::<Users>(room, 0, |entry| entry.user == wanted)))
}

/// The next entry, or null behind the last. The answer is good until the next such call.
#[unsafe(no_mangle)]
pub extern "C" fn getpwent() -> *mut passwd {
    let mut next = NEXT.lock();
    let entry = SHARED.lock().fill(|room| find::<Users>(room, *next, |_| true));
    if entry.is_ok_and(|entry| !entry.is_null()) {
        *next += 1;
    }
    answer(entry)
}

/// Lets [`getpwent`] start again.
#[unsafe(no_mangle)]
pub extern "C" fn setpwent() {
    *NEXT.lock() = 0;
}

/// Lets [`getpwent`] start again.
#[unsafe(no_mangle)]
pub extern "C" fn endpwent() {
    setpwent();
}

/// Nobody logs in here: `ENXIO`, and null.
#[unsafe(no_mangle)]
pub extern "C" fn getlogin() -> *mut c_char {
    crate::errno::fail(libc::ENXIO)
}

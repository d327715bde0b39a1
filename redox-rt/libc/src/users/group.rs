//! Groups: `getgrnam`, `getgrgid` and their kin.
use super::database::{File, Room, Shared, find, read, reentrant};
use super::line::{self, Group};
use crate::errno::answer;
use crate::pointer::{put, text};
use clavis_abi::error::Result;
use clavis_rt::sync::{Mutex, RawMutex};
use core::ffi::{c_char, c_int};
use libc::{gid_t, group};

/// Where they stand.
const PATH: &str = "/etc/group";

static SHARED: Mutex<Shared<group>> = Mutex::const_new(RawMutex::new(), Shared::new());
/// How many entries `getgrent` has answered.
static NEXT: Mutex<usize> = Mutex::const_new(RawMutex::new(), 0);

/// The file of them.
struct Groups;

impl File for Groups {
    const PATH: &str = PATH;
    type Line<'a> = Group<'a>;
    type Entry = group;

    fn line(text: &str) -> Option<Group<'_>> {
        line::group(text)
    }

    fn lay(mut room: Room, entry: &Group<'_>) -> Result<group> {
        Ok(group {
            gr_name: room.string(entry.name)?,
            gr_passwd: room.string(entry.password)?,
            gr_gid: entry.group,
            gr_mem: room.strings(entry.members())?,
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
pub unsafe extern "C" fn getgrnam_r(
    name: *const c_char,
    place: *mut group,
    buffer: *mut c_char,
    length: usize,
    result: *mut *mut group,
) -> c_int {
    // SAFETY: the contract.
    let name = unsafe { text(name) };
    let found = |room| name.and_then(|name| find::<Groups>(room, 0, |entry| entry.name == name));
    // SAFETY: the contract.
    unsafe { reentrant(found, place, (buffer, length), result) }
}

/// Finds by number; as [`getgrnam_r`].
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getgrgid_r(
    wanted: gid_t,
    place: *mut group,
    buffer: *mut c_char,
    length: usize,
    result: *mut *mut group,
) -> c_int {
    let found = |room| find::<Groups>(room, 0, |entry| entry.group == wanted);
    // SAFETY: the contract.
    unsafe { reentrant(found, place, (buffer, length), result) }
}

/// Finds by name. The answer is good until the next such call; null for nobody.
///
/// # Safety
/// C contract: `name` is NUL-terminated; no other thread does the same meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getgrnam(name: *const c_char) -> *mut group {
    // SAFETY: the contract.
    let name = unsafe { text(name) };
    answer(name.and_then(|name| {
        SHARED.lock().fill(|room| find::<Groups>(room, 0, |entry| entry.name == name))
    }))
}

/// Finds by number. The answer is good until the next such call; null for nobody.
#[unsafe(no_mangle)]
pub extern "C" fn getgrgid(wanted: gid_t) -> *mut group {
    answer(SHARED.lock().fill(|room| find::<Groups>(room, 0, |entry| entry.group == wanted)))
}

/// The next entry, or null behind the last. The answer is good until the next such call.
#[unsafe(no_mangle)]
pub extern "C" fn getgrent() -> *mut group {
    let mut next = NEXT.lock();
    let entry = SHARED.lock().fill(|room| find::<Groups>(room, *next, |_| true));
    if entry.is_ok_and(|entry| !entry.is_null()) {
        *next += 1;
    }
    answer(entry)
}

/// Lets [`getgrent`] start again.
#[unsafe(no_mangle)]
pub extern "C" fn setgrent() {
    *NEXT.lock() = 0;
}

/// Lets [`getgrent`] start again.
#[unsafe(no_mangle)]
pub extern "C" fn endgrent() {
    setgrent();
}

/// The groups of a user: `first`, and those that list the name. Answers how many, or -1 when there
/// is no room for them; `count` becomes how many there are.
///
/// # Safety
/// C contract: `name` is NUL-terminated, `groups` takes `count` groups.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getgrouplist(
    name: *const c_char,
    first: gid_t,
    groups: *mut gid_t,
    count: *mut c_int,
) -> c_int {
    // SAFETY: the contract.
    let room = unsafe { crate::pointer::get(count.cast_const()) };
    let found = room.and_then(|room| {
        // SAFETY: the contract.
        let name = unsafe { text(name) }?;
        let file = read(PATH)?;
        let entries = file.lines().filter_map(line::group);
        let listed = entries.filter(|entry| entry.members().any(|member| member == name));
        let others = listed.map(|entry| entry.group).filter(|group| *group != first);
        let mut total = 0;
        for group in [first].into_iter().chain(others) {
            if total < room {
                // SAFETY: the contract.
                unsafe { put(groups.wrapping_add(total as usize), group) }?;
            }
            total += 1;
        }
        // SAFETY: the contract.
        unsafe { put(count, total) }?;
        Ok(if total <= room { total } else { -1 })
    });
    answer(found)
}

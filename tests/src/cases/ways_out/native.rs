//! Through a directory handle that is BENEATH, by the system's own calls.
use super::super::place::{Place, io};
use super::super::support::{at, check};
use super::ways::{Comes::To, WAYS, long};
use super::{cage, fixture, judge, untouched};
use crate::run::{Case, Verdict};
use clavis::abi::error::{EBADF, EINVAL, ENOENT, ENOTCAPABLE, ENOTDIR};
use clavis::{AsNumber, Handle, Number, Place as At, Rights};
use std::fs;
use syscall::flag::{O_DIRECTORY, O_RDONLY, O_RDWR};

// Not in the libc crate.
unsafe extern "C" {
    fn fdopendir(number: std::ffi::c_int) -> *mut libc::DIR;
    fn seekdir(listing: *mut libc::DIR, cursor: std::ffi::c_long);
}

pub(crate) const CASES: &[Case] = &[
    Case { name: "no_path_of_the_table_leads_out_of_a_directory_handle", run: by_handle },
    Case { name: "no_bytes_that_are_no_text_lead_out_of_a_directory_handle", run: by_bytes },
    Case { name: "a_directory_that_moves_or_goes_does_not_open_a_way_out", run: moved },
    Case { name: "a_listing_tells_nothing_of_what_lies_outside", run: listed },
    Case { name: "no_handle_is_widened_by_opening_it_again", run: reopened },
];

fn by_handle() -> Verdict {
    let place = fixture("by-handle")?;
    let cage = cage(&place)?;
    tried(&place, &cage, ENOTDIR)
}

/// Every path from a directory; what is beneath a file there comes to the error.
pub(super) fn tried(place: &Place, cage: &Handle, beneath_files: i32) -> Verdict {
    for (path, flags, comes, why) in WAYS {
        judge(path, Handle::open_at(cage, path, *flags as u64), *comes, why)?;
    }
    for (path, comes, why) in long() {
        judge(&path, Handle::open_at(cage, &path, O_RDONLY as u64), comes, why)?;
    }
    let refused = |handle: &Handle, path: &str, expected: i32, why: &str| {
        judge(path, Handle::open_at(handle, path, O_RDONLY as u64), To(expected), why)
    };
    refused(cage, "file\0/../../beside", EINVAL, "a NUL is no part of a path")?;
    refused(cage, "..\0", EINVAL, "and no end of one")?;
    let file = at("file", Handle::open_at(cage, "file", O_RDONLY as u64))?;
    refused(&file, "x", beneath_files, "a file is no directory")?;
    refused(&file, "..", ENOTCAPABLE, "and what is above it is not beneath it")?;
    let number = file.number();
    drop(file);
    let stale = Handle::from_number(number);
    refused(&stale, "x", EBADF, "a closed number means nothing")?;
    // Many handles later neither: an upper number comes back as another one.
    let later: Vec<Handle> =
        (0..200).filter_map(|_| Handle::open_at(cage, "deep", O_RDONLY as u64).ok()).collect();
    check(later.iter().all(|handle| handle.number() != number), "the number came back")?;
    refused(&stale, "x", EBADF, "and not even when its place is taken")?;
    _ = stale.into_number();
    untouched(place)
}

fn by_bytes() -> Verdict {
    let place = fixture("by-bytes")?;
    let cage = cage(&place)?;
    let open = |path: &[u8]| {
        let (call, out) = (clavis::abi::call::Call::OpenAt as usize, usize::MAX);
        // SAFETY: it reads the path, which outlives the call; the answer is a number.
        let raw = unsafe {
            syscall::syscall5(
                call,
                cage.number().raw(),
                path.as_ptr() as usize,
                path.len(),
                O_RDONLY,
                out,
            )
        };
        raw.map_err(|error| error.errno)
    };
    check(open(b"file").is_ok(), "the call is made wrongly")?;
    for path in [
        b"\xff".as_slice(),
        b"..\xff",
        b"\xc0\xae\xc0\xae/beside",
        b"\xc0\xaf",
        b"deep\xe0\x80\xaf..",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"deep/\x80",
    ] {
        let answer = open(path);
        check(answer == Err(EINVAL), &format!("{path:x?}: {answer:?}"))?;
    }
    // Whatever two and three bytes say, they say nothing above.
    let bytes: Vec<u8> = (0..=255).collect();
    for one in &bytes {
        for path in [[*one, b'.', b'.'], [b'.', b'.', *one]] {
            let answer = open(&path);
            let inside = matches!(answer, Err(EINVAL | ENOENT | ENOTCAPABLE));
            check(inside, &format!("{path:x?}: {answer:?}"))?;
        }
    }
    Ok(())
}

fn moved() -> Verdict {
    let place = fixture("moved")?;
    let cage = cage(&place)?;
    let deep = at("deep", Handle::open_at(&cage, "deep", (O_RDONLY | O_DIRECTORY) as u64))?;
    io("move out", fs::rename(place.at("in/deep"), place.at("deep")))?;
    at("what it has", Handle::open_at(&deep, "file", O_RDONLY as u64))?;
    for path in ["..", "../beside", "../in/file"] {
        let why = "it is BENEATH wherever it lies";
        judge(path, Handle::open_at(&deep, path, O_RDONLY as u64), To(ENOTCAPABLE), why)?;
    }
    io("remove", fs::remove_dir_all(place.at("in")))?;
    judge("file", Handle::open_at(&cage, "file", 0), To(ENOENT), "nothing is in what was removed")?;
    judge("..", Handle::open_at(&cage, "..", 0), To(ENOTCAPABLE), "and nothing above it")?;
    io("again", fs::create_dir(place.at("in")))?;
    io("again", fs::write(place.at("in/file"), "new"))?;
    let why = "what takes its name is another directory";
    judge("file", Handle::open_at(&cage, "file", 0), To(ENOENT), why)
}

fn listed() -> Verdict {
    let place = fixture("listed")?;
    let cage = cage(&place)?;
    let names = at("list", clavis::object::list(&cage))?;
    let above = names.iter().any(|name| matches!(name.as_str(), ".." | "beside"));
    check(!above && names.iter().any(|name| name == "file"), &format!("{names:?}"))?;
    // A cursor is a place in this directory, whatever number it is.
    let number = cage.into_fd().map_err(|error| error.to_string())?;
    // SAFETY: the descriptor is the listing's from now on.
    let listing = unsafe { fdopendir(std::os::fd::IntoRawFd::into_raw_fd(number)) };
    check(!listing.is_null(), "it cannot be listed")?;
    for cursor in [1, 7, 1 << 20, 1 << 32, 1 << 56, i64::MAX, -1] {
        // SAFETY: the listing is open.
        unsafe { seekdir(listing, cursor) };
        for _ in 0..100 {
            // SAFETY: as above.
            let row = unsafe { libc::readdir(listing) };
            // SAFETY: null, or a row that is good until the next call.
            let Some(row) = (unsafe { row.as_ref() }) else { break };
            // SAFETY: a row's name ends with a NUL.
            let name = unsafe { std::ffi::CStr::from_ptr(row.d_name.as_ptr()) };
            let told = [c"beside", c".."].contains(&name);
            check(!told, &format!("the cursor {cursor} tells of {name:?}"))?;
        }
    }
    // SAFETY: it is open, and closed once.
    unsafe { libc::closedir(listing) };
    Ok(())
}

fn reopened() -> Verdict {
    let place = fixture("reopened")?;
    let cage = cage(&place)?;
    let most = Rights::all() - Rights::WRITE - Rights::APPEND - Rights::TRUNCATE;
    let narrow = at("derive", Handle::derive(&cage, most, most))?;
    let file = at("open", Handle::open_at(&narrow, "file", O_RDONLY as u64))?;
    let why = "a handle gives at most what its inherit mask has";
    let again = Handle::open_at(&narrow, "file", O_RDWR as u64);
    judge("file", again, To(ENOTCAPABLE), why)?;
    let again = Handle::open_at(&file, ".", O_RDWR as u64);
    judge(".", again, To(ENOTCAPABLE), why)?;
    let copy = at("dup", Handle::duplicate(&file, At::Lowest))?;
    let written = copy.write_at(b"x", 0).err().map(|error| error.errno());
    check(written == Some(ENOTCAPABLE), "a copy can be written")?;
    let number = Number::from_raw(copy.number().raw());
    // SAFETY: what is mapped is never touched.
    let mapped = unsafe {
        let (read, write) = (libc::PROT_READ, libc::PROT_WRITE);
        let descriptor = number.raw() as i32;
        libc::mmap(std::ptr::null_mut(), 4096, read | write, libc::MAP_SHARED, descriptor, 0)
    };
    check(mapped == libc::MAP_FAILED, "it is mapped for writing")
}

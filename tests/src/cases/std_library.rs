//! Rust's std on this system's C library: files, threads, panics, and errors that explain.
use super::place::{Place, io, refused};
use super::support::check;
use crate::run::{Case, Verdict};
use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = &[
    Case { name: "std_reads_writes_seeks_and_cuts_files", run: files },
    Case { name: "std_appends_without_overwriting", run: append },
    Case { name: "std_follows_links_and_sees_them", run: links },
    Case { name: "std_lists_and_removes_large_directories", run: directories },
    Case { name: "std_resolves_paths_from_the_current_directory", run: current_directory },
    Case { name: "std_locks_lose_no_update", run: locks },
    Case { name: "std_conditions_wake_and_time_out", run: conditions },
    Case { name: "std_drops_thread_locals_with_their_thread", run: thread_locals },
    Case { name: "std_catches_a_panic_and_passes_it_to_join", run: panics },
    Case { name: "std_allocates_at_every_size_and_alignment", run: allocations },
    Case { name: "std_says_which_right_was_missing", run: missing_right },
    Case { name: "std_gets_a_defined_error_for_what_does_not_exist_yet", run: absent },
];

fn files() -> Verdict {
    let place = Place::new("files")?;
    let path = place.at("a");
    io("write", fs::write(&path, "hello world"))?;
    let mut file = io("open", OpenOptions::new().read(true).write(true).open(&path))?;
    check(io("seek", file.seek(SeekFrom::End(-5)))? == 6, "the end is elsewhere")?;
    let mut text = String::new();
    io("read", file.read_to_string(&mut text))?;
    check(text == "world", &format!("it read {text:?}"))?;
    io("cut", file.set_len(3))?;
    check(io("metadata", file.metadata())?.len() == 3, "cutting left another length")?;
    io("write at 1", file.write_all_at(b"EY", 1))?;
    let mut bytes = [0; 2];
    io("read at 1", file.read_exact_at(&mut bytes, 1))?;
    check(&bytes == b"EY", "it read something else at 1")?;
    io("chmod", file.set_permissions(fs::Permissions::from_mode(0o640)))?;
    check(io("metadata", fs::metadata(&path))?.mode() & 0o777 == 0o640, "the mode stayed")?;
    let copy = io("duplicate", file.try_clone())?;
    drop(file);
    io("sync", copy.sync_all())?;
    io("rename", fs::rename(&path, place.at("b")))?;
    refused("the old name", fs::read(&path), ErrorKind::NotFound)?;
    check(io("read", fs::read(place.at("b")))? == b"hEY", "the content changed")
}

fn append() -> Verdict {
    let place = Place::new("append")?;
    let path = place.at("log");
    io("write", fs::write(&path, "one "))?;
    let mut file = io("open", OpenOptions::new().append(true).open(&path))?;
    io("write", file.write_all(b"two "))?;
    io("write by another", fs::OpenOptions::new().append(true).open(&path))
        .and_then(|mut other| io("write", other.write_all(b"three ")))?;
    io("write", file.write_all(b"four"))?;
    let text = io("read", fs::read_to_string(&path))?;
    check(text == "one two three four", &format!("it holds {text:?}"))
}

fn links() -> Verdict {
    let place = Place::new("links")?;
    let (file, link, second) = (place.at("file"), place.at("link"), place.at("second"));
    io("write", fs::write(&file, "x"))?;
    io("symlink", symlink("file", &link))?;
    check(io("read the link", fs::read_link(&link))? == Path::new("file"), "it leads elsewhere")?;
    check(io("lstat", fs::symlink_metadata(&link))?.is_symlink(), "the link was followed")?;
    check(io("stat", fs::metadata(&link))?.is_file(), "the link was not followed")?;
    check(io("canonicalize", fs::canonicalize(&link))? == file, "its path is another")?;
    refused("read a file as a link", fs::read_link(&file), ErrorKind::InvalidInput)?;
    io("hard link", fs::hard_link(&file, &second))?;
    let (one, two) = (io("stat", fs::metadata(&file))?, io("stat", fs::metadata(&second))?);
    check(one.ino() == two.ino() && two.nlink() == 2, "the second name is another file")?;
    io("remove", fs::remove_file(&file))?;
    refused("the link without its target", fs::read(&link), ErrorKind::NotFound)?;
    check(io("read", fs::read(&second))? == b"x", "the content went with the first name")
}

fn directories() -> Verdict {
    let place = Place::new("directories")?;
    let deep = place.at("a/b/c");
    io("create", fs::create_dir_all(&deep))?;
    refused("create again", fs::create_dir(&deep), ErrorKind::AlreadyExists)?;
    for number in 0..300 {
        let name = deep.join(format!("{number:03}-a-name-that-fills-the-buffer-quickly"));
        io("write", fs::write(name, ""))?;
    }
    let mut names = Vec::new();
    for entry in io("list", fs::read_dir(&deep))? {
        names.push(io("entry", entry)?.file_name());
    }
    names.sort();
    names.dedup();
    check(names.len() == 300, &format!("it listed {} names", names.len()))?;
    refused("remove a full one", fs::remove_dir(&deep), ErrorKind::DirectoryNotEmpty)?;
    io("remove all", fs::remove_dir_all(place.at("a")))?;
    check(!place.at("a").exists(), "something stayed")
}

fn current_directory() -> Verdict {
    let place = Place::new("current")?;
    io("create", fs::create_dir(place.at("d")))?;
    io("enter", std::env::set_current_dir(place.at("d")))?;
    check(io("where", std::env::current_dir())? == place.at("d"), "it is elsewhere")?;
    io("write", fs::write("f", "here"))?;
    check(io("read", fs::read("../d/./f"))? == b"here", "another file was found")?;
    io("leave", std::env::set_current_dir(".."))?;
    check(io("read", fs::read(place.at("d/f")))? == b"here", "it was written elsewhere")
}

fn locks() -> Verdict {
    let (sum, list, barrier) = (Mutex::new(0), RwLock::new(vec![0]), Barrier::new(4));
    thread::scope(|scope| {
        for number in 0..4 {
            let (sum, list, barrier) = (&sum, &list, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for _ in 0..1000 {
                    *sum.lock().unwrap_or_else(|lost| lost.into_inner()) += 1;
                }
                for _ in 0..100 {
                    list.write().unwrap_or_else(|lost| lost.into_inner()).push(number);
                    assert!(!list.read().unwrap_or_else(|lost| lost.into_inner()).is_empty());
                }
            });
        }
    });
    check(sum.into_inner().is_ok_and(|sum| sum == 4000), "the mutex lost an update")?;
    check(list.into_inner().is_ok_and(|list| list.len() == 401), "the lock lost an update")
}

fn conditions() -> Verdict {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = Arc::clone(&pair);
    let waker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(5));
        if let Ok(mut ready) = other.0.lock() {
            *ready = true;
        }
        other.1.notify_all();
    });
    let mut ready = pair.0.lock().map_err(|error| error.to_string())?;
    while !*ready {
        ready = pair.1.wait(ready).map_err(|error| error.to_string())?;
    }
    let start = Instant::now();
    let patience = Duration::from_millis(20);
    let waited = pair.1.wait_timeout(ready, patience).map_err(|error| error.to_string())?;
    check(waited.1.timed_out(), "nobody notified, and yet it woke")?;
    check(start.elapsed() >= Duration::from_millis(19), "it gave up early")?;
    drop(waited);
    check(waker.join().is_ok(), "the waker failed")?;
    let (to, from) = mpsc::channel::<u8>();
    let empty = from.recv_timeout(Duration::from_millis(5));
    drop(to);
    check(empty == Err(mpsc::RecvTimeoutError::Timeout), &format!("receiving gave {empty:?}"))
}

static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct Counted(Cell<usize>);

impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED.fetch_add(self.0.get(), Ordering::SeqCst);
    }
}

thread_local! {
    static COUNTED: Counted = const { Counted(Cell::new(0)) };
}

fn thread_locals() -> Verdict {
    COUNTED.with(|own| own.0.set(1000));
    for number in 1..=10 {
        let thread = thread::spawn(move || {
            COUNTED.with(|own| own.0.set(own.0.get() + number));
        });
        check(thread.join().is_ok(), "a thread failed")?;
    }
    let dropped = DROPPED.load(Ordering::SeqCst);
    check(dropped == 55, &format!("they summed up to {dropped}"))?;
    check(COUNTED.with(|own| own.0.get()) == 1000, "threads share the variable")
}

fn panics() -> Verdict {
    std::panic::set_hook(Box::new(|_| {}));
    struct Guard<'a>(&'a Cell<bool>);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let unwound = Cell::new(false);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = Guard(&unwound);
        panic!("first");
    }));
    check(caught.is_err() && unwound.get(), "the stack was not unwound")?;
    let joined = thread::spawn(|| panic!("second")).join();
    let said = joined.err().and_then(|error| error.downcast_ref::<&str>().copied());
    check(said == Some("second"), &format!("join said {said:?}"))
}

fn allocations() -> Verdict {
    #[repr(align(4096))]
    struct Page([u8; 4096]);
    let mut kept = Vec::new();
    for size in (0..3000).map(|number| number * 37 % 5000) {
        kept.push(vec![size as u8; size]);
        if size % 3 == 0 {
            kept.swap_remove(size % kept.len());
        }
    }
    let whole = |bytes: &Vec<u8>| bytes.iter().all(|byte| *byte == bytes.len() as u8);
    check(kept.iter().all(whole), "blocks overlap")?;
    let mut large = vec![1u8; 1 << 20];
    large.resize(5 << 20, 2);
    large.shrink_to_fit();
    check(large.first() == Some(&1) && large.last() == Some(&2), "growing lost bytes")?;
    let page = std::hint::black_box(Box::new(Page([7; 4096])));
    check((&raw const *page).is_aligned() && page.0.last() == Some(&7), "a page lies askew")
}

fn missing_right() -> Verdict {
    let place = Place::new("right")?;
    let mut file = io("create", File::create(place.at("a")))?;
    match file.read_exact(&mut [0; 1]) {
        Ok(()) => Err("a file opened for writing was read".into()),
        Err(error) => check(error.to_string().contains("lacks the right READ"), &error.to_string()),
    }
}

fn absent() -> Verdict {
    match std::net::TcpStream::connect("127.0.0.1:80") {
        Ok(_) => Err("there is a network".into()),
        Err(error) => {
            let known = error.raw_os_error() == Some(clavis::abi::error::EAFNOSUPPORT);
            check(known, &format!("connecting: {error}"))
        }
    }
}

//! A view of a vault, against a file system in plain.
use crate::disk::{Dice, dice, keys};
use crate::world::{Disk, Files, LIST, NOW, random, tree};
use clavis_crypt::names::{decrypted, encrypted};
use clavis_crypt::{Keys, Vault};
use clavis_ramfs::Handles;
use clavis_ramfs::content::Data;
use clavis_view::{Everything, Opened, ROOT, View, Walks};
use std::collections::BTreeSet;
use syscall::Stat;
use syscall::error::{EIO, EOPNOTSUPP, Result};
use syscall::flag::{
    AT_REMOVEDIR, O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR, O_STAT, O_SYMLINK,
    O_TRUNC, O_WRONLY,
};

type Safe = View<Vault<Files, Dice>, Everything>;

fn safe(disk: &std::rc::Rc<Disk>, seed: u64) -> Safe {
    let vault = Vault::new(Files(disk.clone()), keys(seed), dice(seed));
    View::new(vault, Everything, Vault::<Files, Dice>::root(disk.at("")))
}

fn path(random: &mut fastrand::Rng) -> String {
    let names = ["a", "b", "c", "..", "."];
    let names: Vec<&str> =
        (0..random.usize(1..4)).map(|_| names[random.usize(..5).min(random.usize(..5))]).collect();
    names.join("/")
}

/// What is there in plain, from what lies below.
fn shown(disk: &Disk, keys: &Keys, safe: &mut Safe) -> BTreeSet<(String, String)> {
    let below = tree(&mut disk.handles.borrow_mut(), disk.root);
    below
        .into_iter()
        .map(|(path, what)| {
            let name = |name| decrypted(keys, name).expect("a name of the vault");
            let path = path.split('/').map(name).collect::<Vec<_>>().join("/");
            let what = if what == "directory" { what } else { text(safe, &path) };
            (path, what)
        })
        .collect()
}

fn text(safe: &mut Safe, path: &str) -> String {
    let Ok(Opened::Lower(file)) = safe.open(ROOT, path, O_RDONLY as u64) else {
        panic!("{path} is no file")
    };
    let mut text = vec![0; 64];
    let length = safe.lower().read(&file, 0, &mut text).unwrap();
    String::from_utf8(text[..length].to_vec()).unwrap()
}

fn size(safe: &mut Safe, path: &str) -> Result<u64> {
    let Opened::Own(number) = safe.open(ROOT, path, O_STAT as u64)? else {
        panic!("what is looked at only was opened below")
    };
    let stat = safe.stat(number);
    safe.close(number);
    Ok(stat?.st_size)
}

fn both(walks: Walks, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let disk = Disk::new(walks);
    let (mut safe, keys) = (safe(&disk, 1), keys(1));
    let mut plain = Handles::new(1 << 22, NOW);
    let root = plain.root().unwrap();
    let errno = |error: syscall::Error| error.errno;
    for _ in 0..120 {
        let (one, two) = (path(&mut random), path(&mut random));
        let (mine, its) = match random.u32(..8) {
            0..=2 => {
                let kinds = [
                    O_WRONLY | O_CREAT,
                    O_RDWR | O_CREAT | O_EXCL,
                    O_WRONLY | O_TRUNC,
                    O_WRONLY | O_CREAT | O_TRUNC,
                    O_WRONLY | O_APPEND,
                ];
                let flags = (kinds[random.usize(..5)] | 0o644) as u64;
                let words = random.u16(..).to_string();
                let append = flags & O_APPEND as u64 != 0;
                let mine = safe.open(ROOT, &one, flags).map(|opened| {
                    let Opened::Lower(file) = opened else { panic!("{one} is no file") };
                    let at = (!append).then_some(0);
                    safe.lower().write(&file, at, words.as_bytes()).unwrap();
                });
                let its = plain.open(root, &one, flags).map(|opened| {
                    let mode = if append { O_APPEND as u32 } else { 0 };
                    plain.write(opened.number, Data::Bytes(words.as_bytes()), 0, mode).unwrap();
                    plain.close(opened.number);
                });
                (mine, its)
            }
            3 | 4 => {
                let flags = (O_CREAT | O_EXCL | O_DIRECTORY | O_STAT | 0o755) as u64;
                let mine = safe.open(ROOT, &one, flags).map(|opened| {
                    let Opened::Own(number) = opened else { panic!("{one} is no directory") };
                    safe.close(number);
                });
                (mine, plain.open(root, &one, flags).map(|opened| plain.close(opened.number)))
            }
            5 => {
                let flags = if random.bool() { AT_REMOVEDIR } else { 0 };
                let mine = safe.unlink(ROOT, &one, flags);
                (mine, plain.unlink(root, &one, flags as u64))
            }
            6 => {
                let mine = safe.rename((ROOT, &one), (ROOT, &two), 0);
                (mine, plain.rename_at((root, &one), (root, &two), 0))
            }
            _ => {
                let its = plain.open(root, &one, O_STAT as u64).map(|opened| {
                    let mut stat = Stat::default();
                    plain.stat(opened.number, &mut stat).unwrap();
                    plain.close(opened.number);
                    stat.st_size
                });
                assert_eq!(size(&mut safe, &one).map_err(errno), its.map_err(errno), "{one}");
                continue;
            }
        };
        assert_eq!(mine.map_err(errno), its.map_err(errno), "{one} {two}");
    }
    assert_eq!(shown(&disk, &keys, &mut safe), tree(&mut plain, root));
    assert_eq!(disk.open.get(), 1, "handles were left");
}

#[test]
fn random_operations_have_the_outcome_that_they_have_in_plain() {
    let mut random = random();
    for round in 0..60 {
        let seed = random.u64(..);
        println!("run {seed}");
        both(if round % 2 == 0 { Walks::ByNode } else { Walks::ByPath }, seed);
    }
}

fn names(safe: &mut Safe) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(Opened::Own(number)) = safe.open(ROOT, "", LIST) else { panic!("no root") };
    safe.list(number, 0, &mut |found| {
        names.push(found.name.to_owned());
        true
    })
    .unwrap();
    safe.close(number);
    names.sort();
    names
}

#[test]
fn a_list_shows_the_names_of_the_vault_and_no_others() {
    let disk = Disk::new(Walks::ByNode);
    let mut mine = safe(&disk, 1);
    for n in 0..20 {
        disk.file(&format!("foreign{n}"), "x");
    }
    for n in 0..20 {
        let flags = (O_WRONLY | O_CREAT | 0o644) as u64;
        drop(mine.open(ROOT, &format!("mine{n}"), flags).unwrap());
        disk.directory(&format!("between{n}"));
    }
    let mut expected: Vec<String> = (0..20).map(|n| format!("mine{n}")).collect();
    expected.sort();
    assert_eq!(names(&mut mine), expected);
    assert!(names(&mut safe(&disk, 2)).is_empty(), "other keys show something");
}

#[test]
fn a_damaged_file_can_be_removed_and_no_link_is_made() {
    let disk = Disk::new(Walks::ByNode);
    let mut safe = safe(&disk, 1);
    let below = encrypted(&keys(1), "file").unwrap();
    disk.file(&below, "no header");
    assert_eq!(size(&mut safe, "file").unwrap_err().errno, EIO);
    safe.unlink(ROOT, "file", 0).unwrap();
    assert!(names(&mut safe).is_empty());
    let link = (O_WRONLY | O_CREAT | O_SYMLINK | 0o777) as u64;
    let refused = safe.open(ROOT, "link", link).err().map(|error| error.errno);
    assert_eq!(refused, Some(EOPNOTSUPP));
}

//! Scheme daemons as the documentation of `redox-scheme` has them: the same files in memory, served
//! by both versions of the crate, with both of its traits.
use redox_syscall_09 as syscall;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use syscall::dirent::{DirEntry, DirentBuf, DirentKind};
use syscall::error::{EBADF, EEXIST, EISDIR, ENOENT, ENOTDIR, Error, Result};
use syscall::flag::{MODE_DIR, MODE_FILE, O_CREAT, O_EXCL, O_TRUNC};

enum Open {
    Root,
    File(String),
}

/// Files in one directory, and what clients have open.
#[derive(Default)]
struct Notes {
    files: BTreeMap<String, Vec<u8>>,
    open: BTreeMap<usize, Open>,
    next: usize,
}

impl Notes {
    fn insert(&mut self, open: Open) -> usize {
        self.next += 1;
        self.open.insert(self.next, open);
        self.next
    }

    fn open(&mut self, directory: usize, path: &str, flags: usize) -> Result<usize> {
        let Some(Open::Root) = self.open.get(&directory) else { return Err(Error::new(ENOTDIR)) };
        if path.is_empty() {
            return Ok(self.insert(Open::Root));
        }
        match self.files.get_mut(path) {
            Some(_) if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL => {
                return Err(Error::new(EEXIST));
            }
            Some(content) if flags & O_TRUNC != 0 => content.clear(),
            Some(_) => {}
            None if flags & O_CREAT == 0 => return Err(Error::new(ENOENT)),
            None => _ = self.files.insert(path.into(), Vec::new()),
        }
        Ok(self.insert(Open::File(path.into())))
    }

    fn content(&mut self, id: usize) -> Result<&mut Vec<u8>> {
        match self.open.get(&id) {
            Some(Open::File(name)) => self.files.get_mut(name).ok_or(Error::new(ENOENT)),
            Some(Open::Root) => Err(Error::new(EISDIR)),
            None => Err(Error::new(EBADF)),
        }
    }

    fn read(&mut self, id: usize, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let content = self.content(id)?;
        let rest = content.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write(&mut self, id: usize, buffer: &[u8], offset: u64) -> Result<usize> {
        let content = self.content(id)?;
        let start = usize::try_from(offset).unwrap();
        let end = start + buffer.len();
        content.resize(content.len().max(end), 0);
        content[start..end].copy_from_slice(buffer);
        Ok(buffer.len())
    }

    fn describe(&mut self, id: usize, stat: &mut syscall::Stat) -> Result<()> {
        match self.open.get(&id) {
            Some(Open::Root) => stat.st_mode = MODE_DIR | 0o755,
            _ => {
                stat.st_size = self.content(id)?.len() as u64;
                stat.st_mode = MODE_FILE | 0o644;
            }
        }
        Ok(())
    }

    fn list<'a>(
        &self,
        id: usize,
        mut buffer: DirentBuf<&'a mut [u8]>,
        from: u64,
    ) -> Result<DirentBuf<&'a mut [u8]>> {
        let Some(Open::Root) = self.open.get(&id) else { return Err(Error::new(ENOTDIR)) };
        for (index, name) in self.files.keys().enumerate().skip(usize::try_from(from).unwrap()) {
            let next_opaque_id = index as u64 + 1;
            let kind = DirentKind::Regular;
            let entry = DirEntry { inode: 0, next_opaque_id, name, kind };
            if buffer.entry(entry).is_err() {
                break;
            }
        }
        Ok(buffer)
    }

    fn remove(&mut self, path: &str) -> Result<()> {
        self.files.remove(path).map(drop).ok_or(Error::new(ENOENT))
    }
}

/// What a client does, whoever serves.
fn use_files(name: &str) {
    let root = Path::new("/scheme").join(name);
    let path = root.join("a");
    assert_eq!(fs::read(&path).unwrap_err().kind(), ErrorKind::NotFound);
    fs::write(&path, "hello world").unwrap();
    let mut file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 11);
    assert_eq!(file.seek(SeekFrom::End(-5)).unwrap(), 6);
    file.write_all(b"there, you").unwrap();
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello there, you");
    let large = vec![0xA5; 3 << 20];
    fs::write(root.join("large"), &large).unwrap();
    assert!(fs::read(root.join("large")).unwrap() == large);
    for number in 0..300 {
        fs::write(root.join(format!("n{number:03}")), [1]).unwrap();
    }
    let mut names: Vec<String> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!((names.len(), names[0].as_str(), names[301].as_str()), (302, "a", "n299"));
    let new = OpenOptions::new().write(true).create_new(true).open(&path).unwrap_err();
    assert_eq!(new.kind(), ErrorKind::AlreadyExists);
    fs::remove_file(&path).unwrap();
    assert_eq!(fs::remove_file(&path).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::read_dir(&root).unwrap().count(), 301);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let root = &root;
            scope.spawn(move || {
                for number in 0..50 {
                    let path = root.join(format!("t{thread}"));
                    fs::write(&path, format!("{number}")).unwrap();
                    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{number}"));
                }
            });
        }
    });
}

/// The trait of either kind for notes; an asynchronous one lets others run before it opens, reads
/// and writes.
macro_rules! serves {
    ($trait_name:ident for $notes:ident [$($kind:ident)?] $pause:expr) => {
        impl $trait_name for $notes {
            fn scheme_root(&mut self) -> Result<usize> {
                Ok(self.0.insert(Open::Root))
            }
            $($kind)? fn openat(
                &mut self,
                directory: usize,
                path: &str,
                flags: usize,
                _status: u32,
                _caller: &CallerCtx,
            ) -> Result<OpenResult> {
                $pause;
                self.0.open(directory, path, flags).map(opened)
            }
            $($kind)? fn read(
                &mut self,
                id: usize,
                buffer: &mut [u8],
                offset: u64,
                _status: u32,
                _caller: &CallerCtx,
            ) -> Result<usize> {
                $pause;
                self.0.read(id, buffer, offset)
            }
            $($kind)? fn write(
                &mut self,
                id: usize,
                buffer: &[u8],
                offset: u64,
                _status: u32,
                _caller: &CallerCtx,
            ) -> Result<usize> {
                $pause;
                self.0.write(id, buffer, offset)
            }
            $($kind)? fn fsize(&mut self, id: usize, _caller: &CallerCtx) -> Result<u64> {
                self.0.content(id).map(|content| content.len() as u64)
            }
            $($kind)? fn fstat(
                &mut self,
                id: usize,
                stat: &mut Stat,
                _caller: &CallerCtx,
            ) -> Result<()> {
                self.0.describe(id, stat)
            }
            $($kind)? fn ftruncate(
                &mut self,
                id: usize,
                length: u64,
                _caller: &CallerCtx,
            ) -> Result<()> {
                self.0.content(id).map(|content| content.resize(length as usize, 0))
            }
            $($kind)? fn getdents<'a>(
                &mut self,
                id: usize,
                buffer: DirentBuf<&'a mut [u8]>,
                from: u64,
            ) -> Result<DirentBuf<&'a mut [u8]>> {
                self.0.list(id, buffer, from)
            }
            $($kind)? fn unlinkat(
                &mut self,
                _directory: usize,
                path: &str,
                _flags: usize,
                _caller: &CallerCtx,
            ) -> Result<()> {
                self.0.remove(path)
            }
        }
    };
}

/// A synchronous and an asynchronous daemon on one version of the crate.
macro_rules! daemons {
    ($module:ident, $crate_name:ident, $sync_name:literal, $async_name:literal) => {
        mod $module {
            use super::{Notes, Open, use_files};
            use redox_scheme::scheme::{
                SchemeAsync, SchemeState, SchemeSync, register_async_scheme, register_sync_scheme,
            };
            use redox_scheme::{CallerCtx, OpenResult, RequestKind, SignalBehavior, Socket};
            use redox_syscall_09 as syscall;
            use std::sync::mpsc;
            use std::thread;
            use syscall::Stat;
            use syscall::dirent::DirentBuf;
            use syscall::error::Result;
            use syscall::schemev2::NewFdFlags;
            use $crate_name as redox_scheme;

            fn opened(number: usize) -> OpenResult {
                OpenResult::ThisScheme { number, flags: NewFdFlags::POSITIONED }
            }

            struct Sync(Notes);
            serves!(SchemeSync for Sync [] ());

            struct Async(Notes);
            serves!(SchemeAsync for Async [async] tokio::task::yield_now().await);

            #[test]
            fn a_synchronous_daemon_serves_files() {
                let (ready, wait) = mpsc::channel();
                thread::spawn(move || {
                    let socket = Socket::create().unwrap();
                    let (mut scheme, mut state) = (Sync(Notes::default()), SchemeState::new());
                    register_sync_scheme(&socket, $sync_name, &mut scheme).unwrap();
                    ready.send(()).unwrap();
                    while let Some(request) = socket.next_request(SignalBehavior::Restart).unwrap()
                    {
                        match request.kind() {
                            RequestKind::Call(call) => {
                                let answer = call.handle_sync(&mut scheme, &mut state);
                                socket.write_response(answer, SignalBehavior::Restart).unwrap();
                            }
                            RequestKind::OnClose { id } => _ = scheme.0.open.remove(&id),
                            _ => {}
                        }
                    }
                });
                wait.recv().unwrap();
                use_files($sync_name);
            }

            #[test]
            fn an_asynchronous_daemon_serves_files() {
                let (ready, wait) = mpsc::channel();
                thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    let socket = Socket::create().unwrap();
                    let (mut scheme, mut state) = (Async(Notes::default()), SchemeState::new());
                    register_async_scheme(&socket, $async_name, &mut scheme).unwrap();
                    ready.send(()).unwrap();
                    while let Some(request) = socket.next_request(SignalBehavior::Restart).unwrap()
                    {
                        match request.kind() {
                            RequestKind::Call(call) => {
                                let answer = call.handle_async(&mut scheme, &mut state);
                                let answer = runtime.block_on(answer);
                                socket.write_response(answer, SignalBehavior::Restart).unwrap();
                            }
                            RequestKind::OnClose { id } => _ = scheme.0.open.remove(&id),
                            _ => {}
                        }
                    }
                });
                wait.recv().unwrap();
                use_files($async_name);
            }
        }
    };
}

daemons!(redox_scheme_011, redox_scheme_011, "notes-011", "notes-async-011");
daemons!(redox_scheme_012, redox_scheme_012, "notes-012", "notes-async-012");

use super::*;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use syscall::flag::O_RDONLY;

/// The kernel's log, which outlives whoever serves it; and after how many calls that dies.
#[derive(Clone, Debug, Default)]
struct Model(Rc<RefCell<(Vec<u8>, Option<u32>)>>);

struct Death;

impl Model {
    /// One call, which may be the last one.
    fn step(&self) {
        let mut model = self.0.borrow_mut();
        match &mut model.1 {
            Some(0) => {
                drop(model);
                std::panic::resume_unwind(Box::new(Death));
            }
            Some(left) => *left -= 1,
            None => {}
        }
    }

    fn say(&self, line: &str) {
        self.0.borrow_mut().0.extend(line.bytes());
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().0.clone()).unwrap()
    }
}

impl Kernel for Model {
    fn append(&mut self, line: &str) {
        self.step();
        self.say(line);
        self.step();
    }

    fn end(&self) -> u64 {
        self.step();
        self.0.borrow().0.len() as u64
    }

    fn read(&mut self, position: u64, out: &mut [u8]) -> usize {
        self.step();
        let model = self.0.borrow();
        let gone = model.0.len().saturating_sub(LOG_BYTES);
        let rest = &model.0[(position as usize).max(gone).min(model.0.len())..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        count
    }
}

fn memory() -> Vec<u8> {
    vec![0; MEMORY]
}

fn log<'m>(memory: &'m mut [u8], kernel: &Model) -> Handles<'m, Model> {
    Handles::open_in(memory, kernel.clone()).unwrap()
}

fn read_all(log: &mut Handles<'_, Model>, reader: usize) -> String {
    let mut text = String::new();
    let mut out = [0; 64];
    loop {
        match log.read(reader, &mut out).unwrap() {
            0 => return text,
            count => text.push_str(str::from_utf8(&out[..count]).unwrap()),
        }
    }
}

#[test]
fn a_reader_gets_the_lines_of_everybody_in_order() {
    let (mut memory, kernel) = (memory(), Model::default());
    let mut log = log(&mut memory, &kernel);
    kernel.say("[0.1] kernel: ready\n");
    let writer = log.open(ROOT, "disk", O_WRONLY).unwrap();
    log.write(writer, b"ready\nlast").unwrap();
    kernel.say("[0.2] init: up\n");
    log.close(writer);
    let reader = log.open(ROOT, "", O_RDONLY).unwrap();
    let text = "[0.1] kernel: ready\ndisk: ready\n[0.2] init: up\ndisk: last\n";
    assert_eq!(read_all(&mut log, reader), text);
    kernel.say("more\n");
    assert_eq!(read_all(&mut log, reader), "more\n");
}

#[test]
fn a_handle_does_only_what_it_was_opened_for() {
    let (mut memory, kernel) = (memory(), Model::default());
    let mut log = log(&mut memory, &kernel);
    let writer = log.open(ROOT, "disk", O_WRONLY).unwrap();
    let reader = log.open(ROOT, "", O_RDONLY).unwrap();
    assert_eq!(log.read(writer, &mut [0]).unwrap_err().errno, EBADF);
    assert_eq!(log.write(reader, b"x").unwrap_err().errno, EROFS);
    assert_eq!(log.open(writer, "x", O_WRONLY).unwrap_err().errno, ENOTDIR);
    assert_eq!(log.open(ROOT, "", O_WRONLY).unwrap_err().errno, EISDIR);
    assert_eq!(log.open(ROOT, "disk", O_RDONLY).unwrap_err().errno, EACCES);
    for name in ["a b", "a/b", "a\u{1b}"] {
        assert_eq!(log.open(ROOT, name, O_WRONLY).unwrap_err().errno, EINVAL);
    }
    assert_eq!(log.open(ROOT, &"x".repeat(65), O_WRONLY).unwrap_err().errno, ENAMETOOLONG);
    assert_eq!(log.open(9999, "", 0).unwrap_err().errno, EBADF);
    log.close(ROOT);
    assert!(log.open(ROOT, "", O_RDONLY).is_ok(), "init keeps the directory");
}

#[test]
fn a_flood_of_handles_and_bytes_is_bounded() {
    let (mut memory, kernel) = (memory(), Model::default());
    let mut log = log(&mut memory, &kernel);
    let name = "n".repeat(NAME_MAX);
    let mut open = Vec::new();
    while let Ok(writer) = log.open(ROOT, &name, O_WRONLY) {
        assert_eq!(log.write(writer, &[b'x'; 430]), Ok(430));
        open.push(writer);
    }
    assert_eq!(open.len(), HANDLES);
    assert_eq!(log.open(ROOT, "", O_RDONLY), Err(Error::new(ENFILE)));
    assert_eq!(log.write(open[0], &[b'\n'; 1 << 20]), Ok(WRITE_MAX));
    open.into_iter().for_each(|writer| log.close(writer));
    let reader = log.open(ROOT, "", O_RDONLY).unwrap();
    assert!(read_all(&mut log, reader).lines().all(|line| line.len() <= 512));
}

/// Carries out a request, by instances of which each may die at any call.
fn request<T>(
    memory: &mut [u8],
    kernel: &Model,
    tag: u32,
    random: &mut fastrand::Rng,
    mut act: impl FnMut(&mut Handles<'_, Model>) -> Result<T>,
    opened: impl Fn(usize) -> T,
) -> T {
    let deadly = random.u8(..3) == 0;
    kernel.0.borrow_mut().1 = deadly.then(|| random.u32(..12));
    let mut again = false;
    loop {
        let tried = catch_unwind(AssertUnwindSafe(|| {
            let mut log = log(memory, kernel);
            match log.begun(tag).filter(|_| again) {
                Some(Begun::Opened(number)) => return opened(number),
                Some(Begun::Unfinished) => log.resume(tag),
                None => log.begin(tag),
            }
            let answer = act(&mut log).unwrap();
            // It may die before it answers, too.
            kernel.step();
            answer
        }));
        // A second death with the same request is told to the client.
        kernel.0.borrow_mut().1 = None;
        match tried {
            Ok(answer) => return answer,
            Err(_) => again = true,
        }
    }
}

#[test]
fn clients_notice_nothing_of_an_instance_that_dies_at_any_moment() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut memory, kernel) = (memory(), Model::default());
    let (mut tag, mut said, mut heard) = (0, String::new(), String::new());
    let none = |_: usize| -> usize { unreachable!("it opened nothing") };
    let mut next = |random: &mut fastrand::Rng| {
        tag = u32::from(random.u8(..3)) | (((tag >> 16) + 1) & 0xFF) << 16;
        tag
    };
    let open = |log: &mut Handles<'_, Model>| log.open(ROOT, "", O_RDONLY);
    let reader = request(&mut memory, &kernel, next(&mut random), &mut random, open, |n| n);
    let mut writers: Vec<(usize, String, String)> = Vec::new();
    for round in 0..1500 {
        let tag = next(&mut random);
        match random.u8(..6) {
            0 if writers.len() < 4 => {
                let name = format!("w{round}");
                let open = |log: &mut Handles<'_, Model>| log.open(ROOT, &name, O_WRONLY);
                let number = request(&mut memory, &kernel, tag, &mut random, open, |n| n);
                assert!(writers.iter().all(|(other, ..)| *other != number));
                writers.push((number, name, String::new()));
            }
            1 if !writers.is_empty() => {
                let at = random.usize(..writers.len());
                let (number, name, partial) = writers.swap_remove(at);
                let close = |log: &mut Handles<'_, Model>| {
                    log.close(number);
                    Ok(0)
                };
                request(&mut memory, &kernel, tag, &mut random, close, none);
                if !partial.is_empty() {
                    said += &format!("{name}: {partial}\n");
                }
            }
            2 => {
                let mut out = [0; 700];
                let read = |log: &mut Handles<'_, Model>| log.read(reader, &mut out);
                let count = request(&mut memory, &kernel, tag, &mut random, read, none);
                heard += str::from_utf8(&out[..count]).unwrap();
            }
            3 => {
                let line = format!("kernel: {round}\n");
                kernel.say(&line);
                said += &line;
            }
            _ => {
                let Some((number, name, partial)) = random.choice(&mut writers) else { continue };
                let text = format!("{round}\nmore {round}\nrest");
                let data = &text[..random.usize(..=text.len())];
                let write = |log: &mut Handles<'_, Model>| log.write(*number, data.as_bytes());
                let count = request(&mut memory, &kernel, tag, &mut random, write, none);
                assert_eq!(count, data.len());
                partial.push_str(data);
                while let Some((line, rest)) = partial.split_once('\n') {
                    said += &format!("{name}: {line}\n");
                    *partial = rest.to_owned();
                }
            }
        }
        assert_eq!(kernel.text(), said, "round {round}");
    }
    heard += &read_all(&mut log(&mut memory, &kernel), reader);
    assert_eq!(heard, said);
}

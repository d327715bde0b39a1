//! What a judge hides cannot be found out, and nothing is opened with more than its path has.
use crate::world::{Disk, Files, LOOK, OPENS, Rules, kind, path, random, target};
use clavis_abi::Rights;
use clavis_ramfs::content::Data;
use clavis_view::{Judge, Opened, ROOT, Verdict, View, Walks};
use std::rc::Rc;
use syscall::error::Result;
use syscall::flag::{AT_REMOVEDIR, O_CREAT, O_EXCL, O_SYMLINK, O_WRONLY};

/// Rules about few paths: everything, or nothing, and exceptions from it.
pub(crate) fn rules(random: &mut fastrand::Rng) -> Rules {
    let some = Rights::all() - Rights::WRITE - Rights::REMOVE;
    let verdicts = [
        Verdict::Hide,
        Verdict::Hide,
        Verdict::Hide,
        Verdict::Deny,
        Verdict::Mask,
        Verdict::Allow(Rights::all()),
        Verdict::Allow(some),
        Verdict::Allow(Rights::all() - Rights::READ),
    ];
    let mut rules = Rules(Vec::new(), random.bool());
    if random.u32(..4) > 0 {
        rules.0.push((String::new(), Verdict::Allow(Rights::all())));
    }
    for _ in 0..random.usize(1..5) {
        let names = ["a", "b", "c", "d"];
        let depth = random.usize(1..4);
        let path: String =
            (0..depth).map(|_| ["/", names[random.usize(..names.len())]].concat()).collect();
        rules.0.push((path, verdicts[random.usize(..verdicts.len())]));
    }
    rules
}

/// What became of an operation, as far as a client can tell.
fn outcome<T>(result: &Result<T>, told: impl Fn(&T) -> String) -> std::result::Result<String, i32> {
    result.as_ref().map(told).map_err(|error| error.errno)
}

pub(crate) struct Side {
    pub(crate) disk: Rc<Disk>,
    pub(crate) view: View<Files, Rules>,
}

impl Side {
    pub(crate) fn new(rules: &Rules) -> Side {
        let disk = Disk::new(Walks::ByNode);
        disk.directory("top");
        let view = View::new(Files(Rc::clone(&disk)), rules.clone(), disk.at("top"));
        Side { disk, view }
    }

    fn open(&mut self, from: usize, path: &str, flags: u64) -> std::result::Result<String, i32> {
        let opened = crate::world::open(&mut self.view, from, path, flags);
        outcome(&opened, |opened| match opened {
            Opened::Own(number) => format!("own {number}: {}", self.told(*number)),
            Opened::Lower(handle) => {
                let text = self.disk.text(handle.number);
                format!("{text:?} {:?}", handle.rights)
            }
        })
    }

    /// Everything that can be asked of a number.
    fn told(&self, number: usize) -> String {
        let stat = outcome(&self.view.stat(number), |stat| {
            let size = (stat.st_size, stat.st_nlink, stat.st_blocks);
            format!("{:?} {:o} {size:?}", kind(stat), stat.st_mode)
        });
        format!("{stat:?} {:?}", outcome(&self.view.path(number), String::clone))
    }

    pub(crate) fn list(&mut self, number: usize) -> std::result::Result<String, i32> {
        let mut names = Vec::new();
        let listed = self.view.list(number, 0, &mut |found| {
            names.push((found.name.to_owned(), found.kind));
            true
        });
        names.sort();
        outcome(&listed, |()| format!("{names:?}"))
    }
}

/// Makes what two file systems have alike, and what is hidden in the first alone.
pub(crate) fn populate(random: &mut fastrand::Rng, rules: &Rules, sides: &mut [Side; 2]) {
    let names = ["a", "b", "c", "d"];
    let mut directories = vec![String::new()];
    for _ in 0..16 {
        let above = directories[random.usize(..directories.len())].clone();
        let path = format!("{above}/{}", names[random.usize(..names.len())]);
        let decision = rules.decide(&path);
        let directory = random.bool();
        let there = sides[0].disk.handles.borrow_mut().open(
            sides[0].disk.root,
            &format!("top{path}"),
            LOOK,
        );
        if let Ok(there) = there {
            sides[0].disk.handles.borrow_mut().close(there.number);
            continue;
        }
        let shown = decision.verdict != Verdict::Hide || decision.leads && directory;
        for side in sides.iter().take(if shown { 2 } else { 1 }) {
            let full = format!("top{path}");
            match (directory, random.u32(..3)) {
                (true, _) => side.disk.directory(&full),
                (false, _) => side.disk.file(&full, &path),
            }
        }
        if directory {
            directories.push(path);
        }
    }
}

fn hidden(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let rules = rules(&mut random);
    let mut sides = [Side::new(&rules), Side::new(&rules)];
    populate(&mut random, &rules, &mut sides);
    let mut open = vec![ROOT];
    for _ in 0..120 {
        let from = open[random.usize(..open.len())];
        let to = open[random.usize(..open.len())];
        let (one, two) = (path(&mut random), path(&mut random));
        let flags = (OPENS[random.usize(..OPENS.len())] | 0o644) as u64;
        let which = random.u32(..10);
        let removes = if random.bool() { AT_REMOVEDIR } else { 0 };
        let text = target(&mut random);
        let answers = sides.each_mut().map(|side| match which {
            0..=3 => side.open(from, &one, flags),
            4 => side.list(from),
            5 => outcome(&side.view.unlink(from, &one, removes), |()| String::new()),
            6 | 7 => outcome(&side.view.rename((from, &one), (to, &two), 0), |()| String::new()),
            8 => {
                let flags = (O_CREAT | O_EXCL | O_SYMLINK | O_WRONLY | 0o777) as u64;
                let made = crate::world::open(&mut side.view, from, &one, flags);
                if let Ok(Opened::Lower(made)) = &made {
                    let text = Data::Bytes(text.as_bytes());
                    side.disk.handles.borrow_mut().write(made.number, text, 0, 0).unwrap();
                }
                outcome(&made, |_| String::new())
            }
            _ => outcome(&side.view.link(to, from, &one), |()| String::new()),
        });
        assert_eq!(answers[0], answers[1], "{rules:?}: {which} {one:?} {two:?} {flags:#x}");
        let number = answers[0]
            .as_ref()
            .ok()
            .and_then(|said| said.strip_prefix("own ")?.split(':').next()?.parse::<usize>().ok());
        if let Some(number) = number {
            open.push(number);
        }
    }
}

#[test]
fn what_is_hidden_cannot_be_told_from_what_is_not_there() {
    let mut random = random();
    for _ in 0..300 {
        let seed = random.u64(..);
        println!("run {seed}");
        hidden(seed);
    }
}

#[test]
fn nothing_is_opened_with_more_than_its_true_path_has() {
    let mut random = random();
    for _ in 0..200 {
        let seed = random.u64(..);
        println!("run {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let rules = rules(&mut random);
        let mut side = [Side::new(&rules), Side::new(&rules)];
        populate(&mut random, &rules, &mut side);
        let [side, _] = &mut side;
        for name in ["l", "m"] {
            side.disk.link(&format!("top/{name}"), &target(&mut random));
        }
        for _ in 0..60 {
            let flags = (OPENS[random.usize(..OPENS.len())] | 0o644) as u64;
            let path = path(&mut random);
            if let Ok(Opened::Lower(handle)) =
                crate::world::open(&mut side.view, ROOT, &path, flags)
            {
                let found = side.disk.handles.borrow().path(handle.number).unwrap();
                let found = found.strip_prefix("top").unwrap_or(&found);
                let Verdict::Allow(most) = rules.decide(found).verdict else {
                    panic!("{path:?} opened {found}: {rules:?}");
                };
                assert!(most.contains(handle.rights), "{path:?} opened {found}: {rules:?}");
            }
        }
    }
}

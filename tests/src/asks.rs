//! Programs that ask the broker of their sandbox, one of them as no program should.
use clavis_broker::{Client, Refusal};
use std::process::ExitCode;
use std::time::Duration;
use syscall::flag::O_RDONLY;

/// Questions that are asked at once: more than a broker keeps.
const CROWD: usize = 24;
/// Asks and gives up this often.
const TIMES: usize = 200;

/// Asks for each path, and says what came.
pub(crate) fn ask() -> ExitCode {
    for path in std::env::args().skip(3) {
        let asked = Client::find().and_then(|broker| broker.open(&path, O_RDONLY));
        match asked {
            Ok(file) => {
                let mut room = [0; 64];
                let count = file.read_at(&mut room, 0).unwrap_or(0);
                let text = room.get(..count).unwrap_or_default();
                println!("got {:?}", String::from_utf8_lossy(text));
            }
            Err(refusal) => println!("{refusal}"),
        }
    }
    ExitCode::SUCCESS
}

/// Asks a person who does not answer, over and over and from many threads, for one path; makes
/// limits without end; says whether the other path is given all the same; and ends in the middle.
pub(crate) fn flood() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(3).collect();
    let [asked, granted] = words.as_slice() else { return ExitCode::from(2) };
    for _ in 0..TIMES {
        let hasty = Client::find().map(|broker| broker.with_patience(Duration::from_nanos(1)));
        // It may be too late for the answer to say anything else.
        _ = hasty.and_then(|broker| broker.open(asked, O_RDONLY));
    }
    let mut limited = Vec::new();
    let mut refused = Refusal::Gone;
    while let Ok(broker) = Client::find() {
        match broker.shrunk("allow r /***") {
            Ok(limit) => limited.push(limit),
            Err(refusal) => {
                refused = refusal;
                break;
            }
        }
    }
    let many = limited.len();
    drop(limited);
    let (tell, told) = std::sync::mpsc::channel();
    for _ in 0..CROWD {
        let (asked, tell) = (asked.clone(), tell.clone());
        std::thread::spawn(move || {
            let answer = Client::find().and_then(|broker| broker.open(&asked, O_RDONLY));
            _ = tell.send(answer.err());
        });
    }
    // The others wait for the person.
    let busy = told.iter().take(CROWD - clavis_broker::QUESTIONS);
    let busy = busy.filter(|answer| *answer == Some(Refusal::Busy)).count();
    let given = Client::find().and_then(|broker| broker.open(granted, O_RDONLY)).is_ok();
    println!("{busy} busy, {many} limits and {refused}, given: {given}");
    ExitCode::SUCCESS
}

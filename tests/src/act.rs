//! What programs started by a case do.
use std::collections::HashMap;
use std::io::Read;
use std::process::ExitCode;

/// Does it.
pub(crate) fn main(what: &str) -> ExitCode {
    match what {
        "exit-7" => ExitCode::from(7),
        "sleep" => loop {
            std::thread::sleep(std::time::Duration::from_secs(1000));
        },
        "spin" => loop {
            std::hint::spin_loop();
        },
        "fault" => fault(),
        "hog" => hog(),
        "recurse" => ExitCode::from(recurse(0)),
        "recurse-thread" => match std::thread::spawn(|| recurse(0)).join() {
            Ok(code) => ExitCode::from(code),
            Err(_) => ExitCode::FAILURE,
        },
        "vectors-1" => survived(1),
        "vectors-2" => survived(2),
        "say" => {
            let words: Vec<String> = std::env::args().skip(3).collect();
            println!("{words:?} {:?}", std::env::var_os("SAID"));
            ExitCode::SUCCESS
        }
        "std" => ordinary(),
        "echo" => {
            let mut text = String::new();
            match std::io::stdin().read_to_string(&mut text) {
                Ok(_) => {
                    print!("{text}");
                    ExitCode::SUCCESS
                }
                Err(_) => ExitCode::FAILURE,
            }
        }
        _ => ExitCode::from(99),
    }
}

/// Reads where nothing can be mapped.
fn fault() -> ExitCode {
    let nowhere = std::hint::black_box(0x10 as *const u8);
    // SAFETY: none: the address is never mapped, and the fault that follows is what is wanted.
    let read = unsafe { nowhere.read_volatile() };
    ExitCode::from(read)
}

/// Calls itself until the stack ends.
fn recurse(depth: u64) -> u8 {
    let block = std::hint::black_box([depth as u8; 512]);
    let deeper = if depth == u64::MAX { 0 } else { recurse(depth + 1) };
    deeper.wrapping_add(std::hint::black_box(block).len() as u8)
}

/// Whether vector registers keep what they hold.
fn survived(seed: u64) -> ExitCode {
    if crate::vectors::survive(seed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Takes memory until there is none.
fn hog() -> ExitCode {
    let mut all = Vec::new();
    loop {
        all.push(vec![1u8; 1 << 20]);
        std::hint::black_box(&all);
    }
}

/// Uses std as programs do: maps with random keys, threads, time, the environment, output.
fn ordinary() -> ExitCode {
    let squares: HashMap<u32, u32> = (0..100).map(|n| (n, n * n)).collect();
    let start = std::time::Instant::now();
    let sum = std::thread::spawn(move || squares.values().sum::<u32>()).join();
    let passed = sum.ok() == Some(328_350) && start.elapsed().as_secs() < 1000;
    println!("{passed}");
    let closed = std::fs::File::open("/nothing").is_err();
    if passed && closed && std::env::var_os("NOTHING").is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

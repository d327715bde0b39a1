//! Rust's std on what surrounds a program: variables, arguments, streams, clocks, and a network
//! that is not there.
use super::place::{io, refused};
use super::support::{act, at, check};
use crate::run::{Case, PROGRAM, Verdict, now};
use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant, SystemTime};

pub(crate) const CASES: &[Case] = &[
    Case { name: "std_sets_removes_and_lists_variables", run: variables },
    Case { name: "std_passes_arguments_and_variables_to_children", run: passed_on },
    Case { name: "std_pipes_carry_lines_and_slices", run: pipes },
    Case { name: "std_clocks_go_forward_and_sleep_is_long_enough", run: clocks },
    Case { name: "std_gets_a_defined_error_for_every_socket_of_a_network", run: no_network },
    Case { name: "std_finds_the_addresses_that_need_no_network", run: addresses },
    Case { name: "std_knows_where_the_program_is", run: places },
];

fn variables() -> Verdict {
    // SAFETY: the case is a process of its own, with one thread.
    let set = |name: &str, value: OsString| unsafe { env::set_var(name, value) };
    for number in 0..200 {
        set(&format!("CASE_{number}"), format!("value {number}").into());
    }
    set("CASE_7", "another, longer value than before".into());
    set("CASE_BYTES", OsString::from_vec(vec![0x66, 0xFF, b'=']));
    // SAFETY: as above.
    unsafe { env::remove_var("CASE_8") };
    check(env::var("CASE_7").as_deref() == Ok("another, longer value than before"), "it is not 7")?;
    check(env::var("CASE_8") == Err(env::VarError::NotPresent), "it was not removed")?;
    check(matches!(env::var("CASE_BYTES"), Err(env::VarError::NotUnicode(_))), "bytes are text")?;
    let own = env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CASE_"));
    let count = own.count();
    check(count == 200, &format!("{count} variables are listed"))?;
    check(env::var_os("CASE_1").is_some() && env::var_os("CASE_").is_none(), "a name was cut")
}

fn passed_on() -> Verdict {
    let (from, to) = io("pipe", std::io::pipe())?;
    let command = act("say").arg("two words").arg("").arg("\u{fc}").env("SAID", "a=b").stdout(&to);
    let child = at("spawn", command.spawn())?;
    drop(command);
    drop(to);
    let mut said = String::new();
    io("read", (&from).read_to_string(&mut said))?;
    check(at("wait", child.wait())?.success(), "the child failed")?;
    check(said == "[\"two words\", \"\", \"\u{fc}\"] Some(\"a=b\")\n", &format!("it said {said}"))
}

fn pipes() -> Verdict {
    let (from, mut to) = io("pipe", std::io::pipe())?;
    let writer = std::thread::spawn(move || {
        let parts =
            ["first ", "line\nsec", "ond\n\nlast"].map(|part| IoSlice::new(part.as_bytes()));
        to.write_vectored(&parts)
    });
    let mut lines = BufReader::with_capacity(4, from).lines();
    let lines: Result<Vec<String>, _> = lines.by_ref().collect();
    let written = writer.join().map_err(|_| "the writer failed")?;
    check(io("write", written)? == 23, "less was written")?;
    let lines = io("read", lines)?;
    check(lines == ["first line", "second", "", "last"], &format!("it read {lines:?}"))?;
    let (mut from, to) = io("pipe", std::io::pipe())?;
    drop(to);
    let mut nothing = Vec::new();
    check(io("read", from.read_to_end(&mut nothing))? == 0, "an empty pipe gave something")
}

fn clocks() -> Verdict {
    let mut last = Instant::now();
    for _ in 0..2000 {
        let next = Instant::now();
        check(next >= last, "the clock went back")?;
        last = next;
    }
    for milliseconds in [1, 7, 30] {
        let wanted = Duration::from_millis(milliseconds);
        let start = Instant::now();
        std::thread::sleep(wanted);
        let slept = start.elapsed();
        check(slept >= wanted, &format!("it slept {slept:?} instead of {wanted:?}"))?;
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let years = since.map_err(|error| error.to_string())?.as_secs() / 31_556_952;
    check((50..200).contains(&years), &format!("{years} years since 1970"))
}

/// The error of what cannot be must be a number of our own choosing.
fn number<T>(what: &str, result: std::io::Result<T>, errno: i32) -> Verdict {
    match result {
        Ok(_) => Err(format!("{what}: it succeeded")),
        Err(error) => check(error.raw_os_error() == Some(errno), &format!("{what}: {error}")),
    }
}

fn no_network() -> Verdict {
    let own = SocketAddr::from(([127, 0, 0, 1], 80));
    number("connect", TcpStream::connect(own), libc::EAFNOSUPPORT)?;
    let patience = Duration::from_millis(10);
    number("connect in time", TcpStream::connect_timeout(&own, patience), libc::EAFNOSUPPORT)?;
    number("listen", TcpListener::bind(own), libc::EAFNOSUPPORT)?;
    number("a datagram", UdpSocket::bind("[::1]:0"), libc::EAFNOSUPPORT)
}

fn addresses() -> Verdict {
    let found = |name: &str| {
        let found = name.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        found.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    let own = io("localhost", found("localhost:80"))?;
    check(own == "[::1]:80 127.0.0.1:80", &format!("localhost is {own}"))?;
    let short = io("a short address", found("127.1:1"))?;
    check(short == "127.0.0.1:1", &format!("127.1 is {short}"))?;
    check(found("nobody.example:80").is_err(), "a name was found without a network")?;
    refused("no port", found("localhost:http"), ErrorKind::InvalidInput)
}

fn places() -> Verdict {
    // However often it is asked, and whoever asks in between.
    for _ in 0..3 {
        let program = io("current_exe", env::current_exe())?;
        check(program.to_str() == Some(PROGRAM), &format!("it is {}", program.display()))?;
    }
    check(env::temp_dir().is_absolute(), "the folder for temporary files has no place")?;
    check(env::args().count() == 3, "the arguments are others")?;
    check(std::process::id() > 0 && now() > 0, "the process has no number")
}

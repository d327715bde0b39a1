//! What programs do that cases trace.
use std::io::Read;
use std::process::ExitCode;

/// What became of it.
pub(crate) fn said(result: std::io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Does one of each with a file in a directory.
pub(crate) fn each() -> std::io::Result<()> {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    let directory = std::env::args().nth(3).unwrap_or_default();
    let at = |name: &str| format!("{directory}/{name}");
    let mut made = fs::File::create(at("made"))?;
    made.write_all(b"hello\n")?;
    made.set_len(3)?;
    made.set_permissions(fs::Permissions::from_mode(0o600))?;
    made.sync_all()?;
    made.metadata()?;
    drop(made);
    fs::read(at("made"))?;
    fs::read_dir(&directory)?.count();
    fs::rename(at("made"), at("moved"))?;
    fs::remove_file(at("moved"))?;
    if fs::read(at("none")).is_ok() {
        return Err(std::io::Error::other("it is there"));
    }
    println!("done");
    Ok(())
}

/// Writes to a file that was opened to be read.
pub(crate) fn mute() -> ExitCode {
    let path = std::env::args().nth(3).unwrap_or_default();
    let Ok(file) = clavis::Handle::open(&path, syscall::O_RDONLY as u64) else {
        return ExitCode::from(2);
    };
    let refused = file.write_at(b"x", u64::MAX).is_err_and(|error| error.denial().is_some());
    println!("{refused}");
    ExitCode::from(u8::from(!refused))
}

/// Opens something again and again, and lists the root now and then.
pub(crate) fn reopen() -> std::io::Result<()> {
    for round in 0..4000 {
        std::fs::File::open("/dev/null")?;
        if round % 100 == 0 {
            std::fs::read_dir("/")?.count();
        }
    }
    println!("opened");
    Ok(())
}

/// Writes a file while another thread waits for a byte of standard input.
pub(crate) fn both() -> std::io::Result<()> {
    let path = std::env::args().nth(3).unwrap_or_default();
    let (begun, begins) = std::sync::mpsc::channel();
    let waits = std::thread::spawn(move || {
        _ = begun.send(());
        std::io::stdin().read_exact(&mut [0])
    });
    _ = begins.recv();
    // The other is likely to wait by now; whether it does, this must not wait for it.
    std::thread::sleep(std::time::Duration::from_millis(100));
    std::fs::write(path, "beside")?;
    println!("written");
    waits.join().unwrap_or(Err(std::io::Error::other("it panicked")))
}

/// Gives up reading standard input, ever later, and then reads it.
pub(crate) fn impatient() -> ExitCode {
    let mut patience = 50_000_000;
    let mut given_up = true;
    for _ in 0..6 {
        _ = clavis::process::set_deadline(Some(crate::run::now() + patience));
        given_up &= std::io::stdin().read(&mut [0]).is_err();
        _ = clavis::process::set_deadline(None);
        patience *= 2;
    }
    println!("{}", if given_up { "timeout" } else { "no wait" });
    ExitCode::from(u8::from(std::io::stdin().read_exact(&mut [0]).is_err()))
}

/// Tells what may be done with paths, and with what it was given.
pub(crate) fn rights() -> std::io::Result<()> {
    use clavis::{Handle, Number, handle::query, namespace::Namespace};
    let tell = |name: &str, handle: &dyn Fn() -> clavis::Result<clavis::HandleInfo>| {
        let info = handle()?;
        let (rights, inherit) = (info.rights, info.inherit);
        println!("{name}: {rights:?} {inherit:?} {:x} {:x}", info.flags, info.open_flags);
        std::io::Result::Ok(())
    };
    for number in 0..3 {
        tell("stream", &|| query(&Number::from_raw(number)))?;
    }
    tell("namespace", &|| query(&Namespace::current()?))?;
    let flags = [syscall::O_RDONLY, syscall::O_RDWR, syscall::O_STAT, syscall::O_WRONLY];
    for path in std::env::args().skip(3) {
        for flags in flags {
            let shown = format!("{path} {flags:x}");
            match Handle::open(&path, flags as u64) {
                Ok(handle) => tell(&shown, &|| query(&handle))?,
                Err(error) => println!("{shown}: {}", error.errno()),
            }
        }
    }
    Ok(())
}

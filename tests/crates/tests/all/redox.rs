//! The layers that Redox's programs stand on: system calls, libredox, event queues.
use event::{EventFlags, EventQueue, user_data};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, IntoRawFd};

fn number(stream: &impl AsRawFd) -> usize {
    usize::try_from(stream.as_raw_fd()).unwrap()
}

fn pipe() -> (PipeReader, PipeWriter) {
    std::io::pipe().unwrap()
}

/// What both versions have under the same names.
macro_rules! system_calls {
    ($module:ident, $syscall:ident) => {
        mod $module {
            use super::{number, pipe};
            use $syscall as syscall;

            #[test]
            fn time_passes_while_it_sleeps() {
                let mut before = syscall::TimeSpec::default();
                let mut after = syscall::TimeSpec::default();
                syscall::clock_gettime(syscall::CLOCK_MONOTONIC, &mut before).unwrap();
                let pause = syscall::TimeSpec { tv_sec: 0, tv_nsec: 5_000_000 };
                syscall::nanosleep(&pause, &mut syscall::TimeSpec::default()).unwrap();
                syscall::sched_yield().unwrap();
                syscall::clock_gettime(syscall::CLOCK_MONOTONIC, &mut after).unwrap();
                let nanoseconds =
                    |t: &syscall::TimeSpec| t.tv_sec * 1_000_000_000 + i64::from(t.tv_nsec);
                assert!(nanoseconds(&after) - nanoseconds(&before) >= 5_000_000);
            }

            #[test]
            fn files_are_read_written_and_described() {
                let file = tempfile::NamedTempFile::new().unwrap();
                let fd = number(file.as_file());
                assert_eq!(syscall::write(fd, b"hello"), Ok(5));
                assert_eq!(syscall::lseek(fd, 1, syscall::SEEK_SET), Ok(1));
                let mut buffer = [0; 8];
                assert_eq!(syscall::read(fd, &mut buffer), Ok(4));
                assert_eq!(&buffer[..4], b"ello");
                let mut stat = syscall::Stat::default();
                syscall::fstat(fd, &mut stat).unwrap();
                assert_eq!(
                    (stat.st_size, stat.st_mode & syscall::MODE_TYPE),
                    (5, syscall::MODE_FILE)
                );
                let mut path = [0; 256];
                let length = syscall::fpath(fd, &mut path).unwrap();
                assert!(
                    std::str::from_utf8(&path[..length])
                        .unwrap()
                        .ends_with(file.path().file_name().unwrap().to_str().unwrap())
                );
            }

            #[test]
            fn errors_have_the_numbers_of_redox() {
                let wrong = syscall::Error::new(syscall::EBADF);
                assert_eq!(syscall::read(9999, &mut [0; 1]), Err(wrong));
                let (reader, writer) = pipe();
                drop(reader);
                let broken = syscall::Error::new(syscall::EPIPE);
                assert_eq!(syscall::write(number(&writer), b"x"), Err(broken));
            }
        }
    };
}

system_calls!(redox_syscall_05, redox_syscall_05);
system_calls!(redox_syscall_09, redox_syscall_09);

#[test]
fn calls_that_redox_has_given_up_answer_that_they_do_not_exist() {
    use ::redox_syscall_05 as syscall;
    let gone = syscall::Error::new(syscall::ENOSYS);
    assert_eq!(syscall::dup(0, b""), Err(gone));
    assert_eq!(syscall::open("/tmp", syscall::O_RDONLY), Err(gone));
}

/// What both versions of libredox have.
macro_rules! libredox {
    ($module:ident, $libredox:ident) => {
        mod $module {
            use super::{number, pipe};
            use libredox::{Fd, call, flag};
            use redox_syscall_09 as syscall;
            use $libredox as libredox;

            #[test]
            fn files_are_opened_and_changed() {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("file").to_str().unwrap().to_owned();
                let file = Fd::open(&path, flag::O_RDWR | flag::O_CREAT, 0o600).unwrap();
                assert_eq!(file.write(b"0123456789"), Ok(10));
                call::ftruncate(file.raw(), 4).unwrap();
                let stat = file.stat().unwrap();
                assert_eq!((stat.st_size, stat.st_mode & 0o777), (4, 0o600));
                let copy = Fd::new(file.dup(b"").unwrap());
                copy.chmod(0o640).unwrap();
                assert_eq!(file.stat().unwrap().st_mode & 0o777, 0o640);
                let mut name = [0; 256];
                let length = copy.fpath(&mut name).unwrap();
                assert!(std::str::from_utf8(&name[..length]).unwrap().ends_with("/file"));
                file.close().unwrap();
                std::fs::remove_file(&path).unwrap();
                let gone = Fd::open(&path, flag::O_RDONLY, 0).map(drop).unwrap_err();
                assert_eq!(gone.errno(), libredox::errno::ENOENT);
            }

            #[test]
            fn a_pipe_end_can_be_duplicated_and_asked_for_its_flags() {
                let (reader, writer) = pipe();
                let copy = Fd::new(call::dup(number(&writer), b"").unwrap());
                drop(writer);
                assert_eq!(copy.write(b"abc"), Ok(3));
                let flags = call::fcntl(number(&reader), syscall::F_GETFL, 0).unwrap();
                let blocking = flags | flag::O_NONBLOCK as usize;
                call::fcntl(number(&reader), syscall::F_SETFL, blocking).unwrap();
                let mut buffer = [0; 8];
                assert_eq!(call::read(number(&reader), &mut buffer), Ok(3));
                let empty = call::read(number(&reader), &mut buffer).unwrap_err();
                assert!(empty.is_wouldblock(), "{empty:?}");
                drop(copy);
                assert_eq!(call::read(number(&reader), &mut buffer), Ok(0));
            }

            #[test]
            fn it_knows_the_time_and_the_process() {
                let now = call::clock_gettime(flag::CLOCK_REALTIME).unwrap();
                assert!(now.tv_sec > 1_600_000_000);
                assert_eq!(call::getpid(), Ok(std::process::id() as usize));
            }
        }
    };
}

libredox!(libredox_01, libredox_01);
libredox!(libredox_02, libredox);

#[test]
fn redox_event_tells_which_pipe_became_readable() {
    user_data! {
        enum Source {
            First,
            Second,
        }
    }
    let queue = EventQueue::<Source>::new().unwrap();
    let (mut first, mut to_first) = pipe();
    let (second, mut to_second) = pipe();
    queue.subscribe(number(&first), Source::First, EventFlags::READ).unwrap();
    queue.subscribe(number(&second), Source::Second, EventFlags::READ).unwrap();
    let sender = std::thread::spawn(move || {
        to_first.write_all(b"x").unwrap();
        to_first
    });
    let event = queue.next_event().unwrap();
    assert_eq!((event.user_data, event.flags), (Source::First, EventFlags::READ));
    first.read_exact(&mut [0; 1]).unwrap();
    let _open = sender.join().unwrap();
    queue.unsubscribe(number(&first)).unwrap();
    to_second.write_all(b"y").unwrap();
    assert_eq!(queue.next_event().unwrap().user_data, Source::Second);
    assert!(second.into_raw_fd() > 2);
}

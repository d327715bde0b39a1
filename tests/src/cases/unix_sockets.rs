//! Unix sockets, as `std::os::unix::net` and C see them.
#![expect(unsafe_code, reason = "the C functions that std does not wrap")]
use super::support::check;
use crate::run::{Case, PROGRAM, Verdict};
use std::ffi::{c_int, c_void};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_unix_stream_carries_bytes_both_ways_and_ends", run: stream },
    Case { name: "a_unix_listener_is_found_by_its_path_and_only_there", run: listener },
    Case { name: "unix_datagrams_keep_their_ends_and_senders", run: datagrams },
    Case { name: "a_unix_packet_socket_keeps_ends_and_connects", run: packets },
    Case { name: "descriptors_travel_through_unix_sockets", run: descriptors },
    Case { name: "descriptors_that_nobody_takes_are_closed", run: untaken },
    Case { name: "a_unix_socket_that_would_wait_says_so_and_tells_when_not", run: polled },
    Case { name: "a_time_out_ends_a_wait_at_a_unix_socket", run: timed },
    Case { name: "who_blocks_on_unix_sockets_leaves_room_for_others", run: crowded },
    Case { name: "sockets_of_other_families_and_files_are_refused", run: refused },
];

fn said<T>(what: &str, result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

fn path(name: &str) -> String {
    format!("/tmp/{name}-{}", std::process::id())
}

fn stream() -> Verdict {
    let (mut one, mut other) = said("pair", UnixStream::pair())?;
    let data: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    let sent = data.clone();
    let writer = std::thread::spawn(move || {
        let written = one.write_all(&sent);
        let shut = one.shutdown(std::net::Shutdown::Write);
        let mut back = String::new();
        (written.and(shut), one.read_to_string(&mut back).map(|_| back))
    });
    let mut got = Vec::new();
    said("read", other.read_to_end(&mut got))?;
    check(got == data, "the bytes came in order")?;
    said("write back", other.write_all(b"thanks"))?;
    drop(other);
    let (written, back) = writer.join().map_err(|_| "the writer failed")?;
    said("write", written)?;
    check(said("read back", back)? == "thanks", "the other direction went on")
}

fn listener() -> Verdict {
    let path = path("listener");
    let listener = said("bind", UnixListener::bind(&path))?;
    let again = UnixListener::bind(&path).map_err(|error| error.kind());
    check(again.err() == Some(ErrorKind::AddrInUse), "a path is taken once")?;
    let at = path.clone();
    let client = std::thread::spawn(move || -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        for index in 0..20u8 {
            let mut stream = UnixStream::connect(&at)?;
            stream.write_all(&[index])?;
            let mut back = [0];
            stream.read_exact(&mut back)?;
            all.push(back[0]);
        }
        Ok(all)
    });
    for _ in 0..20 {
        let (mut stream, peer) = said("accept", listener.accept())?;
        check(peer.is_unnamed(), "who connects has no name")?;
        let local = said("local", stream.local_addr())?;
        check(
            local.as_pathname().is_some_and(|it| it.to_str() == Some(&path)),
            "the path is told",
        )?;
        let mut byte = [0];
        said("read", stream.read_exact(&mut byte))?;
        said("write", stream.write_all(&[byte[0] + 100]))?;
    }
    let all = client.join().map_err(|_| "the client failed")?;
    check(said("client", all)? == (100..120).collect::<Vec<u8>>(), "all were answered")?;
    let stream = said("connect", UnixStream::connect(&path))?;
    let mut peer = libc::ucred { pid: 0, uid: -1, gid: -1 };
    let mut length = mem::size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the place takes credentials.
    let asked = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    check(asked == 0 && peer.pid == std::process::id() as i32, "the listener's process is told")?;
    drop(listener);
    let gone = UnixStream::connect(&path).map_err(|error| error.kind()).err();
    check(gone == Some(ErrorKind::ConnectionRefused), &format!("nobody listens: {gone:?}"))?;
    said("remove", fs::remove_file(&path))?;
    let gone = UnixStream::connect(&path).map_err(|error| error.kind()).err();
    check(gone == Some(ErrorKind::NotFound), &format!("the path is gone: {gone:?}"))?;
    said("write", fs::write(&path, "no socket"))?;
    let none = UnixStream::connect(&path).map_err(|error| error.kind()).err();
    said("remove", fs::remove_file(&path))?;
    check(none == Some(ErrorKind::ConnectionRefused), "a file is no socket")
}

fn datagrams() -> Verdict {
    let (at, from) = (path("server"), path("client"));
    let server = said("bind", UnixDatagram::bind(&at))?;
    let client = said("bind", UnixDatagram::bind(&from))?;
    said("send", client.send_to(b"first", &at))?;
    said("send", client.send_to(b"", &at))?;
    let mut room = [0; 16];
    let (count, sender) = said("receive", server.recv_from(&mut room))?;
    check(&room[..count] == b"first", "the message came")?;
    check(sender.as_pathname().is_some_and(|it| it.to_str() == Some(&from)), "and its sender")?;
    check(said("receive", server.recv_from(&mut room))?.0 == 0, "an empty one too")?;
    said("answer", server.send_to(b"longer than that", sender.as_pathname().ok_or("no path")?))?;
    let count = said("receive", client.recv(&mut room[..4]))?;
    check(count == 4 && &room[..4] == b"long", "what does not fit is lost")?;
    said("connect", client.connect(&at))?;
    said("send", client.send(b"again"))?;
    check(said("receive", server.recv(&mut room))? == 5, "connected ones send without a name")?;
    drop(server);
    check(client.send(b"x").is_err(), "a server that is gone refuses")?;
    said("remove", fs::remove_file(&at).and(fs::remove_file(&from)))
}

fn packets() -> Verdict {
    let mut pair = [0; 2];
    // SAFETY: the place takes two descriptors.
    let made =
        unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0, pair.as_mut_ptr()) };
    check(made == 0, &format!("socketpair: {}", io::Error::last_os_error()))?;
    // SAFETY: two new descriptors.
    let [mut one, mut other] = pair.map(|fd| unsafe { File::from_raw_fd(fd) });
    said("write", one.write_all(b"one"))?;
    said("write", one.write_all(b"two"))?;
    let mut room = [0; 16];
    check(said("read", other.read(&mut room))? == 3 && &room[..3] == b"one", "the first alone")?;
    check(said("read", other.read(&mut room[..2]))? == 2, "a part of the second")?;
    drop(one);
    check(said("read", other.read(&mut room))? == 0, "the rest is lost, and that is the end")
}

/// Sends bytes with descriptors, or receives them.
fn message(
    socket: &UnixStream,
    data: &mut [u8],
    control: &mut [u64],
    send: bool,
) -> io::Result<(usize, libc::msghdr)> {
    let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
    // SAFETY: the structure is plain numbers and addresses, for which zeroes are good.
    let mut head = unsafe { mem::zeroed::<libc::msghdr>() };
    head.msg_iov = &raw mut part;
    head.msg_iovlen = 1;
    head.msg_control = control.as_mut_ptr().cast::<c_void>();
    head.msg_controllen = mem::size_of_val(control);
    let fd = socket.as_raw_fd();
    let moved = if send {
        // SAFETY: the buffers live during the call.
        unsafe { libc::sendmsg(fd, &raw const head, 0) }
    } else {
        // SAFETY: as above.
        unsafe { libc::recvmsg(fd, &raw mut head, 0) }
    };
    usize::try_from(moved).map(|moved| (moved, head)).map_err(|_| io::Error::last_os_error())
}

pub(super) fn send_files(socket: &UnixStream, files: &[c_int]) -> io::Result<()> {
    let mut control = [0u64; 16];
    let length = 16 + mem::size_of_val(files);
    control[0] = length as u64;
    control[1] = libc::SOL_SOCKET as u64 | (libc::SCM_RIGHTS as u64) << 32;
    for (index, file) in files.iter().enumerate() {
        control[2 + index / 2] |= (*file as u64) << (32 * (index % 2));
    }
    let words = length.div_ceil(8);
    message(socket, &mut b"files".to_vec(), &mut control[..words], true).map(drop)
}

pub(super) fn receive_files(socket: &UnixStream, room: usize) -> io::Result<(Vec<OwnedFd>, c_int)> {
    let mut control = vec![0u64; 2 + room.div_ceil(2)];
    let (_, head) = message(socket, &mut [0; 16], &mut control, false)?;
    let count = if head.msg_controllen > 16 { (control[0] as usize - 16) / 4 } else { 0 };
    let number = |index: usize| (control[2 + index / 2] >> (32 * (index % 2))) as u32 as c_int;
    // SAFETY: descriptors that were just received.
    let files = (0..count).map(|index| unsafe { OwnedFd::from_raw_fd(number(index)) }).collect();
    Ok((files, head.msg_flags))
}

fn descriptors() -> Verdict {
    let (one, other) = said("pair", UnixStream::pair())?;
    let path = path("sent");
    said("write", fs::write(&path, "content"))?;
    let file = said("open", File::open(&path))?;
    said("remove", fs::remove_file(&path))?;
    let (reader, writer) = said("pipe", io::pipe())?;
    let (near, far) = said("pair", UnixStream::pair())?;
    said("send", send_files(&one, &[file.as_raw_fd(), writer.as_raw_fd(), far.as_raw_fd()]))?;
    drop((file, writer, far));
    let (mut files, flags) = said("receive", receive_files(&other, 4))?;
    check(files.len() == 3 && flags == 0, &format!("{} came, flags {flags}", files.len()))?;
    let mut socket = UnixStream::from(files.remove(2));
    let mut pipe = File::from(files.remove(1));
    let mut file = File::from(files.remove(0));
    let mut text = String::new();
    said("seek", file.rewind())?;
    said("read", file.read_to_string(&mut text))?;
    check(text == "content", "the file is that file")?;
    said("write", pipe.write_all(b"through"))?;
    drop(pipe);
    let mut text = String::new();
    said("read", { reader }.read_to_string(&mut text))?;
    check(text == "through", "the pipe is that pipe, and nobody else has it")?;
    said("write", socket.write_all(b"x"))?;
    said("read", { near }.read_exact(&mut [0]))
}

fn untaken() -> Verdict {
    let (one, other) = said("pair", UnixStream::pair())?;
    let send = || {
        let (reader, writer) = said("pipe", io::pipe())?;
        said("send", send_files(&one, &[writer.as_raw_fd(), writer.as_raw_fd()]))?;
        Ok::<_, String>(reader)
    };
    let ends = |mut reader: io::PipeReader| said("read", reader.read_to_end(&mut Vec::new()));
    // No room for descriptors, room for one of two, and none asked for.
    let reader = send()?;
    let (files, flags) = said("receive", receive_files(&other, 0))?;
    check(files.is_empty() && flags & libc::MSG_CTRUNC != 0, "it is told that they were cut")?;
    ends(reader)?;
    let reader = send()?;
    let (files, flags) = said("receive", receive_files(&other, 1))?;
    check(files.len() < 3 && (flags & libc::MSG_CTRUNC != 0) == (files.len() < 2), "some came")?;
    drop(files);
    ends(reader)?;
    let reader = send()?;
    said("read", (&other).read_exact(&mut [0; 5]))?;
    ends(reader)?;
    // Sent and never received.
    let reader = send()?;
    drop(other);
    ends(reader).map(drop)
}

fn polled() -> Verdict {
    let (mut one, mut other) = said("pair", UnixStream::pair())?;
    said("nonblocking", one.set_nonblocking(true).and(other.set_nonblocking(true)))?;
    let none = other.read(&mut [0]).map_err(|error| error.kind());
    check(none == Err(ErrorKind::WouldBlock), "nothing is there")?;
    let ready = |socket: &UnixStream, events, wait| {
        let mut entry = libc::pollfd { fd: socket.as_raw_fd(), events, revents: 0 };
        // SAFETY: one descriptor to ask about.
        unsafe { libc::poll(&raw mut entry, 1, wait) };
        entry.revents
    };
    check(ready(&other, libc::POLLIN, 0) == 0, "nothing to read")?;
    said("write", one.write_all(b"x"))?;
    check(ready(&other, libc::POLLIN, -1) == libc::POLLIN, "something to read")?;
    said("read", other.read_exact(&mut [0]))?;
    let mut filled = 0;
    loop {
        match one.write(&[0; 4096]) {
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(format!("write: {error}")),
        }
        check(filled < 1 << 20, "the buffer is bounded")?;
    }
    check(ready(&one, libc::POLLOUT, 0) == 0, "it is full")?;
    let reader = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        let read = other.read(&mut [0; 8192]);
        (other, read)
    });
    check(ready(&one, libc::POLLOUT, -1) == libc::POLLOUT, "there is room again")?;
    drop(reader.join());
    check(ready(&one, libc::POLLIN, -1) & libc::POLLIN != 0, "the end is something to read")?;
    let path = path("polled");
    let listener = said("bind", UnixListener::bind(&path))?;
    said("nonblocking", listener.set_nonblocking(true))?;
    let none = listener.accept().map_err(|error| error.kind()).err();
    check(none == Some(ErrorKind::WouldBlock), "nobody connects")?;
    let _client = said("connect", UnixStream::connect(&path))?;
    let (mut server, _) = said("accept", listener.accept())?;
    let none = server.read(&mut [0]).map_err(|error| error.kind());
    check(none == Err(ErrorKind::WouldBlock), "what is accepted waits as its listener does")?;
    // SAFETY: no memory is involved.
    let made = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0) };
    // SAFETY: no memory is involved.
    let flags = unsafe { libc::fcntl(made, libc::F_GETFL) };
    check(made >= 0 && flags & libc::O_NONBLOCK != 0, "a socket can be made so")?;
    // SAFETY: a new descriptor.
    drop(unsafe { OwnedFd::from_raw_fd(made) });
    said("remove", fs::remove_file(&path))
}

fn timed() -> Verdict {
    let (mut one, other) = said("pair", UnixStream::pair())?;
    let span = Duration::from_millis(30);
    said("set", one.set_read_timeout(Some(span)).and(one.set_write_timeout(Some(span))))?;
    check(said("get", one.read_timeout())? == Some(span), "it is told")?;
    let late = one.read(&mut [0]).map_err(|error| error.kind());
    check(late == Err(ErrorKind::WouldBlock), &format!("nothing came: {late:?}"))?;
    let mut sent = 0;
    let full = loop {
        match one.write(&[0; 8192]) {
            Ok(count) => sent += count,
            Err(error) => break error.kind(),
        }
        check(sent < 1 << 20, "the buffer is bounded")?;
    };
    check(full == ErrorKind::WouldBlock, &format!("nobody reads: {full:?}"))?;
    said("set", one.set_read_timeout(None))?;
    check(said("get", one.read_timeout())?.is_none(), "it is gone")?;
    drop(other);
    check(said("read", one.read(&mut [0]))? == 0, "it waits for the end")
}

/// More threads wait in reads than the service keeps requests, and others go on.
fn crowded() -> Verdict {
    let start = || {
        let mut command = Command::new(PROGRAM);
        command.args(["--act", "crowd"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        said("spawn", command.spawn())
    };
    let mut crowd = Vec::new();
    for _ in 0..2 {
        let mut child = start()?;
        let mut output = child.stdout.take().ok_or("no output")?;
        said("ready", output.read_exact(&mut [0]))?;
        crowd.push(child);
    }
    let (mut one, mut other) = said("pair", UnixStream::pair())?;
    said("write", one.write_all(b"x"))?;
    said("read", other.read_exact(&mut [0]))?;
    for mut child in crowd {
        drop(child.stdin.take());
        let ended = said("wait", child.wait())?;
        check(ended.success(), &format!("a reader failed: {ended}"))?;
    }
    Ok(())
}

fn refused() -> Verdict {
    // SAFETY: no memory is involved.
    let made = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    let error = io::Error::last_os_error().raw_os_error();
    check(made == -1 && error == Some(libc::EAFNOSUPPORT), &format!("{made}, {error:?}"))?;
    let (reader, _writer) = said("pipe", io::pipe())?;
    let file = said("open", File::open("/scheme/initfs/etc/motd"))?;
    for fd in [reader.as_raw_fd(), file.as_raw_fd()] {
        // SAFETY: no memory is involved.
        let answer = unsafe { libc::listen(fd, 1) };
        let error = io::Error::last_os_error().raw_os_error();
        check(answer == -1 && error == Some(libc::ENOTSOCK), &format!("{answer}, {error:?}"))?;
    }
    let (one, _other) = said("pair", UnixStream::pair())?;
    // SAFETY: no memory is involved.
    let answer = unsafe { libc::listen(one.as_raw_fd(), 1) };
    check(answer == -1, "a connected socket does not listen")
}

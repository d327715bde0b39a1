//! Messages of the service of Unix sockets, `/scheme/unix`.
//!
//! Opening [`STREAM`], [`DATAGRAM`] or [`PACKETS`] makes a socket. Read and write move bytes or
//! messages; everything else is a CALL whose first word says what, and which never waits: where it
//! would have to the answer is `EAGAIN`, and an event tells when to try again. A socket is found by
//! a key: whoever knows it can connect.

/// Opens a socket for bytes between two.
pub const STREAM: &str = "stream";
/// Opens a socket for messages.
pub const DATAGRAM: &str = "dgram";
/// Opens a socket for messages between two.
pub const PACKETS: &str = "packets";

/// Dup: a connection that waits.
pub const ACCEPT: &[u8] = b"accept";
/// Dup: the other end of a socket that has none.
pub const PAIR: &[u8] = b"pair";

/// Bytes in a key or an address at most.
pub const KEY: usize = 128;
/// Bytes before the data of what is received: the data's whole length, the length of the sender's
/// address, how many handles came, and under which number they are to be had; each a word.
pub const HEAD: usize = 32;
/// Where the data begins: behind head and address.
pub const DATA: usize = HEAD + KEY;
/// RECEIVE leaves the message there.
pub const PEEK: u64 = 1;

const CALL: u64 = 0x756E_6978_0000_0000;
/// Gives a name. Further word: length of the key. Payload: key, then the address that others see.
pub const BIND: u64 = CALL | 1;
/// Lets others connect. Further word: how many may wait.
pub const LISTEN: u64 = CALL | 2;
/// Connects. Payload: the key.
pub const CONNECT: u64 = CALL | 3;
/// Sends. Further words: length of the key (0: to whom it is connected), number of the handles to
/// go along (0: none) as SENDFD answered it. Payload: key, then data. Answers how much was sent.
pub const SEND: u64 = CALL | 4;
/// Receives. Further word: [`PEEK`] or 0. Payload back: head, address, data. Answers how many
/// bytes of data there are. RECVFD with the number in the head brings the handles.
pub const RECEIVE: u64 = CALL | 5;
/// Shuts directions. Further word: 1 reading, 2 writing, 3 both.
pub const SHUTDOWN: u64 = CALL | 6;
/// Its own address. Payload back. Answers its length.
pub const ADDRESS: u64 = CALL | 7;
/// The address of the other end. Payload back. Answers its length.
pub const PEER_ADDRESS: u64 = CALL | 8;
/// Who is at the other end. Payload back: number of the process, badge; each a word.
pub const PEER: u64 = CALL | 9;
/// Answers 1, 2 or 3 for a stream, datagrams or packets, and 16 more where others connect.
pub const KIND: u64 = CALL | 10;
/// Closes handles that were sent ahead or not taken. Further word: their number.
pub const DROP: u64 = CALL | 11;

//! Where a daemon serves: an endpoint of its own, or one that init keeps, at which it goes on where
//! the instance before it ended.
use crate::{Daemon, answer_all};
use clavis::abi::startup::EntryKind;
use clavis::server::{declare, endpoint_flags, socket};
use clavis::{Number, startup};
use redox_scheme::Socket;
use redox_scheme::scheme::register_sync_scheme;
use syscall::error::{Error, Result};

/// How a server resolves the paths of opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// By node, from the directory's own node; it keeps paths beneath a directory when asked to.
    Structural,
    /// It makes no promise: opens that must stay beneath a directory reach it with one component.
    Flat,
}

/// The server's end of an endpoint.
pub struct Endpoint {
    socket: Socket,
    kept: bool,
}

fn failed(error: clavis::Error) -> Error {
    Error::new(error.errno())
}

fn declared(socket: Socket, flags: u64) -> Result<Socket> {
    let number = Number::from_raw(socket.inner().raw());
    declare(&number, flags).map_err(failed)?;
    Ok(socket)
}

/// Makes an endpoint.
///
/// # Errors
/// What the namespace and the kernel answer; `ENOENT` without the right to create schemes.
pub fn endpoint(resolution: Resolution) -> Result<Socket> {
    let flags = match resolution {
        Resolution::Structural => endpoint_flags::STRUCTURAL,
        Resolution::Flat => 0,
    };
    declared(Socket::create()?, flags)
}

impl Endpoint {
    /// The endpoint of the n-th name that the manifest lets this service register: the one that
    /// init keeps, or a new one. Who serves at one that is kept vouches for the numbers that
    /// earlier instances gave out, and does what they left undone.
    ///
    /// # Errors
    /// As [`endpoint`].
    pub fn of_name(n: u64, resolution: Resolution) -> Result<Endpoint> {
        let kind = (EntryKind::Endpoint as u64).saturating_add(n);
        let Some(number) = startup::number_of(kind) else {
            return Ok(Endpoint { socket: endpoint(resolution)?, kept: false });
        };
        let flags = match resolution {
            Resolution::Structural => endpoint_flags::ADOPT | endpoint_flags::STRUCTURAL,
            Resolution::Flat => endpoint_flags::ADOPT,
        };
        Ok(Endpoint { socket: declared(socket(number).map_err(failed)?, flags)?, kept: true })
    }

    /// Whether init keeps it.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Serves a scheme until the endpoint ends. Init has registered the name of one that it keeps,
    /// with object 0 as its root.
    ///
    /// # Errors
    /// What registering or the socket answers.
    pub fn serve<S: Daemon>(&self, name: &str, scheme: &mut S) -> Result<()> {
        if !self.kept {
            register_sync_scheme(&self.socket, name, scheme)?;
        }
        answer_all(&self.socket, scheme)
    }
}

//! The five verbs, on any keyring and any pair of streams.
//!
//! Follows docker-credential-helpers `credentials/credentials.go`, `HandleCommand`.

use std::io::{self, Read, Write};

use regcred_core::helper_protocol::NOT_FOUND;
use regcred_core::helper_protocol::request::{self, MAX_INPUT, RequestError};
use regcred_keyring::{Login, Store, StoreError};
use zeroize::Zeroizing;

use crate::NAME;

/// What a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Keep a login.
    Store,
    /// Hand out a login.
    Get,
    /// Forget a login.
    Erase,
    /// Tell the servers and user names.
    List,
}

impl Verb {
    /// The verb that an argument names.
    pub fn parse(argument: &str) -> Option<Self> {
        match argument {
            "store" => Some(Self::Store),
            "get" => Some(Self::Get),
            "erase" => Some(Self::Erase),
            "list" => Some(Self::List),
            _ => None,
        }
    }
}

/// Why a verb failed. The text is what the client is told, on standard output.
#[derive(Debug)]
pub enum ProtocolFailure {
    /// There surely is no login. Clients then pull without one.
    NotFound,
    /// The request makes no sense.
    Request(RequestError),
    /// The keyring did not do it.
    Store(StoreError),
    /// The request could not be read.
    Input(io::Error),
    /// The answer could not be written.
    Output(io::Error),
}

impl std::fmt::Display for ProtocolFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => f.write_str(NOT_FOUND),
            // Clients know these messages by heart: no word before them.
            Self::Request(error) => write!(f, "{error}"),
            Self::Store(error) => write!(f, "{NAME}: {error}"),
            Self::Input(error) => write!(f, "{NAME}: the request can't be read ({error})"),
            Self::Output(error) => write!(f, "{NAME}: the answer can't be written ({error})"),
        }
    }
}

impl From<RequestError> for ProtocolFailure {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<StoreError> for ProtocolFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Does one verb: reads the request, asks the keyring that `open` returns, and writes the answer.
///
/// The keyring is opened only once the request makes sense. Every failure is returned, and nothing was written then.
pub fn handle(
    verb: Verb,
    open: impl FnOnce() -> Result<Box<dyn Store>, StoreError>,
    reader: &mut dyn Read,
    writer: &mut dyn Write,
) -> Result<(), ProtocolFailure> {
    match verb {
        Verb::Store => {
            let request = request::read_store(&read(reader)?)?;
            let login = Login { username: request.username, secret: request.secret };
            open()?.store(&request.server, &login)?;
        }
        Verb::Get => {
            let server = request::read_server(&read(reader)?)?;
            let login = open()?.get(&server)?.ok_or(ProtocolFailure::NotFound)?;
            let answer = request::write_get(&server, &login.username, &login.secret);
            write(writer, answer.as_bytes())?;
        }
        Verb::Erase => {
            let server = request::read_server(&read(reader)?)?;
            open()?.erase(&server)?;
        }
        Verb::List => {
            let entries = open()?.list()?;
            let entries = entries.iter().map(|entry| (entry.server.as_str(), entry.username.as_str()));
            write(writer, request::write_list(entries).as_bytes())?;
        }
    }
    Ok(())
}

/// Reads to the end, but little more than makes sense. No unwiped copy of a password stays behind: a buffer that is full
/// is left for a larger one, and wiped. It starts small, because wiping a megabyte takes as long as all the rest.
fn read(reader: &mut dyn Read) -> Result<Zeroizing<Vec<u8>>, ProtocolFailure> {
    let mut input = Zeroizing::new(vec![0; 4096]);
    let mut length = 0;
    loop {
        if length == input.len() {
            if length > MAX_INPUT {
                break;
            }
            let mut larger = Zeroizing::new(vec![0; 2 * length]);
            larger[..length].copy_from_slice(&input);
            input = larger;
        }
        match reader.read(&mut input[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ProtocolFailure::Input(error)),
        }
    }
    input.truncate(length);
    Ok(input)
}

fn write(writer: &mut dyn Write, answer: &[u8]) -> Result<(), ProtocolFailure> {
    writer.write_all(answer).and_then(|()| writer.flush()).map_err(ProtocolFailure::Output)
}

//! Files that may hold passwords.

use std::fs;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::{Failure, exit};

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    fs::read(path).map(Zeroizing::new).map_err(|error| {
        let code = if error.kind() == io::ErrorKind::NotFound { exit::NOT_FOUND } else { exit::FAILED };
        Failure::new(code, format!("can't read {path:?}: {}", reason(&error)))
    })
}

/// An I/O error in words, without the `(os error N)` that means nothing to a reader.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

//! What our two programs share as programs at a command line: how they fail, what they print, how they ask, which programs
//! they start, which other helpers and which files of docker and podman they know. Nothing heavy: the credential helper starts for every pull.

pub mod client_files;
pub mod core_dumps;
pub mod credential_helper;
mod escape_json;
pub mod failure;
pub mod file;
pub mod output;
pub mod program;
pub mod prompt;
pub mod setup_record;
pub mod shell;
pub mod stdin;
mod terminal;

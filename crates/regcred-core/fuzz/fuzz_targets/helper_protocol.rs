//! A helper's answers: nothing panics, and what could be a secret is not quoted.

#![no_main]

use libfuzzer_sys::fuzz_target;
use regcred_core::helper_protocol::{ProtocolError, program, read_get, read_list};

fuzz_target!(|input: (bool, &[u8])| {
    let (succeeded, answer) = input;
    for error in [read_get(succeeded, answer).err(), read_list(succeeded, answer).err()].into_iter().flatten()
    {
        match error {
            // A message of the helper's own; only a failure has one, and it never looks like an answer.
            ProtocolError::Failed(message) => assert!(!succeeded && !message.contains(['{', '"'])),
            ProtocolError::FailedSilently => assert!(!succeeded),
            ProtocolError::Nonsense(_) => assert!(succeeded),
        }
    }
    if let Some(program) = program(&String::from_utf8_lossy(answer)) {
        assert!(!program.contains(['/', '\\', '\0', ' ', '$']));
    }
});

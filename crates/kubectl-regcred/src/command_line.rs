//! The command line as it was typed, to be shown again with a change.

use std::ffi::OsString;

use regcred_cli::shell;

/// The flags whose values are secret.
const SECRET_FLAGS: [&str; 2] = ["--docker-password", "--token"];

/// What is shown in place of a secret.
const HIDDEN: &str = "[redacted]";

/// The words after the program's name.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandLine {
    words: Vec<String>,
}

impl CommandLine {
    /// The words of a process, of which the first is the program.
    pub(crate) fn of(args: &[OsString]) -> Self {
        Self { words: hidden(args.iter().skip(1).map(|word| word.to_string_lossy().into_owned())) }
    }

    /// The same command for a shell, without `flag` and its values, and with these words more. Secrets are left out.
    pub(crate) fn again(&self, flag: &str, more: &[String]) -> String {
        let mut words = vec!["kubectl".to_owned(), "regcred".to_owned()];
        let mut old = self.words.iter().peekable();
        while let Some(word) = old.next_if(|word| *word != "--") {
            if word == flag {
                old.next();
            } else if !word.strip_prefix(flag).is_some_and(|rest| !flag.is_empty() && rest.starts_with('=')) {
                words.push(word.clone());
            }
        }
        words.extend_from_slice(more);
        words.extend(old.cloned());
        words.iter().map(|word| shell::word(word)).collect::<Vec<_>>().join(" ")
    }
}

/// The words without secrets.
fn hidden(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut is_secret = false;
    let words = words.map(|word| {
        if std::mem::take(&mut is_secret) {
            return HIDDEN.to_owned();
        }
        is_secret = SECRET_FLAGS.contains(&word.as_str());
        let (name, value) = word.split_once('=').unwrap_or(("", &word));
        if SECRET_FLAGS.contains(&name) {
            return format!("{name}={HIDDEN}");
        }
        // A login in a URL.
        match value.split_once("://") {
            Some((_, rest)) if rest.split('/').next().is_some_and(|authority| authority.contains('@')) => {
                HIDDEN.to_owned()
            }
            _ => word,
        }
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(words: &[&str], flag: &str, more: &[&str]) -> String {
        let args: Vec<_> = ["/x/kubectl-regcred"].iter().chain(words).map(OsString::from).collect();
        let more: Vec<_> = more.iter().map(|&word| word.to_owned()).collect();
        CommandLine::of(&args).again(flag, &more)
    }

    #[test]
    fn a_flag_is_exchanged_and_all_else_stays() {
        assert_eq!(
            again(
                &["rotate", "--like", "a/b", "-A", "--like=c/d", "--likely=x", "it's"],
                "--like",
                &["--like=e/f"]
            ),
            "kubectl regcred rotate -A --likely=x 'it'\\''s' --like=e/f"
        );
        assert_eq!(
            again(&["rotate", "--", "--like"], "--like", &["--like=e"]),
            "kubectl regcred rotate --like=e -- --like"
        );
        assert_eq!(again(&["rotate", "-A"], "", &[]), "kubectl regcred rotate -A");
    }

    #[test]
    fn no_secret_is_shown_again() {
        for secret in [
            &["--docker-password", "hunter2"][..],
            &["--docker-password=hunter2"],
            &["--token", "hunter2"],
            &["--token=hunter2"],
            &["--server=https://me:hunter2@api.example"],
            &["--server", "https://me:hunter2@api.example"],
        ] {
            let line = again(secret, "--like", &[]);
            assert!(!line.contains("hunter2") && line.contains(HIDDEN), "{line}");
        }
    }
}

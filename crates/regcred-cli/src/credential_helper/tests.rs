//! Helpers that misbehave. They are shell scripts.

use std::path::{Path, PathBuf};
use std::process::Command;

use regcred_core::credential::{Credential, SecretString};
use tempfile::TempDir;

use super::*;

const ANSWER: &str = r#"echo '{"ServerURL":"ghcr.io","Username":"me","Secret":"hunter2"}'"#;

/// More than a pipe takes before somebody reads.
const LONG_SERVER_BYTES: usize = 1024 * 1024;

/// Longer than any test should take, and shorter than what its helper sleeps.
const PATIENCE: Duration = Duration::from_secs(30);

struct Script {
    folder: TempDir,
    helper: CredentialHelper,
}

impl Script {
    /// A helper that is a shell script.
    fn new(script: &str, timeout: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker-credential-script");
        install(&path, &format!("#!/bin/sh\n{script}\n"));
        let program = path.to_str().unwrap().to_owned();
        let helper = CredentialHelper::new("script", SearchPath::default(), timeout).unwrap();
        let helper = CredentialHelper { program, ..helper };
        Self { folder, helper }
    }

    /// Where a script is to leave the id of a process: `"$0.pid"`.
    fn pid(&self) -> String {
        let path: PathBuf = self.folder.path().join("docker-credential-script.pid");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }
}

/// Another process writes it: a child that another test is just starting could still have it open for writing, and then
/// it can't be run.
fn install(path: &Path, text: &str) {
    let mut install = shell()
        .args(["-c", r#"cat >"$0" && chmod +x "$0""#])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(install.wait().unwrap().success());
}

fn shell() -> Command {
    SearchPath::new(Some("/usr/bin:/bin".as_ref())).command("sh").unwrap()
}

fn signal(signal: &str, pid: &str) -> bool {
    let mut kill = shell();
    kill.args(["-c", r#"kill "$0" "$1""#, signal, pid]).stderr(Stdio::null()).status().unwrap().success()
}

fn me() -> Login {
    let password = SecretString::new("hunter2".to_owned());
    Login::Password(Credential { username: "me".to_owned(), password, email: None })
}

#[test]
fn an_answer_is_a_login_and_the_question_names_the_server() {
    let script = format!(r#"test "$1 $(cat)" = "get ghcr.io" && {ANSWER}"#);
    let script = Script::new(&script, PATIENCE);
    assert_eq!(script.helper.get("ghcr.io"), Ok(Some(me())));
    assert!(script.helper.get("quay.io").is_err());
}

#[test]
fn an_answer_may_come_in_pieces() {
    let script = r#"printf '{"Username":"me",'; sleep 0.2; printf '"Secret":"hunter2"}'; sleep 0.2"#;
    assert_eq!(Script::new(script, PATIENCE).helper.get("ghcr.io"), Ok(Some(me())));
}

#[test]
fn a_long_answer_arrives_whole() {
    let script = r#"printf '{"Username":"<token>","Secret":"'; printf '%0500000d' 7; echo '"}'"#;
    let secret = SecretString::new(format!("{}7", "0".repeat(499_999)));
    assert_eq!(Script::new(script, PATIENCE).helper.get("ghcr.io"), Ok(Some(Login::IdentityToken(secret))));
}

#[test]
fn a_list_names_the_servers() {
    let script = r#"test "$1" = list && echo '{"ghcr.io":"me","quay.io":"you"}'"#;
    let listed = Script::new(script, PATIENCE).helper.list();
    assert_eq!(listed, Ok(vec!["ghcr.io".to_owned(), "quay.io".to_owned()]));
}

#[test]
fn only_the_protocols_message_means_not_found() {
    let missing = format!("echo '{}'; exit 1", helper_protocol::NOT_FOUND);
    assert_eq!(Script::new(&missing, PATIENCE).helper.get("ghcr.io"), Ok(None));
    let locked = Script::new("echo 'the keychain is locked'; exit 1", PATIENCE).helper.get("ghcr.io");
    let failure = locked.unwrap_err();
    assert_eq!(failure.code, exit::HELPER);
    let said = "get, asked for \"ghcr.io\": it failed: \"the keychain is locked\"";
    assert!(failure.message.ends_with(said), "{failure:?}");
}

#[test]
fn a_secret_on_stderr_or_in_the_key_is_not_shown() {
    let script = Script::new("echo 'secret=hunter2' >&2; exit 1", PATIENCE);
    let failure = script.helper.get("https://me:hunter2@ghcr.io").unwrap_err();
    let said = "asked for \"https://[redacted]@ghcr.io\": it failed and gave no reason";
    assert!(failure.message.ends_with(said), "{failure:?}");
    assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
}

#[test]
fn a_helper_that_hangs_is_stopped_and_reaped() {
    let timeout = Duration::from_secs(2);
    // With its output open, and closed.
    for script in [r#"echo $$ >"$0.pid"; exec sleep 60"#, r#"echo $$ >"$0.pid"; exec >&-; exec sleep 60"#] {
        let script = Script::new(script, timeout);
        let begun = Instant::now();
        let failure = script.helper.get("ghcr.io").unwrap_err();
        assert!((timeout..PATIENCE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert_eq!(failure.code, exit::HELPER);
        assert!(failure.message.ends_with("did not answer within 2s and was stopped"), "{failure:?}");
        // One that is not reaped can still be found.
        assert!(!signal("-0", &script.pid()), "it is still there");
    }
}

#[test]
fn the_hint_names_the_flag_of_a_program_that_has_one() {
    let script = Script::new("exec sleep 60", Duration::from_millis(1));
    let hint = script.helper.list().unwrap_err().hint.unwrap();
    assert!(hint.ends_with(" get >/dev/null`"), "{hint}");
    let helper = script.helper.if_slow("give it longer with --helper-timeout");
    let hint = helper.list().unwrap_err().hint.unwrap();
    assert!(hint.ends_with(" get >/dev/null`; or give it longer with --helper-timeout"), "{hint}");
}

#[test]
fn what_a_helper_leaves_running_is_not_waited_for() {
    let script = format!(r#"sleep 60 & echo $! >"$0.pid"; {ANSWER}"#);
    let script = Script::new(&script, PATIENCE);
    let begun = Instant::now();
    assert_eq!(script.helper.get("ghcr.io"), Ok(Some(me())));
    assert!((GRACE..PATIENCE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(signal("-KILL", &script.pid()), "it held the pipe all the time");
}

#[test]
fn what_is_left_running_may_still_answer_for_a_moment() {
    let script = Script::new(&format!("(sleep 0.05; {ANSWER}) &"), PATIENCE);
    assert_eq!(script.helper.get("ghcr.io"), Ok(Some(me())));
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let endless = Script::new("exec yes", PATIENCE);
    let said = "its answer is not what a credential helper prints (more than 1 MiB)";
    for failure in [endless.helper.get("ghcr.io").unwrap_err(), endless.helper.list().unwrap_err()] {
        assert!(failure.message.ends_with(said), "{failure:?}");
    }
}

#[test]
fn a_helper_need_not_read_what_it_is_asked() {
    let server = "a".repeat(LONG_SERVER_BYTES);
    assert_eq!(Script::new(ANSWER, PATIENCE).helper.get(&server), Ok(Some(me())));
    let begun = Instant::now();
    Script::new("exec sleep 60", Duration::from_millis(100)).helper.get(&server).unwrap_err();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn a_helper_that_is_not_on_path_is_told_with_what_to_do() {
    let helper = CredentialHelper::new("that-nobody-has", SearchPath::default(), PATIENCE).unwrap();
    assert_eq!(helper.program(), "docker-credential-that-nobody-has");
    let failure = helper.get("ghcr.io").unwrap_err();
    let said = "the credential helper docker-credential-that-nobody-has is not on PATH";
    assert_eq!(failure, Failure::new(exit::HELPER, said).hint("install it"));
    let failure = helper.if_missing("name another").list().unwrap_err();
    assert_eq!(failure.hint.as_deref(), Some("name another"));
}

#[test]
fn a_helper_that_cannot_be_run_is_named_by_its_file() {
    let script = Script::new("true", PATIENCE);
    let file = script.folder.path().join("docker-credential-script");
    install(&file, "#!/nowhere/interpreter\n");
    let failure = script.helper.get("ghcr.io").unwrap_err();
    let said = format!("can't start the credential helper {file:?}: No such file or directory");
    assert_eq!((failure.code, failure.message), (exit::HELPER, said));
}

#[test]
fn a_server_with_a_control_character_is_asked_of_no_helper() {
    for character in ['\0', '\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}'] {
        let script = Script::new(&format!("echo $$ >\"$0.pid\"; {ANSWER}"), PATIENCE);
        for server in [format!("ghcr.io{character}.evil.example"), format!("ghcr.io{character}")] {
            let failure = script.helper.get(&server).unwrap_err();
            assert!(failure.message.contains(&format!("a server has no {character:?}")), "{failure:?}");
        }
        assert!(!script.folder.path().join("docker-credential-script.pid").exists(), "it was started");
    }
}

#[test]
fn a_name_cannot_leave_the_path() {
    let failure = CredentialHelper::new("../../tmp/evil", SearchPath::default(), PATIENCE).unwrap_err();
    assert_eq!(failure.code, exit::HELPER);
    assert_eq!(failure.message, "\"../../tmp/evil\" can't be the name of a credential helper");
}

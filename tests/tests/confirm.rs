//! The questions before something is changed, as a person at a terminal answers them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::sandbox::Sandbox;
use regcred_tests::terminal::{Terminal, is_sane};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const OLD: &str = "old-<hunter2>-old";
const NEW: &str = "new-<hunter2>-new";

/// A pull secret that one Deployment names and another one doesn't, and a person with a new password.
struct Work {
    namespace: Namespace<'static>,
    sandbox: Sandbox,
}

impl Work {
    fn new() -> Self {
        let namespace = cluster().namespace();
        let password = format!("--docker-password={OLD}");
        let secret = ["create", "secret", "docker-registry", "pull", "--docker-server=ghcr.io"];
        namespace.kubectl(secret.iter().copied().chain(["--docker-username=robot", &password])).success();
        for name in ["web", "other"] {
            namespace.kubectl(["create", "deployment", name, "--image=ghcr.io/team/app:1"]).success();
        }
        let patch = r#"{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"pull"}]}}}}"#;
        namespace.kubectl(["patch", "deployment", "other", "-p", patch]).success();
        let mut sandbox = Sandbox::new(cluster());
        sandbox.set("NS", namespace.name());
        sandbox.write("new", NEW);
        let auth = STANDARD.encode(format!("robot:{NEW}"));
        sandbox.write(".docker/config.json", json!({ "auths": { "ghcr.io": { "auth": auth } } }).to_string());
        Self { namespace, sandbox }
    }

    /// All that the commands below could change.
    fn state(&self) -> Value {
        let template = |name: &str| self.namespace.get("deployment", name)["spec"]["template"].clone();
        json!([self.namespace.get("secret", "pull")["data"], template("web"), template("other")])
    }

    /// What the terminal showed to the end of the script; no password is among it, nor in a file that is left behind.
    #[track_caller]
    fn end(&self, terminal: Terminal) -> String {
        let shown = terminal.end();
        let files = Folder::new(self.sandbox.root()).except("programs");
        let files = files.except("home/new").except("home/.docker/config.json");
        for secret in [OLD, NEW] {
            assert_no_secret(secret, &[&shown, &files]);
        }
        shown
    }
}

const ROTATE: &str = "kubectl regcred rotate pull -n $NS --registry=ghcr.io --from-docker-config";
const ATTACH: &str = "kubectl regcred attach pull deployment/web -n $NS";
const DETACH: &str = "kubectl regcred detach pull deployment/other -n $NS";
const QUESTIONS: [(&str, &str); 3] =
    [(ROTATE, "Rotate? [y/N] "), (ATTACH, "Attach? [y/N] "), (DETACH, "Detach? [y/N] ")];

const ROTATE_PIPED: &str =
    "kubectl regcred rotate pull -n $NS --registry=ghcr.io --docker-username=robot --password-stdin";

#[test]
fn any_other_line_is_shown_whole_and_means_no() {
    let work = Work::new();
    let before = work.state();
    let answers = ["maybe", "later", "", "n", "yesterday", "no, yes", "y y", "\u{1b}[A", "ÿ"];
    for (number, (command, question)) in QUESTIONS.into_iter().enumerate() {
        for answer in answers.into_iter().take(if number == 0 { answers.len() } else { 2 }) {
            // What the command leaves of the line would be read here.
            let script = format!("{command}; code=$?; read -r next; echo \"next=[$next]\"; (exit $code)");
            let mut terminal = Terminal::run(&work.sandbox, &script);
            terminal.expect(question);
            terminal.type_line(answer);
            terminal.type_line("the next command");
            let shown = work.end(terminal);
            let echo = answer.replace('\u{1b}', "^[");
            assert!(shown.starts_with(&format!("{echo}\r\n")), "{answer:?} to {question}: {shown}");
            for part in ["error: not confirmed; nothing was changed", "next=[the next command]", "code=1"] {
                assert!(shown.contains(part), "{part} after {answer:?} to {question}: {shown}");
            }
            assert!(is_sane(&shown), "{shown}");
        }
    }
    assert_eq!(work.state(), before);
}

#[test]
fn y_or_yes_and_enter_confirm() {
    for answers in [["y", "yes", "Yes"], [" YES ", "Y", "y"]] {
        let work = Work::new();
        let before = work.state();
        for (place, ((command, question), answer)) in QUESTIONS.into_iter().zip(answers).enumerate() {
            let mut terminal = Terminal::run(&work.sandbox, command);
            terminal.expect(question);
            terminal.type_line(answer);
            let shown = work.end(terminal);
            assert!(shown.starts_with(&format!("{answer}\r\n")), "{shown}");
            assert!(shown.contains("code=0") && is_sane(&shown), "{shown}");
            assert_ne!(work.state()[place], before[place], "{shown}");
        }
    }
}

#[test]
fn y_without_enter_changes_nothing() {
    let work = Work::new();
    let before = work.state();
    for (command, question) in QUESTIONS {
        // The end of input, at the start of the line or after what is typed.
        for keys in ["\u{4}", "yes\u{4}\u{4}"] {
            let mut terminal = Terminal::run(&work.sandbox, command);
            terminal.expect(question);
            terminal.press(keys);
            let shown = work.end(terminal);
            assert!(shown.contains("\r\nerror: not confirmed; nothing was changed"), "{keys:?}: {shown}");
            assert!(shown.contains("code=1") && is_sane(&shown), "{keys:?}: {shown}");
        }
    }
    assert_eq!(work.state(), before);
}

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
    let work = Work::new();
    let before = work.state();
    let piped = format!("{ROTATE_PIPED} <new");
    let commands = QUESTIONS.into_iter().chain([(piped.as_str(), "Rotate? [y/N] ")]);
    for (command, question) in commands {
        for typed in ["y\n".repeat(1000).as_str(), "yes"] {
            let mut terminal = Terminal::run_after_typing(&work.sandbox, typed, command);
            terminal.expect(question);
            terminal.type_line("");
            let shown = work.end(terminal);
            assert!(shown.starts_with("\r\nerror: not confirmed; nothing was changed"), "{typed:?}: {shown}");
            assert!(shown.contains("code=1"), "{typed:?}: {shown}");
            std::fs::remove_file(work.sandbox.home().join("typed")).unwrap();
        }
    }
    assert_eq!(work.state(), before);
    // The answer itself counts.
    let mut terminal = Terminal::run_after_typing(&work.sandbox, "no\n", ROTATE);
    terminal.expect("Rotate? [y/N] ");
    terminal.type_line("yes");
    assert!(work.end(terminal).contains("code=0"));
    assert_ne!(work.state(), before);
}

#[test]
fn ctrl_c_and_other_requests_to_stop_change_nothing_and_are_130() {
    let work = Work::new();
    let before = work.state();
    let piped = format!("{ROTATE_PIPED} <new");
    for (command, question) in [QUESTIONS[1], (piped.as_str(), "Rotate? [y/N] ")] {
        for signal in [None, Some(Signal::INT), Some(Signal::TERM), Some(Signal::HUP)] {
            let script = format!("sh -c 'echo pid=$$; exec {command}'");
            let mut terminal = Terminal::run(&work.sandbox, &script);
            terminal.expect("pid=");
            let pid = terminal.expect("\r\n").parse().unwrap();
            terminal.expect(question);
            terminal.press("yes");
            match signal {
                None => terminal.press("\u{3}"),
                // kubectl becomes the plugin, so the process is the same.
                Some(signal) => kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap(),
            }
            let shown = work.end(terminal);
            assert!(shown.contains("code=130") && is_sane(&shown), "{question}{signal:?}: {shown}");
        }
    }
    assert_eq!(work.state(), before);
}

#[test]
fn the_terminal_is_asked_where_standard_input_is_something_else() {
    for redirected in ["cat new | command", "printf 'y\\n' | command", "command </dev/null", "command <&-"] {
        let work = Work::new();
        let before = work.state();
        let (command, question, place) = if redirected.starts_with("cat new") {
            (ROTATE_PIPED, "Rotate? [y/N] ", 0)
        } else {
            (ATTACH, "Attach? [y/N] ", 1)
        };
        let line = redirected.replace("command", command);
        let mut terminal = Terminal::run(&work.sandbox, &line);
        let plan = terminal.expect(question);
        assert!(plan.contains(if place == 0 { "\"ghcr.io\": robot" } else { "deployment/web" }), "{plan}");
        terminal.type_line("no");
        let shown = work.end(terminal);
        assert!(shown.starts_with("no\r\n") && shown.contains("code=1"), "{line}: {shown}");
        assert_eq!(work.state(), before, "{line}");

        let mut terminal = Terminal::run(&work.sandbox, &line);
        terminal.expect(question);
        terminal.type_line("yes");
        let shown = work.end(terminal);
        assert!(shown.starts_with("yes\r\n") && shown.contains("code=0"), "{line}: {shown}");
        assert!(is_sane(&shown), "{line}: {shown}");
        assert_ne!(work.state()[place], before[place], "{line}");
    }
}

/// Runs a line that may not ask, and searches what it says for `reason`.
#[track_caller]
fn assert_nobody_is_asked(work: &Work, line: &str, reason: &str) {
    let shown = work.end(Terminal::run(&work.sandbox, line));
    for part in ["error: nothing was changed: ", reason, "hint: --yes goes on without asking", "code=2"] {
        assert!(shown.contains(part), "{part} after {line}: {shown}");
    }
    assert!(!shown.contains("[y/N]"), "{line}: {shown}");
    assert!(is_sane(&shown), "{line}: {shown}");
}

#[test]
fn without_a_terminal_to_read_from_nobody_is_asked() {
    let work = Work::new();
    let before = work.state();
    // What it prints is still shown: only the terminal is not its own.
    for line in ["cat new | setsid --wait command", "setsid --wait command <new"] {
        let line = line.replace("command", ROTATE_PIPED);
        assert_nobody_is_asked(&work, &line, "there is no terminal");
    }
    let line = format!("printf 'yes\\n' | setsid --wait {ATTACH}");
    assert_nobody_is_asked(&work, &line, "pods would restart");
    assert_eq!(work.state(), before);
}

#[test]
fn in_the_background_nobody_is_asked_and_nothing_is_stopped() {
    let work = Work::new();
    let before = work.state();
    for line in [ROTATE.to_owned(), format!("cat new | {ROTATE_PIPED}"), ATTACH.to_owned()] {
        let line = format!("set -m; {line} & wait $!");
        assert_nobody_is_asked(&work, &line, "this program runs in the background");
    }
    assert_eq!(work.state(), before);
}

#[test]
fn a_plan_that_the_terminal_does_not_show_cant_be_confirmed() {
    let work = Work::new();
    let before = work.state();
    for line in [format!("cat new | {ROTATE_PIPED}"), ROTATE.to_owned(), ATTACH.to_owned()] {
        assert_nobody_is_asked(
            &work,
            &format!("{line} 2>log; code=$?; cat log; (exit $code)"),
            "standard error",
        );
    }
    // Another person's terminal.
    let mut other = Terminal::run(&work.sandbox, "tty; read -r end");
    other.expect("/dev/pts/");
    let number = other.expect("\r\n");
    for line in [format!("cat new | {ROTATE_PIPED}"), ROTATE.to_owned()] {
        let shown = work.end(Terminal::run(&work.sandbox, &format!("{line} 2>/dev/pts/{number}")));
        assert!(shown.contains("code=2"), "{shown}");
    }
    other.type_line("");
    let shown = work.end(other);
    assert!(shown.contains("\"ghcr.io\": robot") && shown.contains("standard error"), "{shown}");
    assert!(!shown.contains("[y/N]"), "{shown}");
    assert_eq!(work.state(), before);
    // The same by another name.
    let mut terminal = Terminal::run(&work.sandbox, &format!("{ROTATE} 2>/dev/tty"));
    terminal.expect("Rotate? [y/N] ");
    terminal.type_line("y");
    assert!(work.end(terminal).contains("code=0"));
    assert_ne!(work.state(), before);
}

#[test]
fn standard_input_is_asked_though_the_terminal_belongs_to_another_session() {
    // As under `su --command`.
    let work = Work::new();
    let before = work.state();
    for (answer, code) in [("maybe", "code=1"), ("yes", "code=0")] {
        let mut terminal =
            Terminal::run_after_typing(&work.sandbox, "yes\n", &format!("setsid --wait {ROTATE}"));
        terminal.expect("Rotate? [y/N] ");
        terminal.type_line(answer);
        let shown = work.end(terminal);
        assert!(shown.starts_with(answer) && shown.contains(code), "{shown}");
        assert_eq!(work.state() == before, answer == "maybe");
        std::fs::remove_file(work.sandbox.home().join("typed")).unwrap();
    }
}

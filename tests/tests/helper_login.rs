//! `login`, `logout` and `config show` of docker-credential-regcred, as people run them on machines without docker.

#![cfg(test)]

use regcred_tests::clients::{Client, verify};
use regcred_tests::helper::{HELPER, Helper, Keyring};
use regcred_tests::kernel_keyring::KernelKeyring;
use regcred_tests::leak::{Folder, assert_no_secret};
use regcred_tests::output::Output;
use regcred_tests::registry::{Registry, Transport};
use regcred_tests::sandbox::Sandbox;
use regcred_tests::secret_service;
use regcred_tests::terminal::{Terminal, is_sane};
use serde_json::{Value, json};
use xtask::secret_service::SecretService;

const PASSWORD: &str = "hunter2-<only>-\"typed\" ü";

/// A machine with an unlocked, empty Secret Service.
fn machine() -> (Sandbox, SecretService) {
    let mut sandbox = Sandbox::without_cluster();
    let service = secret_service::start(&mut sandbox);
    (sandbox, service)
}

fn login(sandbox: &Sandbox, registry: &str, username: &str, password: impl AsRef<[u8]>) -> Output {
    let line = ["login", registry, "--username", username, "--password-stdin"];
    sandbox.run_with_stdin(HELPER, line, password.as_ref())
}

fn list(sandbox: &Sandbox) -> Value {
    sandbox.run(HELPER, ["list"]).success().json()
}

/// The user and password that a client is given.
fn get(sandbox: &Sandbox, server: &str) -> (String, String) {
    let answer = sandbox.run_with_stdin(HELPER, ["get"], server.as_bytes()).success().json();
    let text = |field: &str| answer[field].as_str().expect("a text").to_owned();
    (text("Username"), text("Secret"))
}

fn pair(username: &str, password: &str) -> (String, String) {
    (username.to_owned(), password.to_owned())
}

#[test]
fn a_piped_password_loses_one_newline_and_nothing_else() {
    let (sandbox, _service) = machine();
    for (piped, kept) in [
        (PASSWORD, PASSWORD),
        ("pass\n", "pass"),
        ("pass\r\n", "pass"),
        ("pass\n\n", "pass\n"),
        ("pass\r", "pass\r"),
        (" pass\t", " pass\t"),
        ("two\nlines\n", "two\nlines"),
    ] {
        let output = login(&sandbox, "ghcr.io", "me", piped);
        output.success();
        assert_eq!(output.stdout, "stored the login of \"me\" for ghcr.io in the Secret Service\n");
        let note = "note: this helper is not asked for ghcr.io by podman and skopeo; to change that: docker-credential-regcred \
                    configure --podman --registry ghcr.io\n";
        assert_eq!(output.stderr, note);
        assert_eq!(get(&sandbox, "ghcr.io"), pair("me", kept));
        assert_no_secret(PASSWORD, &[&output]);
    }
    // Everything but what `get` hands out; what gnome-keyring writes is encrypted.
    assert_no_secret(PASSWORD, &[&Folder::new(sandbox.root()).except("programs")]);
}

#[test]
fn what_is_no_password_is_refused_and_nothing_is_stored() {
    let (sandbox, _service) = machine();
    let not_text = [PASSWORD.as_bytes(), b"\xff"].concat();
    let too_long = PASSWORD.repeat(1024 * 1024 / PASSWORD.len() + 1);
    for (piped, message) in [
        (&b""[..], "the password is empty; nothing was stored"),
        (b"\n", "the password is empty; nothing was stored"),
        (b"\r\n", "the password is empty; nothing was stored"),
        (&not_text, "the password is not UTF-8"),
        (too_long.as_bytes(), "standard input holds more than 1 MiB, which is no password"),
    ] {
        let refused = login(&sandbox, "ghcr.io", "me", piped);
        refused.assert_code(2).assert_stderr_contains(message);
        assert_eq!(refused.stdout, "");
        assert_no_secret(PASSWORD, &[&refused]);
    }
    // Without a terminal nobody is asked.
    for (line, message) in [
        (&["login", "ghcr.io"][..], "no user name is given"),
        (&["login", "ghcr.io", "-u", "me"], "no password is given"),
        (&["login"], "no registry is named"),
    ] {
        let refused = sandbox.run_with_stdin(HELPER, line, PASSWORD.as_bytes());
        refused.assert_code(2).assert_stderr_contains(message).assert_stderr_contains("hint: ");
        assert_no_secret(PASSWORD, &[&refused]);
    }
    assert_eq!(list(&sandbox), json!({}));
}

#[test]
fn a_login_is_kept_under_dockers_key_in_place_of_any_other_spelling_and_user() {
    let (sandbox, _service) = machine();
    let hub = "https://index.docker.io/v1/";
    for (typed, other_spelling, key) in [
        ("docker.io", "index.docker.io", hub),
        ("index.docker.io", "https://index.docker.io/v1/", hub),
        ("https://registry-1.docker.io/v2/", "docker.io", hub),
        ("https://index.docker.io/v1", "http://docker.io", hub),
        ("https://GHCR.io:443/v2/", "ghcr.io", "ghcr.io"),
        ("http://ghcr.io/", "https://GHCR.IO", "ghcr.io"),
        ("Registry.Example.com:5000", "https://registry.example.com:5000/", "registry.example.com:5000"),
        ("[::1]:5000", "http://[::1]:5000", "[::1]:5000"),
    ] {
        let other = json!({ "ServerURL": other_spelling, "Username": "other", "Secret": "old" });
        sandbox.run_with_stdin(HELPER, ["store"], other.to_string().as_bytes()).success();
        let shown = if key == hub { "Docker Hub" } else { key };
        login(&sandbox, typed, "me", PASSWORD)
            .success()
            .assert_stdout_contains(&format!("for {shown} in the Secret Service"));
        assert_eq!(list(&sandbox), json!({ key: "me" }), "{typed}");
        assert_eq!(get(&sandbox, typed), pair("me", PASSWORD), "{typed}");
        sandbox.run(HELPER, ["logout", typed]).success();
        assert_eq!(list(&sandbox), json!({}), "{typed}");
    }
}

#[test]
fn a_password_on_the_command_line_is_refused_and_not_repeated() {
    let (sandbox, _service) = machine();
    let word = "hunter2-typed";
    let urls =
        ["me:hunter2-typed@ghcr.io", "https://me:hunter2-typed@ghcr.io/v2/", "ssh://hunter2-typed@ghcr.io"];
    let lines = [
        &["login", "ghcr.io", "-u", "me", "--password", word][..],
        &["login", "ghcr.io", "-u", "me", "--password=hunter2-typed"],
        &["login", "ghcr.io", "-u", "me", "-p", word],
        &["login", "ghcr.io", "-u", "me", "-phunter2-typed"],
        &["login", "ghcr.io", "-u", "me", "--password-stdin=hunter2-typed"],
        &["login", "ghcr.io", "me", word],
        &["login", "ghcr.io", "-u", "me:hunter2-typed", "--password-stdin"],
        &["login", "me:hunter2-typed"],
        &["login", urls[0], "-u", "me", "--password-stdin"],
        &["login", urls[1]],
        &["login", urls[2]],
        &["logout", urls[0]],
        &["logout", urls[1]],
        &["logout", "--password=hunter2-typed"],
        &["config", "show", word],
        &["doctor", word],
        &["doctor", "-o", word],
    ];
    for line in lines {
        let refused = sandbox.run_with_stdin(HELPER, line, b"another");
        refused.assert_code(2);
        assert_eq!(refused.stdout, "", "{line:?}");
        assert!(refused.stderr.starts_with("error: "), "{line:?}: {}", refused.stderr);
        // Its command line is the user's own doing.
        assert_no_secret(word, &[&refused.stderr]);
    }
    assert_eq!(list(&sandbox), json!({}));
}

#[test]
fn odd_user_names_are_kept_to_the_letter_or_refused() {
    let (sandbox, _service) = machine();
    for username in ["robot$team+ci", "me@example.com", "DOMAIN\\me", "<token>", "ü ß", "-"] {
        login(&sandbox, "ghcr.io", username, PASSWORD).success();
        assert_eq!(get(&sandbox, "ghcr.io"), pair(username, PASSWORD));
    }
    // Of several, the last one counts.
    let line = ["login", "-u", "you", "--password-stdin", "--username=me", "ghcr.io"];
    sandbox.run_with_stdin(HELPER, line, b"pass").success();
    assert_eq!(list(&sandbox), json!({ "ghcr.io": "me" }));
    for username in ["", "me:you", "me\nyou", "me\u{1b}[2J", "\u{7f}"] {
        let refused = login(&sandbox, "ghcr.io", username, PASSWORD);
        refused.assert_code(2).assert_stderr_contains("a user name ");
        assert!(!refused.stderr.contains('\u{1b}'), "{:?}", refused.stderr);
        assert_no_secret(PASSWORD, &[&refused]);
    }
    assert_eq!(list(&sandbox), json!({ "ghcr.io": "me" }));
}

#[test]
fn what_is_no_registry_is_refused_with_the_way_to_name_one() {
    let (sandbox, _service) = machine();
    for (name, message) in [
        ("", "a server is not empty"),
        ("ghcr.io/team", "\"ghcr.io/team\" is a path in a registry"),
        ("ftp://ghcr.io", "that is no registry"),
        ("ghcr .io", "that is no registry"),
        ("ghcr.io:port", "that is no registry"),
        ("ghcr.io?x", "that is no registry"),
        ("\u{1b}[2J", "that is no registry"),
    ] {
        let refused = login(&sandbox, name, "me", PASSWORD);
        refused.assert_code(2).assert_stderr_contains(message).assert_stderr_contains("hint: ");
        assert!(!refused.stderr.contains('\u{1b}'), "{:?}", refused.stderr);
        assert_no_secret(PASSWORD, &[&refused]);
    }
    assert_eq!(list(&sandbox), json!({}));
}

fn pulls_after_login(client: Client, keyring: Keyring, transport: Transport) {
    let username = "robot";
    let mut sandbox = Sandbox::without_cluster();
    let helper = Helper::install(&mut sandbox, keyring);
    let registry = Registry::start(transport, username, PASSWORD);
    let (host, image) = (registry.host(), registry.push("team/app"));
    client.configure(&mut sandbox, &[&registry]);
    assert_ne!(client.pull(&sandbox, &registry, &image).code, Some(0), "it is private");

    let spelling = format!("https://{host}/v2/");
    let stored = login(&sandbox, &spelling, username, format!("{PASSWORD}\n"));
    stored.success();
    let before = registry.readers("team/app").len();
    let pulled = client.pull(&sandbox, &registry, &image);
    pulled.success();
    let readers = registry.readers("team/app").split_off(before);
    assert!(!readers.is_empty() && readers.iter().all(|reader| reader == username), "{readers:?}");
    let inspected = (client != Client::Docker).then(|| {
        let line = ["inspect", verify(&registry), &format!("docker://{image}")];
        Client::Skopeo.run(&sandbox, line, "")
    });
    if let Some(inspected) = &inspected {
        assert_eq!(inspected.success().json()["Name"], format!("{host}/team/app"));
    }

    let removed = sandbox.run(HELPER, ["logout", &host]);
    removed.success().assert_stdout_contains(&format!("removed the login for {host}"));
    assert_eq!(helper.list(&sandbox), json!({}));
    assert_ne!(client.pull(&sandbox, &registry, &image).code, Some(0), "after logout");
    let files = Folder::new(sandbox.root());
    assert_no_secret(PASSWORD, &[&stored, &pulled, &removed, &files]);
}

#[test]
fn docker_pulls_with_what_login_stored_and_not_after_logout() {
    pulls_after_login(Client::Docker, Keyring::SecretService, Transport::Tls);
}

#[test]
fn skopeo_pulls_with_what_login_stored_and_not_after_logout() {
    pulls_after_login(Client::Skopeo, Keyring::Keyutils, Transport::Http);
}

#[test]
fn podman_pulls_with_what_login_stored_and_not_after_logout() {
    pulls_after_login(Client::Podman, Keyring::SecretService, Transport::Tls);
}

/// The helper at a terminal.
fn at_terminal(sandbox: &Sandbox, line: &str) -> Terminal {
    Terminal::run(sandbox, &format!("{HELPER} {line}"))
}

/// What the terminal showed to its end; the password is never among it.
fn rest(terminal: Terminal) -> String {
    let shown = terminal.end();
    assert_no_secret(PASSWORD, &[&shown]);
    shown
}

#[test]
fn what_is_missing_is_asked_for_and_the_password_is_not_shown() {
    let (sandbox, _service) = machine();
    let mut terminal = at_terminal(&sandbox, "login ghcr.io");
    terminal.expect("User name at \"ghcr.io\"");
    terminal.type_line("me");
    terminal.expect("Password of \"me\" at \"ghcr.io\"");
    terminal.type_hidden(PASSWORD);
    let shown = rest(terminal);
    assert!(shown.contains("stored the login of \"me\" for ghcr.io in the Secret Service"), "{shown}");
    assert!(shown.contains("code=0") && is_sane(&shown), "{shown}");
    assert_eq!(get(&sandbox, "ghcr.io"), pair("me", PASSWORD));

    // Only what is missing.
    let mut terminal = at_terminal(&sandbox, "login docker.io --username you");
    let before = terminal.expect("Password of \"you\" at \"docker.io\"");
    assert!(!before.contains("User name"), "{before}");
    terminal.type_hidden("pass");
    assert!(rest(terminal).contains("for Docker Hub in the Secret Service"));
    assert_eq!(get(&sandbox, "docker.io"), pair("you", "pass"));
}

#[test]
fn ctrl_c_at_a_question_stores_nothing_leaves_the_terminal_sane_and_is_130() {
    for (line, question) in [("login ghcr.io", "User name"), ("login ghcr.io -u me", "Password of")] {
        let (sandbox, _service) = machine();
        let mut terminal = at_terminal(&sandbox, line);
        terminal.expect(question);
        terminal.press("half");
        // Until what was typed has arrived, Ctrl-C could overtake it.
        std::thread::sleep(std::time::Duration::from_millis(300));
        terminal.press("\u{3}");
        let shown = rest(terminal);
        assert!(shown.contains("code=130") && is_sane(&shown), "{question}: {shown}");
        assert_eq!(list(&sandbox), json!({}));
    }
}

#[test]
fn password_stdin_never_reads_from_the_terminal() {
    let (sandbox, _service) = machine();
    let shown = rest(at_terminal(&sandbox, "login ghcr.io -u me --password-stdin"));
    assert!(shown.contains("code=2") && shown.contains("standard input is a terminal"), "{shown}");
    assert_eq!(list(&sandbox), json!({}));
}

#[test]
fn a_locked_keyring_is_said_with_its_remedy_and_is_7() {
    let (sandbox, mut service) = machine();
    login(&sandbox, "ghcr.io", "me", PASSWORD).success();
    for fresh in [false, true] {
        if fresh {
            service.start_keyring(false).unwrap();
        } else {
            service.lock().unwrap();
        }
        let stored = login(&sandbox, "quay.io", "me", PASSWORD);
        let removed = sandbox.run(HELPER, ["logout", "https://ghcr.io"]);
        for refused in [&stored, &removed] {
            refused.assert_code(7).assert_stderr_contains("the keyring is locked; unlock it by");
            assert_eq!(refused.stdout, "");
        }
        assert_no_secret(PASSWORD, &[&stored, &removed]);
    }
    service.start_keyring(true).unwrap();
    assert_eq!(list(&sandbox), json!({ "ghcr.io": "me" }));
}

#[test]
fn nobody_types_a_password_for_a_locked_keyring() {
    let (sandbox, service) = machine();
    login(&sandbox, "ghcr.io", "me", PASSWORD).success();
    service.lock().unwrap();
    let shown = rest(at_terminal(&sandbox, "login quay.io --username me"));
    assert!(shown.contains("the keyring is locked") && shown.contains("code=7"), "{shown}");
    assert!(!shown.contains("Password of"), "{shown}");
}

#[test]
fn without_a_keyring_it_is_7_and_no_file_takes_its_place() {
    let mut sandbox = Sandbox::without_cluster();
    sandbox.set("REGCRED_STORE", "secret-service");
    let refused = login(&sandbox, "ghcr.io", "me", PASSWORD);
    refused.assert_code(7).assert_stderr_contains("there is no Secret Service");
    let files = Folder::new(sandbox.root()).except("programs");
    assert_no_secret(PASSWORD, &[&refused, &files]);
}

#[test]
fn the_kernels_keyring_warns_that_it_forgets() {
    let sandbox = Sandbox::without_cluster();
    let kernel = KernelKeyring::of_root();
    let line = ["login", "ghcr.io", "-u", "me", "--password-stdin"];
    let stored = kernel.run(&sandbox, HELPER, line, PASSWORD.as_bytes());
    stored.success().assert_stdout_contains("for ghcr.io in the kernel keyring");
    stored.assert_stderr_contains(
        "warning: the kernel keyring does not last (DBUS_SESSION_BUS_ADDRESS is not set, ",
    );
    stored.assert_stderr_contains("it is gone after a reboot");
    let removed = kernel.run(&sandbox, HELPER, ["logout", "ghcr.io"], b"");
    assert_eq!(removed.success().stdout, "removed the login for ghcr.io in the kernel keyring\n");
    assert_eq!(kernel.run(&sandbox, HELPER, ["list"], b"").json(), json!({}));
    assert_no_secret(PASSWORD, &[&stored, &removed]);
}

#[test]
fn logout_removes_every_spelling_of_several_registries_and_an_unknown_one_is_fine() {
    let (sandbox, _service) = machine();
    for server in ["https://GHCR.io/v2/", "docker.io", "quay.io:443", "ghcr.io/team", "keep.example"] {
        let login = json!({ "ServerURL": server, "Username": "me", "Secret": PASSWORD });
        sandbox.run_with_stdin(HELPER, ["store"], login.to_string().as_bytes()).success();
    }
    let removed = sandbox
        .run(HELPER, ["logout", "ghcr.io:443", "https://quay.io", "unknown.example", "index.docker.io"]);
    removed.success();
    let expected = "removed the login for ghcr.io in the Secret Service\n\
                    removed the login for quay.io in the Secret Service\n\
                    there was no login for unknown.example in the Secret Service\n\
                    removed the login for https://index.docker.io/v1/ in the Secret Service\n";
    assert_eq!(removed.stdout, expected);
    // crane stores such; whatever `list` shows can be removed.
    assert_eq!(list(&sandbox), json!({ "ghcr.io/team": "me", "keep.example": "me" }));
    sandbox
        .run(HELPER, ["logout", "ghcr.io/team"])
        .success()
        .assert_stdout_contains("removed the login for ghcr.io/team ");
    // One that is misspelled keeps the others from being removed by half.
    sandbox.run(HELPER, ["logout", "keep.example", "no registry"]).assert_code(2);
    assert_eq!(list(&sandbox), json!({ "keep.example": "me" }));
    sandbox.run(HELPER, ["logout"]).assert_code(2).assert_stderr_contains("no registry is named");
    assert_no_secret(PASSWORD, &[&removed]);
}

#[test]
fn config_show_tells_what_is_in_force_and_where_from() {
    let mut sandbox = Sandbox::without_cluster();
    let show = |sandbox: &Sandbox| sandbox.run(HELPER, ["config", "show"]).success().stdout.clone();
    let file = sandbox.home().join(".config/regcred/config.toml");
    let shown_file = file.display();
    assert_eq!(
        show(&sandbox),
        format!("# config file: {shown_file} (there is none)\nstore = \"auto\"  # the default\n")
    );

    sandbox.write(".config/regcred/config.toml", "# mine\nstore = \"keyutils\"\n");
    assert_eq!(
        show(&sandbox),
        format!("# config file: {shown_file}\nstore = \"keyutils\"  # from the config file\n")
    );
    let object = sandbox.run(HELPER, ["config", "show", "-o", "json"]).success().json();
    let expected = json!({
        "apiVersion": "regcred/v1",
        "kind": "Settings",
        "configFile": file,
        "configFileExists": true,
        "store": { "value": "keyutils", "from": "configFile" },
    });
    assert_eq!(object, expected);

    sandbox.set("REGCRED_STORE", "secret-service");
    assert!(show(&sandbox).ends_with("\nstore = \"secret-service\"  # from REGCRED_STORE\n"));
    // What is printed is itself a config file.
    let printed = show(&sandbox);
    sandbox.set("REGCRED_STORE", "");
    sandbox.write(".config/regcred/config.toml", printed);
    assert!(show(&sandbox).ends_with("\nstore = \"secret-service\"  # from the config file\n"));

    let elsewhere = sandbox.root().join("elsewhere");
    sandbox.set("XDG_CONFIG_HOME", &elsewhere);
    assert!(
        show(&sandbox).starts_with(&format!(
            "# config file: {}/regcred/config.toml (there is none)",
            elsewhere.display()
        ))
    );
    sandbox.set("XDG_CONFIG_HOME", "");
    sandbox.set("HOME", "");
    assert!(
        show(&sandbox)
            .starts_with("# config file: none: neither XDG_CONFIG_HOME nor HOME is set\nstore = \"auto\"")
    );
    let object = sandbox.run(HELPER, ["config", "show", "--output=json"]).success().json();
    assert_eq!((&object["configFile"], &object["configFileExists"]), (&Value::Null, &json!(false)));
    sandbox
        .run(HELPER, ["config", "show", "-o", "yaml"])
        .assert_code(2)
        .assert_stderr_contains("there is: json");
}

#[test]
fn a_wrong_config_file_is_2_with_line_and_column_whatever_the_variable_says() {
    let mut sandbox = Sandbox::without_cluster();
    for variable in ["", "keyutils"] {
        sandbox.set("REGCRED_STORE", variable);
        for (text, message) in [
            (
                "# mine\nstroe = \"keyutils\"\n",
                "line 2, column 1: there is no setting \"stroe\"; there is: store",
            ),
            ("store = \"plaintext\"\n", "line 1, column 9: no keyring is called \"plaintext\"; use auto, "),
            ("store = 7\n", "line 1, column 9: `store` is a text in quotes"),
            ("\n\nstore = \n", "line 3, column "),
            ("store = \"auto\"\nstore = \"auto\"\n", "line 2, column 1: "),
            ("[store]\n", "line 1, column "),
        ] {
            let file = sandbox.write(".config/regcred/config.toml", text);
            for line in [&["config", "show"][..], &["config", "show", "-o", "json"], &["logout", "ghcr.io"]] {
                let refused = sandbox.run(HELPER, line);
                refused.assert_code(2).assert_stderr_contains(&format!("{file:?}, {message}"));
                assert_eq!(refused.stdout, "");
            }
            let refused = login(&sandbox, "ghcr.io", "me", PASSWORD);
            refused.assert_code(2).assert_stderr_contains(message);
            assert_no_secret(PASSWORD, &[&refused]);
        }
    }
    sandbox.write(".config/regcred/config.toml", "");
    sandbox.set("REGCRED_STORE", "none");
    let refused = sandbox.run(HELPER, ["config", "show"]);
    refused.assert_code(2).assert_stderr_contains("REGCRED_STORE: no keyring is called \"none\"");
    // A keyring of another system is named before a password is asked for.
    sandbox.set("REGCRED_STORE", "keychain");
    login(&sandbox, "ghcr.io", "me", PASSWORD).assert_code(2).assert_stderr_contains("is not of this system");
}

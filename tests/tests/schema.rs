//! Every object that a command prints for scripts follows the published schema, in JSON and in YAML.

use regcred_tests::cluster;
use regcred_tests::sandbox::Sandbox;
use regcred_tests::schema;

/// Something is wrong with it in many ways.
const CONFIG: &str = r#"{"auths": {"hub.docker.com": {"auth": "cm9ib3Q6cGFzcw=="}, "ghcr.io": {"auth": "!"}, "quay.io/team": {},
    "gcr.io": {"identitytoken": "token"}, "a b": {"username": "robot", "password": "pass"}}}"#;

const GOOD: &str =
    r#"{"auths": {"https://index.docker.io/v1/": {"username": "robot", "password": "pass"}, "ghcr.io": {}}}"#;

#[test]
fn every_object_of_every_command_follows_the_schema() {
    let sandbox = Sandbox::new(cluster());
    sandbox.write("config.json", CONFIG);
    sandbox.write("good.json", GOOD);
    let commands: [(&str, &[&str], i32); 11] = [
        ("Version", &["version"], 0),
        ("LintReport", &["lint", "-f", "config.json", "-f", "good.json"], 3),
        ("Match", &["match", "nginx", "-f", "good.json"], 0),
        ("Match", &["match", "nginx", "-f", "config.json"], 3),
        (
            "Match",
            &[
                "match",
                "ghcr.io/x@sha256:0000000000000000000000000000000000000000000000000000000000000000",
                "-f",
                "good.json",
            ],
            0,
        ),
        ("PullSecretList", &["list", "-A"], 0),
        ("PullSecretList", &["list", "-A", "--no-consumers"], 0),
        ("DanglingReferenceList", &["list", "-A", "--dangling"], 0),
        ("InspectReport", &["inspect", "-f", "config.json", "-f", "good.json"], 0),
        ("InspectReport", &["inspect", "-f", "config.json", "--show-secrets"], 0),
        ("SetupReport", &["setup", "--dry-run"], 0),
    ];
    for (kind, arguments, code) in commands {
        for format in ["json", "yaml"] {
            let output = sandbox.kubectl(["regcred"].iter().chain(arguments).chain(&["-o", format]));
            output.assert_code(code);
            schema::valid(&output, kind);
        }
    }
}

//! Every recorded run of `kubectl create secret docker-registry`, done by us.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regcred_tests::sandbox::Sandbox;
use serde_json::Value;

/// Why we refuse on purpose what kubectl accepts, if we do.
fn refusal(vector: &Value) -> Option<&'static str> {
    let flag = |name: &str| {
        let args = vector["args"].as_array().unwrap();
        args.iter().find_map(|arg| arg.as_str().unwrap().strip_prefix(name).map(str::to_owned))
    };
    let secret = &vector["secret"];
    let name = secret["metadata"]["name"].as_str().unwrap();
    let part_is_valid = |part: &str| {
        let inner = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        inner && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(part_is_valid) {
        return Some("an invalid Secret name");
    }
    if flag("--from-file=").is_some() {
        let text = secret["data"][".dockerconfigjson"].as_str().map(|data| STANDARD.decode(data).unwrap());
        let is_object = text
            .is_some_and(|text| serde_json::from_slice::<Value>(&text).is_ok_and(|json| json.is_object()));
        return (!is_object).then_some("no JSON object under .dockerconfigjson");
    }
    if flag("--docker-username=").is_some_and(|user| user.contains(':')) {
        return Some("a user name with a colon");
    }
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c);
    flag("--docker-server=")
        .is_some_and(|server| server.is_empty() || server.contains(forbidden))
        .then_some("a bad server")
}

#[test]
fn create_makes_the_secret_that_kubectl_makes() {
    let vectors = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/kubectl-create.jsonl"));
    let (mut alike, mut refused_both, mut refused_by_us) = (0, 0, 0);
    for line in vectors.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let sandbox = Sandbox::without_cluster();
        for (file, text) in vector["files"].as_object().into_iter().flatten() {
            sandbox.write(file, text.as_str().unwrap());
        }
        let args = vector["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap());
        let args = ["create"].into_iter().chain(args).chain(["--dry-run=client", "-o", "json"]);
        let output = sandbox.kubectl_regcred(args);

        if vector["exit_code"] != 0 {
            assert!(
                output.code.is_some_and(|code| code != 0),
                "kubectl refuses {line}\nwe print {}",
                output.stdout
            );
            assert_eq!(output.stdout, "", "{line}");
            refused_both += 1;
        } else if let Some(reason) = refusal(&vector) {
            assert!(matches!(output.code, Some(1 | 2)), "{reason}, not refused: {line}");
            assert_eq!(output.stdout, "", "{line}");
            assert!(output.stderr.contains("error: "), "{line}");
            refused_by_us += 1;
        } else {
            output.success();
            let (ours, theirs) = (output.json(), &vector["secret"]);
            for field in ["kind", "apiVersion", "type", "data"] {
                assert_eq!(ours[field], theirs[field], "`{field}` of {line}");
            }
            for field in ["name", "namespace"] {
                assert_eq!(ours["metadata"][field], theirs["metadata"][field], "`{field}` of {line}");
            }
            alike += 1;
        }
    }
    assert_eq!((alike, refused_both, refused_by_us), (18, 22, 20), "every line is one of the three");
}

//! `kubectl regcred list` while the network or the server fails: the whole truth or an error, never a part called
//! whole.

use regcred_tests::cluster;
use regcred_tests::cluster::Namespace;
use regcred_tests::fault_proxy::{Fault, FaultProxy, Rule};
use regcred_tests::leak::assert_no_secret;
use regcred_tests::output::Output;
use regcred_tests::sandbox::Sandbox;
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2-hunter2";

/// More than two pages of Secrets, and more than one of service accounts.
const SECRETS: usize = 2005;
const ACCOUNTS: usize = 505;

/// The requests for: the first page of Secrets, a later one, service accounts, a later page of these.
const FIRST: &str = "/secrets?";
const NEXT: &str = "/secrets?*continue=";
const ACCOUNT: &str = "/serviceaccounts?";
const PODS: &str = "/pods?";

/// A namespace with all that. It takes a while, so the tests of this file are one.
fn seeded() -> Namespace<'static> {
    let namespace = cluster().namespace();
    let config = json!({"auths": {"ghcr.io": {"username": "robot", "password": PASSWORD}}}).to_string();
    let secrets = (0..SECRETS).map(|at| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("s-{at:04}")},
               "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": config}})
    });
    let accounts = (0..ACCOUNTS).map(|at| {
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": format!("a-{at:04}")},
               "imagePullSecrets": [{"name": format!("s-{at:04}")}]})
    });
    let items: Vec<_> = secrets.chain(accounts).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let args = ["create", "-n", namespace.name(), "-f", "-"];
    Sandbox::new(cluster()).run_with_stdin("kubectl", args, list.as_bytes()).success();
    namespace
}

/// `list` through a proxy with these faults: (what, where, how often).
fn list(namespace: &Namespace<'_>, faults: &[(Fault, &str, u32)], more: &[&str]) -> (Output, FaultProxy) {
    let proxy = FaultProxy::start(&cluster().kubeconfig());
    for (fault, path, times) in faults {
        let rule = Rule { fault: *fault, method: "GET", path_contains: (*path).to_owned(), times: *times };
        proxy.inject(rule);
    }
    let mut sandbox = Sandbox::new(cluster());
    sandbox.use_kubeconfig(&proxy.kubeconfig());
    let args = ["regcred", "list", "-o", "json", "-n", namespace.name(), "--request-timeout=5s"];
    (sandbox.kubectl(args.iter().chain(more)), proxy)
}

/// How often the proxy did something wrong.
fn faults(proxy: &FaultProxy) -> usize {
    proxy.seen().iter().filter(|seen| seen.fault.is_some()).count()
}

/// Tries each fault at each place; most of the time is spent waiting.
fn side_by_side<T: Sync>(faults: &[T], test: impl Fn(&T, &str) + Sync) {
    std::thread::scope(|scope| {
        for fault in faults {
            scope.spawn(|| [FIRST, NEXT, ACCOUNT, PODS].into_iter().for_each(|path| test(fault, path)));
        }
    });
}

#[test]
fn under_every_fault_a_list_is_whole_or_an_error() {
    let namespace = seeded();
    let (whole, _) = list(&namespace, &[], &[]);
    let truth = whole.success().json();
    let items = |list: &Value| list["items"].as_array().map_or(0, Vec::len);
    assert_eq!(items(&truth), SECRETS);
    assert_eq!(truth["items"][ACCOUNTS - 1]["usedBy"]["verdict"], "used");
    assert_eq!(truth["items"][ACCOUNTS]["usedBy"]["verdict"], "unused");

    let busy = |status, retry_after| Fault::Busy { status, retry_after };
    // What passes is got over.
    let passing = [
        Fault::Refuse,
        Fault::LoseAnswer,
        Fault::Truncate,
        Fault::Trickle,
        busy(429, Some(1)),
        busy(500, None),
        busy(503, Some(0)),
        busy(504, None),
    ];
    side_by_side(&passing, |&fault, path| {
        let (output, proxy) = list(&namespace, &[(fault, path, 1)], &[]);
        assert_eq!(output.success().json(), truth, "{fault:?} at {path}");
        assert_eq!(faults(&proxy), 1, "{fault:?} at {path}");
        assert_no_secret(PASSWORD, &[&output]);
    });
    // A page that expired begins the list anew; nothing is in it twice.
    for path in [NEXT, "/serviceaccounts?*continue="] {
        let (output, proxy) = list(&namespace, &[(Fault::Expired, path, 2)], &[]);
        assert_eq!(output.success().json(), truth, "{path}");
        assert_eq!(faults(&proxy), 2);
    }
    // What stays is an error, wherever it is, and nothing is printed as if it were all.
    let staying = [
        (Fault::Refuse, "no answer from the API server"),
        (Fault::Truncate, "no answer from the API server"),
        (Fault::Cut, "it answered something that is not understood"),
        (Fault::Stall, "within 5s"),
        (Fault::StallBody, "within 5s"),
        (busy(429, Some(60)), "too busy to list"),
        (busy(500, None), "could not list"),
        (busy(503, None), "could not list"),
    ];
    side_by_side(&staying, |&(fault, said), path| {
        let (output, _) = list(&namespace, &[(fault, path, 1000)], &[]);
        output.assert_code(6).assert_stderr_contains(said);
        assert_eq!(output.stdout, "", "{fault:?} at {path}");
        assert_no_secret(PASSWORD, &[&output]);
    });
    let (output, proxy) = list(&namespace, &[(Fault::Expired, NEXT, 1000)], &[]);
    output.assert_code(6).assert_stderr_contains("its pages expired 4 times");
    assert_eq!((output.stdout.as_str(), faults(&proxy)), ("", 4));
    // Several at once, here and there.
    let several = [
        (Fault::Expired, NEXT, 1),
        (Fault::Truncate, FIRST, 1),
        (busy(503, None), ACCOUNT, 2),
        (Fault::LoseAnswer, PODS, 1),
    ];
    let (output, proxy) = list(&namespace, &several, &[]);
    assert_eq!(output.success().json(), truth);
    assert_eq!(faults(&proxy), 5);
    // And without consumers.
    let (output, _) = list(&namespace, &[(Fault::Truncate, NEXT, 1)], &["--no-consumers"]);
    assert_eq!(items(&output.success().json()), SECRETS);
}

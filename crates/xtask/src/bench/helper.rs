//! The credential helper beside docker-credential-helpers' own, on the same data.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Contest, Contestant, Goals, Verdict, machine, table};
use crate::environment::Environment;
use crate::failure::{Context as _, Failure, Result};
use crate::pass_store::PassStore;
use crate::secret_service::SecretService;
use crate::{cargo, clients, setup};

const HELPER: &str = "docker-credential-regcred";
/// Debian's; the other version is built.
const OLD_PEER: &str = "/usr/bin/docker-credential-secretservice";
/// What does nothing, for the time that the system itself takes.
const EMPTY: &str = "/usr/bin/true";

/// How many logins there are to be listed.
const ENTRIES: u32 = 200;
/// One of them, to be read.
const SERVER: &str = "registry-100.example";
/// The one in the kernel's keyring, which is the user's own.
const OWN_SERVER: &str = "bench.regcred.example";

/// How often the memory is measured; it hardly varies.
const MEMORY_RUNS: usize = 5;

/// The most that the helper may weigh, in bytes.
const SIZE: u64 = 2 * 1024 * 1024;

/// Measures, and prints the tables.
#[expect(clippy::print_stdout, reason = "the tables are the result")]
pub(super) fn run(environment: &Environment, runs: u32) -> Result<Verdict> {
    setup::ensure(environment)?;
    let clients = clients::programs(environment)?;
    let helper = cargo::build_release(environment, HELPER)?;
    let folder = tempfile::tempdir().cannot("make a temporary folder")?;
    let (home, runtime) = (folder.path().join("home"), folder.path().join("run"));
    for path in [&home, &runtime] {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().mode(0o700).create(path).cannot_at("create", path)?;
    }
    let service = SecretService::start(&home, &runtime)?;
    let pass = PassStore::create(&home)?;
    let mut variables: Vec<(OsString, OsString)> = vec![("PATH".into(), "/usr/bin:/bin".into())];
    variables.extend(service.variables().map(|(name, value)| (name.into(), value.into())));
    let input = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).cannot_at("write", &path).map(|()| path)
    };
    let inputs = [input("server", SERVER)?, input("own-server", OWN_SERVER)?];
    let bench = Bench { helper, clients, variables, inputs };
    eprintln!("Storing {ENTRIES} logins …");
    for number in 0..ENTRIES {
        let server = format!("registry-{number}.example");
        // The peers' items are like ours, so that all ask the keyring for the same.
        ask(bench.ours("secret-service", "store"), &login(&server))?;
        pass.store(&server, USERNAME, &secret(&server))?;
    }
    let own = OwnEntry::store(&bench)?;

    let mut tables = Vec::new();
    let mut verdict = Verdict::Met;
    let contests = [
        bench.contest("`get` from the Secret Service", "get", 0.6),
        bench.contest("`list` of 200 logins", "list", 0.5),
        bench.get_from_the_kernel(),
    ];
    for contest in contests {
        let (table, reached) = table(contest.title, &contest.run(runs)?, contest.goals);
        tables.push(table);
        verdict = verdict.and(reached);
    }
    own.erase()?;
    for verb in ["get", "list"] {
        let (theirs, ours) = bench.memory(verb, bench.input(verb))?;
        let reached = Verdict::of(ours, theirs);
        tables.push(format!(
            "Peak memory of `{verb}`: **{ours:.1} MiB**, docker-credential-secretservice {theirs:.1} MiB (goal: no more: \
             {})\n",
            reached.word()
        ));
        verdict = verdict.and(reached);
    }
    let size = bench.helper.metadata().cannot_at("look at", &bench.helper)?.len();
    let size_verdict = if size <= SIZE { Verdict::Met } else { Verdict::Missed };

    println!("{}", tables.join("\n"));
    #[expect(clippy::cast_precision_loss, reason = "megabytes fit exactly")]
    let mebibytes = size as f64 / 1_048_576.0;
    println!("Size of the helper: **{mebibytes:.2} MiB** (goal 2 MiB: {})\n", size_verdict.word());
    println!("{runs} runs each, in turn; {ENTRIES} logins in each store. {}.", machine()?);
    println!(
        "{}; {}.",
        bench.version(&bench.helper)?,
        bench.version(&bench.clients.join(clients::SECRETSERVICE))?
    );
    println!("Debian's: {}.", bench.version(Path::new(OLD_PEER))?);
    Ok(verdict.and(size_verdict))
}

const USERNAME: &str = "robot";

/// As long as a token of GitHub's.
fn secret(server: &str) -> String {
    format!("{server:-<40}")
}

fn login(server: &str) -> String {
    serde_json::json!({ "ServerURL": server, "Username": USERNAME, "Secret": secret(server) }).to_string()
}

struct Bench {
    helper: PathBuf,
    clients: PathBuf,
    /// Of the session with the Secret Service.
    variables: Vec<(OsString, OsString)>,
    /// Files with what `get` reads: the server that all have, and the one in the kernel's keyring.
    inputs: [PathBuf; 2],
}

impl Bench {
    fn command(&self, program: &Path, verb: &str) -> Command {
        let mut command = Command::new(program);
        command.arg(verb).env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn ours(&self, store: &str, verb: &str) -> Command {
        let mut command = self.command(&self.helper, verb);
        command.env("REGCRED_STORE", store);
        command
    }

    /// The peak memory of our helper and its peer, side by side. A contest can't tell it of programs that are smaller
    /// than this one; GNU time is smaller still.
    fn memory(&self, verb: &str, input: Option<&Path>) -> Result<(f64, f64)> {
        let of = |program: &Path| -> Result<f64> {
            let mut command = self.command(Path::new("/usr/bin/time"), "--quiet");
            let stdin = match input {
                Some(path) => File::open(path).cannot_at("open", path)?.into(),
                None => Stdio::null(),
            };
            let output = command
                .arg("--format=%M")
                .arg(program)
                .arg(verb)
                .env("REGCRED_STORE", "secret-service")
                .stdin(stdin)
                .output()
                .cannot("run GNU time")?;
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let kibibytes = text.lines().last().and_then(|line| line.parse::<f64>().ok());
            kibibytes
                .filter(|_| output.status.success())
                .ok_or_else(|| Failure::new(format!("GNU time does not tell the memory of {verb}: {text}")))
        };
        let median = |program: &Path| -> Result<f64> {
            let mut all = (0..MEMORY_RUNS).map(|_| of(program)).collect::<Result<Vec<_>>>()?;
            all.sort_by(f64::total_cmp);
            Ok(all[all.len() / 2] / 1024.0)
        };
        Ok((median(&self.clients.join(clients::SECRETSERVICE))?, median(&self.helper)?))
    }

    /// The same verb from all helpers.
    fn contest<'a>(&'a self, title: &'a str, verb: &'static str, wall: f64) -> Contest<'a> {
        let input = self.input(verb);
        let other = |name, program: PathBuf| Contestant {
            name,
            command: Box::new(move |_| self.command(&program, verb)),
            input,
        };
        Contest {
            title,
            peer: other("docker-credential-secretservice", self.clients.join(clients::SECRETSERVICE)),
            ours: Contestant {
                name: HELPER,
                command: Box::new(move |_| self.ours("secret-service", verb)),
                input,
            },
            others: vec![
                other("docker-credential-secretservice of Debian", OLD_PEER.into()),
                other("docker-credential-pass", self.clients.join(clients::PASS)),
            ],
            goals: Goals { wall: Some(wall), memory: None },
            check: Box::new(move |written| {
                let answers = written.iter().map(answer).collect::<Result<Vec<_>>>()?;
                let right = match verb {
                    "get" => answers[0]["Secret"] == secret(SERVER),
                    _ => answers[0].as_object().is_some_and(|list| list.len() == ENTRIES as usize),
                };
                if right && answers.iter().all(|answer| *answer == answers[0]) {
                    return Ok(());
                }
                Err(Failure::new(format!("the answers to `{verb}` differ, so their times can't be compared")))
            }),
        }
    }

    fn input(&self, verb: &str) -> Option<&Path> {
        (verb == "get").then_some(self.inputs[0].as_path())
    }

    fn get_from_the_kernel(&self) -> Contest<'_> {
        let input = Some(self.inputs[1].as_path());
        Contest {
            title: "`get` from the kernel's keyring",
            peer: Contestant {
                name: "an empty process",
                command: Box::new(|_| self.command(Path::new(EMPTY), "get")),
                input,
            },
            ours: Contestant { name: HELPER, command: Box::new(|_| self.ours("keyutils", "get")), input },
            others: Vec::new(),
            goals: Goals { wall: Some(2.0), memory: None },
            check: Box::new(|written| {
                let right = answer(&written[1])?["Secret"] == secret(OWN_SERVER);
                if right { Ok(()) } else { Err(Failure::new("the kernel's keyring lost a login")) }
            }),
        }
    }

    fn version(&self, program: &Path) -> Result<String> {
        Ok(ask(self.command(program, "version"), "")?.trim().to_owned())
    }
}

fn answer(file: &File) -> Result<Value> {
    serde_json::from_reader(file).cannot("read a helper's answer")
}

/// Runs a helper once; returns its answer.
fn ask(mut command: Command, input: &str) -> Result<String> {
    let name = command.get_program().display().to_string();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .cannot(format_args!("start {name}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).cannot(format_args!("write to {name}"))?;
    }
    let output = child.wait_with_output().cannot(format_args!("wait for {name}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(Failure::new(format!("{name} failed: {}", text.trim())))
    }
}

/// A login in the keyring of the user who runs us; it is erased again.
struct OwnEntry<'a> {
    bench: &'a Bench,
    erased: bool,
}

impl<'a> OwnEntry<'a> {
    fn store(bench: &'a Bench) -> Result<Self> {
        ask(bench.ours("keyutils", "store"), &login(OWN_SERVER))?;
        Ok(Self { bench, erased: false })
    }

    fn erase(mut self) -> Result<()> {
        self.erased = true;
        ask(self.bench.ours("keyutils", "erase"), OWN_SERVER).map(|_| ())
    }
}

impl Drop for OwnEntry<'_> {
    fn drop(&mut self) {
        if !self.erased {
            // What went wrong before is the better reason to fail.
            let _ = ask(self.bench.ours("keyutils", "erase"), OWN_SERVER);
        }
    }
}

//! The command line of `cargo xtask`.

#![expect(
    clippy::print_stdout,
    reason = "what a script may use (`eval`, a status) goes to stdout, all else to stderr"
)]

#[cfg(target_os = "linux")]
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[cfg(target_os = "linux")]
use crate::bench::Bench;
use crate::dist::{self, Dist};
use crate::environment::Environment;
use crate::failure::Result;
#[cfg(target_os = "linux")]
use crate::{
    bench, clients, cluster, demo, failure::Failure, interrupt, kubernetes, process::Identity, setup, test,
};
use crate::{check, package, release};

/// The chores of regcred.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    #[cfg(target_os = "linux")]
    /// A real Kubernetes control plane on this machine, to try things and to run tests against.
    #[command(subcommand)]
    Cluster(ClusterChore),
    #[cfg(target_os = "linux")]
    /// Show the main job on real input, in a throwaway cluster.
    ///
    /// Sets up what is missing, as `test` does.
    Demo,
    #[cfg(target_os = "linux")]
    /// Measure time and memory, beside the programs that people would use instead.
    ///
    /// Builds the release of our programs, and prints tables in Markdown on stdout. Exits with 1 if a goal is
    /// missed. Leave the machine alone meanwhile.
    #[command(subcommand)]
    Bench(Bench),
    /// Make the archives, packages and manifests of a release.
    ///
    /// Compiles both programs for this machine, and for what else the toolchain has a standard library of; prints what it
    /// leaves out. The same commit and toolchain give the same bytes, in any folder. With cargo-zigbuild on PATH the
    /// plugin for Linux needs glibc 2.28, otherwise the one of this machine.
    Dist(Dist),
    /// Prove that the credential helper is the same bytes, built in another folder with another home of cargo's.
    #[cfg(target_os = "linux")]
    Reproducible {
        /// The plugin, too, which takes minutes longer.
        #[arg(long)]
        plugin: bool,
    },
    /// Lint the programs and run their unit tests, on any system and without servers.
    Check,
    /// Package the crates as for crates.io, and install both programs from that into a temporary folder.
    Package,
    /// Turn the workspace into the next version, in one commit: Cargo.toml, Cargo.lock, changelog, manual pages, krew's
    /// manifest.
    Release {
        /// Greater than the version in Cargo.toml, as 1.2.0.
        version: String,
    },
    /// Print what the changelog says of the version that a tag names; fails unless it is that of Cargo.toml.
    Notes {
        /// As v1.2.0.
        tag: String,
    },
    #[cfg(target_os = "linux")]
    /// Run the whole test suite against a throwaway cluster.
    ///
    /// Installs what is missing (as root on Debian), builds Kubernetes the first time (minutes), brings a
    /// cluster up, runs `cargo test`, and takes the cluster down again, also after a failure or Ctrl-C. Ends
    /// with the exit code of `cargo test`. In CI (CI=true) a skipped test that tests/skips-allowed.txt
    /// doesn't list is a failure.
    Test {
        /// Compare with the kubelet on a million random cases, not on some thousands; takes minutes longer.
        ///
        /// It stands before the arguments for `cargo test`.
        #[arg(long)]
        long: bool,
        /// Run what takes too long for every day instead: a release is made, installed from every package, and built a
        /// second time elsewhere.
        #[arg(long, exclusive = true)]
        platforms: bool,
        /// Arguments for `cargo test`, e.g. `-p regcred-tests --test support -- --nocapture`; without -p it
        /// tests the whole workspace.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[cfg(target_os = "linux")]
#[derive(Debug, Subcommand)]
enum ClusterChore {
    /// Bring a cluster up and say how to use it; fine if it is up already.
    ///
    /// Builds Kubernetes the first time, which takes minutes; after that a cluster is up in seconds. stdout
    /// gets lines for the shell: eval "$(cargo xtask cluster up)".
    Up {
        /// The cluster's name; several can run side by side.
        #[arg(long, default_value = "default")]
        name: String,
        /// The process that the cluster belongs to: when it is gone, `cargo xtask test` takes the cluster down.
        #[arg(long, hide = true)]
        owner: Option<u32>,
    },
    /// Stop a cluster and remove everything it made; fine if there is none.
    Down {
        /// The cluster's name.
        #[arg(long, default_value = "default")]
        name: String,
    },
    /// List the clusters and their servers.
    ///
    /// Exits with 0 if every cluster listed can be used (or there is none), and with 1 if one is half-started
    /// or lost a server.
    Status,
}

/// Does the chore; a failure is told on stderr.
pub fn run(cli: &Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("Error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode> {
    let environment = Environment::read()?;
    match &cli.chore {
        #[cfg(target_os = "linux")]
        Chore::Cluster(ClusterChore::Up { name, owner }) => up(&environment, name, *owner),
        #[cfg(target_os = "linux")]
        Chore::Cluster(ClusterChore::Down { name }) => down(&environment, name),
        #[cfg(target_os = "linux")]
        Chore::Cluster(ClusterChore::Status) => status(&environment),
        #[cfg(target_os = "linux")]
        Chore::Test { platforms: true, .. } => test::run_platforms(&environment),
        #[cfg(target_os = "linux")]
        Chore::Test { long, arguments, .. } => test::run(&environment, arguments, *long),
        #[cfg(target_os = "linux")]
        Chore::Bench(bench) => bench::run(&environment, bench),
        Chore::Dist(dist) => dist::run(&environment, dist),
        #[cfg(target_os = "linux")]
        Chore::Reproducible { plugin } => dist::reproducible::run(&environment, *plugin),
        Chore::Check => check::run(&environment),
        Chore::Package => package::run(&environment).map(|()| ExitCode::SUCCESS),
        Chore::Release { version } => release::run(version),
        Chore::Notes { tag } => release::notes(tag).map(|notes| {
            print!("{notes}");
            ExitCode::SUCCESS
        }),
        #[cfg(target_os = "linux")]
        Chore::Demo => demo::run(&environment).map(|()| ExitCode::SUCCESS),
    }
}

#[cfg(target_os = "linux")]
fn up(environment: &Environment, name: &str, owner: Option<u32>) -> Result<ExitCode> {
    interrupt::catch()?;
    setup::ensure(environment)?;
    let oracle = kubernetes::oracle(environment)?;
    let clients = clients::programs(environment)?;
    let up = cluster::up(environment, name, owner.and_then(Identity::of))?;
    let version = up.state.version.as_deref().unwrap_or("of unknown version");
    let news = if up.was_running { "is up already" } else { "is up" };
    eprintln!("Cluster `{name}` {news}: Kubernetes {version}, logs in {}", up.layout.logs().display());
    let kubectl = up.state.kubectl.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    println!("export KUBECONFIG={}", up.layout.kubeconfig().display());
    println!("export {}={}", test::CLUSTER, up.layout.root().display());
    println!("export {}={}", test::ORACLE, oracle.display());
    println!("export {}={}", test::CLIENTS, clients.display());
    println!("export PATH={kubectl}:$PATH # its kubectl");
    let name = if name == "default" { String::new() } else { format!(" --name {name}") };
    eprintln!("Take it down with: cargo xtask cluster down{name}");
    Ok(ExitCode::SUCCESS)
}

#[cfg(target_os = "linux")]
fn down(environment: &Environment, name: &str) -> Result<ExitCode> {
    if cluster::down(environment, name)? {
        eprintln!("Cluster `{name}` is down");
    } else {
        eprintln!("There is no cluster `{name}`");
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(target_os = "linux")]
fn status(environment: &Environment) -> Result<ExitCode> {
    let clusters = cluster::list(environment)?;
    if clusters.is_empty() {
        eprintln!("There is no cluster; bring one up with: cargo xtask cluster up");
    }
    for cluster in &clusters {
        let Some(state) = &cluster.state else {
            println!("{}: broken, never started a server", cluster.name);
            continue;
        };
        let condition = match (cluster.is_running(), state.ready) {
            (true, _) => "running",
            (false, true) => "broken, lost a server",
            (false, false) => "broken or still starting",
        };
        let version = state.version.as_deref().unwrap_or("-");
        println!("{}: {condition}, {version}, {}", cluster.name, state.server.as_deref().unwrap_or("-"));
        for server in &state.processes {
            let alive = if server.identity.is_alive() { "alive" } else { "dead" };
            println!("  {} pid {}: {alive}", server.program, server.identity.pid);
        }
    }
    let broken = clusters.iter().find(|cluster| !cluster.is_running());
    broken.map_or(Ok(ExitCode::SUCCESS), |cluster| {
        Err(Failure::new(format!("cluster `{}` can't be used", cluster.name))
            .hint(format!("cargo xtask cluster up --name {0}, or down --name {0}", cluster.name)))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    fn test_chore(line: &[&str]) -> (bool, Vec<OsString>) {
        let line = ["xtask", "test"].iter().chain(line);
        match Cli::try_parse_from(line).unwrap().chore {
            Chore::Test { long, arguments, .. } => (long, arguments),
            other => panic!("not `test`: {other:?}"),
        }
    }

    #[test]
    fn arguments_for_cargo_test_pass_through() {
        let line = ["-p", "regcred-tests", "--", "--nocapture"];
        assert_eq!(test_chore(&line), (false, line.map(OsString::from).to_vec()));
    }

    #[test]
    fn a_long_run_is_ours_and_what_follows_is_for_cargo_test() {
        assert_eq!(test_chore(&["--long"]), (true, vec![]));
        let line = ["--long", "-p", "regcred-tests", "--test=support", "--", "--long"];
        assert_eq!(test_chore(&line), (true, line[1..].iter().map(OsString::from).collect()));
    }
}

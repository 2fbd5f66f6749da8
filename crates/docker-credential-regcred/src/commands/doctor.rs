//! `doctor`: what is wrong with the keyring, the clients' files and the surroundings, and what to do about it.

mod examine;
mod files;
mod findings;
mod plugin;

use std::collections::BTreeMap;

use regcred_cli::failure::{Failure, exit};
use regcred_cli::output;
use regcred_core::server::shown_key;
use serde_json::{Value, json};

use self::examine::{Examination, KeptLogin, Keyring};
use self::findings::{Finding, Findings};
use super::{OUTPUT, wants_json};
use crate::cli::{Arguments, Command};
use crate::config_file::ConfigFile;
use crate::environment::Environment;
use crate::survey::{ClientFile, HELPER};

pub(super) static COMMAND: Command = Command {
    name: "doctor",
    arguments: "",
    about: "Find out what is wrong, and what to do about it",
    details: "\
Looks at the keyring (which one and why, whether it answers, whether it is locked, what it holds), at PATH (whether this
program is on it, whether the plugin there, kubectl-regcred, is of the same version, which of its elements are passed over
because they are not absolute folders), at the files of docker and podman (which helper they name, which passwords stand in
them, who may read them), at the tokens (expired or soon to), and at the surroundings (WSL, SSH). Each problem comes with
its remedy. Nothing is changed, no registry is
asked, and no password is printed.",
    options: &[OUTPUT],
    examples: "docker-credential-regcred doctor",
    exit_codes: "0 no problems; 1 failed; 2 wrong usage; 3 there are problems.",
};

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<u8, Failure> {
    let json = wants_json(arguments)?;
    let examination = examine::examine(environment);
    if json {
        output::json(&report(&examination))?;
    } else {
        print(&examination)?;
    }
    Ok(if examination.findings.problems.is_empty() { exit::DONE } else { exit::PROBLEMS })
}

fn print(examination: &Examination) -> Result<(), Failure> {
    output::line("Keyring")?;
    output::line(&format!("  {}", keyring_line(examination.keyring.as_ref())))?;
    for KeptLogin { server, username, expires_at } in &examination.logins {
        let expires = expires_at.map(|at| format!(", its token expires at {at:?}")).unwrap_or_default();
        output::line(&format!("  {}: {username:?}{expires}", shown_key(server)))?;
    }
    output::line("Program on PATH")?;
    let path = examination.program_on_path.as_ref().ok();
    output::line(&format!(
        "  {}",
        path.map_or_else(|| "none".to_owned(), |path| path.display().to_string())
    ))?;
    output::line("Files")?;
    for file in &examination.survey.files {
        output::line(&format!(
            "  {} ({}): {}",
            file.path.display(),
            file.client.name(),
            file_line(&file.file)
        ))?;
    }
    if examination.is_wsl || examination.is_ssh {
        output::line("Surroundings")?;
    }
    for (is_so, name) in [
        (examination.is_wsl, "WSL, the Windows Subsystem for Linux"),
        (examination.is_ssh, "a login over SSH"),
    ] {
        if is_so {
            output::line(&format!("  {name}"))?;
        }
    }
    let Findings { problems, notes } = &examination.findings;
    for (title, findings) in [("Problems", problems), ("Notes", notes)] {
        if !findings.is_empty() {
            output::line(title)?;
        }
        for Finding { message, remedy, .. } in findings {
            output::line(&format!("  {message}"))?;
            output::line(&format!("    remedy: {remedy}"))?;
        }
    }
    output::note(&match problems.len() {
        0 => "no problems".to_owned(),
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    });
    Ok(())
}

fn keyring_line(keyring: Option<&Keyring>) -> String {
    let Some(Keyring { kind, reason, status }) = keyring else {
        return "none that can be used".to_owned();
    };
    let lock = if status.locked { "locked" } else { "unlocked" };
    let entries = status.entries.map_or_else(
        || "what it holds is not known".to_owned(),
        |count| match count {
            1 => "1 login".to_owned(),
            count => format!("{count} logins"),
        },
    );
    format!("{kind} ({reason}): {lock}, {entries}")
}

fn file_line(file: &Result<ConfigFile, Failure>) -> String {
    let Ok(file) = file else { return "can't be read".to_owned() };
    if !file.exists() {
        return "there is none".to_owned();
    }
    let mut parts = Vec::new();
    if let Some(store) = file.config.creds_store() {
        parts.push(format!("asks {store:?} for every registry"));
    }
    parts.extend(
        file.config
            .cred_helpers()
            .into_iter()
            .map(|(key, helper)| format!("asks {helper:?} for {}", shown_key(&key))),
    );
    let count = file.plaintext().len();
    parts.push(match count {
        0 => "no passwords".to_owned(),
        1 => "1 password in plaintext".to_owned(),
        count => format!("{count} passwords in plaintext"),
    });
    if let Some(mode) = file.mode() {
        parts.push(format!("mode {mode:04o}"));
    }
    parts.join("; ")
}

fn report(examination: &Examination) -> Value {
    let findings = |findings: &[Finding]| {
        let finding = |finding: &Finding| json!({ "code": finding.code, "message": finding.message, "remedy": finding.remedy });
        findings.iter().map(finding).collect::<Vec<_>>()
    };
    let logins = examination.logins.iter().map(|login| {
        json!({
            "server": shown_key(&login.server),
            "username": login.username,
            "expiresAt": login.expires_at.map(|at| format!("{at:?}")),
        })
    });
    let path = |path: &std::path::Path| path.display().to_string();
    json!({
        "apiVersion": "regcred/v1",
        "kind": "Diagnosis",
        "keyring": examination.keyring.as_ref().map(|keyring| json!({
            "name": keyring.kind.name(),
            "reason": keyring.reason,
            "locked": keyring.status.locked,
            "entries": keyring.status.entries,
        })),
        "logins": logins.collect::<Vec<_>>(),
        "programOnPath": examination.program_on_path.as_deref().ok().map(path),
        "program": examination.program.as_deref().map(path),
        "files": examination.survey.files.iter().map(file_report).collect::<Vec<_>>(),
        "wsl": examination.is_wsl,
        "ssh": examination.is_ssh,
        "problems": findings(&examination.findings.problems),
        "notes": findings(&examination.findings.notes),
    })
}

fn file_report(ClientFile { client, path, file, .. }: &ClientFile) -> Value {
    let path = path.display().to_string();
    match file {
        Err(failure) => json!({ "path": path, "clients": client.name(), "error": failure.message }),
        Ok(file) => {
            let helpers = file.config.cred_helpers().into_iter();
            let helpers: BTreeMap<_, _> =
                helpers.map(|(key, helper)| (shown_key(&key).into_owned(), helper)).collect();
            let is_ours = |helper: &str| helper == HELPER;
            let names_us = file.config.creds_store().as_deref().is_some_and(is_ours)
                || helpers.values().any(|helper| is_ours(helper));
            let plaintext = file.plaintext();
            json!({
                "path": path,
                "clients": client.name(),
                "exists": file.exists(),
                "mode": file.mode().map(|mode| format!("{mode:04o}")),
                "namesRegcred": names_us,
                "credsStore": file.config.creds_store(),
                "credHelpers": helpers,
                "plaintext": plaintext.iter().map(|plain| shown_key(&plain.entry.key)).collect::<Vec<_>>(),
            })
        }
    }
}

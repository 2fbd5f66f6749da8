//! `configure`: makes docker and podman ask this helper.

mod backup;
mod plan;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regcred_cli::failure::{Failure, exit};
use regcred_cli::output;
use regcred_core::server::podman_lookup_key;
use regcred_keyring::Settings;

use self::plan::{Member, Plan, Step};
use super::{keyring_failed, registry, settings};
use crate::NAME;
use crate::cli::{Arguments, Command, CommandOption};
use crate::config_file;
use crate::environment::Environment;
use crate::survey::{Client, HELPER, Survey, is_path};

pub(super) static COMMAND: Command = Command {
    name: "configure",
    arguments: "",
    about: "Make docker and podman ask this helper for passwords",
    details: "\
Without --docker and --podman, for whichever of them is used here. Docker's config.json gets `credsStore`, or with
--registry a `credHelpers` entry for each registry. podman and skopeo know only `credHelpers`: their auth.json gets one
for each registry that is named, or that these files or the keyring have a login for.

What changes is printed. Everything else in the files stays, to the byte. Beside each file a copy without passwords is
kept (*.regcred-backup), which --undo goes by; a second run changes nothing. Logins that are in the files stay there
until `migrate` moves them.

It refuses to put this helper in the place of another one, or before logins for a path in a registry (ghcr.io/team),
for which podman asks no helper.",
    options: &[
        CommandOption { long: "docker", short: None, value: None, help: "Configure docker" },
        CommandOption { long: "podman", short: None, value: None, help: "Configure podman, skopeo and buildah" },
        CommandOption {
            long: "registry",
            short: None,
            value: Some("HOST"),
            help: "Only for this registry (repeatable)",
        },
        CommandOption {
            long: "undo",
            short: None,
            value: None,
            help: "Put back what `configure` changed; what others changed since stays",
        },
        CommandOption { long: "dry-run", short: None, value: None, help: "Print what would change, and change nothing" },
        CommandOption {
            long: "force",
            short: None,
            value: None,
            help: "Go on where it would refuse, or where the helper is not on PATH",
        },
    ],
    examples: "\
# From plaintext to the keyring
docker-credential-regcred configure
docker-credential-regcred migrate

# Two registries, and the rest as it is
docker-credential-regcred configure --registry ghcr.io --registry docker.io --dry-run

# As it was before
docker-credential-regcred configure --undo",
    exit_codes: "0 done; 1 failed, or the helper is not on PATH; 2 wrong usage; 8 refused.",
};

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<u8, Failure> {
    let registries = arguments.texts("registry")?;
    for name in &registries {
        registry(name)?;
    }
    let dry_run = arguments.has("dry-run");
    let settings = settings(environment)?;
    if arguments.has("undo") {
        if !registries.is_empty() {
            return Err(Failure::usage("--undo puts back all that was changed; it takes no --registry"));
        }
        return undo(arguments, environment, &settings);
    }
    let survey = Survey::take_all(environment)?;
    let wish = Wish::of(arguments, &survey, environment);
    let mut plan = Plan::default();
    if wish.docker {
        if survey.places.docker.is_none() {
            return Err(no_home());
        }
        plan.docker(&survey, &registries);
    }
    if wish.podman {
        if survey.places.podman_login.is_none() {
            return Err(no_home());
        }
        let wanted = if registries.is_empty() {
            known_registries(&survey, &settings)
        } else {
            registries.into_iter().collect()
        };
        if wanted.is_empty() && arguments.has("podman") {
            return Err(Failure::usage(
                "podman asks a helper for registries that are named, and none is known yet",
            )
            .hint("name them: --registry ghcr.io --registry docker.io"));
        }
        if wanted.is_empty() {
            output::note(
                "podman asks a helper for registries that are named, and none is known yet: see --registry",
            );
        }
        plan.podman(&survey, &wanted);
    }
    let force = arguments.has("force");
    if !plan.refusals.is_empty() && !force {
        return Err(refused(&plan));
    }
    check_path(environment, force)?;
    for refusal in &plan.refusals {
        output::warning(&refusal.why);
    }
    if plan.steps.is_empty() {
        output::line("nothing to change: this helper is asked already")?;
    } else {
        print(&plan.steps)?;
        if dry_run {
            output::note("nothing was changed (dry run)");
            return Ok(exit::DONE);
        }
        let _lock = settings.lock_files().map_err(|error| keyring_failed(&error))?;
        apply(&plan.steps)?;
    }
    advise(environment, &wish)?;
    Ok(exit::DONE)
}

/// Which clients are meant.
struct Wish {
    docker: bool,
    podman: bool,
}

impl Wish {
    fn of(arguments: &Arguments, survey: &Survey, environment: &Environment) -> Self {
        let (docker, podman) = (arguments.has("docker"), arguments.has("podman"));
        if docker || podman {
            return Self { docker, podman };
        }
        let has_podman = survey.has_podman(environment);
        Self { docker: survey.has_docker(environment) || !has_podman, podman: has_podman }
    }
}

fn no_home() -> Failure {
    Failure::usage("there is no place for the clients' files: HOME is not set")
}

/// The registries that the files or the keyring have something for, as podman's files would name them.
fn known_registries(survey: &Survey, settings: &Settings) -> BTreeSet<String> {
    let in_files = survey.readable().flat_map(|(_, file)| file.config.entries());
    let mut known: BTreeSet<String> = in_files.map(|entry| entry.key).collect();
    match regcred_keyring::open(settings).and_then(|chosen| chosen.store.list()) {
        Ok(entries) => known.extend(entries.into_iter().map(|entry| entry.server)),
        Err(error) => {
            output::warning(&format!("can't tell which registries the keyring has logins for: {error}"));
        }
    }
    known.retain(|key| !is_path(key) && registry(key).is_ok_and(|server| !server.is_docker_hub_token()));
    known
}

fn refused(plan: &Plan) -> Failure {
    let whys: Vec<_> = plan.refusals.iter().map(|refusal| refusal.why.as_str()).collect();
    let mut choices: Vec<_> = Vec::new();
    for refusal in &plan.refusals {
        if !choices.contains(&refusal.choice) {
            choices.push(refusal.choice.clone());
        }
    }
    if let Some(Step { member: Member::CredsStore, before: Some(other), .. }) =
        plan.steps.iter().find(|step| step.member == Member::CredsStore && step.before.is_some())
    {
        choices.push(format!("take its logins over first: {NAME} migrate --from-helper {other}"));
    }
    choices.push("go on all the same with --force".to_owned());
    Failure::new(exit::CONFLICT, whys.join("; "))
        .hint(format!("nothing was changed; {}", choices.join(", or ")))
}

/// Clients that are told of a helper which they can't find fail at every pull.
fn check_path(environment: &Environment, force: bool) -> Result<(), Failure> {
    let found = environment.find_program(NAME);
    match (&found, &environment.program) {
        (Some(found), Some(program)) if found.canonicalize().ok() != program.canonicalize().ok() => {
            output::warning(&format!("the clients start another one than this: {found:?}, not {program:?}"));
            Ok(())
        }
        (Some(_), _) => Ok(()),
        (None, program) => {
            let link = program.as_ref().map_or_else(
                || "put it into a folder of PATH".to_owned(),
                |program| format!("put its folder on PATH, or link it: ln -s {program:?} /usr/local/bin/"),
            );
            let failure = Failure::new(
                exit::FAILED,
                format!("{NAME} is not on PATH, where docker and podman look for it"),
            );
            if force {
                output::warning(&failure.message);
                return Ok(());
            }
            Err(failure.hint(format!("{link}; nothing was changed")))
        }
    }
}

/// The changes, file by file, as a diff of the members that change.
fn print(steps: &[Step]) -> Result<(), Failure> {
    let mut shown: Option<&Path> = None;
    for step in steps {
        if shown != Some(&step.path) {
            shown = Some(&step.path);
            output::line(&format!("{}:", step.path.display()))?;
        }
        diff(&step.member, step.before.as_deref(), Some(HELPER))?;
    }
    Ok(())
}

fn diff(member: &Member, before: Option<&str>, after: Option<&str>) -> Result<(), Failure> {
    for (sign, helper) in [('-', before), ('+', after)] {
        if let Some(helper) = helper {
            output::line(&format!("{sign} {member}: {helper:?}"))?;
        }
    }
    Ok(())
}

fn apply(steps: &[Step]) -> Result<(), Failure> {
    let paths: BTreeSet<&PathBuf> = steps.iter().map(|step| &step.path).collect();
    for path in paths {
        let of_file: Vec<_> = steps.iter().filter(|step| step.path == *path).collect();
        config_file::edit(path, |file, config| {
            if let Some(step) = of_file
                .iter()
                .find(|step| ![&step.before, &Some(HELPER.to_owned())].contains(&&step.member.get(config)))
            {
                let message = format!("{path:?} was changed meanwhile: {} names another helper", step.member);
                return Err(Failure::new(exit::CONFLICT, message).hint("see what it says now, and try again"));
            }
            backup::keep(file, &of_file)?;
            for step in &of_file {
                step.member.set(config, Some(HELPER));
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// What is left to do.
fn advise(environment: &Environment, wish: &Wish) -> Result<(), Failure> {
    let survey = Survey::take_all(environment)?;
    let movable = survey.readable().flat_map(|(client, file)| {
        let entries = file.plaintext().into_iter().filter(|plain| !is_path(&plain.entry.key));
        entries.map(|plain| (client.client, plain.entry.key)).collect::<Vec<_>>()
    });
    let movable: Vec<_> =
        movable.filter(|(client, key)| survey.helper(*client, key).as_deref() == Some(HELPER)).collect();
    if !movable.is_empty() {
        let mut registries: Vec<_> = movable.iter().map(|(_, key)| podman_lookup_key(key)).collect();
        registries.sort();
        registries.dedup();
        output::note(&format!(
            "passwords still stand in these files, for {}; move them to the keyring: {NAME} migrate",
            registries.join(", ")
        ));
    }
    if wish.podman && survey.places.podman_login_is_fleeting {
        output::note(&format!(
            "podman forgets {} when the session ends; with REGISTRY_AUTH_FILE={} it would log in there",
            shown(survey.places.podman_login.as_ref()),
            shown(survey.places.podman_kept.as_ref())
        ));
    }
    if wish.docker && environment.var("DOCKER_AUTH_CONFIG").is_some() {
        output::note("DOCKER_AUTH_CONFIG is set: docker looks there before it asks a helper");
    }
    Ok(())
}

fn shown(path: Option<&PathBuf>) -> String {
    path.map_or_else(|| "~/.config/containers/auth.json".to_owned(), |path| path.display().to_string())
}

fn undo(arguments: &Arguments, environment: &Environment, settings: &Settings) -> Result<u8, Failure> {
    let survey = Survey::take_all(environment)?;
    let both = arguments.has("docker") == arguments.has("podman");
    let _lock = settings.lock_files().map_err(|error| keyring_failed(&error))?;
    let mut found = false;
    for (client, _) in survey.readable() {
        let is_meant = both || arguments.has("docker") == (client.client == Client::Docker);
        if is_meant {
            found |= undo_file(&client.path, arguments.has("dry-run"))?;
        }
    }
    if !found {
        output::line("nothing to undo: no file was changed by `configure`")?;
    } else if arguments.has("dry-run") {
        output::note("nothing was changed (dry run)");
    } else {
        output::note("logins that are in the keyring stay there; these clients don't look for them any more");
    }
    Ok(exit::DONE)
}

/// Whether there was something to put back.
fn undo_file(path: &Path, dry_run: bool) -> Result<bool, Failure> {
    let backup_path = backup::path_of(path);
    let Some(record) = backup::read(&config_file::ConfigFile::read(&backup_path)?)? else { return Ok(false) };
    let cannot = |what: &str, path: &Path, error: &std::io::Error| {
        Failure::new(exit::FAILED, format!("can't {what} {path:?}: {}", regcred_cli::file::reason(error)))
    };
    let (back, others, is_bare) = config_file::edit(path, |file, config| {
        let (back, others) = backup::undo(config, &record);
        let is_bare =
            file.exists() && config.text().iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"{}");
        if dry_run {
            *config = file.config.clone();
        }
        Ok((back, others, is_bare))
    })?;
    output::line(&format!("{}:", path.display()))?;
    for (member, before) in &back {
        diff(member, Some(HELPER), before.as_deref())?;
    }
    for member in others {
        output::note(&format!("{path:?}: {member} was changed by somebody else since, and stays"));
    }
    if !dry_run {
        if record.made_file && is_bare {
            config_file::remove(path).map_err(|error| cannot("remove", path, &error))?;
        }
        config_file::remove(&backup_path).map_err(|error| cannot("remove", &backup_path, &error))?;
    }
    Ok(true)
}

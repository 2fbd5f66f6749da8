//! `configure`: makes docker and podman ask this helper.

mod backup;
mod plan;
mod undo;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regcred_cli::failure::{Failure, exit};
use regcred_cli::output;
use regcred_cli::shell;
use regcred_core::server::{docker_lookup_key, is_path_key, podman_lookup_key};
use regcred_keyring::{Settings, StoreError};

use self::plan::{Member, Plan, Step};
use super::{keyring_failed, registry, settings};
use crate::NAME;
use crate::cli::{Arguments, Command, CommandOption};
use crate::config_file;
use crate::environment::Environment;
use crate::survey::{Client, HELPER, Survey};

pub(super) static COMMAND: Command = Command {
    name: "configure",
    arguments: "",
    about: "Make docker and podman ask this helper for passwords",
    details: "\
Without --docker and --podman, for whichever of them is used here. Docker's config.json gets `credsStore`, or with
--registry a `credHelpers` entry for each registry. podman and skopeo know only `credHelpers`: their auth.json gets one
for each registry that is named, or that these files or the keyring have a login for.

What changes is printed. Everything else in the files stays, to the byte. Beside each file a backup is kept
(*.regcred-backup) of what changes, and of nothing that could be a password; --undo goes by it. A second run changes
nothing. Logins that are in the files stay there, and are not found any more until `migrate` has moved them.

It refuses to put this helper in the place of another one, or before logins that can't be in the keyring: those for a path
in a registry (ghcr.io/team), for which podman asks no helper.",
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
            help: "Go on where it would refuse, where the helper is not on PATH, or without a keyring",
        },
    ],
    examples: "\
# From plaintext to the keyring
docker-credential-regcred configure
docker-credential-regcred migrate

# Two registries, and the rest as it is
docker-credential-regcred configure --registry ghcr.io --registry docker.io --dry-run

# Ask this helper no more; log in again afterwards
docker-credential-regcred configure --undo",
    exit_codes: "0 done; 1 failed, or the helper is not on PATH; 2 wrong usage; 7 there is no keyring; 8 refused.",
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
        return undo::run(arguments, environment, &settings);
    }
    let registries: Vec<_> = registries.iter().map(|name| name.to_ascii_lowercase()).collect();
    super::check_home(environment, arguments.has("force"))?;
    let survey = Survey::take_all(environment)?;
    let wish = Wish::of(arguments, &survey, environment);
    let force = arguments.has("force");
    let kept = kept_servers(&settings, force)?;
    let plan = plan(&wish, &survey, &registries, &kept)?;
    if !plan.refusals.is_empty() && !force {
        return Err(refused(&plan));
    }
    check_path(environment, force)?;
    for refusal in &plan.refusals {
        output::warning(&refusal.why);
    }
    if plan.steps.is_empty() {
        output::line("nothing to change: this helper is asked already")?;
    }
    if dry_run {
        for (path, steps) in by_file(&plan.steps) {
            print(path, &steps)?;
        }
        output::note("nothing was changed (dry run)");
        return Ok(exit::DONE);
    }
    let _lock = settings.lock_files().map_err(|error| keyring_failed(&error))?;
    for (_, file) in survey.readable() {
        config_file::clean(&file.path)?;
    }
    apply(&plan.steps)?;
    advise(environment, &wish)?;
    Ok(exit::DONE)
}

fn plan(wish: &Wish, survey: &Survey, registries: &[String], kept: &[String]) -> Result<Plan, Failure> {
    let places = &survey.places;
    if (wish.docker && places.docker.is_none()) || (wish.podman && places.podman_login.is_none()) {
        return Err(no_home());
    }
    let mut plan = Plan::default();
    if wish.docker {
        plan.docker(survey, registries);
    }
    if wish.podman {
        let wanted = if registries.is_empty() {
            known_registries(survey, kept)
        } else {
            registries.iter().cloned().collect()
        };
        if wanted.is_empty() && !wish.docker {
            return Err(Failure::usage(
                "podman asks a helper for registries that are named, and none is known yet; nothing was configured",
            )
            .hint(format!("name them: {NAME} configure --podman --registry ghcr.io --registry docker.io")));
        }
        if wanted.is_empty() {
            output::note(
                "podman asks a helper for registries that are named, and none is known yet: see --registry",
            );
        }
        plan.podman(survey, &wanted);
    }
    plan.refuse_to_unite(survey, registries);
    Ok(plan)
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

/// The servers that the keyring has a login for. Clients that ask for a keyring which is not there fail at every pull.
fn kept_servers(settings: &Settings, force: bool) -> Result<Vec<String>, Failure> {
    let opened = regcred_keyring::open(settings);
    if let Ok(chosen) = &opened {
        super::warn(chosen);
    }
    match opened.and_then(|chosen| chosen.store.list()) {
        Ok(entries) => Ok(entries.into_iter().map(|entry| entry.server).collect()),
        Err(StoreError::Locked) => {
            output::warning(&StoreError::Locked.to_string());
            Ok(Vec::new())
        }
        Err(error) if force => {
            output::warning(&error.to_string());
            Ok(Vec::new())
        }
        Err(error) => Err(keyring_failed(&error)
            .hint("nothing was changed: with this helper, pulls would fail until there is a keyring; or go on with --force")),
    }
}

/// The registries that the files or the keyring have something for, as podman's files would name them.
fn known_registries(survey: &Survey, kept: &[String]) -> BTreeSet<String> {
    let in_files = survey.readable().flat_map(|(_, file)| file.config.entries());
    let mut known: BTreeSet<String> = in_files.map(|entry| entry.key).chain(kept.iter().cloned()).collect();
    known.retain(|key| {
        !is_path_key(key)
            && registry(&docker_lookup_key(key)).is_ok_and(|server| !server.is_docker_hub_token())
    });
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
        choices
            .push(format!("take its logins over first: {NAME} migrate --from-helper {}", shell::word(other)));
    }
    choices.push("go on all the same with --force".to_owned());
    Failure::new(exit::CONFLICT, whys.join("; "))
        .hint(format!("nothing was changed; {}", choices.join(", or ")))
}

/// Clients that are told of a helper which they can't find fail at every pull.
fn check_path(environment: &Environment, force: bool) -> Result<(), Failure> {
    let found = environment.search_path().find(NAME);
    match (&found, &environment.program) {
        (Ok(found), Some(program)) if found.canonicalize().ok() != program.canonicalize().ok() => {
            output::warning(&format!("the clients start another one than this: {found:?}, not {program:?}"));
            Ok(())
        }
        (Ok(_), _) => Ok(()),
        (Err(missing), program) => {
            let (message, remedy) = super::not_on_path(missing, "docker and podman", program.as_deref());
            if force {
                output::warning(&message);
                return Ok(());
            }
            Err(Failure::new(exit::FAILED, message).hint(format!("{remedy}; nothing was changed")))
        }
    }
}

/// The steps of each file, in the order of the plan.
fn by_file(steps: &[Step]) -> Vec<(&Path, Vec<&Step>)> {
    let mut files: Vec<(&Path, Vec<&Step>)> = Vec::new();
    for step in steps {
        match files.iter_mut().find(|(path, _)| *path == step.path) {
            Some((_, of_file)) => of_file.push(step),
            None => files.push((&step.path, vec![step])),
        }
    }
    files
}

/// The changes of a file, as a diff of the members that change.
fn print(path: &Path, steps: &[&Step]) -> Result<(), Failure> {
    output::line(&format!("{}:", path.display()))?;
    steps.iter().try_for_each(|step| diff(&step.member, step.before.as_deref(), Some(HELPER)))
}

fn diff(member: &Member, before: Option<&str>, after: Option<&str>) -> Result<(), Failure> {
    for (sign, helper) in [('-', before), ('+', after)] {
        if let Some(helper) = helper {
            output::line(&format!("{sign} {member}: {helper:?}"))?;
        }
    }
    Ok(())
}

/// Changes file after file, and prints what is done.
fn apply(steps: &[Step]) -> Result<(), Failure> {
    for (path, of_file) in by_file(steps) {
        let backup = backup::path_of(path);
        let had_backup = backup.symlink_metadata().is_ok();
        if let Err(failure) = change(path, &of_file) {
            if !had_backup {
                // It tells of a change that was not made.
                config_file::remove(&backup).map_err(|error| cannot("remove", &backup, &error))?;
            }
            return Err(failure);
        }
        print(path, &of_file)?;
    }
    Ok(())
}

fn change(path: &Path, steps: &[&Step]) -> Result<(), Failure> {
    config_file::edit(path, |file, config| {
        let is_other = |step: &&&Step| {
            let now = step.member.get(config);
            now != step.before && now.as_deref() != Some(HELPER)
        };
        if let Some(step) = steps.iter().find(is_other) {
            let message = format!("{path:?} was changed meanwhile: {} names another helper", step.member);
            return Err(Failure::new(exit::CONFLICT, message).hint("see what it says now, and try again"));
        }
        backup::keep(file, steps)?;
        for step in steps {
            step.member.set(config, Some(HELPER));
        }
        Ok(())
    })
}

/// What is left to do.
fn advise(environment: &Environment, wish: &Wish) -> Result<(), Failure> {
    let survey = Survey::take_all(environment)?;
    let (mut movable, mut unasked) = (BTreeSet::new(), BTreeSet::new());
    for (client, file) in survey.readable() {
        for plain in file.plaintext() {
            let key = &plain.entry.key;
            let is_asked = survey.helper(client.client, key).as_deref() == Some(HELPER);
            let is_whole = plain.for_keyring().is_ok();
            if is_asked && is_whole {
                movable.insert(podman_lookup_key(key));
            } else if wish.docker && client.client == Client::Docker && is_whole {
                unasked.insert(podman_lookup_key(key));
            }
        }
    }
    let list = |registries: BTreeSet<String>| registries.into_iter().collect::<Vec<_>>().join(", ");
    if !movable.is_empty() {
        output::note(&format!(
            "passwords still stand in these files, for {}; until they are in the keyring, their clients don't find them; next \
             run: {NAME} migrate",
            list(movable)
        ));
    }
    if !unasked.is_empty() {
        output::note(&format!("docker does not ask this helper for {}; see --registry", list(unasked)));
    }
    if wish.podman && survey.places.podman_login_is_fleeting {
        output::note(&format!(
            "`podman login` writes to {}, which is gone after the session, and for registries that it does not name, in \
             plaintext; to keep it: export REGISTRY_AUTH_FILE={}",
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

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(exit::FAILED, format!("can't {what} {path:?}: {}", regcred_cli::file::reason(error)))
}

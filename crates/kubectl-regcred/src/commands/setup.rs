//! `kubectl regcred setup`.

mod advice;
mod contents;
mod disk;
mod manual;
mod places;
mod plan;
mod report;
mod undo;

use std::path::{Path, PathBuf};

use clap::Args;
use regcred_cli::setup_record::Record;

use self::contents::Contents;
use self::places::Places;
use self::plan::Plan;
use self::report::{Item, Outcome, Report};
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::output::ObjectFormat;

/// This program's version, as the record keeps it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

const EXAMPLES: &str = "\
Examples:
  # After `kubectl krew install regcred`, and after every upgrade
  kubectl regcred setup

  # See what it would write, and where
  kubectl regcred setup --dry-run

  # The programs into another folder of PATH
  kubectl regcred setup --dir ~/bin

  # Remove what it wrote
  kubectl regcred setup --undo

bash reads its script if the package bash-completion is installed, and fish by
itself. What else has to be set for the shells, for man and for PATH is printed.

Exit codes: 0 done, or nothing to do; 1 a file can't be read or written; 2 wrong
usage; 4 no credential helper lies beside this program, or --undo finds nothing
in --dir; 8 another file is in the way, or a folder is open to other users.";

/// Put the credential helper on PATH, with completion and manual pages
///
/// krew links this program alone. `setup` copies `docker-credential-regcred`, which comes with it, to a folder of PATH,
/// where docker and podman look for it. The copy does not change by itself: run `setup` again after an upgrade, as
/// `docker-credential-regcred doctor` says then. Where a package manager has put both programs on PATH, there is nothing
/// to set up.
///
/// `setup` also writes the program that kubectl asks for completion, the completion scripts of bash, zsh and fish, and the
/// manual pages of both, to the places in the home folder where these are looked for. On Windows it
/// copies the helper only.
///
/// A file that `setup` didn't write, or that was changed since, is not replaced without --force; a link is not followed.
/// What `setup` wrote is recorded in `${XDG_STATE_HOME:-~/.local/state}/regcred/setup.json`, and --undo removes nothing else.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetupArgs {
    /// The folder for the programs [default: that of the last `setup`, else ~/.local/bin]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Remove what `setup` wrote, but for what was changed since
    #[arg(long, conflicts_with = "force")]
    undo: bool,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace files that `setup` didn't write
    #[arg(long)]
    force: bool,
    /// Print an object instead of lines
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<ObjectFormat>,
}

pub(crate) fn run(args: &SetupArgs, environment: &Environment) -> Result<u8, Failure> {
    let record_path = places::record(environment)?;
    places::check(&record_path, environment)?;
    let _lock = if args.dry_run { None } else { Some(disk::lock(environment)?) };
    let recorded = Record::read(&record_path)?;
    if args.undo {
        return undo::run(args, recorded, &record_path);
    }
    let places = Places::find(args.dir.as_deref(), recorded.as_ref(), environment)?;
    let contents = Contents::gather(&places, environment)?;
    for file in &contents.files {
        places::check(&file.path, environment)?;
    }
    let missing_helper = contents.missing_helper.clone();
    let recorded = recorded.unwrap_or_else(|| Record::new(VERSION, &places.programs));
    let plan = Plan::of(contents, &recorded, disk::look)?;
    plan.refuse_conflicts(args.force)?;
    if !args.dry_run {
        disk::apply(&plan, recorded, &places.programs, &record_path)?;
    }

    let mut items: Vec<Item> = plan.steps.iter().filter_map(Item::of).collect();
    items.extend(missing_helper.as_deref().map(|source| Item {
        path: places.programs.join(contents::helper()),
        outcome: Outcome::Missing,
        reason: Some(format!("there is no {source:?}")),
    }));
    let advice = advice::of(&places, environment);
    Report::new(items, advice, args.dry_run).print(args.output)?;
    match missing_helper {
        None => Ok(exit::DONE),
        Some(source) => Err(no_helper(&source)),
    }
}

fn no_helper(source: &Path) -> Failure {
    Failure::new(exit::NOT_FOUND, format!("no credential helper lies beside this program: there is no {source:?}"))
        .hint(
            "all else is set up; get the helper from where this program is from: the archive of the release has both, and \
             `cargo install docker-credential-regcred` puts it beside this one",
        )
}

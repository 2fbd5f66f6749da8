//! `setup --undo`.

use std::path::Path;

use regcred_cli::file;
use regcred_cli::setup_record::Record;

use super::plan::Plan;
use super::report::{Item, Report};
use super::{SetupArgs, disk, places};
use crate::failure::{Failure, exit};

pub(super) fn run(args: &SetupArgs, recorded: Option<Record>, record_path: &Path) -> Result<u8, Failure> {
    let Some(record) = recorded else {
        return Report::new(Vec::new(), Vec::new(), args.dry_run).print(args.output).map(|()| exit::DONE);
    };
    if let Some(dir) = args.dir.as_deref().map(places::absolute).transpose()?
        && dir != record.folder
    {
        let message = format!("`setup` put the programs into {:?}, and nothing into {dir:?}", record.folder);
        return Err(Failure::new(exit::NOT_FOUND, message).hint("nothing was changed; leave --dir out"));
    }
    let plan = Plan::of_undo(&record, disk::look)?;
    if !args.dry_run {
        disk::remove(&plan)?;
        // The record goes last but for its own folder, so that what is left can still be undone.
        disk::remove_folders(&record.made_folders)?;
        file::remove(record_path).map_err(|error| disk::cannot("remove", record_path, &error))?;
        disk::remove_folders(&record.made_folders)?;
    }
    let items = plan.steps.iter().filter_map(Item::of).collect();
    Report::new(items, Vec::new(), args.dry_run).print(args.output)?;
    Ok(exit::DONE)
}

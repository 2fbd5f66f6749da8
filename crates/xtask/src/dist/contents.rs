//! What lies in an archive beside each other: both programs, licence, README, completions, manual pages.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::archive::Entry;
use super::platform::Platform;
use crate::environment::workspace;
use crate::failure::{Context as _, Failure, Result};

/// The package and program of the plugin.
pub const PLUGIN: &str = "kubectl-regcred";
/// The package and program of the credential helper.
pub const HELPER: &str = "docker-credential-regcred";

/// What the plugin's `completion` is asked for, and the file that its answer is: what each shell looks for, and the
/// program that kubectl asks.
const COMPLETIONS: [(&str, &str); 5] = [
    ("kubectl", KUBECTL_COMPLETION),
    ("bash", "kubectl-regcred.bash"),
    ("zsh", "_kubectl-regcred"),
    ("fish", "kubectl-regcred.fish"),
    ("powershell", "kubectl-regcred.ps1"),
];
/// The one that is a program itself.
pub const KUBECTL_COMPLETION: &str = "kubectl_complete-regcred";

/// Both programs for one platform.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The plugin.
    pub plugin: PathBuf,
    /// The credential helper.
    pub helper: PathBuf,
}

/// Lists what goes into the archive for `platform`. The completions are written below `scratch` by `plugin`, the same
/// version of the plugin for this machine.
pub fn entries(
    platform: &Platform,
    programs: &Programs,
    plugin: &Path,
    scratch: &Path,
) -> Result<Vec<Entry>> {
    let program = |name: &str, source: &Path| Entry {
        path: format!("{name}{}", platform.exe()),
        source: source.to_owned(),
        is_program: true,
    };
    let mut entries = vec![program(PLUGIN, &programs.plugin), program(HELPER, &programs.helper)];
    for name in ["LICENSE", "README.md"] {
        entries.push(Entry { path: name.to_owned(), source: workspace().join(name), is_program: false });
    }
    entries.extend(completions(plugin, scratch)?);
    entries.extend(manual_pages()?);
    Ok(entries)
}

fn completions(plugin: &Path, scratch: &Path) -> Result<Vec<Entry>> {
    let folder = scratch.join("completions");
    std::fs::create_dir_all(&folder).cannot_at("create", &folder)?;
    COMPLETIONS
        .iter()
        .map(|(program, name)| {
            let source = folder.join(name);
            let file = File::create(&source).cannot_at("create", &source)?;
            let status = Command::new(plugin)
                .args(["completion", program])
                .stdin(Stdio::null())
                .stdout(file)
                .status()
                .cannot_at("run", plugin)?;
            if !status.success() {
                return Err(Failure::new(format!(
                    "`{} completion {program}` failed ({status})",
                    plugin.display()
                )));
            }
            let path = format!("completions/{name}");
            Ok(Entry { path, source, is_program: *name == KUBECTL_COMPLETION })
        })
        .collect()
}

fn manual_pages() -> Result<Vec<Entry>> {
    let folder = workspace().join("packaging/man");
    let files = std::fs::read_dir(&folder).cannot_at("list", &folder)?;
    files
        .map(|file| {
            let file = file.cannot_at("list", &folder)?;
            let name = file.file_name();
            let path = format!("man/{}", name.to_string_lossy());
            Ok(Entry { path, source: file.path(), is_program: false })
        })
        .collect()
}

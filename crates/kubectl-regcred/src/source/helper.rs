//! Asking the credential helpers that a docker config names.

use std::time::Duration;

use regcred_cli::credential_helper::CredentialHelper;
use regcred_cli::program::SearchPath;

use crate::failure::{Failure, exit};

/// How the helpers that a docker config names are asked.
#[derive(Clone)]
pub(super) struct Helpers {
    pub(super) path: SearchPath,
    /// That of --helper-timeout.
    pub(super) timeout: Duration,
}

impl Helpers {
    /// The helper of this name.
    pub(super) fn named(&self, name: &str) -> Result<CredentialHelper, Failure> {
        let helper = CredentialHelper::new(name, self.path.clone(), self.timeout).map_err(|failure| {
            failure.hint("`credsStore` and `credHelpers` hold the NAME of a docker-credential-NAME on PATH")
        })?;
        Ok(helper
            .if_missing("install it, or take it out of `credsStore` or `credHelpers` and log in again")
            .if_slow("give it longer with --helper-timeout"))
    }
}

/// Asks it something. It answers when it likes, and waiting for it blocks.
pub(super) async fn ask<T: Send + 'static>(
    helper: &CredentialHelper,
    question: impl FnOnce(&CredentialHelper) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let asked = helper.clone();
    let asking = tokio::task::spawn_blocking(move || question(&asked));
    asking
        .await
        .map_err(|_| Failure::new(exit::HELPER, format!("asking {} failed unexpectedly", helper.program())))?
}

//! Ctrl-C and its relatives: asked for once, honoured between steps, so that what was started is stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::failure::{Context as _, Failure, Result};

#[cfg(unix)]
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on SIGINT, SIGTERM and SIGHUP no longer end the process but are noted for [`check`].
pub fn catch() -> Result<()> {
    let flag = REQUESTED.get_or_init(Arc::default);
    for signal in SIGNALS {
        signal_hook::flag::register(signal, Arc::clone(flag)).cannot("catch signals")?;
    }
    Ok(())
}

/// Whether somebody asked us to stop.
pub fn requested() -> bool {
    REQUESTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Fails if somebody asked us to stop.
pub fn check() -> Result<()> {
    if requested() { Err(Failure::new("interrupted")) } else { Ok(()) }
}

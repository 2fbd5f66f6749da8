//! What the numbers were measured on.

use crate::failure::{Context as _, Result};

/// The machine in a line: processor, cores, kernel.
pub fn machine() -> Result<String> {
    let read = |path: &str| std::fs::read_to_string(path).cannot_at("read", path.as_ref());
    let processor = read("/proc/cpuinfo")?
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned());
    let cores = std::thread::available_parallelism().cannot("count the cores")?;
    let kernel = read("/proc/sys/kernel/osrelease")?;
    // What follows the version is the builder's own numbering.
    let kernel: Vec<_> = kernel.trim().split(['.', '-']).take(2).collect();
    Ok(format!("{processor}, {cores} cores, Linux {}", kernel.join(".")))
}

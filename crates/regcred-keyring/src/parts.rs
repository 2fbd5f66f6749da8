//! Secrets that are longer than an entry may be (Windows: 2,560 bytes), kept in several.
//!
//! The parts are entries beside the main one, under a server URL that is none. The main entry then holds, in place of
//! the secret, which parts make it up: it is written after them, so that it always names parts that are whole.

use keyring_core::Error;
use zeroize::Zeroizing;

use crate::backend::{Found, from_core};
use crate::entries::{Entries, ServerUrl};
use crate::store::StoreError;

/// Begins a main entry whose secret is in parts; then the generation and the number of parts. No secret that
/// anybody types begins with a NUL.
const HEAD: &[u8] = b"\0regcred parts ";

/// Begins the server URL of a part.
const PART: &str = "\u{1}regcred part ";

/// Two generations take turns: new parts never overwrite those that the main entry still names.
const GENERATIONS: [u8; 2] = [b'a', b'b'];

/// Whether an entry is a part of another.
pub(crate) fn is_part(server: &str) -> bool {
    server.starts_with(PART)
}

/// Writes a secret, in parts if it must be.
pub(crate) fn write(
    entries: &Entries,
    server: ServerUrl<'_>,
    username: &str,
    secret: &[u8],
) -> Result<(), StoreError> {
    let entry = entries.entry(server, username)?;
    let server = server.as_str();
    let Some(limit) = entries.part_limit() else {
        return entry.set_secret(secret).map_err(from_core);
    };
    let old = read_head(&entry)?;
    if secret.len() <= limit && !secret.starts_with(HEAD) {
        entry.set_secret(secret).map_err(from_core)?;
    } else {
        let generation = old.map_or(GENERATIONS[0], |old| other(old.generation));
        let mut count = 0_usize;
        for part in secret.chunks(limit) {
            part_entry(entries, generation, count, server, username)?.set_secret(part).map_err(from_core)?;
            count += 1;
        }
        let head = [HEAD, &[generation, b' '], count.to_string().as_bytes()].concat();
        entry.set_secret(&head).map_err(from_core)?;
        // Of a longer secret that a killed process left in this generation.
        remove_from(entries, generation, count, server, username)?;
    }
    old.map_or(Ok(()), |old| remove_from(entries, old.generation, 0, server, username))
}

/// Reads a secret, joined again; `None` if the entry is gone.
pub(crate) fn read(entries: &Entries, found: &Found) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let Some(secret) = get(&found.entry)? else { return Ok(None) };
    let (Some(_), Some((server, username)), Some(head)) =
        (entries.part_limit(), &found.names, parse_head(&secret))
    else {
        return Ok(Some(secret));
    };
    let mut parts = Vec::with_capacity(head.count);
    for number in 0..head.count {
        let part = get(&part_entry(entries, head.generation, number, server, username)?)?;
        parts.push(part.ok_or_else(|| {
            StoreError::Unreadable(format!("a part of the secret for {server:?} is missing; log in again"))
        })?);
    }
    // Sized beforehand: a buffer that grows leaves unwiped copies behind.
    let mut whole = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in &parts {
        whole.extend_from_slice(part);
    }
    Ok(Some(whole))
}

/// Removes the parts whose main entry is gone, or was never written because its process was killed.
pub(crate) fn remove_orphans(entries: &Entries) -> Result<(), StoreError> {
    let parts = entries.parts()?;
    if parts.is_empty() {
        return Ok(());
    }
    let whole: Vec<_> = entries.find(None)?.into_iter().filter_map(|found| found.names).collect();
    for (part, names) in parts {
        let of = names.server.strip_prefix(PART).and_then(|rest| rest.split_once(' '));
        let is_used =
            of.is_some_and(|(_, server)| whole.iter().any(|(s, u)| s == server && *u == names.username));
        if !is_used {
            remove(&part)?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Head {
    generation: u8,
    count: usize,
}

fn read_head(entry: &keyring_core::Entry) -> Result<Option<Head>, StoreError> {
    Ok(get(entry)?.and_then(|secret| parse_head(&secret)))
}

fn parse_head(secret: &[u8]) -> Option<Head> {
    let [generation, b' ', count @ ..] = secret.strip_prefix(HEAD)? else { return None };
    let count = std::str::from_utf8(count).ok()?.parse().ok()?;
    GENERATIONS.contains(generation).then_some(Head { generation: *generation, count })
}

fn other(generation: u8) -> u8 {
    if generation == GENERATIONS[0] { GENERATIONS[1] } else { GENERATIONS[0] }
}

fn part_entry(
    entries: &Entries,
    generation: u8,
    number: usize,
    server: &str,
    username: &str,
) -> Result<keyring_core::Entry, StoreError> {
    entries.part(&format!("{PART}{}{number} {server}", char::from(generation)), username)
}

fn remove_from(
    entries: &Entries,
    generation: u8,
    first: usize,
    server: &str,
    username: &str,
) -> Result<(), StoreError> {
    for number in first.. {
        if !remove(&part_entry(entries, generation, number, server, username)?)? {
            break;
        }
    }
    Ok(())
}

/// Removes an entry; whether it was there.
pub(crate) fn remove(entry: &keyring_core::Entry) -> Result<bool, StoreError> {
    match entry.delete_credential() {
        Ok(()) => Ok(true),
        Err(Error::NoEntry) => Ok(false),
        Err(error) => Err(from_core(error)),
    }
}

fn get(entry: &keyring_core::Entry) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    match entry.get_secret() {
        Ok(secret) => Ok(Some(Zeroizing::new(secret))),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(from_core(error)),
    }
}

//! Our answer to a case, held against the kubelet's.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use regcred_core::image::ImageReference;
use regcred_core::json::lossy;
use regcred_core::kubelet::{self, Lookup, MissReason, Referenced, Tier};
use regcred_core::stored::Stored;
use regcred_tests::oracle::{Answer, Case, Image};

/// Which of the kubelet's oddities a case has met, to see that all are met.
pub(crate) type Traits = Vec<&'static str>;

/// What we agree on, or where we differ, in words.
pub(crate) fn compare(case: &Case, theirs: &Answer) -> Result<Traits, String> {
    // A panic is worth a small case, too.
    catch_unwind(AssertUnwindSafe(|| compare_answers(case, theirs)))
        .unwrap_or_else(|_| Err("we panic".to_owned()))
}

fn compare_answers(case: &Case, theirs: &Answer) -> Result<Traits, String> {
    let image: ImageReference = match (case.image.parse(), theirs) {
        (Err(_), Answer::BadImage(_)) => return Ok(vec!["bad image"]),
        (Err(error), _) => return Err(format!("we refuse the image: {error}")),
        (Ok(_), Answer::BadImage(error)) => return Err(format!("the kubelet refuses the image: {error}")),
        (Ok(image), Answer::BadSecret(..) | Answer::Lookup { .. }) => image,
    };
    compare_images(&image, theirs)?;
    let secrets: Vec<_> = case.secrets.iter().map(referenced).collect();
    match (kubelet::lookup(&secrets, &image), theirs) {
        (Err(fatal), Answer::BadSecret(..)) => Ok(vec!["fatal", variant(&fatal.problem)]),
        (Err(fatal), _) => Err(format!("we can't decode Secret {}: {fatal}", fatal.secret)),
        (Ok(_), Answer::BadSecret(_, error)) => Err(format!("the kubelet can't decode a Secret: {error}")),
        (Ok(ours), Answer::Lookup { tried, keys, unparsable, .. }) => {
            compare_tried(case, &ours, tried)?;
            compare_keys(case, &ours, keys)?;
            compare_unparsable(&ours, unparsable)?;
            Ok(traits(&ours))
        }
        (Ok(_), Answer::BadImage(_)) => Err("the image was good before".to_owned()),
    }
}

fn referenced(secret: &regcred_tests::oracle::Secret) -> Referenced<'_> {
    Referenced {
        name: &secret.name,
        stored: secret.stored.as_ref().map(|stored| Stored {
            kind: &stored.kind,
            docker_config_json: stored.docker_config_json.as_deref(),
            dockercfg: stored.dockercfg.as_deref(),
        }),
    }
}

fn compare_images(ours: &ImageReference, theirs: &Answer) -> Result<(), String> {
    let (Answer::BadSecret(theirs, _) | Answer::Lookup { image: theirs, .. }) = theirs else { return Ok(()) };
    let image = |image: &ImageReference| Image {
        repository: image.repository().to_owned(),
        tag: image.tag().unwrap_or_default().to_owned(),
        digest: image.digest().unwrap_or_default().to_owned(),
    };
    if image(ours) != *theirs {
        return Err(format!("the image is {:?}, and the kubelet's {theirs:?}", image(ours)));
    }
    // The printed form means the same image; with a digest alone, it must not get a tag.
    match ours.to_string().parse() {
        Ok(again) if image(&again) == *theirs => Ok(()),
        again => Err(format!("the image is printed as {ours}, which is {again:?}")),
    }
}

fn compare_tried(
    case: &Case,
    ours: &Lookup,
    theirs: &[regcred_tests::oracle::Credential],
) -> Result<(), String> {
    let mut theirs = theirs.iter().map(|credential| {
        let text = |bytes: &[u8]| lossy(bytes).to_string();
        [
            credential.secret.clone(),
            text(&credential.username),
            text(&credential.password),
            text(&credential.email),
        ]
    });
    for Tier { secret, index_key, entries, .. } in &ours.tried {
        let mut wanted: Vec<_> = entries
            .iter()
            .map(|entry| {
                let credential = &entry.credential;
                [
                    case.secrets[*secret].name.clone(),
                    credential.username.clone(),
                    credential.password.expose().to_owned(),
                    credential.email.clone().unwrap_or_default(),
                ]
            })
            .collect();
        // The order within a tie is the kubelet's whim.
        let mut found: Vec<_> = theirs.by_ref().take(wanted.len()).collect();
        wanted.sort();
        found.sort();
        if wanted != found {
            return Err(format!("under {index_key:?} we try {wanted:?}, the kubelet {found:?}"));
        }
    }
    let more: Vec<_> = theirs.collect();
    if more.is_empty() { Ok(()) } else { Err(format!("the kubelet also tries {more:?}")) }
}

/// Every entry that the kubelet decodes is tried or missed, once.
fn compare_keys(case: &Case, ours: &Lookup, theirs: &[Vec<String>]) -> Result<(), String> {
    let mut found: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for tier in &ours.tried {
        found.entry(tier.secret).or_default().extend(tier.entries.iter().map(|entry| entry.key.as_str()));
    }
    for miss in &ours.missed {
        found.entry(miss.secret).or_default().push(&miss.key);
    }
    for (secret, reason) in &ours.ignored {
        if let Some(keys) = found.get(secret) {
            return Err(format!("Secret {secret} is ignored ({reason}), and has keys {keys:?}"));
        }
    }
    let existing = case.secrets.iter().enumerate().filter(|(_, secret)| secret.stored.is_some());
    for ((secret, _), theirs) in existing.zip(theirs) {
        let mut ours = found.remove(&secret).unwrap_or_default();
        let mut theirs: Vec<_> = theirs.iter().map(String::as_str).collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        if ours != theirs {
            return Err(format!("Secret {secret} has the keys {ours:?}, the kubelet's {theirs:?}"));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(format!("there are keys of nowhere: {found:?}")) }
}

/// The keys that are no URLs; the kubelet says so in its log.
fn compare_unparsable(ours: &Lookup, theirs: &[String]) -> Result<(), String> {
    let unparsable = ours.missed.iter().filter(|miss| miss.reason == MissReason::Unparsable);
    let mut ours: Vec<_> = unparsable.map(|miss| &miss.key).collect();
    let mut theirs: Vec<_> = theirs.iter().collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    if ours == theirs {
        Ok(())
    } else {
        Err(format!("we can't parse the keys {ours:?}, the kubelet {theirs:?}"))
    }
}

fn traits(lookup: &Lookup) -> Traits {
    let mut traits = vec![if lookup.tried.is_empty() { "anonymous" } else { "tried" }];
    let mut add = |condition: bool, name| traits.extend(condition.then_some(name));
    add(lookup.tried.iter().any(|tier| tier.hub_fallback), "hub fallback");
    add(lookup.tried.iter().any(|tier| tier.entries.len() > 1), "tie");
    add(lookup.tried.windows(2).any(|pair| pair[0].index_key != pair[1].index_key), "several index keys");
    add(
        lookup.tried.windows(2).any(|pair| pair[0].index_key == pair[1].index_key),
        "one index key of several secrets",
    );
    add(
        lookup.tried.iter().flat_map(|tier| &tier.entries).any(|entry| entry.credential.username.is_empty()),
        "no user",
    );
    traits.extend(lookup.missed.iter().map(|miss| variant(&miss.reason)));
    traits.extend(lookup.ignored.iter().map(|(_, ignored)| variant(ignored)));
    traits.sort_unstable();
    traits.dedup();
    traits
}

/// The name of a variant.
fn variant(value: &impl std::fmt::Debug) -> &'static str {
    let text = format!("{value:?}");
    let name = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    VARIANTS.iter().copied().find(|known| *known == name).unwrap_or("unknown variant")
}

/// The ways to fail, to miss and to be ignored; the random cases must meet each.
pub(crate) const VARIANTS: &[&str] = &[
    // FatalProblem
    "Json",
    "NotAnObject",
    "AuthsNotAnObject",
    "HttpHeaders",
    "EntryNotAnObject",
    "FieldNotAString",
    "AuthUndecodable",
    // MissReason
    "Unparsable",
    "IndexKeyUnparsable",
    "ImageUnparsable",
    "Port",
    "Labels",
    "Path",
    "Label",
    "Pattern",
    "Shadowed",
    // Ignored
    "Missing",
    "Type",
    "Empty",
];

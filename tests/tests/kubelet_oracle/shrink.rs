//! A smaller case with the same trouble.

use std::time::{Duration, Instant};

use regcred_tests::oracle::Case;

/// A large case is not worth more: its seed makes it again.
const PATIENCE: Duration = Duration::from_secs(15);

/// Above this many, pairs of places take too long.
const MANY_PLACES: usize = 150;

/// Takes Secrets, entries and characters away as long as there is `trouble` with what is left.
pub(crate) fn shrink(mut case: Case, mut trouble: impl FnMut(&Case) -> bool) -> Case {
    let started = Instant::now();
    let mut trouble = |case: &Case| started.elapsed() < PATIENCE && trouble(case);
    loop {
        let size = size_of(&case);
        for place in (0..case.secrets.len()).rev() {
            let mut smaller = case.clone();
            smaller.secrets.remove(place);
            if trouble(&smaller) {
                case = smaller;
            }
        }
        for place in 0..case.secrets.len() {
            for legacy in [false, true] {
                while let Some(smaller) = smaller_data(&case, place, legacy, &mut trouble) {
                    case = smaller;
                }
            }
        }
        while let Some(smaller) = smaller_image(&case, &mut trouble) {
            case = smaller;
        }
        if size_of(&case) == size {
            return case;
        }
    }
}

fn size_of(case: &Case) -> usize {
    let stored = case.secrets.iter().filter_map(|secret| secret.stored.as_ref());
    let data = stored.flat_map(|stored| [&stored.docker_config_json, &stored.dockercfg]);
    case.secrets.len() + case.image.len() + data.flatten().map(Vec::len).sum::<usize>()
}

fn smaller_data(
    case: &Case,
    place: usize,
    legacy: bool,
    trouble: &mut impl FnMut(&Case) -> bool,
) -> Option<Case> {
    let mut smaller = case.clone();
    let stored = smaller.secrets[place].stored.as_mut()?;
    let data = if legacy { &mut stored.dockercfg } else { &mut stored.docker_config_json };
    let original = data.clone()?;
    for text in without_a_piece(&original) {
        let stored = smaller.secrets[place].stored.as_mut()?;
        *(if legacy { &mut stored.dockercfg } else { &mut stored.docker_config_json }) = Some(text);
        if trouble(&smaller) {
            return Some(smaller);
        }
    }
    None
}

fn smaller_image(case: &Case, trouble: &mut impl FnMut(&Case) -> bool) -> Option<Case> {
    without_a_piece(case.image.as_bytes())
        .filter_map(|text| Some(Case { image: String::from_utf8(text).ok()?, ..case.clone() }))
        .find(|smaller| trouble(smaller))
}

/// The text without what stands between two of its punctuation marks, the longest pieces first, and without a
/// single byte.
fn without_a_piece(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let is_mark = |byte: u8| b",{}[]\":/.@ ".contains(&byte);
    let mut places: Vec<usize> = (0..=text.len())
        .filter(|&at| at == 0 || at == text.len() || is_mark(text[at]) || is_mark(text[at - 1]))
        .collect();
    if places.len() > MANY_PLACES {
        let step = places.len().div_ceil(MANY_PLACES);
        places = places.into_iter().step_by(step).chain([text.len()]).collect();
    }
    let mut pieces: Vec<_> = places
        .iter()
        .enumerate()
        .flat_map(|(first, &start)| places[first + 1..].iter().map(move |&end| start..end))
        .collect();
    pieces.extend((0..text.len().min(2_000)).map(|at| at..at + 1));
    pieces.retain(|piece| !piece.is_empty());
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
    pieces.into_iter().map(|piece| [&text[..piece.start], &text[piece.end..]].concat())
}

//! Random choices that a seed makes again.

pub(crate) struct Dice(fastrand::Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// True in so many cases of a hundred.
    pub(crate) fn percent(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }

    pub(crate) fn one_in(&mut self, cases: u32) -> bool {
        self.0.u32(..cases) == 0
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.u8(..)
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// The place of one of these weights, the more often the greater it is.
    pub(crate) fn weighted<const N: usize>(&mut self, weights: [u32; N]) -> usize {
        let mut left = self.0.u32(..weights.iter().sum::<u32>());
        weights
            .iter()
            .position(|&weight| {
                let found = left < weight;
                left = left.saturating_sub(weight);
                found
            })
            .unwrap_or_default()
    }

    /// Some characters out of `alphabet`.
    pub(crate) fn word(&mut self, alphabet: &str, shortest: usize, longest: usize) -> String {
        let characters: Vec<char> = alphabet.chars().collect();
        let length = shortest + self.below(longest - shortest + 1);
        (0..length).map(|_| self.pick(&characters)).collect()
    }

    /// A place between two characters of `text`, the ends included.
    pub(crate) fn place(&mut self, text: &str) -> usize {
        let wanted = self.below(text.len() + 1);
        (0..=wanted).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default()
    }

    /// The text with some characters removed, put in or written over.
    pub(crate) fn mutate(&mut self, text: &mut String, pieces: &[&str]) {
        for _ in 0..=self.below(3) {
            let start = self.place(text);
            let end = if self.percent(50) { start } else { self.place(text).max(start).min(start + 8) };
            let end = if text.is_char_boundary(end) { end } else { start };
            let piece = if self.percent(80) { self.pick(pieces) } else { "" };
            text.replace_range(start..end, piece);
        }
    }
}

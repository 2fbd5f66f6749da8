//! What Go's decoder leaves of members with the same name: the last one.

use std::collections::BTreeMap;

/// Values by key, in the order of the text; one that comes again takes its new place.
pub(crate) struct LastWins<T> {
    /// What a later value has replaced is `None`.
    slots: Vec<Option<T>>,
    places: BTreeMap<String, usize>,
}

impl<T> LastWins<T> {
    /// Puts `value` last, and returns what was under the key before.
    pub(crate) fn insert(&mut self, key: String, value: T) -> Option<T> {
        let before = self.remove(&key);
        self.places.insert(key, self.slots.len());
        self.slots.push(Some(value));
        before
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<T> {
        let place = self.places.remove(key)?;
        self.slots[place].take()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.slots.into_iter().flatten()
    }
}

impl<T> Default for LastWins<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), places: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_again_takes_its_new_place() {
        let mut values = LastWins::default();
        assert!(values.is_empty());
        assert_eq!(values.insert("a".to_owned(), 1), None);
        assert_eq!(values.insert("b".to_owned(), 2), None);
        assert_eq!(values.insert("a".to_owned(), 3), Some(1));
        assert_eq!(values.iter().copied().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(values.remove("b"), Some(2));
        assert_eq!(values.remove("b"), None);
        assert_eq!(values.insert("b".to_owned(), 4), None);
        assert_eq!(values.into_values().collect::<Vec<_>>(), [3, 4]);
    }
}

//! Image references: what is read prints as itself, and an error points into the text and is safe to show.

#![no_main]

use libfuzzer_sys::fuzz_target;
use regcred_core::image::ImageReference;

fuzz_target!(|text: &str| {
    match text.parse::<ImageReference>() {
        Ok(image) => {
            let printed = image.to_string();
            let again: ImageReference = printed.parse().expect("what we print, we read");
            assert_eq!(image, again);
            assert_eq!(again.to_string(), printed);
            assert!(image.tag().is_some() || image.digest().is_some());
            assert!(printed.starts_with(image.repository()));
        }
        Err(error) => {
            assert!(text.get(error.range()).is_some(), "the range is within the text");
            assert!(!error.to_string().contains(|c: char| c.is_control() || c == '\u{202e}'));
        }
    }
});

//! Image references: what is read prints as itself, and an error points into the text and is safe to show.

#![no_main]

use libfuzzer_sys::fuzz_target;
use regcred_core::image::{ImageErrorKind, ImageReference};
use regcred_core_fuzz::is_harmless;

fuzz_target!(|text: &str| {
    match text.parse::<ImageReference>() {
        Ok(image) => {
            let printed = image.to_string();
            let again: ImageReference = printed.parse().expect("what we print, we read");
            assert_eq!(image, again);
            assert_eq!(again.to_string(), printed);

            assert_eq!(image.repository(), format!("{}/{}", image.registry(), image.path()));
            assert!(
                !image.registry().is_empty() && !image.registry().contains('/') && !image.path().is_empty()
            );
            assert_ne!(image.registry(), "index.docker.io", "it is called docker.io");
            assert!(image.path().len() <= 255);
            let tag = image.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = image.digest().map(|digest| format!("@{digest}")).unwrap_or_default();
            assert_eq!(printed, format!("{}{tag}{digest}", image.repository()));
            assert!(image.tag().is_some() || image.digest().is_some());
        }
        Err(error) => {
            let part = text.get(error.range()).expect("the range is within the text");
            let message = error.to_string();
            assert!(is_harmless(&message), "{message:?}");
            let quoted = message.strip_prefix(&error.kind().to_string()).expect("the rule comes first");
            // 64 characters, each at most `\u{10ffff}`.
            assert!(quoted.len() <= 64 * 10 + 8, "{message:?}");
            if error.kind() == ImageErrorKind::UserInfo {
                assert_eq!(quoted, "", "what may be a password is not quoted");
                assert!(part.ends_with('@'));
            }
        }
    }
});

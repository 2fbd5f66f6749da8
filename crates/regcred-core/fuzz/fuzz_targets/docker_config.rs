//! Docker configs: an edit does what it says and leaves every other entry.

#![no_main]

use libfuzzer_sys::fuzz_target;
use regcred_core::credential::{Credential, Login, SecretString};
use regcred_core::docker_config::{DockerConfig, EntryProblem, Form};

const KEY: &str = "edited.example";

/// Every entry that counts, but the edited one; where an error stands may change.
fn others(config: &DockerConfig) -> Vec<(String, Result<Option<Login>, EntryProblem>)> {
    let entries = config.entries().into_iter().filter(|entry| entry.key != KEY);
    entries.map(|entry| (entry.key.clone(), entry.login().map_err(|error| error.problem))).collect()
}

fuzz_target!(|text: &[u8]| {
    for form in [Form::Config, Form::Dockercfg] {
        let Ok(mut config) = DockerConfig::parse(text, form) else { continue };
        assert_eq!(config.text(), text);
        let _ = (config.creds_store(), config.cred_helpers());
        let before = others(&config);
        let password = String::from_utf8_lossy(text).into_owned();
        let credential = Credential {
            username: "u".to_owned(),
            password: SecretString::new(password.clone()),
            email: None,
        };
        config.set_entry(KEY, &credential);
        assert_eq!(others(&config), before);
        let entry = config.entry(KEY).expect("the entry is set");
        let Ok(Some(Login::Password(found))) = entry.login() else { panic!("the entry is a login") };
        assert_eq!(found.password.expose(), password);
        assert!(config.remove_entry(KEY));
        assert!(!config.remove_entry(KEY));
        assert_eq!(others(&config), before);
    }
});

//! Whether what a command prints for scripts is what its schema promises.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::output::Output;

/// The object on a run's stdout, which has to be of this kind and valid; JSON and YAML are both read.
#[track_caller]
pub fn valid(output: &Output, kind: &str) -> Value {
    // JSON is YAML too, but is what scripts parse it as.
    let object: Value = serde_json::from_str(&output.stdout)
        .or_else(|_| serde_saphyr::from_str(&output.stdout))
        .unwrap_or_else(|error| panic!("neither JSON nor YAML ({error}):\n{}", output.stdout));
    assert_eq!(object["kind"], kind, "{}", output.stdout);
    let errors: Vec<_> =
        validator().iter_errors(&object).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "`{}` printed:\n{}\n{}", output.command, output.stdout, errors.join("\n"));
    object
}

fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| {
        let schema = include_str!("../../crates/kubectl-regcred/schema/regcred-v1.schema.json");
        let schema = serde_json::from_str(schema).expect("the schema is JSON");
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("the schema is none: {error}"))
    })
}

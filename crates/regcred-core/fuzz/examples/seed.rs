//! Writes the corpus that the fuzzers start from, out of the recorded runs of the real kubectl and kubelet.

use std::path::Path;
use std::{fs, io};

use serde_json::Value;

fn main() -> io::Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = fuzz.join("../../../tests/vectors");
    let corpus = |target: &str, number: usize, text: &[u8]| {
        let folder = fuzz.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("seed-{number}")), text)
    };
    for (number, line) in fs::read_to_string(vectors.join("kubelet-lookup.jsonl"))?.lines().enumerate() {
        let vector: Value = serde_json::from_str(line)?;
        let image = vector["image"].as_str().unwrap_or_default();
        corpus("image", number, image.as_bytes())?;
        let mut lookup = format!("{image}\n").into_bytes();
        for (place, secret) in vector["secrets"].as_array().into_iter().flatten().enumerate() {
            let config = secret["data"].as_str().unwrap_or_default();
            corpus("docker_config", number * 10 + place, config.as_bytes())?;
            if place > 0 {
                lookup.push(0);
            }
            lookup.push(if secret["type"] == "kubernetes.io/dockercfg" { b'L' } else { b'C' });
            lookup.extend_from_slice(config.as_bytes());
        }
        corpus("lookup", number, &lookup)?;
    }
    let answers = [
        r#"{"ServerURL":"ghcr.io","Username":"me","Secret":"s"}"#,
        r#"{"Username":"<token>","Secret":"t"}"#,
        r#"{"https://index.docker.io/v1/":"me","ghcr.io":"you"}"#,
        "credentials not found in native keychain\n",
        "the keychain is locked",
        "{}",
        "",
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        for flag in [0, 1] {
            corpus(
                "helper_protocol",
                number * 2 + usize::from(flag),
                &[&[flag], answer.as_bytes()].concat(),
            )?;
        }
    }
    Ok(())
}

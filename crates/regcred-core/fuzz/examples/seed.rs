//! Writes the corpus that the fuzzers start from, out of the recorded runs of the real kubectl and kubelet.

use std::path::{Path, PathBuf};
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What credential helpers print; no run of one is recorded.
const ANSWERS: [&str; 8] = [
    r#"{"ServerURL":"ghcr.io","Username":"me","Secret":"s"}"#,
    r#"{"Username":"<token>","Secret":"t"}"#,
    r#"{"https://index.docker.io/v1/":"me","ghcr.io":"you"}"#,
    "credentials not found in native keychain\n",
    "the keychain is locked",
    "me\0hunter2",
    "{}",
    "",
];

/// What people and other tools write, and no recorded run has: a mutation would hardly come upon it.
const ODD_CONFIGS: [&str; 14] = [
    r#"{"auths":{"ghcr.io":{"auth":"dTpw"}},"auths":null,"Auths":{"quay.io":{"auth":"dTpx"}}}"#,
    r#"{"auths":{"ghcr.io":{"auth":"dTpw"}},"AUTHS":{"ghcr.io":{"auth":"dTpx"},"quay.io":{}}}"#,
    r#"{"auths":{"a":{"auth":"dTpw"},"a":{"auth":"dTpx"},"b":null,"a":{"auth":"dTpw"},"b":{}}}"#,
    r#"{"auths": {"ghcr.io": {"auth": "dTpw"}}}"#,
    "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t},\n\t\"credsStore\": \"pass\"\n}\n",
    "{\r\n  \"auths\": {\r\n  },\r\n  \"psFormat\": \"table\"\r\n}",
    r#"{"auths":{"ghcr.io":{"Auth":"dTpw","note":[1, {"x": 2}],"identitytoken":"t"}},"auths":null}"#,
    r#"{"auths":{"a.azurecr.io":{"auth":"MDAwOg==","identitytoken":"t"},"b":{"registrytoken":"t"}}}"#,
    r#"{"auths":{"ghcr.io":{"username":"u","password":"p","email":"e","auth":"dTpx"},"*.io":{"username":"u"}}}"#,
    r#"{"credHelpers":{"gcr.io":"gcloud","gcr.io":"x","eu.gcr.io":"gcloud"},"credsStore":"","HttpHeaders":{"a":"b"}}"#,
    r#"{"auths":{"ghcr.io":{"auth":"/zr/"},"x":{"auth":"*"},"y":7,"z":{"password":[]}},"httpheaders":{"a":1}}"#,
    r#"{"auths":{"ghcr.io":{"auth":"dTpw"},"https://ghcr.io":{},"ghcr.io?1":{},"HTTPS://ghcr.io":{},"[a-":{}}}"#,
    r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"},"docker.io":{"auth":"dTpx"},"docker.io/v1":{}}}"#,
    r#"{"\u0061uth\u017f":{"\ud83d\ude00":{"auth":"dTpw\n"},"\ud800":{"auth":"dTpw"}}}"#,
];

fn main() -> io::Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = Corpus { folder: fuzz.join("corpus") };
    let vectors = fuzz.join("../../../tests/vectors");
    for (number, vector) in read(&vectors.join("kubelet-lookup.jsonl"))?.iter().enumerate() {
        corpus.kubelet(number, vector)?;
    }
    for (number, vector) in read(&vectors.join("kubectl-create.jsonl"))?.iter().enumerate() {
        corpus.kubectl(number, vector)?;
    }
    for (number, config) in ODD_CONFIGS.into_iter().enumerate() {
        corpus.write("docker_config", &format!("odd-{number}"), config.as_bytes())?;
        for image in ["ghcr.io/team/app", "nginx"] {
            let input = format!("{image}\nC{config}\0M\0C{config}");
            corpus.write("lookup", &format!("odd-{number}-{}", image.len()), input.as_bytes())?;
        }
    }
    for (number, answer) in ANSWERS.into_iter().enumerate() {
        for succeeded in [0, 1] {
            let input = [&[succeeded], answer.as_bytes()].concat();
            corpus.write("helper_protocol", &format!("answer-{number}-{succeeded}"), &input)?;
        }
    }
    Ok(())
}

fn read(vectors: &Path) -> io::Result<Vec<Value>> {
    fs::read_to_string(vectors)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

struct Corpus {
    folder: PathBuf,
}

impl Corpus {
    fn write(&self, target: &str, name: &str, input: &[u8]) -> io::Result<()> {
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), input)
    }

    /// The image and the Secrets of a pull.
    fn kubelet(&self, number: usize, vector: &Value) -> io::Result<()> {
        let image = vector["image"].as_str().unwrap_or_default();
        self.write("image", &format!("kubelet-{number}"), image.as_bytes())?;
        let mut secrets = Vec::new();
        for (place, secret) in vector["secrets"].as_array().into_iter().flatten().enumerate() {
            let config = secret["data"].as_str().unwrap_or_default();
            self.write("docker_config", &format!("kubelet-{number}-{place}"), config.as_bytes())?;
            let kind = match secret["type"].as_str() {
                Some("kubernetes.io/dockerconfigjson") => "C",
                Some("kubernetes.io/dockercfg") => "L",
                _ => "O",
            };
            secrets.push(format!("{kind}{config}"));
        }
        let input = format!("{image}\n{}", secrets.join("\0"));
        self.write("lookup", &format!("kubelet-{number}"), input.as_bytes())
    }

    /// The docker configs that kubectl was given, and that it wrote.
    fn kubectl(&self, number: usize, vector: &Value) -> io::Result<()> {
        for (name, text) in vector["files"].as_object().into_iter().flatten() {
            let name = format!("kubectl-{number}-{}", name.replace('/', "-"));
            self.write("docker_config", &name, text.as_str().unwrap_or_default().as_bytes())?;
        }
        let data = vector["secret"]["data"].as_object().and_then(|data| data.values().next()?.as_str());
        if let Some(config) = data.and_then(|data| STANDARD.decode(data).ok()) {
            self.write("docker_config", &format!("kubectl-{number}"), &config)?;
        }
        Ok(())
    }
}

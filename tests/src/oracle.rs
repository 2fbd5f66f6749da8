//! The kubelet oracle (`tests/cluster/oracle`): what the kubelet's own code makes of an image and of pull secrets.

#![expect(
    clippy::disallowed_methods,
    reason = "`cargo xtask test` says in the environment where the oracle is"
)]

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::ser::{SerializeMap as _, SerializeStruct as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the kubelet is asked: a pod's pull secrets, in the order of the pod, and an image.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// The Secrets that the pod names.
    #[serde(serialize_with = "those_that_exist")]
    pub secrets: Vec<Secret>,
    /// The image as the pod writes it.
    pub image: String,
}

/// A Secret that a pod names.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Its name; names of one case are distinct, or nobody can tell whose credential is tried.
    pub name: String,
    /// What is there under that name, if anything.
    pub stored: Option<Stored>,
}

/// The parts of a Secret that the kubelet looks at.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its `type`.
    pub kind: String,
    /// Its data under `.dockerconfigjson`.
    pub docker_config_json: Option<Vec<u8>>,
    /// Its data under `.dockercfg`.
    pub dockercfg: Option<Vec<u8>>,
}

/// What the kubelet does.
#[derive(Debug)]
pub enum Answer {
    /// It can't parse the image's name; its words.
    BadImage(String),
    /// It can't decode a Secret, and the pull fails; its words.
    BadSecret(Image, String),
    /// It looks for credentials.
    Lookup {
        /// The image.
        image: Image,
        /// The credentials that it tries, in order.
        tried: Vec<Credential>,
        /// The registry keys of the entries that each existing Secret decodes to, in no order.
        keys: Vec<Vec<String>>,
        /// Those of them that are no URLs to the kubelet, of all Secrets together, in no order.
        unparsable: Vec<String>,
    },
}

/// An image's name as the kubelet parses it.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct Image {
    /// Registry and path.
    pub repository: String,
    /// Empty if there is none.
    pub tag: String,
    /// Empty if there is none.
    pub digest: String,
}

/// A credential that the kubelet tries; its values need not be UTF-8.
#[derive(Debug, Deserialize)]
pub struct Credential {
    /// The name of the Secret that it comes from.
    pub secret: String,
    /// The user name.
    #[serde(deserialize_with = "bytes")]
    pub username: Vec<u8>,
    /// The password.
    #[serde(deserialize_with = "bytes")]
    pub password: Vec<u8>,
    /// The e-mail address, empty if there is none.
    #[serde(deserialize_with = "bytes")]
    pub email: Vec<u8>,
}

/// A running oracle; it ends when it is dropped.
#[derive(Debug)]
pub struct Oracle {
    process: Child,
    /// Always there until it is dropped.
    questions: Option<BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts an oracle. Fails the test if `cargo xtask` has built none.
    pub fn start() -> Self {
        let Some(program) = std::env::var_os(xtask::test::ORACLE) else {
            panic!(
                "this test needs the kubelet oracle: run it with `cargo xtask test`, or point the tests to one with \
                 `eval \"$(cargo xtask cluster up)\"`"
            );
        };
        let mut process = Command::new(&program)
            // GODEBUG or a GOGC of the developer's would make it another program.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let questions = process.stdin.take().map(BufWriter::new);
        let answers = BufReader::new(process.stdout.take().expect("stdout is piped"));
        Self { process, questions, answers }
    }

    /// The kubelet's answers to these cases, in their order.
    pub fn ask(&mut self, cases: &[Case]) -> Vec<Answer> {
        let questions = self.questions.as_mut().expect("the oracle is asked until it is dropped");
        // At the same time, or both sides could wait for the other to read: a pipe holds 64 KiB.
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for case in cases {
                    serde_json::to_writer(&mut *questions, case).expect("the oracle reads cases");
                    questions.write_all(b"\n").expect("the oracle reads cases");
                }
                questions.flush().expect("the oracle reads cases");
            });
            cases.iter().map(|case| self.answers.next_to(case)).collect()
        })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.questions.take());
        let _ = self.process.wait();
    }
}

trait Answers {
    fn next_to(&mut self, case: &Case) -> Answer;
}

impl Answers for BufReader<ChildStdout> {
    fn next_to(&mut self, case: &Case) -> Answer {
        let mut line = String::new();
        self.read_line(&mut line).expect("the oracle's answers can be read");
        assert!(!line.is_empty(), "the oracle ended, its words are on stderr: {case:?}");
        let told: Told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        match (told.image_error, told.pull_error) {
            (Some(error), _) => Answer::BadImage(error),
            (None, Some(error)) => Answer::BadSecret(told.image, error),
            (None, None) => Answer::Lookup {
                image: told.image,
                tried: told.credentials.unwrap_or_default(),
                keys: told.keys.unwrap_or_default(),
                unparsable: told.unparsable.unwrap_or_default(),
            },
        }
    }
}

/// An answer as the oracle writes it.
#[derive(Deserialize)]
struct Told {
    #[serde(flatten)]
    image: Image,
    image_error: Option<String>,
    pull_error: Option<String>,
    credentials: Option<Vec<Credential>>,
    keys: Option<Vec<Vec<String>>>,
    unparsable: Option<Vec<String>>,
}

/// The kubelet looks only into what is there.
fn those_that_exist<S: Serializer>(secrets: &[Secret], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secrets.iter().filter(|secret| secret.stored.is_some()))
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut secret = serializer.serialize_struct("Secret", 3)?;
        secret.serialize_field("name", &self.name)?;
        if let Some(stored) = &self.stored {
            secret.serialize_field("type", &stored.kind)?;
            secret.serialize_field("data", &Data(stored))?;
        }
        secret.end()
    }
}

struct Data<'a>(&'a Stored);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut data = serializer.serialize_map(None)?;
        for (key, value) in
            [(".dockerconfigjson", &self.0.docker_config_json), (".dockercfg", &self.0.dockercfg)]
        {
            if let Some(value) = value {
                data.serialize_entry(key, &STANDARD.encode(value))?;
            }
        }
        data.end()
    }
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
}

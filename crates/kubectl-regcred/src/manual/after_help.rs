//! What stands at the end of a command's help, taken apart: examples, notes, exit codes.

/// The parts, in the order in which they stand there.
#[derive(Default, Debug, PartialEq)]
pub(super) struct AfterHelp {
    pub(super) examples: Vec<Example>,
    /// Paragraphs.
    pub(super) notes: Vec<String>,
    /// Each code with what it means.
    pub(super) exit_codes: Vec<(String, String)>,
}

/// Command lines, and what they are an example of.
#[derive(Debug, PartialEq)]
pub(super) struct Example {
    pub(super) about: String,
    /// As they are to be typed.
    pub(super) lines: Vec<String>,
}

impl AfterHelp {
    /// Panics at what has another form than the help of our commands.
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = Self::default();
        for block in text.split("\n\n") {
            if let Some(example) = block.strip_prefix("Examples:\n") {
                parts.examples.push(Example::parse(example));
            } else if block.starts_with("  ") {
                parts.examples.push(Example::parse(block));
            } else if let Some(codes) = block.strip_prefix("Exit codes: ") {
                parts.exit_codes = codes_with_meaning(&joined(codes.lines()));
            } else if !block.is_empty() {
                parts.notes.push(joined(block.lines()));
            }
        }
        parts
    }
}

impl Example {
    fn parse(block: &str) -> Self {
        let lines: Vec<&str> = block.lines().map(|line| line.strip_prefix("  ").expect("indented")).collect();
        let comments = lines.iter().take_while(|line| line.starts_with('#')).count();
        let (about, lines) = lines.split_at(comments);
        let about = joined(about.iter().map(|line| line.trim_start_matches(['#', ' '])));
        assert!(!about.is_empty() && !lines.is_empty(), "an example and what it is one of: {block:?}");
        Self { about, lines: lines.iter().map(|line| (*line).to_owned()).collect() }
    }
}

fn codes_with_meaning(text: &str) -> Vec<(String, String)> {
    let codes = text.trim_end_matches('.').split("; ").map(|code| {
        let (number, meaning) = code.split_once(' ').expect("a code and what it means");
        assert!(number.parse::<u8>().is_ok(), "{number:?} is not an exit code, in {text:?}");
        (number.to_owned(), meaning.to_owned())
    });
    codes.collect()
}

fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn examples_notes_and_exit_codes_are_told_apart() {
    let example = |about: &str, lines: &[&str]| Example {
        about: about.to_owned(),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    };
    let text = "Examples:\n  # One\n  a \\\n    b\n\n  # Two,\n  # or more\n  c\n  d\n\nA note,\nand more.\n\n\
                Exit codes: 0 done, or\nso; 130 interrupted.";
    let parts = AfterHelp::parse(text);
    assert_eq!(parts.examples, [example("One", &["a \\", "  b"]), example("Two, or more", &["c", "d"])]);
    assert_eq!(parts.notes, ["A note, and more."]);
    let code = |code: &str, meaning: &str| (code.to_owned(), meaning.to_owned());
    assert_eq!(parts.exit_codes, [code("0", "done, or so"), code("130", "interrupted")]);
    assert_eq!(AfterHelp::parse(""), AfterHelp::default());
}

//! What a help text holds.

/// The names under `Commands:`.
pub(crate) fn subcommands(help: &str) -> Vec<String> {
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A description that goes on in the next line is indented further.
    let names = listed.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    names.filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect()
}

/// The command lines under `Examples:`. A line that ends in `\`, `|` or `&&` goes on in the next one.
pub(crate) fn examples(help: &str) -> Vec<String> {
    let section = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    let mut examples: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in section.take_while(|line| line.is_empty() || line.starts_with(' ')) {
        if goes_on {
            let example = examples.last_mut().expect("it began");
            example.push('\n');
            example.push_str(line);
        } else if line.is_empty() || line.trim_start().starts_with('#') {
            continue;
        } else {
            examples.push(line.to_owned());
        }
        goes_on = line.ends_with(['\\', '|', '&']);
    }
    examples
}

#[test]
fn examples_are_told_from_comments_and_from_what_follows() {
    let help = "Usage: x\n\nExamples:\n  # What it does\n  a b |\n    c \\\n      d\n  e\n\n  # More\n  f\n\nExit codes: 0\n  g\n";
    assert_eq!(examples(help), ["  a b |\n    c \\\n      d", "  e", "  f"]);
    assert_eq!(examples("Usage: x\n"), [""; 0]);
}

#[test]
fn subcommands_are_told_from_their_descriptions() {
    let help = "Usage: x\n\nCommands:\n  create  Make it,\n          whatever it is\n  set     Set it\n\nOptions:\n  -h\n";
    assert_eq!(subcommands(help), ["create", "set"]);
    assert_eq!(subcommands("Usage: x\n"), [""; 0]);
}

//! Tables that fit the terminal, and that no cell can break out of.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use regcred_cli::output::write_stderr;

use super::harmless;
use crate::environment::Environment;
use crate::failure::Failure;

/// The spaces between columns, as kubectl has them.
const GAP: usize = 3;
/// A column is not made narrower than this.
const LEAST: usize = 8;

/// A column.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    /// Its heading.
    pub(crate) title: &'static str,
    /// Whether it gives way first when the terminal is too narrow. Names, which people copy, don't.
    pub(crate) yields: bool,
}

/// How good what a cell says is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Plain,
    Warning,
    Bad,
}

/// A cell: its text, which may be anybody's.
pub(crate) struct Cell {
    text: String,
    mood: Mood,
}

impl Cell {
    /// A cell with this text.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self::with_mood(text, Mood::Plain)
    }

    /// A cell in colour, where there is colour.
    pub(crate) fn with_mood(text: impl AsRef<str>, mood: Mood) -> Self {
        let text = text.as_ref();
        Self { text: if text.is_empty() { "<none>".to_owned() } else { contained(text) }, mood }
    }
}

/// The text in a form that stays in its cell: no control characters, and no gap that looks like the next column.
fn contained(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in harmless(text).chars() {
        // White space of every width, and fillers that are drawn as nothing.
        let is_blank =
            c.is_whitespace() || matches!(c, '\u{2800}' | '\u{3164}' | '\u{115f}' | '\u{1160}' | '\u{ffa0}');
        match c {
            ' ' if out.ends_with(' ') || out.is_empty() => out.push_str("\\u{20}"),
            ' ' => out.push(' '),
            c if is_blank => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// How a table is shown.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    /// How wide it may be, in columns of the terminal; as wide as it likes in a pipe.
    pub(crate) width: Option<usize>,
    pub(crate) has_colour: bool,
    pub(crate) has_headings: bool,
}

impl Look {
    /// As it suits standard output.
    pub(crate) fn of(environment: &Environment, has_headings: bool) -> Self {
        Self { width: environment.stdout_width, has_colour: environment.stdout_has_colour(), has_headings }
    }
}

/// Prints a table. Each row has a cell for each column.
pub(crate) fn print(columns: &[Column], rows: &[Vec<Cell>], look: Look) -> Result<(), Failure> {
    super::write_stdout(&render(columns, rows, look))
}

/// Shows a table on stderr, for a person to read before going on: nothing in it is cut.
pub(crate) fn tell(columns: &[Column], rows: &[Vec<Cell>]) {
    write_stderr(&render(columns, rows, Look { width: None, has_colour: false, has_headings: true }));
}

fn render(columns: &[Column], rows: &[Vec<Cell>], look: Look) -> String {
    let mut widths: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.width()).max();
            let heading = if look.has_headings { column.title.width() } else { 0 };
            cells.unwrap_or_default().max(heading)
        })
        .collect();
    if let Some(width) = look.width {
        fit(columns, &mut widths, width);
    }
    let mut out = String::new();
    if look.has_headings {
        let headings = columns.iter().map(|column| (column.title, Mood::Plain));
        line(&mut out, headings, &widths, false);
    }
    for row in rows {
        line(&mut out, row.iter().map(|cell| (cell.text.as_str(), cell.mood)), &widths, look.has_colour);
    }
    out
}

/// Makes columns narrower until the table fits: the widest first, of those that yield; then of all.
fn fit(columns: &[Column], widths: &mut [usize], width: usize) {
    let gaps = GAP * columns.len().saturating_sub(1);
    for everyone in [false, true] {
        loop {
            if widths.iter().sum::<usize>() + gaps <= width {
                return;
            }
            let yielding = (0..columns.len()).filter(|&at| everyone || columns[at].yields);
            let Some(widest) = yielding.max_by_key(|&at| widths[at]).filter(|&at| widths[at] > LEAST) else {
                break;
            };
            widths[widest] -= 1;
        }
    }
}

fn line<'a>(
    out: &mut String,
    cells: impl Iterator<Item = (&'a str, Mood)>,
    widths: &[usize],
    has_colour: bool,
) {
    let mut pending = 0;
    for ((text, mood), &width) in cells.zip(widths) {
        out.extend(std::iter::repeat_n(' ', pending));
        let shown = shortened(text, width);
        let colour = match mood {
            Mood::Warning if has_colour => Some("33"),
            Mood::Bad if has_colour => Some("31"),
            _ => None,
        };
        match colour {
            Some(colour) => out.extend(["\u{1b}[", colour, "m", &shown, "\u{1b}[0m"]),
            None => out.push_str(&shown),
        }
        // Not before it is known that something follows: no line ends in blanks.
        pending = width.saturating_sub(shown.width()) + GAP;
    }
    out.push('\n');
}

/// The text, cut to a width with a `…` at its end.
fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut left = width.saturating_sub(1);
    for c in text.chars() {
        let wide = c.width().unwrap_or_default();
        if wide > left {
            break;
        }
        left -= wide;
        out.push(c);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { title: "NAME", yields: false },
        Column { title: "REGISTRIES", yields: true },
        Column { title: "AGE", yields: false },
    ];

    fn table(rows: &[[&str; 3]], width: Option<usize>) -> String {
        let rows: Vec<_> = rows.iter().map(|row| row.iter().map(Cell::new).collect()).collect();
        render(&COLUMNS, &rows, Look { width, has_colour: false, has_headings: true })
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["a", "ghcr.io", "5d"], ["longer-name", "", "12h"]];
        assert_eq!(
            table(&rows, None),
            "NAME          REGISTRIES   AGE\na             ghcr.io      5d\nlonger-name   <none>       12h\n"
        );
    }

    #[test]
    fn a_table_fits_the_terminal_and_names_give_way_last() {
        let rows = [
            ["a-name-of-20-letters", "registry.example.com/team/project", "5d"],
            ["b", "日本語日本語日本語", "1d"],
        ];
        for width in [30, 40, 50, 60, 61, 62] {
            let table = table(&rows, Some(width));
            assert!(table.lines().all(|line| line.width() <= width), "{width}\n{table}");
            assert_eq!(table.contains("a-name-of-20-letters"), width > 36, "{width}\n{table}");
        }
        assert!(table(&rows, Some(61)).contains('…'));
        assert!(!table(&rows, Some(62)).contains('…'));
    }

    #[test]
    fn a_cell_cannot_pretend_to_be_several() {
        let text = table(
            &[["x", "ghcr.io   7d\ny   other", "1d"], ["y", " \u{1b}[31mz\u{3000}\u{3000}\u{2800}9d", "2d"]],
            None,
        );
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains(r"ghcr.io \u{20} 7d y \u{20} other "), "{text}");
        assert!(text.contains(r"\u{20}\u{1b}[31mz\u{3000}\u{3000}\u{2800}9d"), "{text}");
    }

    #[test]
    fn colour_is_for_terminals_and_does_not_move_columns() {
        let rows = [vec![Cell::new("a"), Cell::with_mood("bad", Mood::Bad), Cell::new("1d")]];
        let coloured = render(&COLUMNS, &rows, Look { width: None, has_colour: true, has_headings: false });
        let plain = render(&COLUMNS, &rows, Look { width: None, has_colour: false, has_headings: false });
        assert_eq!(plain, "a   bad   1d\n");
        assert_eq!(coloured, "a   \u{1b}[31mbad\u{1b}[0m   1d\n");
    }
}

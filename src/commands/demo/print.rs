//! The demo's output: numbered steps, aligned amounts, ticks. There is colour and motion on a terminal only.

use std::cell::Cell;
use std::io::{IsTerminal, Write};

use souk::money;

/// Columns of a line, without the margin.
const WIDTH: usize = 76;
const MARGIN: &str = "     ";

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";

/// The output of the demo.
pub struct Screen {
    terminal: bool,
    colour: bool,
    steps: Cell<usize>,
    waiting: Cell<bool>,
}

impl Screen {
    /// Standard output.
    pub fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some()
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            terminal,
            colour: terminal && !plain,
            steps: Cell::new(0),
            waiting: Cell::new(false),
        }
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn line(&self, text: &str) {
        self.waited();
        println!("{}", text.trim_end_matches(' '));
    }

    /// The title.
    pub fn title(&self, text: &str, below: &str) {
        self.line(&format!(
            "\n{}\n{}",
            self.paint(BOLD, text),
            self.paint(DIM, below)
        ));
    }

    /// The next step of the story.
    pub fn step(&self, text: &str) {
        let number = self.steps.get() + 1;
        self.steps.set(number);
        self.line(&format!(
            "\n{}",
            self.paint(BOLD, &format!("{number:>3}. {text}"))
        ));
    }

    /// The last line.
    pub fn end(&self, text: &str) {
        self.line(&format!("\n{MARGIN}{}\n", self.paint(BOLD, text)));
    }

    /// A remark.
    pub fn aside(&self, text: &str) {
        self.line(&format!("{MARGIN}{}", self.paint(DIM, text)));
    }

    /// A step that is done.
    pub fn done(&self, text: &str) {
        self.line(&format!("{MARGIN}{} {text}", self.paint(GREEN, "✓")));
    }

    /// A check that failed.
    pub fn failed(&self, text: &str) {
        self.line(&format!("{MARGIN}{} {text}", self.paint(RED, "✗")));
    }

    /// A label and an amount in minor units.
    pub fn amount(&self, label: &str, amount: i64, currency: &str) {
        self.line(&format!(
            "{MARGIN}  {}",
            apart(label, &money::display(amount, currency), WIDTH - 2)
        ));
    }

    /// A check and its result.
    pub fn checked(&self, name: &str, found: &Result<String, String>) {
        match found {
            Ok(found) => self.done(&apart(
                name,
                &self.paint(DIM, found),
                WIDTH - 2 + self.unseen(),
            )),
            Err(fault) => {
                self.failed(name);
                self.line(&format!("{MARGIN}    {}", self.paint(RED, fault)));
            }
        }
    }

    /// The invisible characters that painting adds to a text.
    fn unseen(&self) -> usize {
        self.paint(DIM, "").chars().count()
    }

    /// Rows under headings, and their sum as the last row. All columns but the first are aligned to the right.
    pub fn table(&self, head: &[&str], rows: &[Vec<String>], sum: &[String]) {
        let head: Vec<String> = head.iter().map(|&text| text.to_owned()).collect();
        let all = || {
            std::iter::once(&head[..])
                .chain(rows.iter().map(Vec::as_slice))
                .chain(std::iter::once(sum))
        };
        let widths: Vec<usize> = (0..head.len())
            .map(|at| {
                all()
                    .map(|row| width(row.get(at)))
                    .max()
                    .unwrap_or_default()
            })
            .collect();
        let set = |row: &[String]| -> String {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(at, (text, &wide))| {
                if at == 0 {
                    format!("{text:<wide$}")
                } else {
                    format!("{text:>wide$}")
                }
            });
            cells.collect::<Vec<_>>().join("  ")
        };
        let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1));
        self.line(&format!("{MARGIN}  {}", self.paint(DIM, &set(&head))));
        for row in rows {
            self.line(&format!("{MARGIN}  {}", set(row)));
        }
        self.line(&format!("{MARGIN}  {}", self.paint(DIM, &rule)));
        self.line(&format!("{MARGIN}  {}", self.paint(BOLD, &set(sum))));
    }

    /// Says what the demo waits for: on a terminal on one line that the next one replaces, otherwise once.
    pub fn waiting(&self, what: &str) {
        if self.terminal {
            print!("\r\x1b[2K{MARGIN}… {what}");
            // A terminal that can't be written to shows nothing; the story goes on.
            drop(std::io::stdout().flush());
        } else if !self.waiting.get() {
            println!("{MARGIN}… {what}");
        }
        self.waiting.set(true);
    }

    /// Clears the line of `waiting`.
    fn waited(&self) {
        if self.waiting.replace(false) && self.terminal {
            print!("\r\x1b[2K");
        }
    }
}

fn width(text: Option<&String>) -> usize {
    text.map_or(0, |text| text.chars().count())
}

/// Two texts at the two ends of a line.
fn apart(left: &str, right: &str, columns: usize) -> String {
    let used = left.chars().count() + right.chars().count();
    format!(
        "{left}{}{right}",
        " ".repeat(columns.saturating_sub(used).max(2))
    )
}

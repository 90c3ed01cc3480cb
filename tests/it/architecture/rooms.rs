//! The table of rooms in ARCHITECTURE.md: which room may import which.

use std::collections::{BTreeMap, BTreeSet};

const HEADING: &str = "## The rooms";
/// Stands in the column `imports` for every room that is listed before.
const ALL: &str = "all before it";

/// The rooms in the order of the table.
pub struct Rooms {
    rooms: Vec<Room>,
    sets: BTreeMap<String, BTreeSet<String>>,
    /// The line on which the table begins, counted from 1.
    head: usize,
}

pub struct Room {
    pub name: String,
    line: usize,
    /// The rooms that it may import.
    pub imports: BTreeSet<String>,
}

impl Room {
    pub fn place(&self) -> String {
        place(self.line)
    }
}

fn place(line: usize) -> String {
    format!("ARCHITECTURE.md:{line}")
}

/// The names in a cell of the table.
#[derive(Default)]
struct Names<'a> {
    /// In backticks.
    rooms: Vec<&'a str>,
    /// In bold.
    sets: Vec<&'a str>,
    /// Every other word.
    rest: String,
}

impl<'a> Names<'a> {
    fn of(cell: &'a str) -> Self {
        let mut names = Self::default();
        let mut rest = vec![];
        for word in cell.split_whitespace() {
            let word = word.trim_end_matches([',', ':']);
            if let Some(room) = between(word, "`") {
                names.rooms.push(room);
            } else if let Some(set) = between(word, "**") {
                names.sets.push(set);
            } else {
                rest.push(word);
            }
        }
        names.rest = rest.join(" ");
        names
    }
}

fn between<'a>(word: &'a str, mark: &str) -> Option<&'a str> {
    word.strip_prefix(mark)?.strip_suffix(mark)
}

impl Rooms {
    #[track_caller]
    pub fn of_the_repository() -> Self {
        let file = super::root().join("ARCHITECTURE.md");
        let text = std::fs::read_to_string(file).expect("ARCHITECTURE.md");
        let read = Self::read(&text);
        read.unwrap_or_else(|faults| panic!("\n{}\n", faults.join("\n")))
    }

    /// Reads the table, or says what is wrong with it. A line may name only what is listed before it, so no circle can be
    /// written.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        let lines = (1..).zip(text.lines());
        let mut table = lines
            .skip_while(|(_, line)| *line != HEADING)
            .skip_while(|(_, line)| !line.starts_with('|'))
            .take_while(|(_, line)| line.starts_with('|'));
        let Some((head, _)) = table.next() else {
            return Err(vec![format!("ARCHITECTURE.md: no table under `{HEADING}`")]);
        };
        let mut rooms = Self {
            rooms: vec![],
            sets: BTreeMap::new(),
            head,
        };
        let mut faults = vec![];
        // Between the head and the rows stands `| --- | --- | --- |`.
        for (line, row) in table.skip(1) {
            let wrong = rooms.add(line, row).into_iter();
            faults.extend(wrong.map(|wrong| format!("{}: {wrong}", place(line))));
        }
        match faults.is_empty() {
            true => Ok(rooms),
            false => Err(faults),
        }
    }

    /// Adds what a row of the table lists, and says what is wrong with the row.
    fn add(&mut self, line: usize, row: &str) -> Vec<String> {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [listed, _, imports] = cells.as_slice() else {
            return vec![format!("a row has 3 cells, this one {}", cells.len())];
        };
        let (listed, imports) = (Names::of(listed), Names::of(imports));
        let mut faults = vec![];
        if !listed.rest.is_empty() || listed.sets.len() > 1 {
            faults.push(format!(
                "the first cell holds at most one set, and rooms; not `{}`",
                listed.rest
            ));
        }
        if listed.rooms.is_empty() && listed.sets.is_empty() {
            faults.push("the first cell names no room and no set".to_owned());
        }
        let allowed = self.imported(&imports, &mut faults);
        for name in &listed.rooms {
            if let Some(other) = self.get(name) {
                faults.push(format!("`{name}` is listed at {} too", other.place()));
                continue;
            }
            self.rooms.push(Room {
                name: (*name).to_owned(),
                line,
                imports: match imports.rest == ALL {
                    true => self.rooms.iter().map(|room| room.name.clone()).collect(),
                    false => allowed.clone(),
                },
            });
        }
        for set in listed.sets {
            let members = match listed.rooms.is_empty() {
                true => allowed.clone(),
                false => listed.rooms.iter().map(|&room| room.to_owned()).collect(),
            };
            if self.sets.insert(set.to_owned(), members).is_some() {
                faults.push(format!("**{set}** is named twice"));
            }
        }
        faults
    }

    /// The rooms that a cell names, by themselves or by their set.
    fn imported(&self, imports: &Names<'_>, faults: &mut Vec<String>) -> BTreeSet<String> {
        let mut allowed = BTreeSet::new();
        if !["", ALL].contains(&imports.rest.as_str()) {
            faults.push(format!("imports can't be read: `{}`", imports.rest));
        }
        for set in &imports.sets {
            match self.sets.get(*set) {
                Some(members) => allowed.extend(members.iter().cloned()),
                None => faults.push(format!("imports **{set}**, which no line before it names")),
            }
        }
        for room in &imports.rooms {
            match self.get(room) {
                Some(room) => drop(allowed.insert(room.name.clone())),
                None => faults.push(format!("imports `{room}`, which no line before it lists")),
            }
        }
        allowed
    }

    /// A room of the table.
    pub fn get(&self, name: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| room.name == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter()
    }

    /// The fault of a file whose room isn't in the table.
    pub fn missing(&self, room: &str, file: &str) -> String {
        let table = place(self.head);
        format!("{file}: the room `{room}` isn't in the table at {table}")
    }
}

fn faults(rows: &str) -> String {
    let table = format!(
        "# Architecture\n\n{HEADING}\n\n| rooms | what | imports |\n| --- | --- | --- |\n{rows}"
    );
    let read = Rooms::read(&table);
    read.map_or_else(|faults| faults.join("\n"), |_| String::new())
}

fn read(rows: &str) -> Rooms {
    let table = format!(
        "{HEADING}\n\nWords.\n\n| rooms | what | imports |\n| --- | --- | --- |\n{rows}\n\n| another | table |"
    );
    Rooms::read(&table).unwrap_or_else(|faults| panic!("{faults:?}"))
}

#[track_caller]
fn may_import(rooms: &Rooms, room: &str, expected: &[&str]) {
    let imports = &rooms.get(room).expect("a listed room").imports;
    let expected: BTreeSet<String> = expected.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(*imports, expected, "{room}");
}

#[test]
fn a_line_imports_rooms_sets_or_all_before_it() {
    let rooms = read(
        "| **base**: `error` `db` | what | all before it |\n\
         | `jobs` `mailer` | what | **base** |\n\
         | **common** | what domains import | **base**, `jobs` |\n\
         | `orders` | what | **common** `mailer` |\n\
         | `lib` | what | all before it |",
    );
    may_import(&rooms, "error", &[]);
    may_import(&rooms, "db", &["error"]);
    may_import(&rooms, "mailer", &["error", "db"]);
    may_import(&rooms, "orders", &["error", "db", "jobs", "mailer"]);
    may_import(&rooms, "lib", &["error", "db", "jobs", "mailer", "orders"]);
    assert!(rooms.get("common").is_none());
    let names: Vec<&str> = rooms.iter().map(|room| room.name.as_str()).collect();
    assert_eq!(names, ["error", "db", "jobs", "mailer", "orders", "lib"]);
}

#[test]
fn a_room_that_is_listed_twice_is_seen() {
    for rows in [
        "| `db` | | |\n| `error` | | |\n| `db` | | |",
        "| `db` | | |\n| `error` | | |\n| **base**: `ids` `db` | | |",
    ] {
        let expected = "ARCHITECTURE.md:9: `db` is listed at ARCHITECTURE.md:7 too";
        assert_eq!(faults(rows), expected);
    }
}

#[test]
fn an_import_of_what_is_not_listed_before_is_seen() {
    let seen = "ARCHITECTURE.md:7: imports `catalog`, which no line before it lists";
    assert_eq!(faults("| `sellers` | | `catalog` |"), seen);
    let circle = "| `sellers` | | `catalog` |\n| `catalog` | | `sellers` |";
    assert_eq!(faults(circle), seen);
    let itself = "| `catalog` | | `catalog` |";
    assert_eq!(faults(itself), seen);
    let beside = "| `sellers` `catalog` | | `sellers` |";
    assert_eq!(faults(beside), seen.replace("catalog", "sellers"));
    assert_eq!(
        faults("| `sellers` | | **base** |\n| **base**: `db` | | |"),
        "ARCHITECTURE.md:7: imports **base**, which no line before it names"
    );
}

#[test]
fn a_row_that_cannot_be_read_is_seen() {
    for (row, seen) in [
        ("| `db` | |", "a row has 3 cells, this one 2"),
        ("| `db` | what | or | |", "a row has 3 cells, this one 4"),
        ("| | what | |", "the first cell names no room and no set"),
        (
            "| `db` and others | | |",
            "the first cell holds at most one set, and rooms; not `and others`",
        ),
        ("| `db` | | likewise |", "imports can't be read: `likewise`"),
        (
            "| `db` | | all before it but `ids` |",
            "imports can't be read: `all before it but`",
        ),
        (
            "| **base**: `db` | | |\n| **base**: `ids` | | |",
            "**base** is named twice",
        ),
    ] {
        let faults = faults(row);
        assert!(faults.contains(seen), "{row}: {faults}");
        assert!(faults.starts_with("ARCHITECTURE.md:"), "{faults}");
    }
}

#[test]
fn a_table_that_is_not_there_is_seen() {
    let faults = Rooms::read("# Architecture\n\n| `db` | | |").map(drop);
    let seen = format!("ARCHITECTURE.md: no table under `{HEADING}`");
    assert_eq!(faults, Err(vec![seen]));
}

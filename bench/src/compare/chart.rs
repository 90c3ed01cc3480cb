//! The sales of a comparison as a picture: a panel a database, a group a number of connections, a bar a contestant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::contestants::Contestant;
use super::report::{Figures, Row};

const PANEL: f64 = 380.0;
const HEIGHT: f64 = 260.0;
const FLOOR: f64 = 310.0;
const BAR: f64 = 28.0;

/// An SVG that reads on a light and on a dark page.
pub fn svg(rows: &BTreeMap<Row, Figures>) -> String {
    let sales: Vec<(&Row, f64)> = rows
        .iter()
        .filter(|(row, _)| row.what == "sales")
        .map(|(row, seen)| (row, seen.rate()))
        .collect();
    let databases: BTreeSet<&str> = sales.iter().map(|(row, _)| row.database).collect();
    let groups: BTreeSet<u32> = sales.iter().map(|(row, _)| row.connections).collect();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} 370\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        40.0 + PANEL * count(databases.len())
    );
    let legend = [Contestant::Express, Contestant::Souk, Contestant::Raw];
    for (at, who) in legend.into_iter().enumerate() {
        let x = 40.0 + 110.0 * count(at);
        let (fill, label) = style(who);
        let _ = writeln!(
            text,
            "<rect x=\"{x:.0}\" y=\"12\" width=\"12\" height=\"12\" fill=\"{fill}\"/>\
             <text x=\"{:.0}\" y=\"22\" fill=\"#222\">{label}</text>",
            x + 18.0
        );
    }
    for (panel, database) in databases.iter().enumerate() {
        let left = 40.0 + PANEL * count(panel);
        let of = |row: &Row| row.database == *database;
        let most = sales
            .iter()
            .filter(|(row, _)| of(row))
            .map(|(_, rate)| *rate);
        let scale = HEIGHT / most.fold(1.0, f64::max);
        let _ = writeln!(
            text,
            "<text x=\"{left:.0}\" y=\"44\" fill=\"#222\" font-weight=\"bold\">{database}, paying events a second</text>\
             <line x1=\"{left:.0}\" y1=\"{FLOOR}\" x2=\"{:.0}\" y2=\"{FLOOR}\" stroke=\"#888\"/>",
            left + PANEL - 40.0
        );
        for (group, connections) in groups.iter().enumerate() {
            let x = left + 12.0 + 112.0 * count(group);
            let plural = if *connections == 1 { "" } else { "s" };
            let _ = writeln!(
                text,
                "<text x=\"{:.0}\" y=\"{:.0}\" fill=\"#222\" text-anchor=\"middle\">{connections} connection{plural}</text>",
                x + 1.5 * BAR,
                FLOOR + 18.0
            );
            for (row, rate) in sales
                .iter()
                .filter(|(row, _)| of(row) && row.connections == *connections)
            {
                let place = legend.iter().position(|who| *who == row.contestant);
                let x = x + (BAR + 2.0) * count(place.unwrap_or_default());
                let (high, (fill, _)) = (rate * scale, style(row.contestant));
                let _ = writeln!(
                    text,
                    "<rect x=\"{x:.0}\" y=\"{:.1}\" width=\"{BAR}\" height=\"{high:.1}\" fill=\"{fill}\"/>\
                     <text x=\"{:.0}\" y=\"{:.1}\" fill=\"#222\" font-size=\"10\" text-anchor=\"middle\">{rate:.0}</text>",
                    FLOOR - high,
                    x + BAR / 2.0,
                    FLOOR - high - 4.0
                );
            }
        }
    }
    text.push_str("</svg>\n");
    text
}

fn style(who: Contestant) -> (&'static str, &'static str) {
    match who {
        Contestant::Express => ("#b0b7c3", "Express"),
        Contestant::Souk => ("#2f6fde", "Souk"),
        Contestant::Raw => ("#e0a83c", "raw bound"),
    }
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

//! Medians and their ratios.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::affinity::Affinity;
use super::contestants::Contestant;
use crate::Failure;
use crate::database::Place;
use crate::load::Load;

/// What was measured.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub database: &'static str,
    pub what: &'static str,
    pub connections: u32,
    pub contestant: Contestant,
}

/// What was seen, a value a round.
#[derive(Default)]
pub struct Figures {
    rates: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    peak_kib: Vec<u64>,
    processor_us: Vec<f64>,
}

impl Figures {
    pub fn add(&mut self, rate: f64, load: Option<&Load>, peak_kib: Option<u64>) {
        self.rates.push(rate);
        if let Some(load) = load {
            self.p50.push(load.percentile(50));
            self.p99.push(load.percentile(99));
            self.processor_us.extend(load.processor_us());
        }
        self.peak_kib.extend(peak_kib);
    }

    /// Requests a second; of `start` milliseconds.
    pub fn rate(&self) -> f64 {
        median(&self.rates)
    }

    fn peak_mib(&self) -> Vec<f64> {
        let most = self.peak_kib.iter().max().copied().unwrap_or_default();
        vec![f64::from(u32::try_from(most).unwrap_or(u32::MAX)) / 1024.0]
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Prints what is measured, and on what.
pub async fn head(
    events: u32,
    rounds: u32,
    places: &[Place],
    affinity: &Affinity,
    folder: &Path,
) -> Result<(), Failure> {
    let processors = affinity.processors;
    println!("{events} events a row, {rounds} rounds, medians; {processors} processors");
    match (affinity.servers, affinity.database) {
        (Some(core), true) => {
            println!("servers and database on processor {core}, the load on the others")
        }
        (Some(core), false) => println!(
            "servers on processor {core}, the load on the others, PostgreSQL where it will"
        ),
        (None, _) => println!("nothing is pinned: taskset is missing, or there is one processor"),
    }
    println!("{:.0} durable appends of 4 KiB a second", fsyncs(folder)?);
    for place in places {
        println!("{}: {}", place.name(), place.describe().await?);
    }
    println!();
    Ok(())
}

/// How many appends a second reach the disk, one after the other.
fn fsyncs(folder: &Path) -> Result<f64, Failure> {
    let mut file = File::create(folder.join("fsync"))?;
    let (block, start) = ([7_u8; 4096], Instant::now());
    let mut count = 0_u32;
    while start.elapsed() < Duration::from_secs(1) {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

type Rows = BTreeMap<Row, Figures>;

/// The tables, in Markdown.
pub fn tables(rows: &Rows) -> String {
    let mut text = String::from(
        "| database | connections | who | events/s | of Express | of the bound | p50 ms | p99 ms | of Express | peak MiB | of Express | processor µs |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (row, seen) in rows.iter().filter(|(row, _)| row.what == "sales") {
        text.push_str(&format!(
            "| {} | {} | {} | {:.0} | {} | {} | {:.2} | {:.2} | {} | {:.0} | {} | {:.0} |\n",
            row.database,
            row.connections,
            row.contestant.name(),
            seen.rate(),
            ratio(rows, row, Contestant::Express, |seen| seen.rates.clone()),
            ratio(rows, row, Contestant::Raw, |seen| seen.rates.clone()),
            median(&seen.p50),
            median(&seen.p99),
            ratio(rows, row, Contestant::Express, |seen| seen.p99.clone()),
            seen.peak_mib()[0],
            ratio(rows, row, Contestant::Express, Figures::peak_mib),
            median(&seen.processor_us),
        ));
    }
    text.push_str(
        "\n| database | what | who | a second | of Express | of its own sales or verify | p50 ms | p99 ms |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let others = |row: &&Row| !["sales", "start"].contains(&row.what);
    for row in rows.keys().filter(others) {
        let seen = &rows[row];
        let own = match row.what {
            super::VERIFY_INTENT => super::VERIFY,
            _ => "sales",
        };
        let own = Row {
            what: own,
            ..row.clone()
        };
        text.push_str(&format!(
            "| {} | {} | {} | {:.0} | {} | {} | {:.2} | {:.2} |\n",
            row.database,
            row.what,
            row.contestant.name(),
            seen.rate(),
            ratio(rows, row, Contestant::Express, |seen| seen.rates.clone()),
            share(rows, row, &own, |seen| seen.rates.clone()),
            median(&seen.p50),
            median(&seen.p99),
        ));
    }
    text.push_str(
        "\n| database | who | ms from its start to the first 200 |\n| --- | --- | --- |\n",
    );
    for (row, seen) in rows.iter().filter(|(row, _)| row.what == "start") {
        let name = row.contestant.name();
        text.push_str(&format!(
            "| {} | {name} | {:.0} |\n",
            row.database,
            seen.rate()
        ));
    }
    text
}

/// A figure as a share of another's in the same row.
fn ratio(rows: &Rows, row: &Row, of: Contestant, figure: fn(&Figures) -> Vec<f64>) -> String {
    let other = Row {
        contestant: of,
        ..row.clone()
    };
    share(rows, row, &other, figure)
}

/// A figure as a share of another row's, the median of the rounds. Both suffer alike from what else the machine does.
fn share(rows: &Rows, row: &Row, of: &Row, figure: fn(&Figures) -> Vec<f64>) -> String {
    match rows.get(of) {
        Some(other) if row != of => {
            let rounds = figure(&rows[row]).into_iter().zip(figure(other));
            let shares: Vec<f64> = rounds.map(|(ours, theirs)| ours / theirs).collect();
            format!("{:.2}", median(&shares))
        }
        _ => String::new(),
    }
}

/// Every value of every round.
pub fn json(rows: &Rows) -> Value {
    let row = |(row, seen): (&Row, &Figures)| {
        json!({
            "database": row.database, "what": row.what, "connections": row.connections,
            "who": row.contestant.name(), "rates": seen.rates, "p50_ms": seen.p50, "p99_ms": seen.p99,
            "peak_kib": seen.peak_kib, "processor_us": seen.processor_us,
        })
    };
    rows.iter().map(row).collect()
}

//! `souk replay`.

use sea_orm::{ActiveEnum, Iterable};
use souk::app::App;
use souk::clock::Clock;
use souk::http::FilterValue;
use souk::webhooks::replay::{self, Endpoint, EventFilters, EventState, Replay, Source, Timestamp};

use super::{Failure, settings};

/// The actor in the audit log.
const ACTOR: &str = "cli";
/// Events of a page.
const PAGE: u64 = 100;

#[derive(clap::Args)]
pub struct Args {
    /// Events by their ids (evt_…); then no filter counts.
    #[arg(conflicts_with = "filters")]
    ids: Vec<String>,
    #[command(flatten)]
    filters: Option<Filters>,
    /// Say what would happen, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args, Default)]
#[group(id = "filters", multiple = true)]
struct Filters {
    /// In this state.
    #[arg(long, value_parser = one_of::<EventState>)]
    state: Option<EventState>,
    /// Of this of Stripe's types.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<FilterValue>,
    /// Of this connected account (acct_…).
    #[arg(long)]
    account: Option<FilterValue>,
    /// That came to this endpoint.
    #[arg(long, value_parser = one_of::<Endpoint>)]
    endpoint: Option<Endpoint>,
    /// That came in this way.
    #[arg(long, value_parser = one_of::<Source>)]
    source: Option<Source>,
    /// About this object of Stripe.
    #[arg(long)]
    object: Option<FilterValue>,
    /// Received then or later, such as 2026-11-24T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Received before.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

fn one_of<T: ActiveEnum<Value = String> + Iterable>(name: &str) -> Result<T, String> {
    T::try_from_value(&name.to_owned()).map_err(|_| {
        let names: Vec<String> = T::iter().map(|one| one.to_value()).collect();
        format!("it is one of {}", names.join(", "))
    })
}

fn time(text: &str) -> Result<Timestamp, String> {
    let example = "write it as 2026-11-24T00:00:00Z";
    Timestamp::parse(text).ok_or_else(|| example.to_owned())
}

impl From<Filters> for EventFilters {
    fn from(filters: Filters) -> Self {
        Self {
            state: filters.state,
            kind: filters.kind,
            stripe_account: filters.account,
            endpoint: filters.endpoint,
            source: filters.source,
            object_id: filters.object,
            received_gte: filters.since,
            received_lt: filters.until,
        }
    }
}

/// Runs `souk replay`. If an effect fails again, the other events are still replayed, and the command fails at the end.
pub async fn run(args: Args) -> Result<(), Failure> {
    let filters = EventFilters::from(args.filters.unwrap_or_default());
    if args.ids.is_empty() && filters.is_empty() {
        return Err(
            "name events, or give a filter such as --state dead (see souk replay --help)".into(),
        );
    }
    let app = souk::assemble(settings()?, Clock::System).await?;
    let mut sum = Sum::default();
    if args.ids.is_empty() {
        let mut after: Option<String> = None;
        loop {
            let (ids, more) = replay::range(&app, &filters, after.as_deref(), PAGE).await?;
            for id in &ids {
                sum.one(&app, id, args.dry_run).await;
            }
            after = ids.into_iter().next_back();
            if !more {
                break;
            }
        }
    }
    for id in &args.ids {
        sum.one(&app, id, args.dry_run).await;
    }
    app.db.close().await?;
    println!(
        "{} replayed{}, {} not well",
        sum.done,
        if args.dry_run { " dry" } else { "" },
        sum.failed
    );
    match sum.failed {
        0 => Ok(()),
        _ => Err("not every event had its effect".into()),
    }
}

#[derive(Default)]
struct Sum {
    done: u64,
    failed: u64,
}

impl Sum {
    async fn one(&mut self, app: &App, id: &str, dry_run: bool) {
        match replay::replay(app, ACTOR, id, dry_run).await {
            Ok(replay) => {
                self.done += 1;
                self.failed += u64::from(is_unwell(&replay));
                println!("{}", line(&replay));
            }
            Err(e) => {
                self.failed += 1;
                println!("{id}  {e}");
            }
        }
    }
}

fn is_unwell(replay: &Replay) -> bool {
    !matches!(replay.state, EventState::Processed | EventState::Ignored)
}

fn line(replay: &Replay) -> String {
    let (before, after) = (replay.state_before.to_value(), replay.state.to_value());
    let changes: Vec<String> = replay
        .changes
        .iter()
        .map(|(table, rows)| format!("{table} {rows}"))
        .collect();
    let changes = match changes.is_empty() {
        true => "nothing written".to_owned(),
        false => changes.join(", "),
    };
    let error = replay.error.as_ref().map(|e| format!("; {e}"));
    let (id, kind) = (&replay.id, &replay.kind);
    format!(
        "{id}  {kind}  {before} -> {after}  {changes}{}",
        error.unwrap_or_default()
    )
}

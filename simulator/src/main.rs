//! `souk-simulator`: the simulator run on its own.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, ValueEnum};
use souk_simulator::{
    API_VERSION, ASSUMPTIONS, Assumptions, ClockMode, Deliveries, Options, RateLimits, Simulator,
    State,
};

/// Stripe Connect on your own machine: no account, no key, no network.
///
/// Point any Stripe client's base URL here, use any `sk_test_…` key, and register webhook endpoints
/// as you would at Stripe. Accounts onboard on a hosted form, Checkout takes Stripe's public test
/// cards, payouts follow a clock that you can advance.
#[derive(Debug, Parser)]
#[command(name = "souk-simulator", version, after_help = EXAMPLES)]
struct Arguments {
    /// Address to listen on. The control API has no password: keep it on loopback.
    #[arg(long, default_value = "127.0.0.1:12111", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// Keep everything in memory and forget it at the end (the default).
    #[arg(long, conflicts_with = "state")]
    memory: bool,

    /// Keep everything in this file; a restart on it forgets nothing.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// Ids follow from it: the same seed, requests and manual clock give the same ids.
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    /// `real` follows the wall clock, `manual` stands still until it is advanced.
    #[arg(long, value_enum, default_value_t = Clock::Real)]
    clock: Clock,

    /// Print every operation there is, as Stripe's description names it, and end.
    #[arg(long)]
    routes: bool,

    /// Append every API request and its answer to this file, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// Answer a question that Stripe's descriptions leave open; `?` lists them. Repeatable.
    #[arg(long, value_name = "NAME=VALUE")]
    assume: Vec<String>,

    /// How events reach webhook endpoints: `automatic` at once, and as Stripe warns some twice and
    /// out of order; `faithful` at once, each once and in order; `held` when sent by hand.
    #[arg(long, value_enum, default_value_t = Delivered::Automatic, value_name = "HOW")]
    deliveries: Delivered,

    /// Stripe's rate limits: none, a sandbox's (25 requests a second), or live mode's (100 a second,
    /// 25 on each endpoint).
    #[arg(long, value_enum, default_value_t = Limited::Off, value_name = "WHICH")]
    rate_limits: Limited,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Delivered {
    Automatic,
    Faithful,
    Held,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Limited {
    Off,
    Test,
    Live,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Clock {
    Real,
    Manual,
}

const EXAMPLES: &str = "\
Examples:
  souk-simulator
  curl -u sk_test_x: http://127.0.0.1:12111/v1/accounts -d 'controller[fees][payer]=account'
  curl -X POST http://127.0.0.1:12111/_simulator/accounts/acct_…/onboard
  curl -X POST http://127.0.0.1:12111/_simulator/clock/advance -d '{\"seconds\":86400}'
  curl -X POST http://127.0.0.1:12111/_simulator/faults \\
    -d '{\"method\":\"POST\",\"path_prefix\":\"/v1/refunds\",\"kind\":\"commit_then_timeout\",\"times\":1}'
  curl -u sk_test_x: http://127.0.0.1:12111/v1/balance -H 'Simulator-Fault: slow; ms=500'

Open http://127.0.0.1:12111/_simulator for the clock, events and deliveries.
Test cards: 4242424242424242 pays, 4000000000000002 is declined, 4000000000009995 has
insufficient funds, 4000002500003155 asks for 3-D Secure.";

#[tokio::main]
async fn main() -> std::process::ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .init();
    let arguments = Arguments::parse();
    if arguments.routes {
        for route in souk_simulator::routes() {
            println!("{route}");
        }
        return std::process::ExitCode::SUCCESS;
    }
    let mut assumptions = Assumptions::default();
    for pair in &arguments.assume {
        if pair == "?" {
            for a in ASSUMPTIONS {
                println!("{}={}\n  {}", a.name, a.values.join("|"), a.about);
            }
            return std::process::ExitCode::SUCCESS;
        }
        if let Err(error) = assumptions.set_pair(pair) {
            eprintln!("souk-simulator: --assume: {error}");
            return std::process::ExitCode::from(2);
        }
    }
    let started = Simulator::start(Options {
        listen: arguments.listen,
        state: arguments.state.map_or(State::Memory, State::File),
        seed: arguments.seed,
        clock: match arguments.clock {
            Clock::Real => ClockMode::Real,
            Clock::Manual => ClockMode::manual_now(),
        },
        deliveries: match arguments.deliveries {
            Delivered::Automatic => Deliveries::Automatic,
            Delivered::Faithful => Deliveries::Faithful,
            Delivered::Held => Deliveries::Held,
        },
        rate_limits: match arguments.rate_limits {
            Limited::Off => RateLimits::Off,
            Limited::Test => RateLimits::Test,
            Limited::Live => RateLimits::Live,
        },
        assumptions,
        log: arguments.log,
    })
    .await;
    let simulator = match started {
        Ok(simulator) => simulator,
        Err(error) => {
            eprintln!("souk-simulator: {error}");
            return std::process::ExitCode::FAILURE;
        }
    };
    println!(
        "Simulated Stripe ({API_VERSION}) on {}",
        simulator.base_url()
    );
    println!("Control page: {}/_simulator", simulator.base_url());
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("souk-simulator: can't wait for Ctrl-C: {error}");
    }
    simulator.stop().await;
    std::process::ExitCode::SUCCESS
}

//! The switches for Stripe's open questions, and the log of which test asks for which.

mod accounts;
mod billing;
mod money;

use std::{path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
};

/// The binary, run as a test's child process.
struct Process {
    address: String,
    _child: Child,
    /// Kept open, so that it can go on writing.
    _stdout: BufReader<ChildStdout>,
}

async fn start_in_test(test: &str, folder: &Path) -> Process {
    let mut child = Command::new(env!("CARGO_BIN_EXE_souk-simulator"))
        .args(["--listen", "127.0.0.1:0"])
        .env("SIMULATOR_ASSUME_LOG", folder)
        .env("NEXTEST_BINARY_ID", "shop::it")
        .env("NEXTEST_TEST_NAME", test)
        .env("RUST_LOG", "off")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
    let mut first = String::new();
    stdout.read_line(&mut first).await.expect("a line");
    let (_, address) = first.trim().split_once(" on ").expect("the address");
    Process {
        address: address.to_owned(),
        _child: child,
        _stdout: stdout,
    }
}

async fn get(process: &Process, path: &str) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("client");
    let request = client
        .get(format!("{}{path}", process.address))
        .bearer_auth("sk_test_x");
    let answer = request.send().await.expect("answer");
    assert_eq!(answer.status(), 200, "{path}");
}

fn logged(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("switches.tsv")).expect("the log")
}

#[tokio::test]
async fn a_test_is_logged_with_the_switches_it_asks_for() {
    let folder = tempfile::tempdir().expect("folder");
    let process = start_in_test("buyers::are_found", folder.path()).await;
    assert_eq!(logged(folder.path()), "", "nothing was asked yet");

    get(&process, "/_simulator/assumptions").await;
    get(&process, "/_simulator").await;
    assert_eq!(logged(folder.path()), "", "showing a switch asks nothing");

    for _ in 0..2 {
        get(&process, "/v1/customers/search?query=name:'Ann'").await;
    }
    assert_eq!(
        logged(folder.path()),
        "shop::it\tbuyers::are_found\tsearch\n\
         shop::it\tbuyers::are_found\tsearch_order\n"
    );
}

#[tokio::test]
async fn tests_that_run_at_once_share_a_log() {
    let folder = tempfile::tempdir().expect("folder");
    let first = start_in_test("one", folder.path()).await;
    let second = start_in_test("two", folder.path()).await;
    let path = "/v1/customers/search?query=name:'Ann'";
    tokio::join!(get(&first, path), get(&second, path));
    let log = logged(folder.path());
    let mut lines: Vec<&str> = log.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "shop::it\tone\tsearch",
            "shop::it\tone\tsearch_order",
            "shop::it\ttwo\tsearch",
            "shop::it\ttwo\tsearch_order",
        ]
    );
}

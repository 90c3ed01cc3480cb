mod architecture;
mod confirm;
mod contract;
mod harness;
mod identity;
mod ledger;
mod process;
mod webhooks;

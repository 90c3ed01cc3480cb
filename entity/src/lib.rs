//! Souk's tables, one a file, with their id newtypes and status enums. No rules live here.

pub mod application_fee_movement;
pub mod application_fee_refund;
pub mod audit_entry;
pub mod balance_transaction;
pub mod book;
pub mod dispute;
pub mod entry;
pub mod event_cursor;
pub mod fee_refund;
pub mod finding;
pub mod idempotency_key;
pub mod ids;
pub mod inbox_event;
pub mod installation;
pub mod job;
pub mod journal;
pub mod order;
pub mod order_event;
pub mod order_line;
pub mod payment;
pub mod payment_order;
pub mod payout;
pub mod product;
pub mod promotion_code;
pub mod refresh_token;
pub mod refund;
pub mod refund_line;
pub mod refund_order;
pub mod seller;
pub mod session;
pub mod stock_movement;
pub mod unreadable_transaction;
pub mod user;
pub mod values;

pub use ids::*;
pub use values::{Amounts, JsonText, Metadata, Timestamp};

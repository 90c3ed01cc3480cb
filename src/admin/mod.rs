//! What an admin sees of Souk's own work: events, jobs and the audit log, and what they may do about them.

pub mod routes;

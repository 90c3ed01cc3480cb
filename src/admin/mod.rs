//! Events, jobs and the audit log, for admins.

pub mod routes;

//! Measures contestants side by side: in one process, in rounds that take them in turn, so that
//! whatever else the machine does happens to all of them. The numbers that count are ratios within
//! a round.

pub mod bank;
#[path = "../../../../support/cluster.rs"]
pub mod cluster;
mod load;
mod options;
mod ratio;
mod rounds;
pub mod same_work;
mod table;
mod versions;

pub use load::{Failure, Measure, Work, during, once_each};
pub use options::Options;
pub use ratio::{Ratio, median};
pub use rounds::{Contestant, Promises, Results, Window, interleave};
pub use table::{Table, count, latency, milliseconds};
pub use versions::Lock;

//! The native half: the ten functions over sqlx, rewritten as async functions.

mod queries;
mod responses;
mod results;
mod status;

pub use queries::{company_context, generate_queries};
pub use responses::{
    responses_to_analyze, store_all_analyses, store_analysis_result, store_query_responses,
};
pub use results::{
    calculate_scores, finalize_audit, generate_insights, migrate_to_final_responses, scores,
};
pub use status::{is_audit_cancelled, update_audit_status};

/// The number of rows in one statement. SQLite takes 32,766 values in a statement, and no row here
/// has more than 8.
const ROWS: usize = 1000;

//! The sync half: the ten functions over rusqlite, as an application without async has them. They
//! block their thread, so dbop runs them on tokio's blocking pool.

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

//! Every test of functions under `#[guarded]`. None of them needs a database but that of a job.

mod suites {
    mod guarded;
}

//! Progress bars: one for each phase of the main job, and one for each job that runs. Where standard error
//! is no terminal, each job that has ended is a line.

use std::collections::HashMap;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use dbop::jobs::{JobInfo, JobState};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The kinds of the jobs, and what people call them.
const PHASES: [(&str, &str); 3] = [
    ("planning.plan", "reports"),
    ("planning.samples", "samples"),
    ("planning.scrape", "pages"),
];

#[derive(Debug)]
pub struct Bars {
    screen: Option<MultiProgress>,
    phases: HashMap<&'static str, Phase>,
    /// The bars of the jobs that run.
    running: HashMap<i64, ProgressBar>,
}

#[derive(Debug)]
struct Phase {
    bar: ProgressBar,
    /// How much of each job is done, and how much there is to do.
    jobs: HashMap<i64, (u64, u64)>,
}

impl Bars {
    /// Shows an empty bar for each phase.
    #[must_use]
    pub fn new() -> Self {
        let screen = stderr().is_terminal().then(MultiProgress::new);
        let phases = PHASES.map(|(kind, name)| {
            let bar = bar(
                screen.as_ref(),
                "{prefix:8} {wide_bar:.green} {pos}/{len} {eta}",
            );
            bar.set_prefix(name);
            let jobs = HashMap::new();
            (kind, Phase { bar, jobs })
        });
        Self {
            screen,
            phases: phases.into(),
            running: HashMap::new(),
        }
    }

    /// Shows a job as it is now.
    pub fn show(&mut self, job: &JobInfo) {
        if let Some(phase) = self.phases.get_mut(&*job.kind) {
            phase.show(job);
        }
        if job.state == JobState::Running {
            let screen = self.screen.as_ref();
            let new = || bar(screen, "  {spinner} {prefix:10} {bar:20} {msg}");
            let running = self.running.entry(job.id).or_insert_with(new);
            running.set_prefix(format!("job {}", job.id));
            if let Some(progress) = &job.progress {
                running.set_length(progress.total);
                running.set_position(progress.done);
                running.set_message(progress.message.clone());
            }
        } else if let Some(running) = self.running.remove(&job.id) {
            running.finish_and_clear();
        }
        if self.screen.is_none() && job.state.is_final() {
            eprintln!("job {} ({}) is {:?}", job.id, job.kind, job.state);
        }
    }
}

impl Default for Bars {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for running in self.running.values() {
            running.finish_and_clear();
        }
        for phase in self.phases.values() {
            phase.bar.abandon();
        }
    }
}

impl Phase {
    fn show(&mut self, job: &JobInfo) {
        let progress = job.progress.as_ref();
        let measured = progress.map_or((0, 0), |progress| (progress.done, progress.total));
        let is_done = u64::from(job.state.is_final());
        // Reports are counted, and of the others what they make.
        let counted = match &*job.kind {
            "planning.plan" => (is_done, 1),
            _ => measured,
        };
        self.jobs.insert(job.id, counted);
        let sums = self.jobs.values();
        let (done, total) = sums.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

/// Returns a bar on the screen, or one that is not shown.
fn bar(screen: Option<&MultiProgress>, template: &str) -> ProgressBar {
    let Some(screen) = screen else {
        return ProgressBar::hidden();
    };
    let bar = screen.add(ProgressBar::new(0));
    bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

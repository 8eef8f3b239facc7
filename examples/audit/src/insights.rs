//! Says in sentences what the scores mean. Uses no database and waits for nothing.

use crate::model::{Insight, Score, Severity};

/// Below this share of answers, hardly anybody meets the company.
const HARDLY_VISIBLE: i64 = 300;
/// Above this share of answers, nearly everybody meets the company.
const WELL_VISIBLE: i64 = 800;
/// A difference between shares that is worth a sentence.
const NOTABLE: i64 = 50;
/// Later in an answer than this, a mention reads as an afterthought.
const LATE: i64 = 400;
/// Above this share of all mentions, the talk is of others.
const MANY_COMPETITORS: i64 = 600;

/// Returns the insights that follow from the scores, in the order of the scores.
#[must_use]
pub fn insights(company: &str, scores: &[Score]) -> Vec<Insight> {
    let overall = scores.iter().find(|score| score.provider.is_none());
    let Some(overall) = overall else {
        let text = format!("There are no answers in which {company} could be mentioned.");
        return vec![Insight {
            severity: Severity::Critical,
            text,
        }];
    };
    let mut insights = vec![visibility(company, overall)];
    for score in scores {
        match (&score.provider, &score.model_version) {
            (None, _) => insights.extend(of_everybody(company, score)),
            (Some(_), None) => insights.extend(of_provider(company, score, overall)),
            (Some(_), Some(_)) => insights.extend(of_model(company, score, scores)),
        }
    }
    insights
}

fn visibility(company: &str, overall: &Score) -> Insight {
    let severity = match overall.visibility {
        ..HARDLY_VISIBLE => Severity::Critical,
        HARDLY_VISIBLE..WELL_VISIBLE => Severity::Warning,
        _ => Severity::Info,
    };
    let share = percent(overall.visibility);
    Insight {
        severity,
        text: format!("{share} of all answers mention {company}."),
    }
}

fn of_everybody(company: &str, score: &Score) -> Option<Insight> {
    let share = percent(score.competitor_share);
    (score.competitor_share > MANY_COMPETITORS).then(|| Insight {
        severity: Severity::Warning,
        text: format!("{share} of the mentions are of competitors of {company}."),
    })
}

fn of_provider(company: &str, score: &Score, overall: &Score) -> Vec<Insight> {
    let name = score.name();
    let mut insights = Vec::new();
    if score.visibility + NOTABLE <= overall.visibility {
        let (share, all) = (percent(score.visibility), percent(overall.visibility));
        insights.push(Insight {
            severity: Severity::Warning,
            text: format!(
                "{name} mentions {company} in {share} of its answers, all together in {all}."
            ),
        });
    }
    if let Some(position) = score.average_position
        && position >= LATE
    {
        let position = percent(position);
        insights.push(Insight {
            severity: Severity::Warning,
            text: format!(
                "{name} mentions {company} late: after {position} of the text on average."
            ),
        });
    }
    insights
}

/// Compares a model with the provider's model before it, if one mentions the company more often
/// than the other.
fn of_model(company: &str, score: &Score, scores: &[Score]) -> Option<Insight> {
    let before = scores
        .iter()
        .take_while(|other| *other != score)
        .filter(|other| other.provider == score.provider && other.model_version.is_some())
        .last()?;
    let change = score.visibility - before.visibility;
    let (severity, word) = match change {
        NOTABLE.. => (Severity::Info, "more"),
        change if change <= -NOTABLE => (Severity::Warning, "less"),
        _ => return None,
    };
    let (name, share) = (score.name(), percent(score.visibility));
    let (other, before) = (before.name(), percent(before.visibility));
    Some(Insight {
        severity,
        text: format!("{name} mentions {company} {word} often ({share}) than {other} ({before})."),
    })
}

/// Formats per mille as people read it.
#[must_use]
pub fn percent(per_mille: i64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Provider;

    fn score(whose: Option<(Provider, Option<&str>)>, visibility: i64) -> Score {
        Score {
            provider: whose.map(|(provider, _)| provider),
            model_version: whose.and_then(|(_, version)| version.map(str::to_owned)),
            answers: 1000,
            mentions: visibility,
            visibility,
            average_position: (visibility > 0).then_some(100),
            competitor_share: 500,
        }
    }

    fn severities(scores: &[Score]) -> Vec<Severity> {
        insights("DuckDB", scores)
            .iter()
            .map(|insight| insight.severity)
            .collect()
    }

    #[test]
    fn the_visibility_decides_how_severe_it_is() {
        use Severity::{Critical, Info, Warning};
        for (visibility, severity) in [
            (0, Critical),
            (299, Critical),
            (300, Warning),
            (799, Warning),
            (800, Info),
        ] {
            assert_eq!(
                severities(&[score(None, visibility)]),
                [severity],
                "{visibility}"
            );
        }
    }

    #[test]
    fn no_answers_are_critical() {
        assert_eq!(severities(&[]), [Severity::Critical]);
    }

    #[test]
    fn many_mentions_of_competitors_are_a_warning() {
        let score = Score {
            competitor_share: 601,
            ..score(None, 900)
        };
        let insights = insights("DuckDB", &[score]);
        assert_eq!(
            insights[1].text,
            "60.1 % of the mentions are of competitors of DuckDB."
        );
    }

    #[test]
    fn a_provider_far_below_all_and_one_that_mentions_it_late_are_warnings() {
        let below = score(Some((Provider::Alder, None)), 850);
        let late = Score {
            average_position: Some(400),
            ..score(Some((Provider::Birch, None)), 851)
        };
        let insights = insights("DuckDB", &[score(None, 900), below, late]);
        assert_eq!(
            insights[1].text,
            "alder mentions DuckDB in 85.0 % of its answers, all together in 90.0 %."
        );
        assert_eq!(
            insights[2].text,
            "birch mentions DuckDB late: after 40.0 % of the text on average."
        );
        assert_eq!(insights.len(), 3);
    }

    #[test]
    fn a_model_is_compared_with_the_one_before_it() {
        let model = |version, visibility| score(Some((Provider::Cedar, Some(version))), visibility);
        let scores = [
            score(None, 900),
            model("cedar-1", 850),
            model("cedar-2", 900),
            model("cedar-3", 899),
            model("cedar-4", 849),
        ];
        let insights = insights("DuckDB", &scores);
        assert_eq!(
            insights[1].text,
            "cedar-2 mentions DuckDB more often (90.0 %) than cedar-1 (85.0 %)."
        );
        assert_eq!(
            insights[2].text,
            "cedar-4 mentions DuckDB less often (84.9 %) than cedar-3 (89.9 %)."
        );
        assert_eq!(insights.len(), 3);
    }
}

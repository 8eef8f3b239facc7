//! The questions that an audit asks.

use crate::model::CompanyContext;

/// The questions about the industry.
const INDUSTRY: [&str; 14] = [
    "What are the best {industry} today?",
    "Which {industry} are free to use?",
    "Which {industry} are easiest to learn?",
    "Which {industry} run on a laptop?",
    "Which {industry} work well with Python?",
    "Which {industry} work well with Rust?",
    "Which {industry} should a start-up look at first?",
    "Which {industry} handle a terabyte without a cluster?",
    "Which {industry} are good for data science notebooks?",
    "Which {industry} are good for embedded dashboards?",
    "Which {industry} have the best documentation?",
    "Which {industry} are fastest for aggregations?",
    "Which {industry} can read CSV files directly?",
    "Which {industry} are used in universities?",
];

/// Returns all questions about a company, in the order in which they are asked.
#[must_use]
pub fn questions(context: &CompanyContext) -> Vec<String> {
    let CompanyContext {
        company,
        industry,
        competitors,
        features,
    } = context;
    let of_features = features.iter().flat_map(|feature| {
        [
            format!("What is a good tool for {feature}?"),
            format!("Which open-source projects are known for {feature}?"),
            format!("I need {feature} in a small team. Where do I start?"),
        ]
    });
    let of_competitors = competitors.iter().flat_map(|competitor| {
        [
            format!("{company} or {competitor}: which one should I choose?"),
            format!("What are alternatives to {competitor}?"),
            format!("When is {competitor} the wrong choice?"),
        ]
    });
    let of_industry = INDUSTRY
        .iter()
        .map(|question| question.replace("{industry}", industry));
    of_features
        .chain(of_competitors)
        .chain(of_industry)
        .chain([format!("What do people say about {company}?")])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_without_competitors_and_features_gets_the_questions_on_its_industry() {
        let questions = questions(&CompanyContext::default());
        assert_eq!(questions.len(), 15);
        assert_eq!(questions[0], "What are the best technology products today?");
        assert_eq!(questions[14], "What do people say about Unknown Company?");
    }
}

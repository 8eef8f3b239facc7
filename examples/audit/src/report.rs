//! Shows the scores: as a table for the terminal, and as a chart in an SVG file.

use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::insights::percent;
use crate::model::{Provider, Score};

/// Returns the scores as a table, one score in each line.
#[must_use]
pub fn table(scores: &[Score]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        "answers of",
        "answers",
        "mentions",
        "visibility",
        "first mention after",
        "competitors' share",
    ]);
    for score in scores {
        // Models stand below their provider.
        let indent = if score.model_version.is_some() {
            "  "
        } else {
            ""
        };
        table.add_row([
            format!("{indent}{}", score.name()),
            score.answers.to_string(),
            score.mentions.to_string(),
            percent(score.visibility),
            score
                .average_position
                .map_or_else(|| "-".to_owned(), percent),
            percent(score.competitor_share),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

const SIZE: (u32, u32) = (860, 480);
const FONT: &str = "sans-serif";
/// The colours of the bars and of the text on them: for a provider's first model version, its
/// second, and so on.
const COLORS: [(RGBColor, RGBColor); 4] = [
    (RGBColor(148, 178, 214), BLACK),
    (RGBColor(31, 78, 140), WHITE),
    (RGBColor(240, 180, 110), BLACK),
    (RGBColor(150, 84, 18), WHITE),
];
/// How much of the width between two providers their bars take.
const GROUP: f64 = 0.7;

/// Any error that drawing can return.
type Drawn = Result<(), Box<dyn std::error::Error + Send + Sync>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the visibility by provider, with a bar for each of its models.
///
/// # Errors
///
/// If the file cannot be written.
pub fn chart(file: &Path, company: &str, scores: &[Score]) -> Drawn {
    let groups: Vec<(Provider, Vec<&Score>)> = Provider::ALL
        .iter()
        .map(|provider| {
            let of_model =
                |score: &&Score| score.provider == Some(*provider) && score.model_version.is_some();
            (*provider, scores.iter().filter(of_model).collect())
        })
        .collect();
    let models = groups
        .iter()
        .map(|(_, models)| models.len())
        .max()
        .unwrap_or(0);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (head, body) = area.split_vertically(76);
        heading(&head, company, models)?;
        bars(&body, &groups, models)?;
        area.present()?;
    }
    std::fs::write(file, svg)?;
    Ok(())
}

fn heading(area: &Area<'_>, company: &str, models: usize) -> Drawn {
    let title = format!("Answers that mention {company}");
    area.draw(&Text::new(title, (64, 16), (FONT, 22)))?;
    for (number, (color, _)) in COLORS.iter().enumerate().take(models) {
        let left = 64 + 190 * i32::try_from(number)?;
        let square = Rectangle::new([(left, 50), (left + 14, 64)], color.filled());
        area.draw(&square)?;
        let label = format!("model version {}", number + 1);
        area.draw(&Text::new(label, (left + 22, 50), (FONT, 15)))?;
    }
    Ok(())
}

fn bars(area: &Area<'_>, groups: &[(Provider, Vec<&Score>)], models: usize) -> Drawn {
    let last = groups.len() as f64 - 0.5;
    let mut chart = ChartBuilder::on(area)
        .margin_left(12)
        .margin_top(8)
        .margin_right(24)
        .margin_bottom(8)
        .x_label_area_size(52)
        .y_label_area_size(52)
        .build_cartesian_2d(-0.5..last, 0.0..100.0)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(222, 222, 222))
        .x_labels(2 * groups.len() + 1)
        .x_label_formatter(&|at| provider_at(groups, *at))
        .x_desc("provider")
        .y_labels(6)
        .y_label_formatter(&|share| format!("{share:.0}"))
        .y_desc("share of its answers, in percent")
        .label_style((FONT, 15))
        .axis_desc_style((FONT, 15))
        .draw()?;
    let width = GROUP / models.max(1) as f64;
    for (at, (_, models)) in groups.iter().enumerate() {
        for (number, score) in models.iter().enumerate() {
            let from = at as f64 - GROUP / 2.0 + width * number as f64;
            let share = score.visibility as f64 / 10.0;
            let (color, on_color) = COLORS[number % COLORS.len()];
            let bar = Rectangle::new([(from, 0.0), (from + width, share)], color.filled());
            chart.draw_series([bar])?;
            let style = TextStyle::from((FONT, 14).into_font())
                .color(&on_color)
                .pos(Pos::new(HPos::Center, VPos::Top));
            let place = (from + width / 2.0, (share - 2.0).max(4.0));
            chart.draw_series([Text::new(format!("{share:.1}"), place, style)])?;
        }
    }
    Ok(())
}

/// The axis has numbers, and only the whole numbers are places of providers.
fn provider_at(groups: &[(Provider, Vec<&Score>)], at: f64) -> String {
    let place = groups
        .iter()
        .enumerate()
        .find(|(number, _)| (*number as f64 - at).abs() < 0.01);
    place
        .map(|(_, (provider, _))| provider.to_string())
        .unwrap_or_default()
}

//! Prints what a day has left, as tables.

use comfy_table::{CellAlignment, Table, presets};

use crate::day::Day;

pub(crate) fn print(day: &Day) {
    let mut orders = table(&["order", "customer", "to pay", "status"]);
    for order in &day.orders {
        orders.add_row([
            order.id.to_string(),
            order.customer.to_string(),
            order.cents.to_string(),
            order.status.to_string(),
        ]);
    }
    let mut sales = table(&["paid for", "units", "price"]);
    for line in &day.sales {
        sales.add_row([
            line.title.clone(),
            line.units.to_string(),
            line.cents.to_string(),
        ]);
    }
    println!("{}\n\n{}\n", aligned(orders), aligned(sales));
    for (sku, units) in &day.short {
        println!("few left: {units} of {sku}");
    }
    for mail in &day.mails {
        println!("sent: {mail}");
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(header);
    table
}

/// Aligns the numbers, which are in every column but the first.
fn aligned(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

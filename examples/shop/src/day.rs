//! A working day: the shop opens, Ada pays, and Bob thinks again.

use dbop::AnyDb;

use crate::catalogue::{Catalogue, Product, Search};
use crate::customers::{Address, Customers, StoredCustomers};
use crate::error::Result;
use crate::mails::Mails;
use crate::orders::{Order, Orders, StoredOrders};
use crate::payments::{self, Sales};
use crate::values::Cents;
use crate::{carts, coupons};

/// What a day has left.
pub(crate) struct Day {
    pub(crate) orders: Vec<Order>,
    pub(crate) sales: Vec<Sales>,
    /// The products of which few are left, and how many.
    pub(crate) short: Vec<(String, i64)>,
    pub(crate) mails: Vec<String>,
}

pub(crate) async fn day(db: &AnyDb) -> Result<Day> {
    let mails = Mails::default();
    let catalogue = Catalogue { db: db.clone() };
    let customers = StoredCustomers { db: db.clone() };
    let orders = StoredOrders { db: db.clone() };
    open(db, &catalogue).await?;
    let ada = welcome(&customers, "Ada", "ada@example.org").await?;
    let bob = welcome(&customers, "Bob", "bob@example.org").await?;
    buy(db, &catalogue, &orders, ada, &mails).await?;
    think_again(db, &orders, bob, &mails).await?;
    catalogue.price("pot", Cents(3_500)).await?; // from now on
    Ok(Day {
        orders: [orders.of(ada).await?, orders.of(bob).await?].concat(),
        sales: payments::sales(db).await?,
        short: catalogue.short_of(10).await?,
        mails: mails.sent(),
    })
}

/// Fills the shelves.
async fn open(db: &AnyDb, catalogue: &Catalogue) -> Result<()> {
    for (sku, title, cents, units) in [
        ("earl", "Tea: Earl Grey", 450, 20),
        ("mint", "Tea: Mint", 390, 4),
        ("pot", "Pot of iron", 3_900, 3),
    ] {
        let product = Product {
            sku: sku.to_owned(),
            title: title.to_owned(),
            cents: Cents(cents),
        };
        catalogue.deliver(&product, units).await?;
    }
    coupons::issue(db, "WELCOME", Cents(500), 1).await
}

async fn welcome(customers: &impl Customers, name: &str, email: &str) -> Result<i64> {
    let customer = customers.register(name, email).await?;
    let home = Address {
        label: "home".to_owned(),
        street: format!("{name} Street 1"),
        city: "London".to_owned(),
    };
    customers.move_to(customer, &home).await?;
    Ok(customer)
}

/// Buys two of every tea, with a coupon.
async fn buy(
    db: &AnyDb,
    catalogue: &Catalogue,
    orders: &dyn Orders,
    customer: i64,
    mails: &Mails,
) -> Result<()> {
    let search = Search {
        title: Some("TEA".to_owned()),
        at_most: Some(Cents(1_000)),
        in_stock: true,
    };
    for product in catalogue.find(&search).await? {
        carts::add(db, customer, &product.sku, 2).await?;
    }
    let order = orders.place(customer, Some("WELCOME")).await?;
    let reference = format!("bank-{}", order.id);
    // The bank did not get the first answer, and reports the payment again.
    for _report in 1..=2 {
        payments::pay(db, &reference, order.id, order.cents, mails).await?;
    }
    let shipment = orders.ship(order.id, "home").await?;
    mails.send(format!("Order {} is on its way: {shipment}", order.id));
    Ok(())
}

/// Wants more than there is, and then cancels an order, for which the coupon was used up.
async fn think_again(db: &AnyDb, orders: &dyn Orders, customer: i64, mails: &Mails) -> Result<()> {
    carts::add(db, customer, "pot", 1_000).await?;
    if let Err(refused) = orders.place(customer, None).await {
        mails.send(format!("There is no order: {refused}"));
    }
    carts::empty(db, customer).await?;
    carts::add(db, customer, "pot", 1).await?;
    let order = orders.place(customer, Some("WELCOME")).await?;
    orders.cancel(order.id).await?;
    mails.send(format!("Order {} is cancelled", order.id));
    Ok(())
}

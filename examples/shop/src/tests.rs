//! What the shop promises, on each database. A test on PostgreSQL has a database of its own in the
//! server that `DBOP_TEST_DATABASE_URL` names.

use std::time::Duration;

use dbop::{AnyDb, ErrorKind};

use crate::catalogue::{Catalogue, Product, Search};
use crate::customers::{Address, Customers, StoredCustomers};
use crate::error::{Result, ShopError};
use crate::mails::Mails;
use crate::orders::{Order, Orders, StoredOrders};
use crate::values::{Cents, Status};
use crate::{carts, coupons, day, payments};

/// Bounds what may hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shop with one customer and one product.
struct Shop {
    db: AnyDb,
    catalogue: Catalogue,
    customers: StoredCustomers,
    orders: StoredOrders,
    mails: Mails,
    ada: i64,
}

const PRICE: Cents = Cents(250);

/// Opens a shop with this many cups.
async fn open(db: AnyDb, cups: i64) -> Result<Shop> {
    let catalogue = Catalogue { db: db.clone() };
    let customers = StoredCustomers { db: db.clone() };
    let cup = Product {
        sku: "cup".to_owned(),
        title: "A cup".to_owned(),
        cents: PRICE,
    };
    catalogue.deliver(&cup, cups).await?;
    Ok(Shop {
        ada: customers.register("Ada", "ada@example.org").await?,
        orders: StoredOrders { db: db.clone() },
        mails: Mails::default(),
        db,
        catalogue,
        customers,
    })
}

impl Shop {
    async fn order(&self, cups: i64, coupon: Option<&str>) -> Result<Order> {
        carts::add(&self.db, self.ada, "cup", cups).await?;
        self.orders.place(self.ada, coupon).await
    }

    async fn pay(&self, reference: &str, order: i64, cents: Cents) -> Result<payments::Receipt> {
        payments::pay(&self.db, reference, order, cents, &self.mails).await
    }

    async fn cups_left(&self) -> Result<i64> {
        let all = self.catalogue.short_of(i64::MAX).await?;
        Ok(all.iter().map(|(_, units)| units).sum())
    }

    async fn status(&self, order: i64) -> Result<Status> {
        let all = self.orders.of(self.ada).await?;
        let one = all.into_iter().find(|one| one.id == order);
        one.map(|one| one.status).ok_or(ShopError::NoOrder(order))
    }
}

#[dbop::test(migrations = "./migrations")]
async fn one_day_can_follow_another(db: AnyDb) -> Result<()> {
    let first = day::day(&db).await?;
    let second = day::day(&db).await?;
    let ids = |day: &day::Day| day.orders.iter().map(|order| order.id).collect::<Vec<_>>();
    assert_eq!(ids(&first), [1, 2]);
    assert_eq!(ids(&second), [1, 3, 2, 4], "of each customer by number");
    assert_eq!(first.mails.len(), 4);
    let paid = |day: &day::Day| day.sales.iter().map(|line| line.cents.0).sum::<i64>();
    assert_eq!(paid(&second), 2 * paid(&first));
    Ok(())
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn of_many_who_want_the_last_cups_each_gets_all_or_none(db: AnyDb) -> Result<()> {
    let shop = open(db, 10).await?;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let email = format!("{number}@example.org");
        let customer = shop.customers.register("One of many", &email).await?;
        carts::add(&shop.db, customer, "cup", 3).await?;
        let orders = StoredOrders {
            db: shop.db.clone(),
        };
        tasks.spawn(async move { orders.place(customer, None).await });
    }
    let ends = tokio::time::timeout(PATIENCE, tasks.join_all()).await;
    let (mut placed, mut refused) = (Vec::new(), 0);
    for end in ends.expect("all orders end") {
        match end {
            Ok(order) => placed.push(order.id),
            Err(ShopError::SoldOut { .. }) => refused += 1,
            Err(error) => return Err(error),
        }
    }
    placed.sort_unstable();
    assert_eq!((placed, refused), (vec![1, 2, 3], 5), "without a gap");
    assert_eq!(shop.cups_left().await?, 1);
    Ok(())
}

#[dbop::test(migrations = "./migrations")]
async fn an_order_that_is_refused_leaves_the_cart_and_the_stock(db: AnyDb) -> Result<()> {
    let shop = open(db, 2).await?;
    let refused = shop.order(3, None).await;
    assert!(matches!(refused, Err(ShopError::SoldOut { units: 3, .. })));
    assert_eq!(shop.cups_left().await?, 2);
    let cart = carts::empty(&shop.db, shop.ada).await?;
    assert_eq!(cart.len(), 1);
    assert_eq!((cart[0].units, cart[0].cents), (3, PRICE));
    let refused = shop.orders.place(shop.ada, None).await;
    assert!(matches!(refused, Err(ShopError::EmptyCart(_))));
    Ok(())
}

#[dbop::test(migrations = "./migrations")]
async fn the_stock_of_a_cancelled_order_comes_back_once(db: AnyDb) -> Result<()> {
    let shop = open(db, 5).await?;
    let order = shop.order(4, None).await?;
    assert_eq!(shop.cups_left().await?, 1);
    shop.orders.cancel(order.id).await?;
    let again = shop.orders.cancel(order.id).await;
    assert!(matches!(again, Err(ShopError::WrongStatus { .. })));
    assert_eq!(shop.cups_left().await?, 5);
    assert_eq!(shop.status(order.id).await?, Status::Cancelled);
    Ok(())
}

#[dbop::test(migrations = "./migrations")]
async fn a_coupon_that_is_used_up_changes_nothing(db: AnyDb) -> Result<()> {
    let shop = open(db, 5).await?;
    coupons::issue(&shop.db, "MINUS", Cents(100), 1).await?;
    assert_eq!(shop.order(2, Some("MINUS")).await?.cents, Cents(400));
    assert_eq!(shop.order(2, Some("MINUS")).await?.cents, Cents(500));
    assert_eq!(shop.order(1, Some("NEVER")).await?.cents, PRICE);
    assert_eq!(shop.cups_left().await?, 0);
    Ok(())
}

#[dbop::test(migrations = "./migrations")]
async fn a_payment_that_is_reported_twice_is_taken_once(db: AnyDb) -> Result<()> {
    let shop = open(db, 5).await?;
    let order = shop.order(2, None).await?;
    let receipt = shop.pay("bank-7", order.id, order.cents).await?;
    assert_eq!(shop.pay("bank-7", order.id, order.cents).await?, receipt);
    assert_eq!(shop.mails.sent(), ["Order 1 is paid: 5.00"]);
    let sales = payments::sales(&shop.db).await?;
    assert_eq!(sales.len(), 1);
    assert_eq!((sales[0].units, sales[0].cents), (2, Cents(500)));
    // Another amount under the same reference is a mistake of the bank's.
    let other = shop.pay("bank-7", order.id, Cents(1)).await;
    let Err(ShopError::Database(error)) = other else {
        panic!("{other:?}");
    };
    assert_eq!(error.kind(), ErrorKind::KeyReused);
    Ok(())
}

#[dbop::test(migrations = "./migrations")]
async fn a_payment_of_another_amount_is_refused_without_a_trace(db: AnyDb) -> Result<()> {
    let shop = open(db, 5).await?;
    let order = shop.order(2, None).await?;
    let refused = shop.pay("bank-7", order.id, Cents(1)).await;
    assert!(matches!(refused, Err(ShopError::WrongAmount { .. })));
    assert!(shop.mails.sent().is_empty());
    assert_eq!(shop.status(order.id).await?, Status::Placed);
    shop.pay("bank-7", order.id, order.cents).await?;
    assert_eq!(shop.status(order.id).await?, Status::Paid);
    Ok(())
}

#[dbop::test(migrations = "./migrations")]
async fn only_a_paid_order_is_shipped_and_to_an_address_that_is_known(db: AnyDb) -> Result<()> {
    let shop = open(db, 5).await?;
    let order = shop.order(1, None).await?;
    let early = shop.orders.ship(order.id, "home").await;
    assert!(matches!(early, Err(ShopError::WrongStatus { .. })));
    shop.pay("bank-7", order.id, order.cents).await?;
    let nowhere = shop.orders.ship(order.id, "home").await;
    assert!(matches!(nowhere, Err(ShopError::NoAddress(_))));
    let home = Address {
        label: "home".to_owned(),
        street: "Ada Street 1".to_owned(),
        city: "London".to_owned(),
    };
    shop.customers.move_to(shop.ada, &home).await?;
    assert_eq!(shop.orders.ship(order.id, "home").await?, 1);
    assert_eq!(shop.status(order.id).await?, Status::Shipped);
    Ok(())
}

#[dbop::test(migrations = "./migrations")]
async fn a_title_is_found_in_small_letters_and_in_capitals(db: AnyDb) -> Result<()> {
    let shop = open(db, 0).await?;
    let search = |title: &str, in_stock| Search {
        title: Some(title.to_owned()),
        at_most: Some(PRICE),
        in_stock,
    };
    assert_eq!(shop.catalogue.find(&search("CUP", false)).await?.len(), 1);
    assert_eq!(shop.catalogue.find(&search("pot", false)).await?.len(), 0);
    assert_eq!(shop.catalogue.find(&search("CUP", true)).await?.len(), 0);
    Ok(())
}

#[dbop::test(migrations = "./migrations")]
async fn a_new_price_leaves_orders_as_they_are(db: AnyDb) -> Result<()> {
    let shop = open(db, 5).await?;
    let order = shop.order(1, None).await?;
    shop.catalogue.price("cup", Cents(999)).await?;
    shop.pay("bank-7", order.id, PRICE).await?;
    assert_eq!(payments::sales(&shop.db).await?[0].cents, PRICE);
    let unknown = shop.catalogue.price("jug", Cents(1)).await;
    assert!(matches!(unknown, Err(ShopError::NoProduct(_))));
    Ok(())
}

#[dbop::test(migrations = "./migrations", flavor = multi_thread)]
async fn who_registers_twice_is_the_same_customer(db: AnyDb) -> Result<()> {
    let shop = open(db, 0).await?;
    let again = shop.customers.register("Ada L.", "ada@example.org").await?;
    assert_eq!(again, shop.ada);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let customers = StoredCustomers {
            db: shop.db.clone(),
        };
        tasks.spawn(async move { customers.register("Bob", "bob@example.org").await });
    }
    let ends = tokio::time::timeout(PATIENCE, tasks.join_all()).await;
    let mut ids = Vec::new();
    for end in ends.expect("all of them end") {
        ids.push(end?);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_ne!(ids, [shop.ada]);
    Ok(())
}

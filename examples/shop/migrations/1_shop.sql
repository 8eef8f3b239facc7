-- Both databases understand this file. SQLite takes any name of a type, so the names are those of
-- PostgreSQL that the Rust types need: `i64` is BIGINT, `String` is TEXT.

-- The last number of each sort. The databases do not agree on how a column counts by itself. This way
-- also leaves no gaps: a transaction that is rolled back gives its number back.
CREATE TABLE numbers (
    sort TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO numbers (sort, last) VALUES ('customer', 0), ('order', 0), ('shipment', 0);

CREATE TABLE customers (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE
);
CREATE TABLE addresses (
    customer BIGINT NOT NULL REFERENCES customers,
    label TEXT NOT NULL, -- such as `home`
    street TEXT NOT NULL,
    city TEXT NOT NULL,
    PRIMARY KEY (customer, label)
);

CREATE TABLE products (
    sku TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    cents BIGINT NOT NULL CHECK (cents > 0)
);
CREATE TABLE stock (
    sku TEXT PRIMARY KEY REFERENCES products,
    units BIGINT NOT NULL CHECK (units >= 0)
);

CREATE TABLE cart_lines (
    customer BIGINT NOT NULL REFERENCES customers,
    sku TEXT NOT NULL REFERENCES products,
    units BIGINT NOT NULL CHECK (units > 0),
    PRIMARY KEY (customer, sku)
);
CREATE TABLE coupons (
    code TEXT PRIMARY KEY,
    cents BIGINT NOT NULL CHECK (cents > 0),
    uses_left BIGINT NOT NULL CHECK (uses_left >= 0)
);

CREATE TABLE orders (
    id BIGINT PRIMARY KEY,
    customer BIGINT NOT NULL REFERENCES customers,
    cents BIGINT NOT NULL CHECK (cents >= 0), -- what is to be paid
    status TEXT NOT NULL
);
CREATE INDEX orders_of_customer ON orders (customer);
CREATE TABLE order_lines (
    order_id BIGINT NOT NULL REFERENCES orders,
    sku TEXT NOT NULL REFERENCES products,
    units BIGINT NOT NULL CHECK (units > 0),
    cents BIGINT NOT NULL CHECK (cents > 0), -- the price of one, when the order was placed
    PRIMARY KEY (order_id, sku)
);
CREATE TABLE payments (
    reference TEXT PRIMARY KEY, -- by which the bank knows the payment
    order_id BIGINT NOT NULL UNIQUE REFERENCES orders,
    cents BIGINT NOT NULL
);
CREATE TABLE shipments (
    id BIGINT PRIMARY KEY,
    order_id BIGINT NOT NULL UNIQUE REFERENCES orders,
    street TEXT NOT NULL,
    city TEXT NOT NULL
);

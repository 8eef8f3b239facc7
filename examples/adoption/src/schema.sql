CREATE TABLE books (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    shelf INTEGER NOT NULL DEFAULT 1,
    copies INTEGER NOT NULL
);
CREATE TABLE members (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    blocked INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE loans (
    id INTEGER PRIMARY KEY,
    book INTEGER NOT NULL REFERENCES books,
    member INTEGER NOT NULL REFERENCES members,
    due INTEGER NOT NULL, -- a day is a number in this library
    returned INTEGER
);
CREATE TABLE fines (
    id INTEGER PRIMARY KEY,
    member INTEGER NOT NULL REFERENCES members,
    cents INTEGER NOT NULL,
    paid INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE holds (
    book INTEGER NOT NULL REFERENCES books,
    member INTEGER NOT NULL REFERENCES members,
    day INTEGER NOT NULL,
    PRIMARY KEY (book, member)
);
CREATE TABLE cards (member INTEGER PRIMARY KEY REFERENCES members, number INTEGER NOT NULL);
CREATE TABLE journal (id INTEGER PRIMARY KEY, entry TEXT NOT NULL);

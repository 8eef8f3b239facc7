-- Both databases understand these files. An id is a UUID of version 7, which the service makes: ids
-- sort by the time at which they were made, so a page of the newest rows is a page of the largest ids.

CREATE TABLE users (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE roles (
    role TEXT PRIMARY KEY, -- such as `backend`
    title TEXT NOT NULL,
    cents BIGINT NOT NULL CHECK (cents >= 0) -- the price of an interview; 0 is free
);

CREATE TABLE categories (
    category TEXT PRIMARY KEY,
    title TEXT NOT NULL
);

CREATE TABLE questions (
    id UUID PRIMARY KEY,
    role TEXT NOT NULL REFERENCES roles ON DELETE RESTRICT,
    category TEXT NOT NULL REFERENCES categories ON DELETE RESTRICT,
    difficulty SMALLINT NOT NULL CHECK (difficulty BETWEEN 1 AND 5),
    text TEXT NOT NULL,
    retired BOOLEAN NOT NULL DEFAULT FALSE,
    UNIQUE (role, text)
);
CREATE INDEX questions_of_role ON questions (role, id);
CREATE INDEX questions_of_category ON questions (category, id);
CREATE INDEX questions_of_difficulty ON questions (difficulty, id);

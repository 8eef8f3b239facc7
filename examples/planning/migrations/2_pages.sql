-- The pages that a crawl has found, and those that it has read.
CREATE TABLE pages (
    crawl BIGINT NOT NULL,
    path TEXT NOT NULL,
    status SMALLINT, -- how the site has answered
    title TEXT,
    read_at TIMESTAMPTZ,
    PRIMARY KEY (crawl, path),
    CHECK ((status IS NULL) = (read_at IS NULL))
);
CREATE INDEX pages_to_read ON pages (crawl, path) WHERE read_at IS NULL;

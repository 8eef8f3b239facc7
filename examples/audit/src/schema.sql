-- Every statement can be run again on a database that already has these tables.

CREATE TABLE IF NOT EXISTS companies (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE CHECK (name <> ''),
    industry TEXT -- NULL: not known
) STRICT;

CREATE TABLE IF NOT EXISTS competitors (
    id              INTEGER PRIMARY KEY, -- also gives the order
    company_id      INTEGER NOT NULL REFERENCES companies (id) ON DELETE CASCADE,
    competitor_name TEXT NOT NULL CHECK (competitor_name <> ''),
    UNIQUE (company_id, competitor_name)
) STRICT;

CREATE TABLE IF NOT EXISTS company_features (
    id           INTEGER PRIMARY KEY, -- also gives the order
    company_id   INTEGER NOT NULL REFERENCES companies (id) ON DELETE CASCADE,
    feature_name TEXT NOT NULL CHECK (feature_name <> ''),
    UNIQUE (company_id, feature_name)
) STRICT;

CREATE TABLE IF NOT EXISTS audits (
    id            INTEGER PRIMARY KEY,
    company_id    INTEGER REFERENCES companies (id), -- NULL: questions are about a default company
    status        TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'completed', 'cancelled', 'failed')),
    started_at    TEXT,
    completed_at  TEXT,
    error_message TEXT,
    CHECK (status NOT IN ('processing', 'completed', 'failed') OR started_at IS NOT NULL),
    CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CHECK ((status = 'failed') = (error_message IS NOT NULL))
) STRICT;

CREATE TABLE IF NOT EXISTS audit_queries (
    id         INTEGER PRIMARY KEY,
    audit_id   INTEGER NOT NULL REFERENCES audits (id) ON DELETE CASCADE,
    position   INTEGER NOT NULL CHECK (position >= 1),
    query_text TEXT NOT NULL CHECK (query_text <> ''),
    UNIQUE (audit_id, query_text),
    UNIQUE (audit_id, position)
) STRICT;

CREATE TABLE IF NOT EXISTS audit_responses (
    id               INTEGER PRIMARY KEY,
    query_id         INTEGER NOT NULL REFERENCES audit_queries (id) ON DELETE CASCADE,
    audit_id         INTEGER NOT NULL REFERENCES audits (id) ON DELETE CASCADE,
    provider         TEXT NOT NULL CHECK (provider IN ('alder', 'birch', 'cedar', 'dogwood')),
    model_version    TEXT NOT NULL CHECK (model_version <> ''),
    response_text    TEXT NOT NULL,
    response_time_ms INTEGER NOT NULL CHECK (response_time_ms >= 0),
    tokens_used      INTEGER NOT NULL CHECK (tokens_used >= 0),
    cache_hit        INTEGER NOT NULL CHECK (cache_hit IN (0, 1)),
    -- The analysis: either all of its columns have values, or none.
    brand_mentioned  INTEGER CHECK (brand_mentioned IN (0, 1)),
    mention_position INTEGER CHECK (mention_position BETWEEN 0 AND 999), -- per mille of the text
    mention_rank     INTEGER CHECK (mention_rank >= 1),
    competitors      TEXT CHECK (json_type(competitors) = 'array'),
    CHECK ((brand_mentioned IS NULL) = (competitors IS NULL)),
    CHECK (coalesce(brand_mentioned, 0) = (mention_position IS NOT NULL)),
    CHECK (coalesce(brand_mentioned, 0) = (mention_rank IS NOT NULL)),
    UNIQUE (query_id, provider, model_version)
) STRICT;

CREATE INDEX IF NOT EXISTS audit_responses_of_audit ON audit_responses (audit_id);

-- There is one row for the whole audit, one for each provider, and one for each model version.
CREATE TABLE IF NOT EXISTS audit_scores (
    id               INTEGER PRIMARY KEY,
    audit_id         INTEGER NOT NULL REFERENCES audits (id) ON DELETE CASCADE,
    provider         TEXT CHECK (provider IN ('alder', 'birch', 'cedar', 'dogwood')),
    model_version    TEXT CHECK (model_version <> ''),
    answers          INTEGER NOT NULL CHECK (answers >= 1),
    mentions         INTEGER NOT NULL CHECK (mentions BETWEEN 0 AND answers),
    visibility       INTEGER NOT NULL CHECK (visibility BETWEEN 0 AND 1000),
    average_position INTEGER CHECK (average_position BETWEEN 0 AND 999),
    competitor_share INTEGER NOT NULL CHECK (competitor_share BETWEEN 0 AND 1000),
    CHECK (provider IS NOT NULL OR model_version IS NULL),
    CHECK ((mentions > 0) = (average_position IS NOT NULL))
) STRICT;

-- A UNIQUE constraint treats NULLs as different, so this needs an index with an expression.
CREATE UNIQUE INDEX IF NOT EXISTS audit_scores_of_audit
    ON audit_scores (audit_id, coalesce(provider, ''), coalesce(model_version, ''));

CREATE TABLE IF NOT EXISTS audit_insights (
    id           INTEGER PRIMARY KEY,
    audit_id     INTEGER NOT NULL REFERENCES audits (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL CHECK (position >= 1),
    severity     TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    insight_text TEXT NOT NULL CHECK (insight_text <> ''),
    UNIQUE (audit_id, position),
    UNIQUE (audit_id, insight_text)
) STRICT;

-- This is what other programs read: everything about an answer in one row.
CREATE TABLE IF NOT EXISTS final_responses (
    response_id      INTEGER PRIMARY KEY REFERENCES audit_responses (id) ON DELETE CASCADE,
    audit_id         INTEGER NOT NULL REFERENCES audits (id) ON DELETE CASCADE,
    company_name     TEXT, -- NULL: the audit is of the default company
    query_position   INTEGER NOT NULL,
    query_text       TEXT NOT NULL,
    provider         TEXT NOT NULL CHECK (provider IN ('alder', 'birch', 'cedar', 'dogwood')),
    model_version    TEXT NOT NULL,
    response_text    TEXT NOT NULL,
    response_time_ms INTEGER NOT NULL,
    tokens_used      INTEGER NOT NULL,
    cache_hit        INTEGER NOT NULL CHECK (cache_hit IN (0, 1)),
    brand_mentioned  INTEGER NOT NULL CHECK (brand_mentioned IN (0, 1)),
    mention_position INTEGER CHECK (mention_position BETWEEN 0 AND 999),
    mention_rank     INTEGER CHECK (mention_rank >= 1),
    competitors      TEXT NOT NULL CHECK (json_type(competitors) = 'array')
) STRICT;

CREATE INDEX IF NOT EXISTS final_responses_of_audit ON final_responses (audit_id);

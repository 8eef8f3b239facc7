CREATE TABLE system_logs (
    id UUID PRIMARY KEY,
    level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
    source TEXT NOT NULL, -- the part of the service that says this
    message TEXT NOT NULL,
    logged_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX system_logs_of_level ON system_logs (level, id);
CREATE INDEX system_logs_of_source ON system_logs (source, id);
CREATE INDEX system_logs_by_age ON system_logs (logged_at);

-- A payment stays, so neither its user nor its session can be removed.
CREATE TABLE payments (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users ON DELETE RESTRICT,
    session_id UUID NOT NULL UNIQUE REFERENCES sessions ON DELETE RESTRICT,
    cents BIGINT NOT NULL CHECK (cents > 0),
    paid_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX payments_of_user ON payments (user_id, id);

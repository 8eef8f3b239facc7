CREATE TABLE sessions (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles ON DELETE RESTRICT,
    state TEXT NOT NULL CHECK (state IN ('planned', 'running', 'finished', 'cancelled')),
    job_description TEXT NOT NULL,
    cents BIGINT NOT NULL CHECK (cents >= 0), -- the price when the session was planned
    planned_at TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    reviewed_at TIMESTAMPTZ, -- when the user was given feedback
    CHECK (started_at IS NOT NULL OR state IN ('planned', 'cancelled')),
    CHECK ((ended_at IS NOT NULL) = (state IN ('finished', 'cancelled')))
);
CREATE INDEX sessions_of_user ON sessions (user_id, id);
CREATE INDEX sessions_of_role ON sessions (role, id);
CREATE INDEX sessions_in_state ON sessions (state, id);
CREATE INDEX sessions_without_review ON sessions (state, id)
    WHERE state = 'finished' AND reviewed_at IS NULL;

CREATE TABLE session_questions (
    session_id UUID NOT NULL REFERENCES sessions ON DELETE CASCADE,
    position SMALLINT NOT NULL CHECK (position >= 1),
    question_id UUID NOT NULL REFERENCES questions ON DELETE RESTRICT,
    PRIMARY KEY (session_id, position),
    UNIQUE (session_id, question_id)
);
CREATE INDEX sessions_of_question ON session_questions (question_id, session_id);

CREATE TABLE answers (
    session_id UUID NOT NULL,
    position SMALLINT NOT NULL,
    body TEXT NOT NULL,
    score SMALLINT CHECK (score BETWEEN 0 AND 10),
    answered_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (session_id, position),
    FOREIGN KEY (session_id, position) REFERENCES session_questions ON DELETE CASCADE
);

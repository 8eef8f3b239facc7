CREATE TABLE conversations (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    session_id UUID REFERENCES sessions ON DELETE SET NULL, -- the interview that is talked about
    title TEXT NOT NULL,
    model TEXT NOT NULL, -- who answers, such as the name of a language model
    archived BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX conversations_of_user ON conversations (user_id, id);
CREATE INDEX conversations_of_session ON conversations (session_id, id);

CREATE TABLE messages (
    id UUID PRIMARY KEY,
    conversation_id UUID NOT NULL REFERENCES conversations ON DELETE CASCADE,
    author TEXT NOT NULL CHECK (author IN ('user', 'assistant', 'system')),
    body TEXT NOT NULL,
    sent_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX messages_of_conversation ON messages (conversation_id, id);

-- Long enough that two processes need this template at the same time.
SELECT pg_sleep(0.3);
CREATE TABLE notes (text TEXT);

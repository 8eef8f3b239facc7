-- Both databases understand these files.

CREATE TABLE cycles (
    cycle BIGINT PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE reports (
    report BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    report_type TEXT NOT NULL,
    regulatory_context TEXT NOT NULL
);

-- The reports that are tested in a cycle.
CREATE TABLE cycle_reports (
    cycle BIGINT NOT NULL REFERENCES cycles ON DELETE CASCADE,
    report BIGINT NOT NULL REFERENCES reports ON DELETE RESTRICT,
    planned_at TIMESTAMPTZ, -- when the attributes were stored
    PRIMARY KEY (cycle, report)
);

-- What is tested. The model names the attributes, and may give two of them one name.
CREATE TABLE attributes (
    id UUID PRIMARY KEY,
    cycle BIGINT NOT NULL,
    report BIGINT NOT NULL,
    name TEXT NOT NULL,
    data_type TEXT NOT NULL CHECK (data_type IN ('amount', 'date', 'code', 'text')),
    rationale TEXT NOT NULL,
    FOREIGN KEY (cycle, report) REFERENCES cycle_reports ON DELETE CASCADE
);
CREATE INDEX attributes_of_report ON attributes (cycle, report, id);

-- The values with which an attribute is tested.
CREATE TABLE samples (
    id UUID PRIMARY KEY,
    attribute UUID NOT NULL REFERENCES attributes ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 0),
    value TEXT NOT NULL
);
CREATE INDEX samples_of_attribute ON samples (attribute, number);

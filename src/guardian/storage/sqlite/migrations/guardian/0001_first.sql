CREATE TABLE series_points(
  source TEXT NOT NULL, series TEXT NOT NULL, minute_ms INTEGER NOT NULL, observed INTEGER NOT NULL,
  expected REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, learning INTEGER NOT NULL,
  PRIMARY KEY(source, minute_ms, series)
) WITHOUT ROWID;

CREATE TABLE records(
  kind TEXT NOT NULL, record_id TEXT NOT NULL, at_ms INTEGER NOT NULL, source TEXT NOT NULL,
  state TEXT NOT NULL, level TEXT NOT NULL, label TEXT NOT NULL, version INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY(kind, record_id)
) WITHOUT ROWID;
CREATE INDEX records_by_time ON records(kind, at_ms, record_id);
CREATE INDEX records_by_state ON records(kind, state, at_ms, record_id);
CREATE INDEX records_by_label ON records(kind, label, at_ms, record_id);

CREATE TABLE numbers(name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE audit(
  sequence INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
  target TEXT NOT NULL, detail TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE TRIGGER audit_keeps_what_it_says BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_forgets_nothing BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

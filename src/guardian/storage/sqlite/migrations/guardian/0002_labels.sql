-- Statements are only ever added; which of them stands is decided when they are read (domain/label.py). `event_ms` is
-- null, and `source` and `merchant_id` may be empty, until the transaction is known.
CREATE TABLE labels(
  sequence INTEGER PRIMARY KEY,
  key INTEGER NOT NULL,
  transaction_id TEXT NOT NULL, source TEXT NOT NULL, merchant_id TEXT NOT NULL, event_ms INTEGER,
  is_fraud INTEGER NOT NULL, kind TEXT NOT NULL, known_ms INTEGER NOT NULL,
  said_by TEXT NOT NULL, at_ms INTEGER NOT NULL, origin TEXT NOT NULL
);
CREATE INDEX labels_by_key ON labels(key);
CREATE INDEX labels_by_event ON labels(source, event_ms, key) WHERE event_ms IS NOT NULL;
CREATE INDEX labels_pending ON labels(sequence) WHERE event_ms IS NULL;

-- Which case holds which flagged transaction; the cases themselves are records.
CREATE TABLE case_members(
  sequence INTEGER PRIMARY KEY,
  key INTEGER NOT NULL,
  source TEXT NOT NULL, merchant_id TEXT NOT NULL, transaction_id TEXT NOT NULL, event_ms INTEGER NOT NULL,
  case_id TEXT NOT NULL,
  UNIQUE(key, source, merchant_id, transaction_id)
);
CREATE INDEX members_by_case ON case_members(case_id, event_ms);

-- mode: counted, or aside (in shadow, outside its part, snoozed, allowed)
CREATE TABLE firings(
  source TEXT NOT NULL, hour_ms INTEGER NOT NULL, rule TEXT NOT NULL, version INTEGER NOT NULL, mode TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY(source, hour_ms, rule, version, mode)
) WITHOUT ROWID;

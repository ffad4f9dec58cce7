-- place = event_ms << 22 | position & 0x3FFFFF: clustered by time; see storage/sqlite/rows.py for `rest`
CREATE TABLE events(
  place INTEGER PRIMARY KEY,
  key INTEGER NOT NULL,
  position INTEGER NOT NULL,
  source TEXT NOT NULL,
  merchant_id TEXT NOT NULL,
  transaction_id TEXT NOT NULL,
  status TEXT NOT NULL,
  amount_minor INTEGER NOT NULL,
  currency TEXT NOT NULL,
  auth_code TEXT,
  card_bin TEXT,
  ml_score REAL,
  zscore REAL NOT NULL,
  level INTEGER NOT NULL,
  features BLOB NOT NULL,
  rest BLOB NOT NULL
);
CREATE INDEX events_by_key ON events(key);
CREATE INDEX events_by_merchant ON events(merchant_id, place);
CREATE INDEX events_flagged ON events(place) WHERE level > 0;

CREATE TABLE minute_counts(
  source TEXT NOT NULL, view TEXT NOT NULL, minute_ms INTEGER NOT NULL, value TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY(source, view, minute_ms, value)
) WITHOUT ROWID;

CREATE TABLE hours(
  source TEXT NOT NULL, hour_ms INTEGER NOT NULL, status TEXT NOT NULL, n INTEGER NOT NULL,
  scored INTEGER NOT NULL, score_sum REAL NOT NULL, flagged INTEGER NOT NULL,
  PRIMARY KEY(source, hour_ms, status)
) WITHOUT ROWID;

CREATE TABLE progress(
  source TEXT PRIMARY KEY, kind TEXT NOT NULL, first_minute_ms INTEGER NOT NULL,
  event_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, closed INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE positions(bus_partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);

CREATE VIEW transactions AS SELECT
  transaction_id AS id,
  strftime('%Y-%m-%dT%H:%M:%fZ', (place >> 22) / 1000.0, 'unixepoch') AS timestamp,
  status,
  amount_minor / CASE WHEN currency IN ('JPY','KRW','CLP','PYG','VND','ISK','UGX') THEN 1.0
                      WHEN currency IN ('KWD','BHD','OMR','JOD','TND','IQD','LYD') THEN 1000.0 ELSE 100.0 END AS amount,
  auth_code, merchant_id, card_bin, ml_score, zscore, level > 0 AS is_anomaly,
  CASE level WHEN 0 THEN 'NORMAL' WHEN 1 THEN 'WARNING' ELSE 'CRITICAL' END AS alert_level
FROM events;

CREATE VIEW hourly_stats AS SELECT
  strftime('%Y-%m-%dT%H:00:00Z', hour_ms / 1000, 'unixepoch') AS hour,
  status, sum(n) AS count, sum(score_sum) / nullif(sum(scored), 0) AS avg_score, sum(flagged) AS anomaly_count
FROM hours GROUP BY hour_ms, status;

-- An index whose entries come in no order writes a page for nearly every row once it is larger than a batch. So new
-- entries gather in small tables of their own, and move on many at a time and sorted; see `settle` in transactions.py.
DROP INDEX events_by_key;
DROP INDEX events_by_merchant;

CREATE TABLE keys(key INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY(key, place)) WITHOUT ROWID;
CREATE TABLE keys_new(key INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY(key, place)) WITHOUT ROWID;
CREATE TABLE merchants(merchant TEXT NOT NULL, place INTEGER NOT NULL, PRIMARY KEY(merchant, place)) WITHOUT ROWID;
CREATE TABLE merchants_new(merchant TEXT NOT NULL, place INTEGER NOT NULL, PRIMARY KEY(merchant, place)) WITHOUT ROWID;
INSERT INTO keys SELECT key, place FROM events ORDER BY key, place;
INSERT INTO merchants SELECT merchant_id, place FROM events ORDER BY merchant_id, place;

CREATE TRIGGER event_kept AFTER INSERT ON events BEGIN
  INSERT INTO keys_new VALUES (new.key, new.place);
  INSERT INTO merchants_new VALUES (new.merchant_id, new.place);
END;
CREATE TRIGGER event_gone AFTER DELETE ON events BEGIN
  DELETE FROM keys WHERE key = old.key AND place = old.place;
  DELETE FROM keys_new WHERE key = old.key AND place = old.place;
  DELETE FROM merchants WHERE merchant = old.merchant_id AND place = old.place;
  DELETE FROM merchants_new WHERE merchant = old.merchant_id AND place = old.place;
END;

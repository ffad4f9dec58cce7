-- Nothing reads them: who watches merchants reads the transactions of a minute. A row for each merchant and minute
-- was most of what a batch of many merchants wrote.
DELETE FROM minute_counts WHERE view = 'merchant';

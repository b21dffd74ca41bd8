-- Whether every process hears of the event. True for rows of before and of processes that do not know the column: they were all published. No row is rewritten.
ALTER TABLE outbox_events ADD COLUMN is_broadcast boolean NOT NULL DEFAULT true;

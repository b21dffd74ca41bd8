-- W3C `traceparent` of what caused the event, null when nothing records it. All partitions get the column, and no row is rewritten.
ALTER TABLE outbox_events ADD COLUMN traceparent text;

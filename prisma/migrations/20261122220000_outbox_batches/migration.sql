-- What has not left the outbox: one row for all events of one append, deleted when they have. The events themselves are never
-- written again: to mark each of them cost more than to write it, and left a dead row behind for each.
CREATE TABLE outbox_batches (
  id uuid NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  events integer NOT NULL,
  PRIMARY KEY (created_at, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

ALTER TABLE outbox_events ADD COLUMN batch_id uuid;
UPDATE outbox_events SET batch_id = id WHERE published_at IS NULL;
INSERT INTO outbox_batches (id, created_at, events) SELECT id, created_at, 1 FROM outbox_events WHERE published_at IS NULL;

-- A batch and its events have the time of their transaction, which leads to them: no further index, and one partition.
DROP INDEX outbox_events_unpublished_idx;
ALTER TABLE outbox_events DROP CONSTRAINT outbox_events_pkey, ADD PRIMARY KEY (created_at, id);
-- `published_at` stays for a relay of the release before, which would fail without it; a later migration drops it.

-- An event that names no batch, of a process of the release before or written by hand, becomes a batch of its own.
CREATE FUNCTION batch_lone_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.batch_id := NEW.id;
  INSERT INTO outbox_batches (id, created_at, events) VALUES (NEW.id, NEW.created_at, 1);
  RETURN NEW;
END $$;
CREATE TRIGGER outbox_events_lone BEFORE INSERT ON outbox_events
  FOR EACH ROW WHEN (NEW.batch_id IS NULL) EXECUTE FUNCTION batch_lone_event();

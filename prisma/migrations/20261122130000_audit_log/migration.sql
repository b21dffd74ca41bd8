-- What the audit log is to say of an event: one line of core/audit-log, null when nothing.
ALTER TABLE outbox_events ADD COLUMN audit text;

-- One row for each chain: its last link (none yet: 0, null), and who may append the next one. The row is the lock and the
-- fence of its chain: an append moves it from the position that the appender believes in, or has no effect.
CREATE TABLE audit_chains (
  chain smallint PRIMARY KEY,
  seq bigint NOT NULL DEFAULT 0,
  hash bytea,
  owner uuid,
  owned_until timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITH (fillfactor = 50);

-- The time is that of the UUIDv7, so it is a function of the id: the key over both keeps an id single over
-- all partitions. Prefixes of actors and resources are looked for, hence the collation.
CREATE TABLE audit_entries (
  id uuid NOT NULL,
  occurred_at timestamptz(3) NOT NULL,
  chain smallint NOT NULL,
  seq bigint NOT NULL,
  actor text COLLATE "C" NOT NULL,
  action text COLLATE "C" NOT NULL,
  resource text COLLATE "C" NOT NULL,
  details jsonb NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX audit_entries_chain_seq_idx ON audit_entries (chain, seq);
CREATE INDEX audit_entries_actor_id_idx ON audit_entries (actor, id);
CREATE INDEX audit_entries_resource_id_idx ON audit_entries (resource, id);
CREATE INDEX audit_entries_action_id_idx ON audit_entries (action, id);

CREATE TABLE audit_entries_default PARTITION OF audit_entries DEFAULT;
DO $$
DECLARE
  month timestamptz := date_trunc('month', now(), 'UTC');
BEGIN
  FOR i IN 0..2 LOOP
    PERFORM ensure_partition('audit_entries', month + make_interval(months => i),
      month + make_interval(months => i + 1), to_char((month + make_interval(months => i)) AT TIME ZONE 'UTC', 'YYYYMM'));
  END LOOP;
END $$;

-- Months of the audit log that were retired: the signed record that verifiers go on from, and whether the
-- detached table is gone yet. Nobody can make a record up who has only the database. The name is that of the
-- month and of what was retired, so that no record takes the place of another one.
CREATE TABLE audit_retirements (
  name text PRIMARY KEY,
  month text NOT NULL,
  record text NOT NULL,
  retired_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  dropped_at timestamptz(3)
);

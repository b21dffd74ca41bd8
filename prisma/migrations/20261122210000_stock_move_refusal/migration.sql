-- Ends a statement, and with it its transaction, that moves stock which cannot give what is asked of it. In SQL, because COMMIT is on its way before the process hears of the statement.
CREATE FUNCTION refuse_stock_move(kind text, variant_id uuid) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'stock of % cannot % what was asked of it', variant_id, kind USING ERRCODE = 'check_violation';
END
$$;

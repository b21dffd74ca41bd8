/** A position in PostgreSQL's write-ahead log (LSN); positions of one timeline compare as numbers. */
export type WalPosition = bigint;

/** Parses the `16/B374D848` form. @throws RangeError when the text is not a position. */
export function parseWalPosition(text: string): WalPosition {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text);
  if (!match) throw new RangeError(`not a WAL position: ${text}`);
  return (BigInt(`0x${match[1] ?? '0'}`) << 32n) | BigInt(`0x${match[2] ?? '0'}`);
}

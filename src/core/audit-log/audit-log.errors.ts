/** Somebody else owns the chain now, or it stands elsewhere than was believed. Nothing was appended. */
export class ChainLostError extends Error {
  constructor(readonly chain: number) {
    super(`the audit chain ${String(chain)} has another owner or another head`);
    this.name = 'ChainLostError';
  }
}

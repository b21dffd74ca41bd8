// Globals of k6 that @types/k6 leaves to the DOM library, which has far more than k6 does.
declare const crypto: { randomUUID(): string };
declare const console: { log(line: string): void };

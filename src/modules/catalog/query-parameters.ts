import { parseDecimalInteger } from '../../common/decimal-integer.js';
import { type FieldError, Problem } from '../../common/problem.js';

/**
 * Reads a query string strictly: an unknown or repeated parameter is a fault, so that a misspelt filter
 * is never silently without effect. Faults are collected and thrown together.
 */
export class QueryParameters {
  private readonly values = new Map<string, string>();
  private readonly faults: FieldError[] = [];

  constructor(queryString: string, known: readonly string[]) {
    for (const [name, value] of new URLSearchParams(queryString)) {
      if (!known.includes(name)) this.fault(name.slice(0, 60), 'the parameter is not known');
      else if (this.values.has(name)) this.fault(name, 'the parameter comes twice');
      else this.values.set(name, value);
      if (this.faults.length >= FAULTS_MAX) break;
    }
  }

  text(name: string, max: number): string | null {
    const value = this.values.get(name);
    if (value === undefined) return null;
    if (value.length <= max && value.isWellFormed()) return value;
    this.fault(name, `must be text of at most ${String(max)} characters`);
    return null;
  }

  integer(name: string, min: number, max: number): number | null {
    const value = this.values.get(name);
    if (value === undefined) return null;
    const number = parseDecimalInteger(value);
    if (number >= min && number <= max) return number;
    this.fault(name, `must be an integer from ${String(min)} to ${String(max)}`);
    return null;
  }

  boolean(name: string): boolean | null {
    const value = this.oneOf(name, ['true', 'false']);
    return value === null ? null : value === 'true';
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T | null {
    const value = this.values.get(name);
    if (value === undefined) return null;
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) this.fault(name, `must be one of ${choices.join(', ')}`);
    return choice ?? null;
  }

  matching(name: string, isValid: (text: string) => boolean, expected: string): string | null {
    const value = this.values.get(name);
    if (value === undefined) return null;
    if (isValid(value)) return value;
    this.fault(name, `must be ${expected}`);
    return null;
  }

  fault(name: string, detail: string): void {
    this.faults.push({ pointer: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, detail });
  }

  /** @throws Problem VALIDATION_FAILED naming every fault found. */
  check(): void {
    if (this.faults.length > 0) throw new Problem('VALIDATION_FAILED', { errors: this.faults });
  }
}

const FAULTS_MAX = 20;

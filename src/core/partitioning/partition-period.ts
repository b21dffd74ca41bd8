export type PartitionUnit = 'day' | 'month';

/** A half-open span of UTC time and the suffix of its partition's name: `20261122` or `202611`. */
export interface PartitionPeriod {
  readonly from: Date;
  readonly to: Date;
  readonly suffix: string;
}

export function periodOf(time: Date, unit: PartitionUnit): PartitionPeriod {
  const day = unit === 'day' ? time.getUTCDate() : 1;
  return periodFrom(new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), day)), unit);
}

/** The period `count` later, or earlier when it is negative. */
export function shift({ from }: PartitionPeriod, unit: PartitionUnit, count: number): PartitionPeriod {
  return periodFrom(plus(from, unit, count), unit);
}

/** @throws RangeError when the suffix names no period of the unit. */
export function periodOfSuffix(suffix: string, unit: PartitionUnit): PartitionPeriod {
  const match = (unit === 'day' ? /^(\d{4})(\d{2})(\d{2})$/ : /^(\d{4})(\d{2})$/).exec(suffix);
  if (match === null) throw new RangeError(`not a ${unit}: ${suffix}`);
  const [year, month, day = 1] = match.slice(1).map(Number);
  return periodFrom(new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day)), unit);
}

function periodFrom(from: Date, unit: PartitionUnit): PartitionPeriod {
  const digits = from.toISOString().slice(0, 10).replaceAll('-', '');
  return { from, to: plus(from, unit, 1), suffix: unit === 'day' ? digits : digits.slice(0, 6) };
}

function plus(from: Date, unit: PartitionUnit, count: number): Date {
  const [year, month, day] = [from.getUTCFullYear(), from.getUTCMonth(), from.getUTCDate()];
  return new Date(unit === 'day' ? Date.UTC(year, month, day + count) : Date.UTC(year, month + count, 1));
}

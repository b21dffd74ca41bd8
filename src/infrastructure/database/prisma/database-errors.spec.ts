import {
  isDatabaseUnavailable,
  isForeignKeyViolation,
  isNodeUnavailable,
  isUniqueViolation,
  sqlStateOf,
} from './database-errors.js';

/** As node-postgres throws it. */
const driver = (code: string) => Object.assign(new Error('refused'), { code });
/** As Prisma wraps it. */
const prisma = (code: string, originalCode?: string) =>
  Object.assign(new Error('refused'), {
    code,
    meta: { driverAdapterError: { name: 'DriverAdapterError', cause: { originalCode } } },
  });

describe('an error of the database', () => {
  it.each([
    '08000',
    '08006',
    '57P01',
    '57P02',
    '57P03',
    '53300',
    '25006',
    '40001',
    '40P01',
    '55P03',
    '57014',
    '25P03',
    '25P04',
  ])('with the state %s means that the database is unavailable, from the driver and from Prisma', (state) => {
    expect(isDatabaseUnavailable(driver(state))).toBe(true);
    expect(isDatabaseUnavailable(prisma('P2010', state))).toBe(true);
  });

  it.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EHOSTUNREACH',
    'P1001',
    'P1017',
    'P2024',
    'P2028',
  ])('with the code %s means that the database is unavailable', (code) => {
    expect(isDatabaseUnavailable(driver(code))).toBe(true);
    expect(isDatabaseUnavailable(new Error('outer', { cause: driver(code) }))).toBe(true);
  });

  it.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Query read timeout',
    'server closed the connection unexpectedly',
  ])('that says "%s" means that the database is unavailable', (message) => {
    expect(isDatabaseUnavailable(new Error(message))).toBe(true);
  });

  it.each(['23505', '23503', '23514', '22P02', '42601', '42P01', 'P2025'])(
    'with the code %s is not an outage: trying again changes nothing',
    (code) => {
      expect(isDatabaseUnavailable(driver(code))).toBe(false);
    },
  );

  it.each([
    undefined,
    null,
    'text',
    42,
    {},
    new Error('anything else'),
    new TypeError('x is not a function'),
  ])('is not seen in %p', (error) => {
    expect(isDatabaseUnavailable(error)).toBe(false);
    expect(sqlStateOf(error)).toBeNull();
    expect(isUniqueViolation(error)).toBe(false);
    expect(isForeignKeyViolation(error)).toBe(false);
  });

  it('is known as a violated constraint, from the driver and from Prisma', () => {
    expect([driver('23505'), prisma('P2002', '23505'), driver('P2002')].every(isUniqueViolation)).toBe(true);
    expect([driver('23503'), prisma('P2003', '23503'), driver('P2003')].every(isForeignKeyViolation)).toBe(
      true,
    );
    expect(isUniqueViolation(driver('23503'))).toBe(false);
    expect(isForeignKeyViolation(driver('23505'))).toBe(false);
  });

  it('has the state of the driver, not the code of Prisma', () => {
    expect(sqlStateOf(prisma('P2010', '23505'))).toBe('23505');
    expect(sqlStateOf(driver('P2002'))).toBeNull();
  });

  it.each(['40001', '40P01', '55P03', '57014'])('with the state %s says nothing of the node', (state) => {
    expect(isNodeUnavailable(driver(state))).toBe(false);
    expect(isNodeUnavailable(prisma('P2010', state))).toBe(false);
  });

  it.each(['08006', '57P01', '25006', 'ECONNRESET', 'P2024'])('with the state %s is the node’s', (state) => {
    expect(isNodeUnavailable(driver(state))).toBe(true);
  });

  it('may be its own cause without hanging anybody', () => {
    const circular = new Error('circular');
    circular.cause = circular;
    expect(isDatabaseUnavailable(circular)).toBe(false);
  });
});

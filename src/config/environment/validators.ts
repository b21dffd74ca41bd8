import { makeValidator } from 'envalid';

// What a setting may say, beyond envalid's own validators; each error says what was expected.

export const int = (min: number, max: number) =>
  makeValidator<number>((input) => {
    const value = Number(input);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new Error(`expected an integer from ${String(min)} to ${String(max)}, got "${input}"`);
    }
    return value;
  });

export const ratio = makeValidator<number>((input) => {
  const value = Number(input);
  if (input === '' || !(value >= 0 && value <= 1))
    throw new Error(`expected a number from 0 to 1, got "${input}"`);
  return value;
});

export const list = makeValidator<string[]>((input) =>
  input
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ''),
);

/** Empty, or what registration would accept. */
export const emailAddress = makeValidator<string>((input) => {
  if (input !== '' && !/^[^\s@]+@[^\s@]+$/.test(input))
    throw new Error(`expected an e-mail address, got "${input}"`);
  return input;
});
export const password = makeValidator<string>((input) => {
  if (input !== '' && (input.length < 8 || input.length > 128))
    throw new Error('expected 8 to 128 characters');
  return input;
});

/** What a region may be called: it stands in front of session ids and in metrics. */
export const REGION_NAME = /^[a-z][a-z0-9-]{0,15}$/;

export const regionName = makeValidator<string>((input) => {
  if (!REGION_NAME.test(input))
    throw new Error(`expected 1 to 16 of a-z, 0-9 and -, a letter first, got "${input}"`);
  return input;
});

/** Several hosts, as libpq writes them, are no URL to the platform's parser; each of them is. */
export const postgresUrl = makeValidator<string>((input) => {
  if (!/^postgres(?:ql)?:\/\/[^/\s]/.test(input))
    throw new Error('expected a URL starting with postgres:// or postgresql://');
  return input;
});

/** Empty, or `https://KEY@HOST/PATH/PROJECT`, as Sentry shows it. The error does not repeat it: it is a credential. */
export const sentryDsn = makeValidator<string>((input) => {
  if (input !== '' && !/^https?:\/\/\w+(?::\w+)?@[^\s/@]+\/(?:\S+\/)?\d+$/.test(input))
    throw new Error('expected a DSN of Sentry: https://KEY@HOST/PROJECT');
  return input;
});

const TEXT_MAX = 1000;
/** What is shorter has no room for a token or a card number. */
const SUSPICIOUS_MIN = 12;
const REDACTED = '[redacted]';

/** Names of members that hold what must not be stored, in whatever spelling. */
const SECRET_NAME =
  /pass(word|wd|phrase|code)|pwd|secret|token|authorization|cookie|session|sid$|csrf|credential|api[-_]?key|private[-_]?key|signing[-_]?key|card[-_]?(number|no)|^pan$|cvv|cvc|iban|pin$/i;
/** A JWT, or a bearer credential. */
const TOKEN = /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|\bbearer\s+[\w.~+/-]{8,}=*/gi;
const LONG_NUMBER = /\b\d(?:[ -]?\d){12,18}\b/g;
/** Control characters, line breaks of every kind, and halves of surrogate pairs. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const UNCLEAN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;
const SUSPICIOUS = /\d[\d -]{11}|eyJ|bearer/i;

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** Printable ASCII without quotes and backslashes: clean, and the same between the quotes of JSON. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

const PLAIN = /^[ !#-[\]-~]*$/;

/** Without line breaks and control characters, which would forge lines where it is printed, and well-formed. */
export function cleanText(text: string): string {
  return text.replace(UNCLEAN, ' ').toWellFormed();
}

/** What {@link redactText} leaves as it is, and is the same between the quotes of JSON: nearly every text. */
export function isHarmless(text: string): boolean {
  return (
    isPlain(text) && (text.length < SUSPICIOUS_MIN || (text.length <= TEXT_MAX && !SUSPICIOUS.test(text)))
  );
}

/** Clean, at most {@link TEXT_MAX} characters, and without what looks like a token or a card number. */
export function redactText(text: string): string {
  const cut = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
  const redacted = SUSPICIOUS.test(cut)
    ? cut
        .replace(TOKEN, REDACTED)
        .replace(LONG_NUMBER, (digits) => (isCardNumber(digits) ? REDACTED : digits))
    : cut;
  return isPlain(redacted) ? redacted : cleanText(redacted);
}

/** Luhn's check, which nine of ten numbers of that length fail. */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/\D/g, '');
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

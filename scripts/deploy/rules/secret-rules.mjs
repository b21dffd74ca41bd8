// @ts-check
import { found } from './pod-rules.mjs';

/** What only ever is a secret, wherever it stands. */
const PATTERNS = [
  ['a private key', /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40}/],
  ['a key of AWS', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ['a token of GitHub', /\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{60}/],
  ['a token of Slack, or a webhook of it', /\bxox[abprs]-[\w-]{20}|hooks\.slack\.com\/services\/T\w{6}/],
  ['a live key of Stripe', /\b[rs]k_live_[A-Za-z0-9]{16}/],
  ['a key of Google', /\bAIza[\w-]{35}\b/],
  ['a token of npm, or of another registry', /\bnpm_[A-Za-z0-9]{36}\b|_authToken\s*=\s*[\w-]{16}/],
  ['an integration key of PagerDuty', /\b(?:routing|service)_key:\s*['"]?[0-9a-f]{32}\b/],
  ['a signed token', /\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{30,}/],
  ['the key of an age file', /\bAGE-SECRET-KEY-1[0-9A-Z]{20}/],
];
/** A Secret of Kubernetes that brings its content along. */
const SECRET_OBJECT = /^kind: Secret\n(?:(?!---)[^]*?\n)??(?:data|stringData):/m;
/** What belongs to one installation. */
const FILES = /(?:^|\/)(?:\.env(?:\.(?!example$)\w+)?|id_(?:rsa|ed25519|ecdsa)|kubeconfig|\.netrc|\.pgpass)$/;
const ENDINGS = /\.(?:pem|key|p12|pfx|jks|kdbx|gpg|age)$/;

/**
 * No secret is in the repository: neither as a file of its own nor inside another.
 *
 * @param {ReadonlyMap<string, string>} files text by path, of the whole tree
 * @returns {import('../manifests.mjs').Finding[]}
 */
export function secretsInTree(files) {
  return [...files].flatMap(([path, text]) =>
    found('secrets', path, [
      FILES.test(path) && 'is a file of one installation',
      ENDINGS.test(path) && 'is a file for keys',
      /\.ya?ml$/.test(path) && SECRET_OBJECT.test(text) && 'has a Secret with its content',
      ...PATTERNS.map(
        ([what, pattern]) => /** @type {RegExp} */ (pattern).test(text) && `has ${String(what)}`,
      ),
    ]),
  );
}

// @ts-check
import { found } from './pod-rules.mjs';

/** `image: NAME`, `FROM NAME`, and the default of a variable or argument that stands in their place. */
const REFERENCES =
  /^\s*(?:-\s+)?image:\s*['"]?(\S+?)['"]?\s*$|^FROM\s+(\S+)|^ARG\s+(?:\w*IMAGE|BASE)=(\S+)/gm;
/** Of Debian: what is in a release changes by corrections alone. */
const RELEASE = /^(?:bookworm|trixie)\b/;
const DIGEST = /@sha256:[0-9a-f]{64}$/;

/**
 * Every image that is shipped names one version, the same wherever it is named, and where its digest is known, the digest
 * as well. What comes from the registry of the project's own releases gets its digest when it is deployed (deploy.yml).
 *
 * @param {ReadonlyMap<string, string>} files text by path: Dockerfiles, compose files, manifests
 * @returns {import('../manifests.mjs').Finding[]}
 */
export function imageReferences(files) {
  const references = [...files].flatMap(([path, text]) => {
    const stages = [...text.matchAll(/^FROM\s.*\sAS\s+(\S+)/gim)].map(([, stage = '']) => stage);
    return [...text.matchAll(REFERENCES)]
      .map(([, image, base, argument]) =>
        (image ?? base ?? argument ?? '').replace(/^\$\{\w+:?-(.*)\}$/, '$1'),
      )
      .filter((reference) => !stages.includes(reference) && !/^\$\{?\w+\}?$/.test(reference))
      .map((reference) => ({ path, reference, ...partsOf(reference) }));
  });
  return references.flatMap(({ path, reference, name, tag, digest }) => {
    const others = references.filter((other) => other.name === name);
    return found('image-references', path, [
      tag === '' && `${reference} names no version`,
      // A number alone, or a name, is given to another image with each release.
      tag !== '' && !/\d+\.\d+/.test(tag) && !RELEASE.test(tag) && `${reference} names no whole version`,
      digest !== '' && !DIGEST.test(digest) && `${reference} has a digest that is none`,
      others.some((other) => other.tag !== tag) &&
        `${name} has the version ${tag} here, and ${others.find((other) => other.tag !== tag)?.tag ?? ''} elsewhere`,
      others.some((other) => other.digest !== digest) &&
        `${name} has its digest here or elsewhere, not in both`,
    ]);
  });
}

/** @param {string} reference */
function partsOf(reference) {
  const [, path = '', tag = '', digest = ''] = /^(.*?)(?::([\w.-]+))?(@.*)?$/.exec(reference) ?? [];
  // The engine's short form of an official image.
  return { name: path.replace(/^docker\.io\/(?:library\/)?/, ''), tag, digest };
}

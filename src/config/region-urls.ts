import { REGION_NAME } from './environment.js';

/**
 * `eu=redis://...,us=redis+sentinel://one,two/name`: the URL of each region. Commas separate the hosts of one
 * URL as well; one in front of `name=` separates two regions.
 * @throws Error whose message says what is wrong and repeats no password.
 */
export function parseRegionUrls(text: string): ReadonlyMap<string, string> {
  const urls = new Map<string, string>();
  if (text === '') return urls;
  for (const entry of text.split(/,(?=[^,=:/]+=)/)) {
    const separator = entry.indexOf('=');
    const name = entry.slice(0, Math.max(0, separator)).trim();
    if (!REGION_NAME.test(name)) throw new Error('expected name=url, comma separated');
    if (urls.has(name)) throw new Error(`the region "${name}" is named twice`);
    urls.set(name, entry.slice(separator + 1).trim());
  }
  return urls;
}

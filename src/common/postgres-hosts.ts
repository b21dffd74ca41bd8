const MULTI_HOST = /^(postgres(?:ql)?:\/\/(?:[^@/]*@)?)([^/?]+)(.*)$/;

/**
 * One URL for each host of a libpq URL that may name several: `postgres://u:p@a:5432,b:5433/shop`. What is
 * no such URL comes back as it is, for the caller to refuse.
 */
export function expandPostgresHosts(url: string): string[] {
  const [, start, hosts, rest] = MULTI_HOST.exec(url) ?? [];
  if (start === undefined || hosts === undefined || rest === undefined) return [url];
  return hosts.split(',').map((host) => `${start}${host.trim()}${rest}`);
}

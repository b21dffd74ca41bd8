/** A right to act: `<verb>:<resource>`; a trailing `*` in a granted one matches any rest. */
export type Permission = `${'read' | 'write'}:${string}` | '*';

/** Who makes the request, as proven by a valid access token. */
export interface Principal {
  readonly userId: string;
  readonly role: string;
  readonly sessionId: string;
  readonly permissions: readonly Permission[];
}

export function hasPermission(principal: Principal, wanted: Permission): boolean {
  return principal.permissions.some(
    (granted) =>
      granted === '*' ||
      granted === wanted ||
      (granted.endsWith(':*') && wanted.startsWith(granted.slice(0, -1))),
  );
}

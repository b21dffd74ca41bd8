// @ts-check

export const SERVERS = ['postgres-1', 'postgres-2', 'postgres-3'];

/**
 * What a server of the stack answers to a query: a line for each row, without a heading.
 *
 * @param {import('../compose-project.mjs').ComposeProject} project
 * @param {string} server
 * @param {string} query
 */
export function sql(project, server, query) {
  const psql = ['psql', '--host=/var/run/postgresql', '--username=postgres', '--dbname=caudal'];
  return project.compose(
    ...['exec', '-T', server, ...psql],
    ...['--tuples-only', '--no-align', '--command', query],
  );
}

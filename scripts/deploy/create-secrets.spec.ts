import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../test/support/temporary-folder.js';
import { ENVIRONMENT } from '../../src/config/environment.js';
import { OVERLAYS, parseStack, readStackFiles } from './compose-stack.mjs';

const SCRIPT = join(import.meta.dirname, '../../deployment/scripts/create-secrets.sh');
const run = (...args: string[]) => spawnSync(SCRIPT, args, { encoding: 'utf8' });

describe('create-secrets.sh', () => {
  const parent = temporaryFolder('caudal-secrets');
  const directory = join(parent, 'secrets');
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');

  it('makes nothing when it is asked what it would make', () => {
    const { status, stdout } = run('--dry-run', directory);
    expect(status).toBe(0);
    expect(stdout).toContain('would make');
    expect(existsSync(directory)).toBe(false);
  });

  it('makes every secret of the stack, readable for the containers below a directory for its owner alone', () => {
    expect(run('--host', 'shop.example.com', directory)).toMatchObject({ status: 0, stderr: '' });
    const files = readStackFiles();
    const secrets = [undefined, ...OVERLAYS].flatMap((overlay) =>
      Object.values(parseStack(files, new Map(Object.entries(ENVIRONMENT)), overlay).secrets),
    );
    const needed = [...new Set(secrets.map(({ file = '' }) => file.replace('./secrets/', '')))];
    expect(readdirSync(directory).sort()).toEqual(needed.sort());
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(needed.filter((name) => (statSync(join(directory, name)).mode & 0o777) !== 0o444)).toEqual([]);
  });

  it('gives the URL the password whose hash the users have', () => {
    const [, password = ''] = /:([^:@]+)@/.exec(read('redis_session_url')) ?? [];
    expect(password.length).toBeGreaterThanOrEqual(32);
    expect(read('redis_session_users')).toContain(`#${createHash('sha256').update(password).digest('hex')} `);
    expect(read('pgbouncer_userlist')).toContain(read('postgres_password').trim());
  });

  it('keeps what is there, and makes what is missing', () => {
    const before = read('jwt_private_key');
    rmSync(join(directory, 'admin_password'));
    rmSync(join(directory, 'smtp_password'));
    writeFileSync(join(directory, 'smtp_password'), 'mine');
    expect(run(directory).stdout.trim().split('\n')).toEqual([`made ${directory}/admin_password`]);
    expect([read('jwt_private_key'), read('smtp_password')]).toEqual([before, 'mine']);
  });

  it('lets the backups copy two of the Redis, and do nothing else, also after their users were made anew', () => {
    const copies = (name: string) => /^user caudal-backup on #(\w{64}) (.*)$/m.exec(read(name)) ?? [];
    for (const attempt of ['first', 'after a new password of main']) {
      const urls = read('redis_backup_urls').trim().split(' ');
      const password = /:([^:@]+)@/.exec(urls[0] ?? '')?.[1] ?? attempt;
      const user = `redis://caudal-backup:${password}@redis`;
      expect(urls).toEqual([`main=${user}-main:6379`, `sessions=${user}-sessions:6379`]);
      for (const users of ['redis_main_users', 'redis_session_users']) {
        const [, hash, rights] = copies(users);
        expect(hash).toBe(createHash('sha256').update(password).digest('hex'));
        expect(rights).toBe('resetkeys resetchannels +ping +psync +replconf +sync');
        expect(read(users).match(/^user /gm)).toHaveLength(4);
      }
      for (const name of ['redis_main_url', 'redis_main_users']) rmSync(join(directory, name));
      expect(run(directory).status).toBe(0);
    }
  });

  it('refuses an option that it does not have', () => {
    expect(run('--force').status).toBe(2);
  });
});
